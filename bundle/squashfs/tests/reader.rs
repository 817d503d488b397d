//! The reader against two independent writers, and against damage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use backhand::compression::Compressor;
use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};
use bundle_squashfs::{BlockReader, Error, FileInode, Image, InodeKind};
use proptest::prelude::*;

/// What a tree holds, in a form that two trees can be compared by.
type Tree = BTreeMap<PathBuf, Node>;

#[derive(Debug, PartialEq, Eq, Clone)]
enum Node {
    Directory(u16),
    File(u16, Vec<u8>),
    Symlink(PathBuf),
    Other,
}

/// Bytes that compress, but not to nothing.
fn contents(size_bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8 & 0x1f
    };
    (0..size_bytes).map(|_| next()).collect()
}

/// A tree with every shape that matters: empty, tail only, exact blocks, blocks and tail, holes, deep, many entries.
fn sample() -> Tree {
    const BLOCK: usize = 128 << 10;
    let mut tree = Tree::new();
    let mut dir = |path: &str| tree.insert(path.into(), Node::Directory(0o755));
    for path in ["", "a", "a/b", "a/b/c", "empty", "many"] {
        dir(path);
    }
    let sizes = [
        0,
        1,
        4095,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        3 * BLOCK,
        3 * BLOCK + 77,
    ];
    for (index, size_bytes) in sizes.into_iter().enumerate() {
        let mode = if index % 2 == 0 { 0o644 } else { 0o755 };
        let path = format!("a/b/c/{size_bytes}");
        tree.insert(
            path.into(),
            Node::File(mode, contents(size_bytes, index as u32 + 7)),
        );
    }
    let mut holes = vec![0; 4 * BLOCK];
    holes[2 * BLOCK] = 1;
    tree.insert("holes".into(), Node::File(0o600, holes));
    for index in 0..700 {
        let path =
            format!("many/{index:04}-a-rather-long-name-so-that-listings-span-several-blocks");
        tree.insert(
            path.into(),
            Node::File(0o644, index.to_string().into_bytes()),
        );
    }
    tree.insert("link".into(), Node::Symlink("a/b/c/1".into()));
    tree
}

fn with_backhand(tree: &Tree) -> Vec<u8> {
    let mut writer = FilesystemWriter::default();
    writer.set_compressor(FilesystemCompressor::new(Compressor::Zstd, None).unwrap());
    writer.set_root_mode(0o755);
    for (path, node) in tree.iter().filter(|(path, _)| !path.as_os_str().is_empty()) {
        let header = |mode| NodeHeader::new(mode, 0, 0, 0);
        match node {
            Node::Directory(mode) => writer.push_dir(path, header(*mode)).unwrap(),
            Node::File(mode, bytes) => writer
                .push_file(Cursor::new(bytes.clone()), path, header(*mode))
                .unwrap(),
            Node::Symlink(target) => writer.push_symlink(target, path, header(0o777)).unwrap(),
            Node::Other => unreachable!("the sample has none"),
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes).unwrap();
    bytes.into_inner()
}

/// None, said loudly, where mksquashfs is not installed.
fn with_mksquashfs(tree: &Tree, options: &[&str]) -> Option<Vec<u8>> {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("root");
    for (path, node) in tree {
        let path = root.join(path);
        match node {
            Node::Directory(_) => fs::create_dir(&path).unwrap(),
            Node::File(mode, bytes) => {
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode((*mode).into())).unwrap();
            }
            Node::Symlink(target) => symlink(target, &path).unwrap(),
            Node::Other => unreachable!("the sample has none"),
        }
    }
    let image = scratch.path().join("image.sqsh");
    let made = Command::new("mksquashfs")
        .arg(&root)
        .arg(&image)
        .args(["-quiet", "-no-progress"])
        .args(options)
        .output();
    match made {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => {
            eprintln!("SKIPPED: comparing with mksquashfs: {error} (install squashfs-tools)");
            assert!(
                std::env::var_os("CI").is_none(),
                "a skip is a failure in CI"
            );
            return None;
        }
    }
    Some(fs::read(image).unwrap())
}

fn read_file(
    image: &Image<'_>,
    file: &FileInode,
    reader: &mut BlockReader,
) -> Result<Vec<u8>, Error> {
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
            .ok_or(Error::OutOfBounds("tail"))?;
        bytes.extend_from_slice(tail);
    }
    Ok(bytes)
}

fn read_tree(bytes: &[u8]) -> Result<Tree, Error> {
    let image = Image::open(&bytes)?;
    let mut reader = BlockReader::new();
    let mut tree = Tree::new();
    for entry in image.walk()? {
        let node = match &entry.inode.kind {
            InodeKind::Directory(_) => Node::Directory(entry.inode.mode),
            // Damage may claim terabytes of holes, which is valid but not for this test's memory.
            InodeKind::File(file) if file.size_bytes > 64 << 20 => Node::Other,
            InodeKind::File(file) => {
                Node::File(entry.inode.mode, read_file(&image, file, &mut reader)?)
            }
            InodeKind::Symlink(target) => {
                Node::Symlink(String::from_utf8_lossy(target).into_owned().into())
            }
            _ => Node::Other,
        };
        tree.insert(entry.path, node);
    }
    Ok(tree)
}

#[track_caller]
fn assert_same(read: &Tree, expected: &Tree) {
    assert_eq!(
        read.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (path, node) in expected {
        assert!(read[path] == *node, "{} differs", path.display());
    }
}

#[test]
fn reads_what_backhand_writes() {
    let tree = sample();
    assert_same(&read_tree(&with_backhand(&tree)).unwrap(), &tree);
}

#[test]
fn reads_what_mksquashfs_writes() {
    let tree = sample();
    let variants: &[&[&str]] = &[
        &["-comp", "zstd"],
        &["-comp", "zstd", "-b", "4096"],
        &["-comp", "zstd", "-b", "1M", "-no-exports"],
        &["-comp", "zstd", "-no-fragments"],
        &["-comp", "zstd", "-always-use-fragments", "-nopad"],
        &["-comp", "zstd", "-noI", "-noD", "-noF"],
    ];
    for options in variants {
        if let Some(bytes) = with_mksquashfs(&tree, options) {
            assert_same(
                &read_tree(&bytes).unwrap_or_else(|e| panic!("{options:?}: {e}")),
                &tree,
            );
        }
    }
}

#[test]
fn other_compression_is_named() {
    let mut bytes = with_backhand(&sample());
    bytes[20] = 2;
    let error = Image::open(&bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "the image uses lzma compression, which is not supported (make it with mksquashfs -comp zstd)"
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    // Stored uncompressed, so that the name can be changed in the image.
    let tree = Tree::from([
        (PathBuf::new(), Node::Directory(0o755)),
        ("victim".into(), Node::File(0o644, b"x".to_vec())),
    ]);
    let Some(bytes) = with_mksquashfs(&tree, &["-comp", "zstd", "-noI"]) else {
        return;
    };
    let at = bytes
        .windows(6)
        .rposition(|window| window == b"victim")
        .unwrap();
    for name in [b"a/../b", b"/etc/x", b"nul\0yy"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 6].copy_from_slice(name);
        assert!(matches!(read_tree(&bytes), Err(Error::BadName(_))));
    }
}

static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut tree = sample();
    tree.retain(|path, _| !path.starts_with("many/00") && !path.starts_with("many/01"));
    tree.retain(|path, _| !path.starts_with(Path::new("a/b/c/393293")));
    let mut images = vec![with_backhand(&tree)];
    // Uncompressed tables let damage reach their fields.
    images.extend(with_mksquashfs(&tree, &["-comp", "zstd", "-noI"]));
    images
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_images_are_answered(which in any::<prop::sample::Index>(),
                                   changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
                                   in_tables in any::<bool>()) {
        let mut bytes = which.get(&IMAGES).clone();
        let tables = bytes.len() - bytes.len().min(40_000);
        for (place, value) in changes {
            let at = if in_tables { tables + place.index(bytes.len() - tables) } else { place.index(96) };
            bytes[at] = value;
        }
        let _ = read_tree(&bytes);
    }

    #[test]
    fn truncated_images_are_refused(which in any::<prop::sample::Index>(), keep in any::<prop::sample::Index>()) {
        let bytes = which.get(&IMAGES);
        // Padding to 4096 may go without loss.
        let keep = keep.index(bytes.len() - 4096);
        prop_assert!(read_tree(&bytes[..keep]).is_err());
    }

    #[test]
    fn any_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read_tree(&bytes);
        if bytes.len() > 4 {
            bytes[..4].copy_from_slice(b"hsqs");
            let _ = read_tree(&bytes);
        }
    }
}
