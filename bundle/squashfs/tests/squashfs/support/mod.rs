//! Trees, on disk and in images, in a form that can be compared; and the tools that make images.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use bundle_squashfs::{BlockReader, Error, FileInode, Image, Inode, InodeKind};

pub(crate) mod backhand;
pub(crate) mod sample;

/// What a tree holds, by path relative to its root.
pub(crate) type Tree = BTreeMap<PathBuf, Node>;

/// What stands in one place, with all that an image keeps of it.
#[derive(PartialEq, Eq, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) modified_s: i64,
    /// The first path of the same inode: another one for a hard link.
    pub(crate) same_as: PathBuf,
    /// Of anything but a directory, of which file systems count differently.
    pub(crate) link_count: u64,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(PartialEq, Eq, Clone)]
pub(crate) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(PathBuf),
    BlockDevice(u64),
    CharDevice(u64),
    Fifo,
    Socket,
    /// More holes than the memory of a test can take.
    Huge,
}

/// Bytes that compress, but not to nothing.
pub(crate) fn contents(size_bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8 & 0x1f
    };
    (0..size_bytes).map(|_| next()).collect()
}

/// Runs mksquashfs on a directory. None, said loudly, where it is not installed.
pub(crate) fn mksquashfs(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("image.sqsh");
    let mut command = Command::new("mksquashfs");
    command.arg(root).arg(&image);
    command.args(["-quiet", "-no-progress", "-noappend"]);
    run(command.args(options)).then(|| fs::read(image).unwrap())
}

/// Runs a tool that must succeed. False, said loudly, where it is not installed.
pub(crate) fn run(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command:?}: {errors}");
            true
        }
        Err(error) => {
            eprintln!("SKIPPED: {command:?}: {error} (install squashfs-tools)");
            assert!(
                std::env::var_os("CI").is_none(),
                "a skip is a failure in CI"
            );
            false
        }
    }
}

/// The tree at `root`.
pub(crate) fn tree_on_disk(root: &Path) -> Tree {
    let mut paths = vec![PathBuf::new()];
    let mut listed = 0;
    while let Some(path) = paths.get(listed).cloned() {
        listed += 1;
        let place = root.join(&path);
        if fs::symlink_metadata(&place).unwrap().is_dir() {
            let entries = fs::read_dir(&place).unwrap();
            paths.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        }
    }
    paths.sort();
    let mut first_paths = HashMap::new();
    let nodes = paths.into_iter().map(|path| {
        let place = root.join(&path);
        let metadata = fs::symlink_metadata(&place).unwrap();
        let first_path = first_paths.entry(metadata.ino()).or_insert(path.clone());
        let file_type = metadata.file_type();
        let kind = if file_type.is_dir() {
            Kind::Directory
        } else if file_type.is_symlink() {
            Kind::Symlink(fs::read_link(&place).unwrap())
        } else if file_type.is_block_device() {
            Kind::BlockDevice(metadata.rdev())
        } else if file_type.is_char_device() {
            Kind::CharDevice(metadata.rdev())
        } else if file_type.is_fifo() {
            Kind::Fifo
        } else if file_type.is_socket() {
            Kind::Socket
        } else {
            Kind::File(fs::read(&place).unwrap())
        };
        let xattrs = xattr::list(&place).unwrap().map(|name| {
            let value = xattr::get(&place, &name).unwrap().unwrap();
            (name.as_bytes().to_vec(), value)
        });
        let node = Node {
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            modified_s: metadata.mtime(),
            same_as: first_path.clone(),
            link_count: if file_type.is_dir() {
                0
            } else {
                metadata.nlink()
            },
            xattrs: xattrs.collect(),
            kind,
        };
        (path, node)
    });
    nodes.collect()
}

/// The tree in an image.
pub(crate) fn tree_in_image(image: &Image<'_>) -> Result<Tree, Error> {
    let mut reader = FileReader::default();
    let mut tree = Tree::new();
    let mut first_paths = HashMap::new();
    for entry in image.walk()? {
        let inode = entry.inode;
        let first_path = first_paths
            .entry(inode.number)
            .or_insert(entry.path.clone());
        let node = Node {
            mode: inode.mode.into(),
            owner: (inode.uid, inode.gid),
            modified_s: inode.modified_s.into(),
            same_as: first_path.clone(),
            link_count: match inode.kind {
                InodeKind::Directory(_) => 0,
                _ => inode.link_count.into(),
            },
            xattrs: image.xattrs(&inode)?.into_iter().collect(),
            kind: kind_in_image(image, &inode, &mut reader)?,
        };
        tree.insert(entry.path, node);
    }
    Ok(tree)
}

fn kind_in_image(image: &Image<'_>, inode: &Inode, reader: &mut FileReader) -> Result<Kind, Error> {
    Ok(match &inode.kind {
        InodeKind::Directory(_) => Kind::Directory,
        InodeKind::File(file) if file.size_bytes > 64 << 20 => Kind::Huge,
        InodeKind::File(file) => Kind::File(reader.read(image, file)?),
        InodeKind::Symlink(target) => Kind::Symlink(OsStr::from_bytes(target).into()),
        InodeKind::BlockDevice(number) => Kind::BlockDevice((*number).into()),
        InodeKind::CharDevice(number) => Kind::CharDevice((*number).into()),
        InodeKind::Fifo => Kind::Fifo,
        InodeKind::Socket => Kind::Socket,
    })
}

/// Reads files. It keeps the last fragment, since files that follow each other usually share it.
#[derive(Default)]
pub(crate) struct FileReader {
    reader: BlockReader,
    fragment: Option<(u32, Vec<u8>)>,
}

impl FileReader {
    /// A file's contents.
    pub(crate) fn read(&mut self, image: &Image<'_>, file: &FileInode) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for block in image.blocks(file)?.iter() {
            let start = bytes.len();
            bytes.resize(start + block.size_bytes as usize, 0);
            self.reader.read(image, block, &mut bytes[start..])?;
        }
        if let Some((index, offset)) = file.fragment {
            let end = (offset as usize).saturating_add(file.tail_size_bytes() as usize);
            let tail = self.fragment(image, index)?.get(offset as usize..end);
            bytes.extend_from_slice(tail.ok_or(Error::OutOfBounds("tail"))?);
        }
        Ok(bytes)
    }

    fn fragment(&mut self, image: &Image<'_>, index: u32) -> Result<&[u8], Error> {
        let bytes = match self.fragment.take() {
            Some((kept, bytes)) if kept == index => bytes,
            _ => {
                let block = image.fragment(index)?;
                let mut bytes = vec![0; block.size_bytes as usize];
                let size_bytes = self.reader.read_up_to(image, block, &mut bytes)?;
                bytes.truncate(size_bytes);
                bytes
            }
        };
        Ok(&self.fragment.insert((index, bytes)).1)
    }
}

/// Fails with the first difference.
#[track_caller]
pub(crate) fn assert_same(read: &Tree, expected: &Tree, what: &dyn std::fmt::Debug) {
    assert_eq!(
        read.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{what:?}"
    );
    for (path, expected) in expected {
        let path_shown = path.as_os_str().as_bytes().escape_ascii().to_string();
        let read = &read[path];
        assert!(
            read.kind == expected.kind,
            "{what:?}: {path_shown} has other contents"
        );
        let particulars = |node: &Node| {
            let Node {
                mode,
                owner,
                modified_s,
                same_as,
                link_count,
                xattrs,
                ..
            } = node.clone();
            (mode, owner, modified_s, same_as, link_count, xattrs)
        };
        assert_eq!(
            particulars(read),
            particulars(expected),
            "{what:?}: {path_shown}"
        );
    }
}
