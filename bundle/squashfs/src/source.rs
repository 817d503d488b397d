//! Where an image's bytes come from.

use std::io;
use std::sync::Arc;

use crate::Error;

/// Bytes that can be read from any place by any thread. An image's reader asks for small pieces and never for the whole,
/// so a source may check what it reads.
pub trait Source: Send + Sync {
    /// Number of bytes.
    fn size_bytes(&self) -> u64;

    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// If not all of them are there, they cannot be read, or they are not what was packed.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError>;
}

/// Why bytes cannot be had from a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The range lies, wholly or partly, outside the source.
    #[error("the image is damaged: it ends too early")]
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
        "the image is damaged: its bytes from offset {offset} on are not those that were packed"
    )]
    Altered {
        /// Where the first piece with altered bytes begins, in bytes from the source's start.
        offset: u64,
    },
}

impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        Self::Io {
            kind: error.kind(),
            errno: error.raw_os_error(),
        }
    }
}

fn describe(kind: io::ErrorKind, errno: Option<i32>) -> String {
    errno.map_or_else(
        || kind.to_string(),
        |errno| io::Error::from_raw_os_error(errno).to_string(),
    )
}

impl Source for [u8] {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let start = usize::try_from(offset).map_err(|_| SourceError::OutOfBounds)?;
        let end = start
            .checked_add(out.len())
            .ok_or(SourceError::OutOfBounds)?;
        out.copy_from_slice(self.get(start..end).ok_or(SourceError::OutOfBounds)?);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn size_bytes(&self) -> u64 {
        self.as_slice().size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        self.as_slice().read_at(offset, out)
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn size_bytes(&self) -> u64 {
        (**self).size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_at(offset, out)
    }
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn size_bytes(&self) -> u64 {
        (**self).size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        (**self).read_at(offset, out)
    }
}

/// The used part of a source: nothing behind the end that the superblock states is ever read.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'a> {
    source: &'a dyn Source,
    size_bytes: u64,
}

impl<'a> Extent<'a> {
    /// The first `size_bytes` of the source.
    pub(crate) fn new(source: &'a dyn Source, size_bytes: u64) -> Self {
        Self { source, size_bytes }
    }

    pub(crate) fn size_bytes(self) -> u64 {
        self.size_bytes
    }

    /// Fills `out` from `offset`; `what` is being read, for the error.
    pub(crate) fn read(self, offset: u64, out: &mut [u8], what: &'static str) -> Result<(), Error> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.size_bytes) {
            return Err(Error::OutOfBounds(what));
        }
        Ok(self.source.read_at(offset, out)?)
    }
}
