//! What can go wrong between an image's source and the finished squashfs image.

use std::io;
use std::path::PathBuf;

/// Why an image cannot be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A layer cannot be read, or says something that no layer may say.
    #[error("cannot read the layer '{name}': {reason}")]
    Layer {
        /// The layer's name: its digest or its path.
        name: String,
        /// What is wrong with it.
        reason: LayerError,
    },

    /// A layer gave other contents when it was read again.
    #[error("cannot read the layer '{0}': it changed while it was read (try again)")]
    Changed(String),

    /// The image's configuration is not what the specification says.
    #[error("cannot read the image's configuration: {0}")]
    Config(String),

    /// The configuration's files have no place in the image.
    #[error("cannot write '{path}' in the image: {reason}")]
    Configure {
        /// Which file.
        path: String,
        /// Why not.
        reason: String,
    },

    /// The image cannot be written.
    #[error(transparent)]
    Write(#[from] bundle_image::Error),

    /// A source cannot be opened.
    #[error("cannot open '{path}'")]
    Open {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// A source is not what it was said to be.
    #[error("cannot import '{path}': {reason}")]
    Source {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// What is wrong with a layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// Its file cannot be read.
    #[error("{0}")]
    Read(io::Error),

    /// It does not decompress.
    #[error("it does not decompress: {0} (fetch it again)")]
    Decompress(String),

    /// It is compressed in a way that images' layers are not.
    #[error("it is compressed by {0}, which is not supported (recompress it with gzip or zstd)")]
    Compression(&'static str),

    /// It is shorter than it says.
    #[error("it ends in the middle of an entry (fetch it again)")]
    Cut,

    /// Its archive breaks tar's rules.
    #[error("its archive is damaged: {0}")]
    Damaged(&'static str),

    /// An entry asks for what must not be done.
    #[error("its entry '{}' {reason}", text(path))]
    Entry {
        /// The entry's path.
        path: Vec<u8>,
        /// What is wrong with it.
        reason: String,
    },

    /// Its content is not what the configuration says.
    #[error("its content has the digest {found}, not {expected} (fetch it again)")]
    Digest {
        /// The configuration's digest.
        expected: String,
        /// The content's digest.
        found: String,
    },

    /// The configuration gives a digest that cannot be checked.
    #[error("its digest '{0}' is of a kind that is not known")]
    UnknownDigest(String),

    /// It is larger than allowed, decompressed.
    #[error("{0}")]
    TooLarge(#[from] TooLarge),
}

/// What there is too much of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// Bytes of all layers together.
    #[error("the image is larger than {0} bytes, decompressed (raise the limit if it is to be)")]
    Size(u64),

    /// Bytes in proportion to the compressed ones.
    #[error(
        "it decompresses to more than {0} times its size, as only a bomb does (raise the limit if it is to be)"
    )]
    Ratio(u64),

    /// Entries of all layers together.
    #[error("the image has more than {0} files and directories (raise the limit if it is to have)")]
    Entries(u64),
}

impl LayerError {
    /// Says whose layer it is.
    pub(crate) fn of(self, name: &str) -> Error {
        Error::Layer {
            name: name.to_owned(),
            reason: self,
        }
    }
}

impl From<io::Error> for LayerError {
    /// What reading a layer's stream gives, which carries errors of ours through [`std::io::Read`].
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof && error.get_ref().is_none() {
            return Self::Cut;
        }
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(other) if other.kind() == io::ErrorKind::UnexpectedEof => Self::Cut,
            Err(other) => Self::Read(other),
        }
    }
}

impl From<LayerError> for io::Error {
    fn from(error: LayerError) -> Self {
        Self::other(error)
    }
}

/// A name for people: whatever is no printable text is escaped.
pub(crate) fn text(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 200;
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text
        .chars()
        .take(SHOWN_MAX)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}
