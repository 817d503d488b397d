//! The image that the program writes is read alike by unsquashfs and by the reader here.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use bundle::{Content, ImageOptions, Tree, make_image};
use bundle_squashfs::{BlockReader, FileInode, Image, InodeKind};

const CREATED_S: u64 = 1_000_000_000;

/// Files of sizes around that of a block, holes, many names, links.
fn tree(block_size_bytes: usize) -> Tree {
    let mut tree = Tree::new();
    let mut file = |path: String, bytes: Vec<u8>, executable| {
        tree.insert(path, Content::File { bytes, executable })
    };
    let block = block_size_bytes;
    for size_bytes in [0, 1, block - 1, block, block + 1, 2 * block, 3 * block + 77] {
        let bytes = (0..size_bytes).map(|index| (index * index / 97) as u8);
        file(
            format!("sizes/{size_bytes}"),
            bytes.collect(),
            size_bytes % 2 == 1,
        );
    }
    let mut holes = vec![0; 3 * block];
    holes[2 * block] = 1;
    file("holes".into(), holes, false);
    for index in 0..1000 {
        let name =
            format!("many/{index:04} is a name that takes some room, so that there is an index");
        file(name, format!("{index}").into_bytes(), false);
    }
    file("names/ö\n\\ \u{1f980}".into(), b"name".to_vec(), true);
    file(
        format!("names/{}", "n".repeat(255)),
        b"long".to_vec(),
        false,
    );
    tree.insert("empty/directory".into(), Content::Directory);
    tree.insert("link".into(), Content::Symlink("sizes/1".into()));
    tree.insert("names/up".into(), Content::Symlink("../../..".into()));
    tree
}

#[test]
fn unsquashfs_and_the_reader_here_agree_with_what_was_packed() {
    for block_size_bytes in [4 << 10, 128 << 10, 1 << 20] {
        let tree = tree(block_size_bytes as usize);
        let options = ImageOptions {
            level: 3,
            block_size_bytes,
        };
        let image = make_image(&tree, options, CREATED_S).unwrap();
        check_reader(&tree, &image);
        check_unsquashfs(&tree, &image);
    }
}

fn check_reader(tree: &Tree, bytes: &[u8]) {
    let image = Image::open(&bytes).unwrap();
    let mut reader = BlockReader::new();
    let mut found = 0;
    for entry in image.walk().unwrap() {
        let content = tree.get(entry.path.to_str().unwrap());
        match (&entry.inode.kind, content) {
            (InodeKind::File(file), Some(Content::File { bytes, executable })) => {
                assert!(read_file(&image, file, &mut reader) == *bytes);
                assert_eq!(entry.inode.mode, if *executable { 0o755 } else { 0o644 });
            }
            (InodeKind::Symlink(read), Some(Content::Symlink(target))) => {
                assert_eq!(read, target.as_bytes());
            }
            // Directories that lead to files are not in the tree.
            (InodeKind::Directory(_), Some(Content::Directory) | None) => {}
            (kind, content) => panic!("{kind:?} in place of {content:?}"),
        }
        assert_eq!(u64::from(entry.inode.modified_s), CREATED_S);
        found += usize::from(content.is_some());
    }
    assert_eq!(found, tree.len());
}

fn read_file(image: &Image<'_>, file: &FileInode, reader: &mut BlockReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in image.blocks(file).unwrap().iter() {
        let start = bytes.len();
        bytes.resize(start + block.size_bytes as usize, 0);
        reader.read(image, block, &mut bytes[start..]).unwrap();
    }
    if let Some((index, offset)) = file.fragment {
        let fragment = image.fragment(index).unwrap();
        let mut tails = vec![0; fragment.size_bytes as usize];
        reader.read_up_to(image, fragment, &mut tails).unwrap();
        bytes.extend(&tails[offset as usize..][..file.tail_size_bytes() as usize]);
    }
    bytes
}

fn check_unsquashfs(tree: &Tree, image: &[u8]) {
    let scratch = tempfile::tempdir().unwrap();
    let packed = scratch.path().join("image.sqsh");
    let root = scratch.path().join("root");
    fs::write(&packed, image).unwrap();
    let output = Command::new("unsquashfs")
        .args(["-no-progress", "-no-xattrs", "-d"])
        .args([&root, &packed])
        .output()
        .expect("unsquashfs (squashfs-tools) starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    for (path, content) in tree {
        let place = root.join(path);
        let metadata = fs::symlink_metadata(&place).unwrap();
        match content {
            Content::File { bytes, executable } => {
                assert!(fs::read(&place).unwrap() == *bytes, "{path}");
                let mode = if *executable { 0o755 } else { 0o644 };
                assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
            }
            Content::Symlink(target) => {
                let read = fs::read_link(&place).unwrap();
                assert_eq!(read.as_os_str().as_bytes(), target.as_bytes(), "{path}");
            }
            Content::Directory => assert!(metadata.is_dir(), "{path}"),
        }
        assert_eq!(metadata.mtime(), CREATED_S.cast_signed(), "{path}");
    }
    assert_eq!(count_without_directories(&root), tree.len() - 1);
}

/// How many entries that are no directories lie in `root`.
fn count_without_directories(root: &Path) -> usize {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            if entry.file_type().unwrap().is_dir() {
                count_without_directories(&entry.path())
            } else {
                1
            }
        })
        .sum()
}
