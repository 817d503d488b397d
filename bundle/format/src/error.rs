//! What can be wrong with a bundle's bytes, each in one line.

use std::fmt;
use std::io;

use crate::trust::KeyId;

/// Why a file is not a bundle that may run.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The last bytes are no trailer.
    #[error(
        "the file is not a complete bundle: its last 160 bytes are not a trailer \
         (it was cut off or something was appended; copy it again)"
    )]
    NoTrailer,

    /// The trailer's own digest does not hold.
    #[error("the trailer is damaged: its digest does not match (copy the file again)")]
    TrailerDamaged,

    /// A whole trailer of another version.
    #[error(
        "the bundle has format version {found}, and this program reads version {known} ({})",
        if found < known { "pack it again" } else { "use a newer program" }
    )]
    UnknownVersion {
        /// The version that the trailer names.
        found: u32,
        /// The version that this crate reads.
        known: u32,
    },

    /// Flag bits that this version does not define.
    #[error("the trailer has unknown flags {0:#x} (use a newer program)")]
    UnknownFlags(u32),

    /// The file is longer or shorter than it says.
    #[error("the file has {actual} bytes but its trailer says {stated} (copy it again)")]
    WrongFileSize {
        /// What the trailer says.
        stated: u64,
        /// What the file has.
        actual: u64,
    },

    /// Sizes that break a rule.
    #[error(
        "the sizes of the bundle's parts are not possible: {0} (this is no transmission error; pack it again)"
    )]
    BadLayout(&'static str),

    /// A byte of padding is not zero.
    #[error("the padding before the image is not zero (copy the file again)")]
    PaddingNotZero,

    /// A part's bytes are not those that were packed.
    #[error("the {0} is damaged: its digest does not match (copy the file again)")]
    DigestMismatch(Part),

    /// The manifest is no manifest of this version.
    #[error("the manifest is not valid: {0} (pack the bundle again)")]
    BadManifest(String),

    /// Nobody has signed the bundle.
    #[error("it is not signed (bundle sign signs it; get one that is)")]
    NotSigned,

    /// Somebody has signed it whose key is not among those given.
    #[error(
        "it is signed by key {0}, which is none of those to be trusted (find out whose it is before you trust it)"
    )]
    SignedByAnother(KeyId),

    /// A key that is to be trusted is named, but its owner did not sign this.
    #[error(
        "the signature by key {0} does not hold: what was signed is something else (do not use the file; get it again)"
    )]
    WrongSignature(KeyId),

    /// A signature of a kind that is not accepted.
    #[error(
        "the signature by key {0} is of minisign's legacy kind (sign again without -l, or with minisign 0.10 or later)"
    )]
    LegacySignature(KeyId),

    /// The signature is none.
    #[error("the signature is not one of minisign's: {0} (sign again)")]
    BadSignature(&'static str),

    /// A part of the image cannot be had.
    #[error(transparent)]
    Image(#[from] ReadError),

    /// The file cannot be read.
    #[error("cannot read the bundle: {0}")]
    Read(io::Error),

    /// The parts could not be written.
    #[error("cannot write the bundle")]
    Write(#[source] io::Error),
}

/// Why bytes of an image cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The range lies, wholly or partly, outside the image.
    #[error("cannot read behind the end of the image")]
    OutOfBounds,

    /// The system does not give the bytes.
    #[error("cannot read the image: {}", describe(*.kind, *.errno))]
    Io {
        /// What kind of failure it is.
        kind: io::ErrorKind,
        /// The system's number for it, where the system said so.
        errno: Option<i32>,
    },

    /// The bytes are not those that were packed.
    #[error(
        "the image is damaged: the {} KiB from its byte {offset} on are not what was packed (copy the file again)",
        crate::CHUNK_SIZE_BYTES >> 10
    )]
    Altered {
        /// Where the chunk begins that could not be confirmed, in bytes from the image's start.
        offset: u64,
    },
}

fn describe(kind: io::ErrorKind, errno: Option<i32>) -> String {
    errno.map_or_else(
        || kind.to_string(),
        |errno| io::Error::from_raw_os_error(errno).to_string(),
    )
}

/// A part of a bundle that has one digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The static program at the head.
    Launcher,
    /// The JSON that says what the bundle holds.
    Manifest,
    /// Who vouches for the manifest.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Launcher => "launcher",
            Part::Manifest => "manifest",
            Part::Signature => "signature",
        })
    }
}
