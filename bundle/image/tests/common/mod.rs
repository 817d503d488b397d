//! Trees, images made of them, and what the project's reader sees in those.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;

use bundle_image::{
    Compression, ContentId, Error, ImageWriter, Kind, Metadata, Node, NodeId, Options, Tree,
};
use bundle_squashfs::{BlockReader, FileInode, Image, InodeKind};

/// Contents by their numbers.
pub(crate) type Contents = BTreeMap<u64, Vec<u8>>;

/// Options that are quick.
pub(crate) const OPTIONS: Options = Options {
    compression: Compression::Zstd { level: 1 },
    block_size_bytes: 4096,
    thread_count: 2,
    time_s: 1_000_000_000,
};

/// Metadata of a file that everybody may read.
pub(crate) fn metadata() -> Metadata {
    Metadata {
        mode: 0o644,
        mtime_s: 1_000_000_000,
        ..Metadata::default()
    }
}

/// An empty tree.
pub(crate) fn empty_tree() -> Tree {
    Tree::new(Metadata {
        mode: 0o755,
        ..metadata()
    })
}

/// A node with usual metadata.
pub(crate) fn node(kind: Kind) -> Node {
    Node {
        metadata: metadata(),
        kind,
    }
}

/// A file in a tree and its content in the contents.
pub(crate) fn file(contents: &mut Contents, bytes: Vec<u8>) -> Node {
    let content = contents.len() as u64;
    let size_bytes = bytes.len() as u64;
    contents.insert(content, bytes);
    node(Kind::File {
        content: ContentId(content),
        size_bytes,
    })
}

/// Bytes that do not compress.
pub(crate) fn noise(size_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..size_bytes).map(|_| next()).collect()
}

/// Makes an image of a tree, with its contents in the order of their numbers.
pub(crate) fn make(tree: &Tree, contents: &Contents, options: Options) -> Result<Vec<u8>, Error> {
    let order: Vec<u64> = contents.keys().copied().collect();
    make_in_order(tree, contents, &order, options)
}

/// Makes an image of a tree, with its contents in this order.
pub(crate) fn make_in_order(
    tree: &Tree,
    contents: &Contents,
    order: &[u64],
    options: Options,
) -> Result<Vec<u8>, Error> {
    let mut image = Cursor::new(Vec::new());
    let mut writer = ImageWriter::new(&mut image, options)?;
    for number in order {
        let bytes = &contents[number];
        let id = ContentId(*number);
        writer.add(id, bytes.len() as u64, &mut bytes.as_slice())?;
        assert!(writer.has(id));
    }
    let size_bytes = writer.finish(tree)?;
    let mut image = image.into_inner();
    image.truncate(size_bytes as usize);
    Ok(image)
}

/// A reader that gives its bytes one piece after another, so that no read is whole.
pub(crate) struct Piecewise<R>(pub(crate) R);

impl<R: Read> Read for Piecewise<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let limit = out.len().min(1000);
        self.0.read(&mut out[..limit])
    }
}

/// Whatever can be seen of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) metadata: Metadata,
    pub(crate) kind: SeenKind,
    pub(crate) link_count: u32,
    /// The first path of the same inode.
    pub(crate) first: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SeenKind {
    Directory,
    File(Vec<u8>),
    Symlink(Vec<u8>),
    CharacterDevice(u32),
    BlockDevice(u32),
    Fifo,
    Socket,
}

/// By path; the root's is empty.
pub(crate) type Sight = BTreeMap<Vec<u8>, Seen>;

/// What should be seen in an image of this tree.
pub(crate) fn expected(tree: &Tree, contents: &Contents) -> Sight {
    let mut names: Vec<(Vec<u8>, NodeId)> = vec![(Vec::new(), tree.root())];
    let mut next = 0;
    while let Some((path, id)) = names.get(next).cloned() {
        next += 1;
        for (name, child) in tree.entries(id).into_iter().flatten() {
            let path = if path.is_empty() {
                name.clone()
            } else {
                [&path[..], name].join(&b'/')
            };
            names.push((path, *child));
        }
    }
    names.sort();
    let mut first: HashMap<NodeId, Vec<u8>> = HashMap::new();
    let mut counts: HashMap<NodeId, u32> = HashMap::new();
    for (path, id) in &names {
        first.entry(*id).or_insert_with(|| path.clone());
        *counts.entry(*id).or_default() += 1;
    }
    let seen = |id: NodeId| {
        let node = tree.node(id);
        let device = |major: u32, minor: u32| (minor & 0xff) | (major << 8) | (minor >> 8 << 20);
        let kind = match &node.kind {
            Kind::Directory(_) => SeenKind::Directory,
            Kind::File { size_bytes: 0, .. } => SeenKind::File(Vec::new()),
            Kind::File { content, .. } => SeenKind::File(contents[&content.0].clone()),
            Kind::Symlink(target) => SeenKind::Symlink(target.clone()),
            Kind::CharacterDevice { major, minor } => {
                SeenKind::CharacterDevice(device(*major, *minor))
            }
            Kind::BlockDevice { major, minor } => SeenKind::BlockDevice(device(*major, *minor)),
            Kind::Fifo => SeenKind::Fifo,
            Kind::Socket => SeenKind::Socket,
        };
        let link_count = match tree.entries(id) {
            Some(entries) => {
                let is_directory = |id: &&NodeId| tree.entries(**id).is_some();
                2 + entries.values().filter(is_directory).count() as u32
            }
            None => counts[&id],
        };
        Seen {
            metadata: node.metadata.clone(),
            kind,
            link_count,
            first: first[&id].clone(),
        }
    };
    let seen = names.iter().map(|(path, id)| (path.clone(), seen(*id)));
    seen.collect()
}

/// What the reader sees in an image. Every name is looked up as well.
pub(crate) fn read(bytes: &[u8]) -> Sight {
    let source = bytes.to_vec();
    let image = Image::open(&source).unwrap();
    let mut entries = image.walk().unwrap();
    entries.sort_by(|a, b| {
        a.path
            .as_os_str()
            .as_bytes()
            .cmp(b.path.as_os_str().as_bytes())
    });
    let mut first: HashMap<u32, Vec<u8>> = HashMap::new();
    let mut sight = Sight::new();
    for entry in entries {
        let path = entry.path.as_os_str().as_bytes().to_vec();
        let inode = entry.inode;
        let first = first.entry(inode.number).or_insert_with(|| path.clone());
        let kind = match &inode.kind {
            InodeKind::Directory(directory) => {
                for entry in image.read_dir(directory).unwrap() {
                    let found = image.lookup(directory, &entry.name).unwrap();
                    assert_eq!(found.as_ref(), Some(&entry));
                }
                SeenKind::Directory
            }
            InodeKind::File(file) => SeenKind::File(content(&image, file)),
            InodeKind::Symlink(target) => SeenKind::Symlink(target.clone()),
            InodeKind::BlockDevice(number) => SeenKind::BlockDevice(*number),
            InodeKind::CharDevice(number) => SeenKind::CharacterDevice(*number),
            InodeKind::Fifo => SeenKind::Fifo,
            InodeKind::Socket => SeenKind::Socket,
        };
        let seen = Seen {
            metadata: Metadata {
                mode: inode.mode,
                uid: inode.uid,
                gid: inode.gid,
                mtime_s: inode.modified_s,
                xattrs: image.xattrs(&inode).unwrap().into_iter().collect(),
            },
            kind,
            link_count: inode.link_count,
            first: first.clone(),
        };
        sight.insert(path, seen);
    }
    sight
}

/// All bytes of a file.
pub(crate) fn content(image: &Image<'_>, file: &FileInode) -> Vec<u8> {
    let mut reader = BlockReader::new();
    let mut bytes = Vec::new();
    let mut out = Vec::new();
    for block in image.blocks(file).unwrap().iter() {
        out.resize(block.size_bytes as usize, 0);
        reader.read(image, block, &mut out).unwrap();
        bytes.extend_from_slice(&out);
    }
    if let Some((index, offset)) = file.fragment {
        let block = image.fragment(index).unwrap();
        out.resize(block.size_bytes as usize, 0);
        reader.read_up_to(image, block, &mut out).unwrap();
        let start = offset as usize;
        bytes.extend_from_slice(&out[start..start + file.tail_size_bytes() as usize]);
    }
    assert_eq!(bytes.len() as u64, file.size_bytes);
    bytes
}

/// Compares without printing all contents.
pub(crate) fn assert_same(seen: &Sight, expected: &Sight) {
    let paths = |sight: &Sight| sight.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(seen), paths(expected));
    for (path, seen) in seen {
        let expected = &expected[path];
        let path = path.escape_ascii();
        assert_eq!(seen.metadata, expected.metadata, "{path}");
        assert_eq!(seen.link_count, expected.link_count, "{path}");
        assert_eq!(seen.first, expected.first, "{path}");
        assert!(seen.kind == expected.kind, "{path} has another content");
    }
}
