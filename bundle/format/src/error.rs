//! What can be wrong with a bundle's bytes, each in one line.

use std::fmt;

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
        "the bundle has format version {found}, and this program reads version {known} (use a newer one)"
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

    /// Reserved bytes that are not zero.
    #[error("the trailer's reserved bytes are not zero (use a newer program)")]
    ReservedNotZero,

    /// The file is longer or shorter than it says.
    #[error("the file has {actual} bytes but its trailer says {stated} (copy it again)")]
    WrongFileSize {
        /// What the trailer says.
        stated: u64,
        /// What the file has.
        actual: u64,
    },

    /// A part that does not lie where the layout rules put it.
    #[error(
        "the trailer points outside the file or between its parts: {0} (this is no transmission error; pack it again)"
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

    /// The parts could not be written.
    #[error("cannot write the bundle")]
    Write(#[source] std::io::Error),
}

/// A part of a bundle that has a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The static program at the head.
    Launcher,
    /// The squashfs image.
    Image,
    /// The JSON that says what the bundle holds.
    Manifest,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Launcher => "launcher",
            Part::Image => "image",
            Part::Manifest => "manifest",
        })
    }
}
