//! The bundle's image, every byte checked before it is used, as what the squashfs reader reads.

use std::fs::File;

use bundle_format::{ReadError, VerifiedImage};
use bundle_squashfs::{Source, SourceError};

/// The verified image of a bundle.
#[derive(Debug)]
pub struct ImageSource<'a>(&'a VerifiedImage<'a, &'a File>);

impl<'a> ImageSource<'a> {
    /// The image of a bundle that is read from a file.
    pub fn new(image: &'a VerifiedImage<'a, &'a File>) -> Self {
        Self(image)
    }
}

impl Source for ImageSource<'_> {
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
