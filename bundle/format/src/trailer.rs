//! The trailer: the last 160 bytes, which find the rest.

use std::ops::Range;

use crate::{
    Digest, FORMAT_VERSION, FormatError, IMAGE_ALIGNMENT_BYTES, IMAGE_SIZE_LIMIT_BYTES,
    LAUNCHER_SIZE_LIMIT_BYTES, MANIFEST_SIZE_LIMIT_BYTES, SIGNATURE_SIZE_LIMIT_BYTES, TreeShape,
};

/// Size of the trailer, in every format version.
pub const TRAILER_SIZE_BYTES: usize = 160;

const MAGIC: &[u8; 16] = b"BENCHRUN-BUNDLE\n";
const MANIFEST_DIGEST: Range<usize> = 64..96;
const SIGNATURE_DIGEST: Range<usize> = 96..128;
const OWN_DIGEST: Range<usize> = 128..160;
const LAUNCHER_SIZE_MINIMUM_BYTES: u64 = 64;
const IMAGE_SIZE_MINIMUM_BYTES: u64 = 96;
const MANIFEST_SIZE_MINIMUM_BYTES: u64 = 2;

/// Where the parts lie. A value of this type obeys the rules of `FORMAT.md` on sizes.
#[allow(
    clippy::struct_field_names,
    reason = "a unit stands last in every name"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    launcher_size_bytes: u64,
    image_size_bytes: u64,
    tree_size_bytes: u64,
    manifest_size_bytes: u64,
    signature_size_bytes: u64,
}

/// A trailer that has been checked, or is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Where the parts lie.
    pub layout: Layout,
    /// Digest of the manifest; it identifies the bundle.
    pub manifest_blake3: Digest,
    /// Digest of the signature section.
    pub signature_blake3: Digest,
}

impl Layout {
    /// The one layout of parts with these sizes. The size of the hash tree follows from the image's.
    ///
    /// # Errors
    /// [`FormatError::BadLayout`] if a part is smaller or larger than the format allows.
    pub fn new(
        launcher_size_bytes: u64,
        image_size_bytes: u64,
        manifest_size_bytes: u64,
        signature_size_bytes: u64,
    ) -> Result<Self, FormatError> {
        let rules = [
            (
                (LAUNCHER_SIZE_MINIMUM_BYTES..=LAUNCHER_SIZE_LIMIT_BYTES)
                    .contains(&launcher_size_bytes),
                "the launcher is too small or too large",
            ),
            (
                (IMAGE_SIZE_MINIMUM_BYTES..=IMAGE_SIZE_LIMIT_BYTES).contains(&image_size_bytes),
                "the image is too small or too large",
            ),
            (
                (MANIFEST_SIZE_MINIMUM_BYTES..=MANIFEST_SIZE_LIMIT_BYTES)
                    .contains(&manifest_size_bytes),
                "the manifest is too small or too large",
            ),
            (
                signature_size_bytes <= SIGNATURE_SIZE_LIMIT_BYTES,
                "the signature is too large",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => Err(FormatError::BadLayout(broken)),
            None => Ok(Self {
                launcher_size_bytes,
                image_size_bytes,
                tree_size_bytes: TreeShape::of(image_size_bytes).size_bytes(),
                manifest_size_bytes,
                signature_size_bytes,
            }),
        }
    }

    /// The launcher's bytes in the file.
    pub fn launcher(&self) -> Range<u64> {
        0..self.launcher_size_bytes
    }

    /// The zero bytes between launcher and image.
    pub fn padding(&self) -> Range<u64> {
        let start = self.launcher_size_bytes;
        start..start.next_multiple_of(IMAGE_ALIGNMENT_BYTES)
    }

    /// The image's bytes in the file.
    pub fn image(&self) -> Range<u64> {
        after(&self.padding(), self.image_size_bytes)
    }

    /// The hash tree's bytes in the file.
    pub fn tree(&self) -> Range<u64> {
        after(&self.image(), self.tree_size_bytes)
    }

    /// The manifest's bytes in the file.
    pub fn manifest(&self) -> Range<u64> {
        after(&self.tree(), self.manifest_size_bytes)
    }

    /// The signature's bytes in the file; empty if there is none.
    pub fn signature(&self) -> Range<u64> {
        after(&self.manifest(), self.signature_size_bytes)
    }

    /// The trailer's bytes in the file.
    pub fn trailer(&self) -> Range<u64> {
        after(&self.signature(), TRAILER_SIZE_BYTES as u64)
    }

    /// Size of the whole file, trailer included.
    pub fn file_size_bytes(&self) -> u64 {
        self.trailer().end
    }
}

/// The part of this size that follows another. No sum overflows: each size has a limit.
fn after(part: &Range<u64>, size_bytes: u64) -> Range<u64> {
    part.end..part.end + size_bytes
}

impl Trailer {
    /// Reads a trailer and checks it against the size of the file that it ends.
    ///
    /// # Errors
    /// Says which rule of `FORMAT.md` the bytes break.
    pub fn parse(
        bytes: &[u8; TRAILER_SIZE_BYTES],
        file_size_bytes: u64,
    ) -> Result<Self, FormatError> {
        if bytes[..16] != *MAGIC {
            return Err(FormatError::NoTrailer);
        }
        if Digest::of(&bytes[..OWN_DIGEST.start]) != digest_at(bytes, OWN_DIGEST) {
            return Err(FormatError::TrailerDamaged);
        }
        let version = u32_at(bytes, 16);
        if version != FORMAT_VERSION {
            return Err(FormatError::UnknownVersion {
                found: version,
                known: FORMAT_VERSION,
            });
        }
        let flags = u32_at(bytes, 20);
        if flags != 0 {
            return Err(FormatError::UnknownFlags(flags));
        }
        let layout = Layout::new(
            u64_at(bytes, 24),
            u64_at(bytes, 32),
            u64_at(bytes, 48),
            u64_at(bytes, 56),
        )?;
        if layout.tree_size_bytes != u64_at(bytes, 40) {
            return Err(FormatError::BadLayout(
                "the hash tree is not that of an image of this size",
            ));
        }
        if layout.file_size_bytes() != file_size_bytes {
            return Err(FormatError::WrongFileSize {
                stated: layout.file_size_bytes(),
                actual: file_size_bytes,
            });
        }
        Ok(Self {
            layout,
            manifest_blake3: digest_at(bytes, MANIFEST_DIGEST),
            signature_blake3: digest_at(bytes, SIGNATURE_DIGEST),
        })
    }

    /// The trailer's bytes.
    pub fn encode(&self) -> [u8; TRAILER_SIZE_BYTES] {
        let mut bytes = [0; TRAILER_SIZE_BYTES];
        let layout = &self.layout;
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        let fields = [
            layout.launcher_size_bytes,
            layout.image_size_bytes,
            layout.tree_size_bytes,
            layout.manifest_size_bytes,
            layout.signature_size_bytes,
        ];
        for (field, place) in fields.iter().zip(bytes[24..64].chunks_exact_mut(8)) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes[MANIFEST_DIGEST].copy_from_slice(self.manifest_blake3.as_bytes());
        bytes[SIGNATURE_DIGEST].copy_from_slice(self.signature_blake3.as_bytes());
        let digest = Digest::of(&bytes[..OWN_DIGEST.start]);
        bytes[OWN_DIGEST].copy_from_slice(digest.as_bytes());
        bytes
    }
}

fn u32_at(bytes: &[u8; TRAILER_SIZE_BYTES], offset: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8; TRAILER_SIZE_BYTES], offset: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(field)
}

fn digest_at(bytes: &[u8; TRAILER_SIZE_BYTES], place: Range<usize>) -> Digest {
    let mut digest = [0; 32];
    digest.copy_from_slice(&bytes[place]);
    Digest::from_bytes(digest)
}
