//! Images that the backhand crate writes.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use backhand::compression::Compressor;
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

use super::{Kind, Node, Tree, contents};

/// A tree of what backhand can write: no hard links, devices or attributes.
pub(crate) fn expected() -> Tree {
    const BLOCK: usize = 128 << 10;
    let mut tree = Tree::new();
    let mut add = |path: String, mode, kind| {
        let path = PathBuf::from(path);
        let node = Node {
            link_count: u64::from(kind != Kind::Directory),
            kind,
            mode,
            owner: (0, 0),
            modified_s: 0,
            same_as: path.clone(),
            xattrs: BTreeMap::new(),
        };
        tree.insert(path, node);
    };
    for path in ["", "a", "a/b", "a/b/c", "empty", "many"] {
        add(path.into(), 0o755, Kind::Directory);
    }
    for size_bytes in [
        0,
        1,
        4095,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        3 * BLOCK,
        3 * BLOCK + 77,
    ] {
        let mode = if size_bytes % 2 == 0 { 0o644 } else { 0o755 };
        let bytes = contents(size_bytes, size_bytes as u32 + 7);
        add(format!("a/b/c/{size_bytes}"), mode, Kind::File(bytes));
    }
    let mut holes = vec![0; 4 * BLOCK];
    holes[2 * BLOCK] = 1;
    add("holes".into(), 0o600, Kind::File(holes));
    for index in 0..700 {
        add(
            format!("many/{index:04}-a-rather-long-name-so-that-listings-span-several-blocks"),
            0o644,
            Kind::File(index.to_string().into_bytes()),
        );
    }
    add("link".into(), 0o777, Kind::Symlink("a/b/c/1".into()));
    tree
}

/// The tree packed.
pub(crate) fn pack() -> Vec<u8> {
    let mut writer = FilesystemWriter::default();
    writer.set_compressor(FilesystemCompressor::new(Compressor::Zstd, None).unwrap());
    writer.set_root_mode(0o755);
    for (path, node) in expected() {
        let header = NodeHeader::new(node.mode as u16, 0, 0, 0);
        match node.kind {
            Kind::Directory if path.as_os_str().is_empty() => {}
            Kind::Directory => writer.push_dir(path, header).unwrap(),
            Kind::File(bytes) => writer.push_file(Cursor::new(bytes), path, header).unwrap(),
            Kind::Symlink(target) => writer.push_symlink(target, path, header).unwrap(),
            _ => unreachable!("the tree has none"),
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes).unwrap();
    bytes.into_inner()
}
