//! A bundle read from memory: its parts, and the checks that must hold before any of them is used.

use std::ops::Range;

use crate::{Digest, FormatError, Manifest, Part, TRAILER_SIZE_BYTES, Trailer};

/// A bundle whose trailer, layout, padding and manifest hold. Launcher and image are not hashed yet:
/// see [`Bundle::verify_launcher`] and [`Bundle::verify_image`].
#[derive(Debug, Clone)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    trailer: Trailer,
    manifest: Manifest,
}

impl<'a> Bundle<'a> {
    /// Reads a bundle from all the bytes of its file.
    ///
    /// # Errors
    /// Says which rule of `FORMAT.md` the bytes break.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let trailer_bytes: &[u8; TRAILER_SIZE_BYTES] =
            bytes.last_chunk().ok_or(FormatError::NoTrailer)?;
        let trailer = Trailer::parse(trailer_bytes, bytes.len() as u64)?;
        if part(bytes, trailer.layout.padding())
            .iter()
            .any(|byte| *byte != 0)
        {
            return Err(FormatError::PaddingNotZero);
        }
        let manifest_bytes = part(bytes, trailer.layout.manifest());
        if Digest::of(manifest_bytes) != trailer.manifest_blake3 {
            return Err(FormatError::DigestMismatch(Part::Manifest));
        }
        let manifest = Manifest::parse(manifest_bytes)?;
        let bundle = Self {
            bytes,
            trailer,
            manifest,
        };
        bundle.check_sizes()?;
        Ok(bundle)
    }

    /// Hashes the launcher.
    ///
    /// # Errors
    /// [`FormatError::DigestMismatch`] if it is not what was packed.
    pub fn verify_launcher(&self) -> Result<(), FormatError> {
        verify(
            self.launcher(),
            self.manifest.launcher.blake3,
            Part::Launcher,
        )
    }

    /// Hashes the image.
    ///
    /// # Errors
    /// [`FormatError::DigestMismatch`] if it is not what was packed.
    pub fn verify_image(&self) -> Result<(), FormatError> {
        verify(self.image(), self.manifest.image.blake3, Part::Image)
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The trailer.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// What identifies this bundle: the digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.trailer.manifest_blake3
    }

    /// The launcher's bytes.
    pub fn launcher(&self) -> &'a [u8] {
        part(self.bytes, self.trailer.layout.launcher())
    }

    /// The image's bytes.
    pub fn image(&self) -> &'a [u8] {
        part(self.bytes, self.trailer.layout.image())
    }

    fn check_sizes(&self) -> Result<(), FormatError> {
        if self.manifest.launcher.size_bytes != self.launcher().len() as u64 {
            return Err(FormatError::BadLayout(
                "manifest and trailer differ on the launcher's size",
            ));
        }
        if self.manifest.image.size_bytes != self.image().len() as u64 {
            return Err(FormatError::BadLayout(
                "manifest and trailer differ on the image's size",
            ));
        }
        Ok(())
    }
}

fn verify(bytes: &[u8], expected: Digest, part: Part) -> Result<(), FormatError> {
    if Digest::of(bytes) == expected {
        Ok(())
    } else {
        Err(FormatError::DigestMismatch(part))
    }
}

/// The bytes of a part. The layout has been checked against `bytes.len()`, so the range always lies within.
fn part(bytes: &[u8], range: Range<u64>) -> &[u8] {
    bytes
        .get(range.start as usize..range.end as usize)
        .unwrap_or(&[])
}
