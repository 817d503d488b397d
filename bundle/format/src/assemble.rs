//! Writing a bundle, from front to back, without holding its image in memory.

use std::io::{self, Read, Write};

use crate::{Digest, FormatError, Layout, Manifest, Trailer};

/// What a bundle is put together from.
pub struct Parts<'a> {
    /// The static program at the head.
    pub launcher: &'a [u8],
    /// The squashfs image.
    pub image: &'a mut dyn Read,
    /// The image's hash tree, see [`crate::HashTree::as_bytes`].
    pub tree: &'a mut dyn Read,
    /// What the bundle holds; sizes and digests in it must be those of the other parts.
    pub manifest: &'a Manifest,
    /// The text of a minisign signature over the manifest's bytes; empty for none.
    pub signature: &'a [u8],
}

/// Writes a bundle and returns its trailer. Digests are taken from the manifest, not computed.
///
/// # Errors
/// If the parts break a rule of the format, or cannot be read or written.
pub fn assemble(parts: Parts<'_>, out: &mut impl Write) -> Result<Trailer, FormatError> {
    let Parts {
        launcher,
        image,
        tree,
        manifest,
        signature,
    } = parts;
    let layout = layout(launcher, manifest, signature)?;
    write_head(launcher, out)?;
    let place = layout.image();
    copy(image, place.end - place.start, out)?;
    write_tail(layout, tree, manifest, signature, out)
}

/// Writes what stands before the image: launcher and padding.
///
/// # Errors
/// If it cannot be written.
pub fn write_head(launcher: &[u8], out: &mut impl Write) -> Result<(), FormatError> {
    let padding = launcher
        .len()
        .next_multiple_of(crate::IMAGE_ALIGNMENT_BYTES as usize);
    let padding = vec![0; padding - launcher.len()];
    for part in [launcher, &padding] {
        out.write_all(part).map_err(FormatError::Write)?;
    }
    Ok(())
}

/// Writes what stands behind the image: tree, manifest, signature and trailer.
///
/// # Errors
/// If the manifest breaks a rule of the format, or something cannot be read or written.
pub fn write_tail(
    layout: Layout,
    tree: &mut dyn Read,
    manifest: &Manifest,
    signature: &[u8],
    out: &mut impl Write,
) -> Result<Trailer, FormatError> {
    let place = layout.tree();
    copy(tree, place.end - place.start, out)?;
    let manifest = manifest.encode()?;
    let trailer = Trailer {
        layout,
        manifest_blake3: Digest::of(&manifest),
        signature_blake3: Digest::of(signature),
    };
    for part in [&manifest, signature, &trailer.encode()] {
        out.write_all(part).map_err(FormatError::Write)?;
    }
    Ok(trailer)
}

fn layout(launcher: &[u8], manifest: &Manifest, signature: &[u8]) -> Result<Layout, FormatError> {
    Layout::new(
        launcher.len() as u64,
        manifest.image.size_bytes,
        manifest.encode()?.len() as u64,
        signature.len() as u64,
    )
}

/// Copies all of `part`, which must have `size_bytes`.
fn copy(part: &mut dyn Read, size_bytes: u64, out: &mut impl Write) -> Result<(), FormatError> {
    // One byte more would tell that it is too long.
    let copied = io::copy(&mut part.take(size_bytes + 1), out).map_err(FormatError::Write)?;
    if copied == size_bytes {
        Ok(())
    } else {
        Err(FormatError::BadLayout(
            "image or tree have another size than the manifest says",
        ))
    }
}
