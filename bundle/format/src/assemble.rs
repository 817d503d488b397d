//! Writing a bundle.

use std::io::Write;

use crate::{Digest, FormatError, Layout, Manifest, Trailer};

/// What a bundle is put together from.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The static program at the head.
    pub launcher: &'a [u8],
    /// The squashfs image.
    pub image: &'a [u8],
    /// What the bundle holds; sizes and digests in it must be those of the other parts.
    pub manifest: &'a Manifest,
}

/// Writes a bundle and returns its trailer.
///
/// # Errors
/// If the parts break a rule of the format, or cannot be written.
pub fn assemble(parts: Parts<'_>, out: &mut impl Write) -> Result<Trailer, FormatError> {
    let manifest = parts.manifest.encode()?;
    let layout = Layout::new(
        parts.launcher.len() as u64,
        parts.image.len() as u64,
        manifest.len() as u64,
    )?;
    let trailer = Trailer {
        layout,
        manifest_blake3: Digest::of(&manifest),
    };
    let padding = layout.padding();
    let padding = vec![0; (padding.end - padding.start) as usize];
    for part in [
        parts.launcher,
        &padding,
        parts.image,
        &manifest,
        &trailer.encode(),
    ] {
        out.write_all(part).map_err(FormatError::Write)?;
    }
    Ok(trailer)
}
