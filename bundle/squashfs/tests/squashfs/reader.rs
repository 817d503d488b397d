//! What the reader promises beyond giving back what was packed: names found, blocks found, little read, any thread.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bundle_squashfs::{BlockReader, Error, Image, InodeKind, InodeRef, Source, SourceError};

use crate::support::{Kind, assert_same, backhand, mksquashfs, sample};

/// A source that counts what is read from it.
struct Counted<'a> {
    bytes: &'a [u8],
    read_bytes: AtomicU64,
}

impl Source for Counted<'_> {
    fn size_bytes(&self) -> u64 {
        self.bytes.size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        self.read_bytes
            .fetch_add(out.len() as u64, Ordering::Relaxed);
        self.bytes.read_at(offset, out)
    }
}

#[test]
fn little_is_read_before_it_is_asked_for() {
    let Some(bytes) = sample::pack(&["-comp", "zstd", "-b", "128K"]) else {
        return;
    };
    let source = Counted {
        bytes: &bytes,
        read_bytes: AtomicU64::new(0),
    };
    let read_bytes = || source.read_bytes.load(Ordering::Relaxed);
    let image = Image::open(&source).unwrap();
    let superblock = image.superblock();
    assert!(superblock.inode_count > 5000);
    // The image has 10,000 owners, which fill five metadata blocks. An ordinary one has a few.
    assert!(
        read_bytes() < 48 << 10,
        "{} bytes for opening",
        read_bytes()
    );

    let opened = read_bytes();
    let root = image.inode(image.root()).unwrap();
    let InodeKind::Directory(root) = root.kind else {
        panic!("the root is no directory")
    };
    let words = image.lookup(&root, b"words").unwrap().unwrap();
    image.inode(words.inode).unwrap();
    assert!(
        read_bytes() - opened < 32 << 10,
        "{} bytes for a name",
        read_bytes() - opened
    );

    // What was decoded once is not read again.
    image.walk().unwrap();
    let walked = read_bytes();
    image.walk().unwrap();
    assert_eq!(read_bytes(), walked);
}

#[test]
fn every_name_is_found_and_no_other() {
    let Some(bytes) = sample::pack(&["-comp", "zstd"]) else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    let mut entry_count = 0;
    for entry in image.walk().unwrap() {
        let InodeKind::Directory(directory) = &entry.inode.kind else {
            continue;
        };
        let entries = image.read_dir(directory).unwrap();
        let names: HashSet<_> = entries.iter().map(|entry| &entry.name[..]).collect();
        for entry in &entries {
            let found = image.lookup(directory, &entry.name).unwrap();
            assert_eq!(found.as_ref(), Some(entry));
            // The neighbours on both sides.
            let mut above = entry.name.clone();
            above.push(0);
            let mut below = entry.name.clone();
            *below.last_mut().unwrap() -= 1;
            for name in [above, below] {
                let found = image.lookup(directory, &name).unwrap();
                assert_eq!(found.is_some(), names.contains(&name[..]));
            }
        }
        entry_count += entries.len();
        for absent in [&b""[..], b".", b"..", b"\xff\xff\xff", b"/", &[b'n'; 300]] {
            assert_eq!(image.lookup(directory, absent).unwrap(), None);
        }
    }
    assert_eq!(entry_count + 1, sample::expected().len());
}

#[test]
fn blocks_are_found_by_their_place_in_the_file() {
    let Some(bytes) = sample::pack(&["-comp", "zstd", "-b", "4K"]) else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    let mut reader = BlockReader::new();
    for entry in image.walk().unwrap() {
        let InodeKind::File(file) = &entry.inode.kind else {
            continue;
        };
        let Kind::File(contents) = &sample::expected()[&entry.path].kind else {
            panic!("{} is no file", entry.path.display())
        };
        let blocks = image.blocks(file).unwrap();
        assert_eq!(blocks.iter().len(), blocks.len());
        assert!(
            blocks
                .iter()
                .enumerate()
                .all(|(index, block)| blocks.get(index) == Some(block))
        );
        assert_eq!(blocks.get(blocks.len()), None);
        assert_eq!(blocks.at(file.blocks_size_bytes()), None);
        assert_eq!(blocks.at(u64::MAX), None);
        for offset in (0..file.blocks_size_bytes()).step_by(10_007) {
            let (block, offset_in_block) = blocks.at(offset).unwrap();
            let mut out = vec![1; block.size_bytes as usize];
            reader.read(&image, block, &mut out).unwrap();
            assert_eq!(out[offset_in_block as usize], contents[offset as usize]);
        }
    }
}

/// What takes no room in the image takes none in memory either, and sizes beyond 32 bits are right.
#[test]
fn a_file_of_many_gigabytes_is_mostly_holes() {
    let scratch = tempfile::tempdir().unwrap();
    let size_bytes = (5 << 30) + 3;
    let path = scratch.path().join("huge");
    let file = File::create(&path).unwrap();
    file.set_len(size_bytes).unwrap();
    file.write_all_at(b"end", size_bytes - 3).unwrap();
    file.write_all_at(b"middle", 3 << 30).unwrap();
    drop(file);
    let options = ["-comp", "lz4", "-b", "1M", "-no-fragments"];
    let Some(bytes) = mksquashfs(scratch.path(), &options) else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    let entries = image.walk().unwrap();
    let InodeKind::File(file) = &entries[1].inode.kind else {
        panic!("no file")
    };
    assert_eq!(file.size_bytes, size_bytes);
    let blocks = image.blocks(file).unwrap();
    let stored: Vec<_> = (0..blocks.len())
        .filter(|index| !blocks.get(*index).unwrap().is_hole())
        .collect();
    assert_eq!(stored, [3 << 10, 5 << 10]);
    let mut out = [0; 3];
    let (last, 0) = blocks.at(size_bytes - 3).unwrap() else {
        panic!("not at a block's start")
    };
    BlockReader::new().read(&image, last, &mut out).unwrap();
    assert_eq!(out, *b"end");
    assert_eq!(file.hole_size_bytes, size_bytes - (1 << 20) - 3);
}

#[test]
fn threads_share_an_image() {
    let Some(bytes) = sample::pack(&["-comp", "gzip"]) else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let read = sample::read(&image).unwrap();
                assert_same(&read, sample::expected(), &"in a thread");
            });
        }
    });
}

/// A source whose next read fails, once.
struct Flaky<'a> {
    bytes: &'a [u8],
    next: Mutex<Option<SourceError>>,
}

impl Source for Flaky<'_> {
    fn size_bytes(&self) -> u64 {
        self.bytes.size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        match self.next.lock().unwrap().take() {
            Some(error) => Err(error),
            None => self.bytes.read_at(offset, out),
        }
    }
}

#[test]
fn a_sources_failure_is_passed_on_and_not_remembered() {
    let bytes = backhand::pack();
    let altered = SourceError::Altered { offset: 16384 };
    let io = SourceError::from(std::io::Error::from_raw_os_error(5));
    assert_eq!(
        io.to_string(),
        "cannot read the image: Input/output error (os error 5)"
    );
    for error in [altered, io] {
        let source = Flaky {
            bytes: &bytes,
            next: Mutex::new(Some(error)),
        };
        assert_eq!(Image::open(&source).unwrap_err(), Error::Source(error));
        let image = Image::open(&source).unwrap();
        *source.next.lock().unwrap() = Some(error);
        assert_eq!(image.inode(image.root()), Err(Error::Source(error)));
        assert!(image.inode(image.root()).is_ok());
        let fragment = image.fragment(0).unwrap();
        let mut out = vec![0; fragment.size_bytes as usize];
        *source.next.lock().unwrap() = Some(error);
        assert_eq!(
            BlockReader::new().read_up_to(&image, fragment, &mut out),
            Err(Error::Source(error))
        );
    }
}

#[test]
fn reads_what_backhand_writes() {
    let bytes = backhand::pack();
    let image = Image::open(&bytes).unwrap();
    let read = crate::support::tree_in_image(&image).unwrap();
    assert_same(&read, &backhand::expected(), &"backhand");
}

#[test]
fn references_survive_as_numbers() {
    let bytes = backhand::pack();
    let image = Image::open(&bytes).unwrap();
    let number = image.root().to_number();
    assert_eq!(InodeRef::from_number(number), image.root());
    for outside in [number + 1, u64::MAX, 1 << 47] {
        assert!(image.inode(InodeRef::from_number(outside)).is_err());
    }
}
