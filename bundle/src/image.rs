//! The image. Writing one: the same tree gives the same bytes, whoever packs it and wherever.

use std::collections::BTreeMap;
use std::io::Cursor;

use anyhow::{Context, Result};
use bundle_image::{Compression, ContentId, ImageWriter, Kind, Metadata, Node, NodeId};

use crate::gather::{Content, Tree};
use crate::progress::thread_count;

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
    let options = bundle_image::Options {
        compression: Compression::Zstd {
            level: options.level,
        },
        block_size_bytes: options.block_size_bytes,
        thread_count: thread_count(),
        time_s,
    };
    let mut image = Cursor::new(Vec::new());
    let mut writer = ImageWriter::new(&mut image, options)?;
    let metadata = |mode| Metadata {
        mode,
        mtime_s: time_s,
        ..Metadata::default()
    };
    let mut nodes = bundle_image::Tree::new(metadata(0o755));
    for (number, (path, content)) in (0..).zip(tree) {
        let (mode, kind) = match content {
            Content::Directory => (0o755, Kind::Directory(BTreeMap::new())),
            Content::File { bytes, executable } => {
                let content = ContentId(number);
                let size_bytes = bytes.len() as u64;
                writer
                    .add(content, size_bytes, &mut bytes.as_slice())
                    .with_context(|| format!("cannot add '{path}' to the image"))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                (
                    mode,
                    Kind::File {
                        content,
                        size_bytes,
                    },
                )
            }
            Content::Symlink(target) => (0o777, Kind::Symlink(target.clone().into_bytes())),
        };
        let metadata = metadata(mode);
        insert(&mut nodes, path, Node { metadata, kind });
    }
    let size_bytes = writer.finish(&nodes).context("cannot write the image")?;
    let mut image = image.into_inner();
    image.truncate(usize::try_from(size_bytes)?);
    Ok(image)
}

/// Puts a node at its path. Directories on the way are made like the root.
fn insert(nodes: &mut bundle_image::Tree, path: &str, node: Node) {
    let directory = |nodes: &bundle_image::Tree| Node {
        metadata: nodes.node(nodes.root()).metadata.clone(),
        kind: Kind::Directory(BTreeMap::new()),
    };
    let mut at: NodeId = nodes.root();
    let (way, name) = path.rsplit_once('/').unwrap_or(("", path));
    for step in way.split('/').filter(|step| !step.is_empty()) {
        at = nodes.lookup(at, step.as_bytes()).unwrap_or_else(|| {
            let made = directory(nodes);
            nodes.insert(at, step.as_bytes(), made)
        });
    }
    // A directory that others' paths lead through is there already, and the same.
    let is_there = nodes
        .lookup(at, name.as_bytes())
        .is_some_and(|there| nodes.entries(there).is_some());
    if !is_there {
        nodes.insert(at, name.as_bytes(), node);
    }
}
