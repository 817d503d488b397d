//! The image. Writing one: the same tree gives the same bytes, whoever packs it and wherever.

use std::collections::BTreeSet;
use std::io::Cursor;

use anyhow::{Context, Result};
use backhand::compression::{CompressionOptions, Compressor, Zstd};
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

use crate::gather::{Content, Tree};

/// How an image is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageOptions {
    /// zstd's level, 1 to 22.
    pub level: i32,
    /// Size of a block before compression: a power of two from 4 KiB to 1 MiB.
    pub block_size_bytes: u32,
}

/// Makes a squashfs image of `tree`: owned by root, modes normalized, all times `created_s`.
///
/// # Errors
/// If the tree cannot be written as squashfs.
pub fn make_image(tree: &Tree, options: ImageOptions, created_s: u64) -> Result<Vec<u8>> {
    let time_s = u32::try_from(created_s).unwrap_or(u32::MAX);
    let mut writer = FilesystemWriter::default();
    let zstd = CompressionOptions::Zstd(Zstd {
        compression_level: options.level.unsigned_abs(),
    });
    writer.set_compressor(
        FilesystemCompressor::new(Compressor::Zstd, Some(zstd)).context("cannot set up zstd")?,
    );
    writer.set_block_size(options.block_size_bytes);
    writer.set_time(time_s);
    writer.set_root_mode(0o755);
    let header = |mode| NodeHeader::new(mode, 0, 0, time_s);
    let cannot_add = |path: &str| format!("cannot add '{path}' to the image");
    for path in directories_of(tree) {
        writer
            .push_dir(path, header(0o755))
            .with_context(|| cannot_add(path))?;
    }
    for (path, content) in tree {
        match content {
            Content::Directory => continue,
            Content::File { bytes, executable } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                writer.push_file(Cursor::new(bytes), path, header(mode))
            }
            Content::Symlink(target) => writer.push_symlink(target, path, header(0o777)),
        }
        .with_context(|| cannot_add(path))?;
    }
    let mut image = Cursor::new(Vec::new());
    writer.write(&mut image).context("cannot write the image")?;
    Ok(image.into_inner())
}

/// Every directory of the tree, each before those in it.
fn directories_of(tree: &Tree) -> BTreeSet<&str> {
    let leading = |path: &'_ str| {
        path.match_indices('/')
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let mut directories = BTreeSet::new();
    for (path, content) in tree {
        directories.extend(leading(path).into_iter().map(|at| &path[..at]));
        if *content == Content::Directory {
            directories.insert(path.as_str());
        }
    }
    directories
}
