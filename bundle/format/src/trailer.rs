//! The trailer: the last 160 bytes, which find the rest.

use std::ops::Range;

use crate::{
    Digest, FORMAT_VERSION, FormatError, IMAGE_ALIGNMENT_BYTES, MANIFEST_SIZE_LIMIT_BYTES,
};

/// Size of the trailer, in every format version.
pub const TRAILER_SIZE_BYTES: usize = 160;

const MAGIC: &[u8; 16] = b"BENCHRUN-BUNDLE\n";
const RESERVED: Range<usize> = 104..128;
const DIGEST_OFFSET: usize = 128;
const LAUNCHER_SIZE_MINIMUM_BYTES: u64 = 64;
const IMAGE_SIZE_MINIMUM_BYTES: u64 = 96;
const MANIFEST_SIZE_MINIMUM_BYTES: u64 = 2;

/// Where the parts lie. A value of this type obeys the layout rules of `FORMAT.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    launcher_size_bytes: u64,
    image_offset: u64,
    image_size_bytes: u64,
    manifest_offset: u64,
    manifest_size_bytes: u64,
    file_size_bytes: u64,
}

/// A trailer that has been checked, or is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Where the parts lie.
    pub layout: Layout,
    /// Digest of the manifest; it identifies the bundle.
    pub manifest_blake3: Digest,
}

impl Layout {
    /// The one layout of parts with these sizes.
    ///
    /// # Errors
    /// [`FormatError::BadLayout`] if a part is smaller or larger than the format allows.
    pub fn new(
        launcher_size_bytes: u64,
        image_size_bytes: u64,
        manifest_size_bytes: u64,
    ) -> Result<Self, FormatError> {
        const OVERFLOW: FormatError = FormatError::BadLayout("the sizes overflow");
        if launcher_size_bytes < LAUNCHER_SIZE_MINIMUM_BYTES {
            return Err(FormatError::BadLayout("the launcher is too small"));
        }
        if image_size_bytes < IMAGE_SIZE_MINIMUM_BYTES {
            return Err(FormatError::BadLayout("the image is too small"));
        }
        if !(MANIFEST_SIZE_MINIMUM_BYTES..=MANIFEST_SIZE_LIMIT_BYTES).contains(&manifest_size_bytes)
        {
            return Err(FormatError::BadLayout(
                "the manifest is too small or too large",
            ));
        }
        let image_offset = launcher_size_bytes
            .checked_next_multiple_of(IMAGE_ALIGNMENT_BYTES)
            .ok_or(OVERFLOW)?;
        let manifest_offset = image_offset.checked_add(image_size_bytes).ok_or(OVERFLOW)?;
        let file_size_bytes = manifest_offset
            .checked_add(manifest_size_bytes)
            .and_then(|end| end.checked_add(TRAILER_SIZE_BYTES as u64))
            .ok_or(OVERFLOW)?;
        Ok(Self {
            launcher_size_bytes,
            image_offset,
            image_size_bytes,
            manifest_offset,
            manifest_size_bytes,
            file_size_bytes,
        })
    }

    /// The launcher's bytes in the file.
    pub fn launcher(&self) -> Range<u64> {
        0..self.launcher_size_bytes
    }

    /// The zero bytes between launcher and image.
    pub fn padding(&self) -> Range<u64> {
        self.launcher_size_bytes..self.image_offset
    }

    /// The image's bytes in the file.
    pub fn image(&self) -> Range<u64> {
        self.image_offset..self.manifest_offset
    }

    /// The manifest's bytes in the file.
    pub fn manifest(&self) -> Range<u64> {
        self.manifest_offset..self.manifest_offset + self.manifest_size_bytes
    }

    /// Size of the whole file, trailer included.
    pub fn file_size_bytes(&self) -> u64 {
        self.file_size_bytes
    }
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
        if *Digest::of(&bytes[..DIGEST_OFFSET]).as_bytes() != bytes[DIGEST_OFFSET..] {
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
        if bytes[RESERVED].iter().any(|byte| *byte != 0) {
            return Err(FormatError::ReservedNotZero);
        }
        let layout = parse_layout(bytes)?;
        if layout.file_size_bytes != file_size_bytes {
            return Err(FormatError::WrongFileSize {
                stated: layout.file_size_bytes,
                actual: file_size_bytes,
            });
        }
        let mut manifest_blake3 = [0; 32];
        manifest_blake3.copy_from_slice(&bytes[72..104]);
        Ok(Self {
            layout,
            manifest_blake3: Digest::from_bytes(manifest_blake3),
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
            layout.image_offset,
            layout.image_size_bytes,
            layout.manifest_offset,
            layout.manifest_size_bytes,
            layout.file_size_bytes,
        ];
        for (field, place) in fields.iter().zip(bytes[24..72].chunks_exact_mut(8)) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes[72..104].copy_from_slice(self.manifest_blake3.as_bytes());
        let digest = Digest::of(&bytes[..DIGEST_OFFSET]);
        bytes[DIGEST_OFFSET..].copy_from_slice(digest.as_bytes());
        bytes
    }
}

/// Builds the layout from the three sizes and insists that the stated offsets are the ones that follow from them.
fn parse_layout(bytes: &[u8; TRAILER_SIZE_BYTES]) -> Result<Layout, FormatError> {
    let layout = Layout::new(u64_at(bytes, 24), u64_at(bytes, 40), u64_at(bytes, 56))?;
    if u64_at(bytes, 32) != layout.image_offset {
        return Err(FormatError::BadLayout(
            "the image does not follow the launcher",
        ));
    }
    if u64_at(bytes, 48) != layout.manifest_offset {
        return Err(FormatError::BadLayout(
            "the manifest does not follow the image",
        ));
    }
    if u64_at(bytes, 64) != layout.file_size_bytes {
        return Err(FormatError::BadLayout(
            "the trailer does not follow the manifest",
        ));
    }
    Ok(layout)
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
