//! What cannot be stored is refused, and says why.

mod common;

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use bundle_image::{
    Compression, ContentId, Error, ID_COUNT_LIMIT, ImageWriter, Kind, Metadata, Node, Options, Tree,
};
use common::{
    Contents, OPTIONS, assert_same, empty_tree, expected, file, make, metadata, node, noise, read,
};

/// The whole message, with its causes.
fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message.push_str(": ");
        message.push_str(&inner.to_string());
        cause = inner.source();
    }
    message
}

fn refuse(tree: &Tree, expected: &str) {
    let error = make(tree, &Contents::new(), OPTIONS).expect_err(expected);
    assert_eq!(message(&error), expected);
}

#[test]
fn what_squashfs_or_linux_does_not_have() {
    let one = |name: &[u8], node: Node| {
        let mut tree = empty_tree();
        let directory = tree.insert(
            tree.root(),
            b"d",
            common::node(Kind::Directory(BTreeMap::new())),
        );
        tree.insert(directory, name, node);
        tree
    };
    let fifo = || node(Kind::Fifo);
    for name in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
        let shown = name.escape_ascii();
        refuse(
            &one(name, fifo()),
            &format!("cannot store 'd/{shown}': no file can have such a name"),
        );
    }
    let long = "x".repeat(256);
    refuse(
        &one(long.as_bytes(), fifo()),
        &format!("cannot store 'd/{long}': its name is longer than 255 bytes"),
    );
    for (kind, reason) in [
        (
            Kind::Symlink(Vec::new()),
            "a symbolic link cannot have such a target",
        ),
        (
            Kind::Symlink(b"a\0".to_vec()),
            "a symbolic link cannot have such a target",
        ),
        (
            Kind::Symlink(vec![b'x'; 4096]),
            "the symbolic link's target is longer than 4095 bytes",
        ),
        (
            Kind::BlockDevice {
                major: 4096,
                minor: 0,
            },
            "Linux has no device with such a number",
        ),
        (
            Kind::CharacterDevice {
                major: 0,
                minor: 1 << 20,
            },
            "Linux has no device with such a number",
        ),
        (
            Kind::File {
                content: ContentId(7),
                size_bytes: 1,
            },
            "its content is missing",
        ),
    ] {
        refuse(
            &one(b"n", node(kind)),
            &format!("cannot store 'd/n': {reason}"),
        );
    }
    for (name, value, reason) in [
        (
            &b"system.posix_acl_access"[..],
            1,
            "squashfs has no place for its attribute 'system.posix_acl_access'",
        ),
        (
            b"user.",
            1,
            "squashfs has no place for its attribute 'user.'",
        ),
        (
            b"user.a",
            (64 << 10) + 1,
            "its attribute 'user.a' is larger than 64 KiB",
        ),
    ] {
        let mut node = fifo();
        node.metadata.xattrs.insert(name.to_vec(), vec![1; value]);
        refuse(&one(b"n", node), &format!("cannot store 'd/n': {reason}"));
    }
}

#[test]
fn a_directory_has_one_name() {
    let mut tree = empty_tree();
    let outer = tree.insert(
        tree.root(),
        b"outer",
        node(Kind::Directory(BTreeMap::new())),
    );
    tree.link(outer, b"again", outer);
    refuse(
        &tree,
        "cannot store 'outer/again': it is a directory with two names",
    );
    tree.remove(outer, b"again");
    tree.link(tree.root(), b"root", tree.root());
    refuse(
        &tree,
        "cannot store 'root': it is a directory with two names",
    );
}

#[test]
fn as_many_owners_as_the_format_has_room_for() {
    // The root directory's and the links' group is one more.
    let mut tree = empty_tree();
    let root = tree.root();
    let add = |tree: &mut Tree, uid: u32| {
        let metadata = Metadata {
            uid: uid + 1,
            ..metadata()
        };
        tree.insert(
            root,
            uid.to_string().as_bytes(),
            Node {
                metadata,
                kind: Kind::Fifo,
            },
        );
    };
    for uid in 0..ID_COUNT_LIMIT as u32 - 1 {
        add(&mut tree, uid);
    }
    let image = make(&tree, &Contents::new(), OPTIONS).unwrap();
    assert_same(&read(&image), &expected(&tree, &Contents::new()));
    add(&mut tree, ID_COUNT_LIMIT as u32);
    refuse(
        &tree,
        "cannot make an image: it has more than 65535 different owners and groups",
    );
}

/// Fails after so many bytes.
struct Failing(u64);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("the disk is on fire"));
        }
        let size_bytes = io::repeat(b'x').take(self.0).read(out)?;
        self.0 -= size_bytes as u64;
        Ok(size_bytes)
    }
}

/// A layer breaks off in the middle of a file: the file is refused, and what is stored before and after it is sound.
#[test]
fn contents_that_fail_or_are_not_as_announced() {
    let mut image = Cursor::new(Vec::new());
    let mut writer = ImageWriter::new(&mut image, OPTIONS).unwrap();
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    let good = file(&mut contents, noise(100_000, 1));
    tree.insert(tree.root(), b"good", good);
    writer
        .add(ContentId(0), 100_000, &mut contents[&0].as_slice())
        .unwrap();

    let failing = ContentId(100);
    // The first size is new, the second one is that of a content that is stored.
    for size_bytes in [50_000, 100_000] {
        let bytes = noise(size_bytes, 2);
        let size_bytes = size_bytes as u64;
        let mut refused = |data: &mut dyn Read, expected: &str| {
            let error = writer.add(failing, size_bytes, data).expect_err(expected);
            assert_eq!(message(&error), expected);
            assert!(!writer.has(failing));
        };
        refused(
            &mut &bytes[..20_000],
            &format!(
                "its content has 20000 bytes instead of {size_bytes} (it may have changed meanwhile)"
            ),
        );
        refused(
            &mut (&bytes[..]).chain(&b"x"[..]),
            &format!(
                "its content has {} bytes or more instead of {size_bytes} (it may have changed meanwhile)",
                size_bytes + 1
            ),
        );
        refused(
            &mut Failing(30_000),
            "cannot read the content of a file: the disk is on fire",
        );
        refused(
            &mut Failing(size_bytes),
            "cannot read the content of a file: the disk is on fire",
        );
    }

    let again = writer.add(ContentId(0), 100_000, &mut contents[&0].as_slice());
    assert_eq!(message(&again.unwrap_err()), "its content was given before");
    let other = file(&mut contents, noise(70_000, 3));
    tree.insert(tree.root(), b"other", other);
    writer
        .add(ContentId(1), 70_000, &mut contents[&1].as_slice())
        .unwrap();
    let size_bytes = writer.finish(&tree).unwrap();
    let image = &image.into_inner()[..size_bytes as usize];
    assert_same(&read(image), &expected(&tree, &contents));
}

#[test]
fn a_content_of_another_size_than_the_tree_says() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    let mut wrong = file(&mut contents, b"four".to_vec());
    wrong.kind = Kind::File {
        content: ContentId(0),
        size_bytes: 5,
    };
    tree.insert(tree.root(), b"f", wrong);
    let error = make(&tree, &contents, OPTIONS).unwrap_err();
    assert_eq!(
        message(&error),
        "cannot store 'f': its content has another size"
    );
}

#[test]
fn options_that_the_format_does_not_have() {
    for block_size_bytes in [0, 2048, 5000, 2 << 20] {
        let options = Options {
            block_size_bytes,
            ..OPTIONS
        };
        let error = make(&empty_tree(), &Contents::new(), options).unwrap_err();
        let expected = format!(
            "cannot make an image: blocks of {block_size_bytes} bytes are not allowed (a power of two from 4096 to 1048576)"
        );
        assert_eq!(message(&error), expected);
    }
    let options = Options {
        compression: Compression::Zstd { level: 23 },
        ..OPTIONS
    };
    let error = make(&empty_tree(), &Contents::new(), options).unwrap_err();
    assert_eq!(
        message(&error),
        "cannot make an image: zstd has no level 23 (1 to 22)"
    );
}

/// Where nothing can be written.
struct Full(Cursor<Vec<u8>>, usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.get_ref().len() + bytes.len() > self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for Full {
    fn seek(&mut self, place: io::SeekFrom) -> io::Result<u64> {
        self.0.seek(place)
    }
}

/// The disk is full: whenever that is noticed, it is an error, and the threads end.
#[test]
fn a_full_disk() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    for index in 0..20 {
        let file = file(&mut contents, noise(30_000, index));
        tree.insert(tree.root(), index.to_string().as_bytes(), file);
    }
    let whole_size_bytes = make(&tree, &contents, OPTIONS).unwrap().len();
    for limit in (0..whole_size_bytes).step_by(17_001) {
        let attempt = || {
            let mut writer = ImageWriter::new(Full(Cursor::default(), limit), OPTIONS)?;
            for (number, bytes) in &contents {
                writer.add(
                    ContentId(*number),
                    bytes.len() as u64,
                    &mut bytes.as_slice(),
                )?;
            }
            writer.finish(&tree)
        };
        let error = attempt().expect_err("the disk is full");
        assert!(
            message(&error).starts_with("cannot write the image: "),
            "{error}"
        );
    }
}
