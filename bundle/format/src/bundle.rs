//! A bundle that is read where it lies: its parts, and the checks that must hold before any of them is used.

use crate::trust::{KeyId, PublicKey, Signature, Signer};
use crate::{
    Digest, FormatError, Manifest, Part, ReadAt, TRAILER_SIZE_BYTES, Trailer, VerifiedImage,
};

/// So much of the launcher is read at once.
const LAUNCHER_WINDOW_SIZE_BYTES: usize = 256 << 10;

/// A bundle whose trailer, sizes, padding, manifest and signature section are whole. Launcher and image have not been read
/// yet: see [`Bundle::verify_launcher`] and [`Bundle::image`]. Nor has anybody asked who signed it.
#[derive(Debug, Clone)]
pub struct Bundle<R> {
    reader: R,
    trailer: Trailer,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature: Vec<u8>,
}

impl<R: ReadAt> Bundle<R> {
    /// Opens a bundle that is a file of `file_size_bytes`. Reads trailer, padding, manifest and signature, and nothing else.
    ///
    /// # Errors
    /// Says which rule of `FORMAT.md` the bytes break.
    pub fn open(reader: R, file_size_bytes: u64) -> Result<Self, FormatError> {
        let read = |start: u64, out: &mut [u8]| {
            reader.read_exact_at(start, out).map_err(FormatError::Read)
        };
        let mut trailer = [0; TRAILER_SIZE_BYTES];
        let trailer_start = file_size_bytes.checked_sub(TRAILER_SIZE_BYTES as u64);
        read(trailer_start.ok_or(FormatError::NoTrailer)?, &mut trailer)?;
        let trailer = Trailer::parse(&trailer, file_size_bytes)?;
        let layout = &trailer.layout;

        let padding = layout.padding();
        let mut padding_bytes = vec![0; (padding.end - padding.start) as usize];
        read(padding.start, &mut padding_bytes)?;
        if padding_bytes.iter().any(|byte| *byte != 0) {
            return Err(FormatError::PaddingNotZero);
        }

        let (manifest, signature) = (layout.manifest(), layout.signature());
        let mut manifest_bytes = vec![0; (signature.end - manifest.start) as usize];
        read(manifest.start, &mut manifest_bytes)?;
        let signature = manifest_bytes.split_off((manifest.end - manifest.start) as usize);
        check(&manifest_bytes, trailer.manifest_blake3, Part::Manifest)?;
        check(&signature, trailer.signature_blake3, Part::Signature)?;
        let bundle = Self {
            manifest: Manifest::parse(&manifest_bytes)?,
            reader,
            trailer,
            manifest_bytes,
            signature,
        };
        bundle.check_sizes()?;
        Ok(bundle)
    }

    /// Reads the launcher and checks it.
    ///
    /// # Errors
    /// [`FormatError::DigestMismatch`] if it is not what was packed.
    pub fn verify_launcher(&self) -> Result<(), FormatError> {
        let end = self.trailer.layout.launcher().end;
        let mut hasher = blake3::Hasher::new();
        let mut window = vec![0; LAUNCHER_WINDOW_SIZE_BYTES.min(end as usize)];
        for start in (0..end).step_by(LAUNCHER_WINDOW_SIZE_BYTES) {
            let part = &mut window[..(end - start).min(LAUNCHER_WINDOW_SIZE_BYTES as u64) as usize];
            self.reader
                .read_exact_at(start, part)
                .map_err(FormatError::Read)?;
            hasher.update(part);
        }
        if *hasher.finalize().as_bytes() == *self.manifest.launcher.blake3.as_bytes() {
            Ok(())
        } else {
            Err(FormatError::DigestMismatch(Part::Launcher))
        }
    }

    /// The image, which is checked as it is read. Each call begins with nothing of the hash tree known: ask once and share it.
    pub fn image(&self) -> VerifiedImage<'_, R> {
        let layout = &self.trailer.layout;
        VerifiedImage::new(
            &self.reader,
            layout.image().start,
            layout.tree().start,
            self.manifest.image.size_bytes,
            self.manifest.image.tree_blake3,
        )
    }

    /// Checks that the owner of one of these keys has signed the bundle's manifest, which vouches for all that runs.
    ///
    /// # Errors
    /// If nobody has signed it, somebody else has, or the signature does not hold or is of no accepted kind.
    pub fn verify_signature(&self, keys: &[PublicKey]) -> Result<Signer, FormatError> {
        self.embedded_signature()?
            .ok_or(FormatError::NotSigned)?
            .verify(&self.manifest_bytes, keys)
    }

    /// The signature in the bundle, not checked; none if it is not signed.
    ///
    /// # Errors
    /// [`FormatError::BadSignature`] if the signature section holds something else.
    pub fn embedded_signature(&self) -> Result<Option<Signature>, FormatError> {
        if self.signature.is_empty() {
            return Ok(None);
        }
        Signature::parse_section(&self.signature).map(Some)
    }

    /// Whose signature the bundle says to have, not checked. None if it has none that can be read.
    pub fn signature_key_id(&self) -> Option<KeyId> {
        let signature = self.embedded_signature().ok().flatten()?;
        Some(signature.key_id())
    }

    /// Where the bundle's bytes come from.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The manifest's bytes as they stand in the file: what a signature is made over.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The signature section as it stands in the file; empty if the bundle is not signed.
    pub fn signature_bytes(&self) -> &[u8] {
        &self.signature
    }

    /// The trailer.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// What identifies this bundle: the digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.trailer.manifest_blake3
    }

    fn check_sizes(&self) -> Result<(), FormatError> {
        let layout = &self.trailer.layout;
        if self.manifest.launcher.size_bytes != layout.launcher().end {
            return Err(FormatError::BadLayout(
                "manifest and trailer differ on the launcher's size",
            ));
        }
        let image = layout.image();
        if self.manifest.image.size_bytes != image.end - image.start {
            return Err(FormatError::BadLayout(
                "manifest and trailer differ on the image's size",
            ));
        }
        Ok(())
    }
}

impl<'a> Bundle<&'a [u8]> {
    /// Opens a bundle whose bytes are all in memory.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        Self::open(bytes, bytes.len() as u64)
    }
}

fn check(bytes: &[u8], expected: Digest, part: Part) -> Result<(), FormatError> {
    if Digest::of(bytes) == expected {
        Ok(())
    } else {
        Err(FormatError::DigestMismatch(part))
    }
}
