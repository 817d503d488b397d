//! What the squashfs reader reads: a file that is an image, or the image in a bundle.

use std::fs::File;

use bundle_format::{ReadAt, ReadError, VerifiedImage};
use bundle_squashfs::{Source, SourceError};

/// A file that is an image. Nothing vouches for it.
#[derive(Debug)]
pub(crate) struct FileSource<'a> {
    /// The file.
    pub(crate) file: &'a File,
    /// Its size.
    pub(crate) size_bytes: u64,
}

impl Source for FileSource<'_> {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.size_bytes) {
            return Err(SourceError::OutOfBounds);
        }
        Ok(self.file.read_exact_at(offset, out)?)
    }
}

/// A bundle's image, of which every byte is checked before it is used.
#[derive(Debug)]
pub(crate) struct VerifiedSource<'a, R>(pub(crate) &'a VerifiedImage<'a, R>);

impl<R: ReadAt> Source for VerifiedSource<'_, R> {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        self.0.read_at(offset, out).map_err(|error| match error {
            ReadError::Altered { offset } => SourceError::Altered { offset },
            ReadError::OutOfBounds => SourceError::OutOfBounds,
            ReadError::Io { kind, errno } => SourceError::Io { kind, errno },
        })
    }
}
