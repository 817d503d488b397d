//! What can be wrong with an image, each in one line.

use crate::SourceError;

/// Why an image, or a part of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not squashfs at all.
    #[error("the image is not a squashfs file system")]
    NotSquashfs,

    /// A squashfs that this reader does not know.
    #[error("the image uses {0}, which is not supported (make it with mksquashfs -comp zstd)")]
    Unsupported(String),

    /// A structure lies, wholly or partly, outside the image or its table.
    #[error("the image is damaged: its {0} lies outside the image")]
    OutOfBounds(&'static str),

    /// A structure contradicts the format.
    #[error("the image is damaged: {0}")]
    Invalid(&'static str),

    /// A block does not decompress to what the format allows.
    #[error("the image is damaged: a {0} does not decompress")]
    Decompress(&'static str),

    /// A name that could lead out of the directory that it stands in.
    #[error("the image has a file name that is not allowed: '{0}'")]
    BadName(String),

    /// More of something than this reader accepts.
    #[error("the image has too many or too large {0}")]
    LimitExceeded(&'static str),

    /// The image's bytes cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
}
