//! Reading the files out of an image.

use anyhow::{Context, Result, bail};
use bundle_squashfs::{BlockReader, FileInode, Image, InodeKind};

/// Calls `each` with the path and the bytes of every regular file in the image, in the image's order.
///
/// # Errors
/// If the image is damaged, or the first error of `each`.
pub fn read_files(image: &[u8], mut each: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<()> {
    let image = Image::open(&image)?;
    let mut reader = BlockReader::new();
    for entry in image.walk()? {
        let Some(path) = entry.path.to_str() else {
            bail!("a name in the image is not UTF-8")
        };
        if let InodeKind::File(file) = &entry.inode.kind {
            let bytes = read_file(&image, file, &mut reader)
                .with_context(|| format!("cannot read '{path}'"))?;
            each(path, &bytes)?;
        }
    }
    Ok(())
}

fn read_file(image: &Image<'_>, file: &FileInode, reader: &mut BlockReader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for block in image.blocks(file)?.iter() {
        let start = bytes.len();
        bytes.resize(start + block.size_bytes as usize, 0);
        reader.read(image, block, &mut bytes[start..])?;
    }
    if let Some((index, offset)) = file.fragment {
        let fragment = image.fragment(index)?;
        let mut tails = vec![0; fragment.size_bytes as usize];
        let size_bytes = reader.read_up_to(image, fragment, &mut tails)?;
        let end = (offset as usize).saturating_add(file.tail_size_bytes() as usize);
        let tail = tails[..size_bytes]
            .get(offset as usize..end)
            .context("its tail lies outside its fragment")?;
        bytes.extend_from_slice(tail);
    }
    Ok(bytes)
}
