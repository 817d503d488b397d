//! The hash tree: no byte of an image is handed out that is not what was packed, and what is not touched does not matter.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use bundle_format::{Bundle, CHUNK_SIZE_BYTES, Digest, HashTree, ReadError, TreeShape};
use common::{LAUNCHER, bundle_of, noise};
use proptest::prelude::*;

const CHUNK: u64 = CHUNK_SIZE_BYTES as u64;

/// The root, computed as `FORMAT.md` words it.
fn root_by_definition(image: &[u8]) -> Digest {
    let digests = |bytes: &[u8]| -> Vec<u8> {
        let pieces = bytes.chunks(16384);
        pieces
            .flat_map(|piece| *Digest::of(piece).as_bytes())
            .collect()
    };
    let mut level = digests(image);
    while level.len() > 16384 {
        level = digests(&level);
    }
    Digest::of(&level)
}

/// Builds the tree in every way there is.
fn check_tree(image: &[u8]) -> HashTree {
    let tree = HashTree::of(image);
    assert_eq!(tree.root(), root_by_definition(image));
    let shape = TreeShape::of(image.len() as u64);
    assert_eq!(tree.as_bytes().len() as u64, shape.size_bytes());
    let mut moved = vec![1; 7];
    moved.extend_from_slice(image);
    for thread_count in [1, 3] {
        let told = AtomicU64::new(0);
        let progress = |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed);
        let size_bytes = image.len() as u64;
        let built = HashTree::build(&moved, 7, size_bytes, thread_count, &progress).unwrap();
        assert_eq!(built, tree);
        assert_eq!(told.into_inner(), size_bytes);
    }
    tree
}

#[test]
fn sizes_around_every_boundary_have_the_tree_of_the_definition() {
    for size_bytes in [
        0,
        1,
        16383,
        16384,
        16385,
        32768,
        511 << 14,
        512 << 14,
        513 << 14,
    ] {
        check_tree(&noise(size_bytes, 7));
        if size_bytes > 0 {
            check_tree(&noise(size_bytes + 1, 7));
            check_tree(&noise(size_bytes - 1, 7));
        }
    }
}

#[test]
fn shapes_follow_from_the_size() {
    let check = |size_bytes, levels: &[u64]| {
        let shape = TreeShape::of(size_bytes);
        let sizes: Vec<u64> = shape
            .levels()
            .iter()
            .map(|level| level.end - level.start)
            .collect();
        assert_eq!(sizes, levels, "{size_bytes}");
        assert_eq!(shape.size_bytes(), levels.iter().sum::<u64>());
        assert_eq!(shape.image_size_bytes(), size_bytes);
    };
    check(0, &[0]);
    check(1, &[32]);
    check(16384, &[32]);
    check(16385, &[64]);
    check(8 << 20, &[16384]);
    check((8 << 20) + 1, &[16416, 64]);
    check(2 << 30, &[4 << 20, 8192]);
    check(4 << 30, &[8 << 20, 16384]);
    check((4 << 30) + 1, &[(8 << 20) + 32, 16416, 64]);
    check(2 << 40, &[4 << 30, 8 << 20, 16384]);
    check(4 << 40, &[8 << 30, 16 << 20, 32768, 64]);
}

/// Reads from one chunk after the other, and tells which could not be confirmed.
fn damaged_chunks(bytes: &[u8]) -> Vec<u64> {
    let bundle = Bundle::parse(bytes).unwrap();
    let image = bundle.image();
    let chunk_count = image.size_bytes().div_ceil(CHUNK);
    let read = |index: &u64| {
        let mut byte = [0];
        match image.read_at(index * CHUNK, &mut byte) {
            Ok(()) => false,
            Err(ReadError::Altered { offset }) => {
                assert_eq!(offset, index * CHUNK);
                assert_eq!(byte, [0], "a byte was handed out that is not confirmed");
                true
            }
            Err(error) => panic!("{error}"),
        }
    };
    (0..chunk_count).filter(read).collect()
}

/// A bit flips in an image of three levels, or in one of its tree's pages: exactly the chunks below it cannot be read.
#[test]
fn a_flipped_bit_is_found_when_and_only_when_a_chunk_below_it_is_read() {
    let chunk_count = 1025;
    let image = noise(chunk_count * CHUNK_SIZE_BYTES - 5, 3);
    let mut bytes = bundle_of(LAUNCHER, &image);
    let layout = Bundle::parse(&bytes).unwrap().trailer().layout;
    let (image_start, tree_start) = (layout.image().start as usize, layout.tree().start as usize);
    assert_eq!(layout.tree().end - layout.tree().start, 1025 * 32 + 3 * 32);
    let chunk_count = chunk_count as u64;
    let pages = [0..512, 512..1024, 1024..1025];
    let mut cases = vec![
        (image_start, 0..1),
        (image_start + 16383, 0..1),
        (image_start + 16384, 1..2),
        (image_start + 700 * 16384 + 77, 700..701),
        (image_start + image.len() - 1, 1024..1025),
    ];
    for digest in [0, 1, 511, 512, 1023, 1024] {
        cases.push((tree_start + digest * 32 + 3, pages[digest / 512].clone()));
    }
    for digest in 0..3 {
        cases.push((tree_start + (1025 + digest) * 32 + 31, 0..chunk_count));
    }
    assert_eq!(damaged_chunks(&bytes), Vec::<u64>::new());
    for (place, chunks) in cases {
        bytes[place] ^= 0x10;
        assert_eq!(
            damaged_chunks(&bytes),
            chunks.clone().collect::<Vec<_>>(),
            "byte {place}"
        );
        let bundle = Bundle::parse(&bytes).unwrap();
        for thread_count in [1, 4] {
            let error = bundle.image().verify_all(thread_count).unwrap_err();
            let is_below = |offset| chunks.contains(&(offset / CHUNK));
            assert!(
                matches!(error, ReadError::Altered { offset } if is_below(offset)),
                "{error}"
            );
        }
        bytes[place] ^= 0x10;
    }
}

#[test]
fn what_is_outside_is_refused() {
    let image = noise(20_000, 1);
    let bytes = bundle_of(LAUNCHER, &image);
    let bundle = Bundle::parse(&bytes).unwrap();
    let image = bundle.image();
    let read = |offset, size_bytes| image.read_at(offset, &mut vec![0; size_bytes]);
    assert_eq!(read(19_999, 1), Ok(()));
    assert_eq!(read(20_000, 0), Ok(()));
    for (offset, size_bytes) in [
        (20_000, 1),
        (19_999, 2),
        (0, 20_001),
        (u64::MAX, 1),
        (u64::MAX, 0),
    ] {
        assert_eq!(read(offset, size_bytes), Err(ReadError::OutOfBounds));
    }
}

#[test]
fn a_file_that_becomes_shorter_or_fails_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.run");
    let image = noise(100_000, 1);
    std::fs::write(&path, bundle_of(LAUNCHER, &image)).unwrap();
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let bundle = Bundle::open(&file, file.metadata().unwrap().len()).unwrap();
    let image = bundle.image();
    let mut out = [0; 10];
    image.read_at(0, &mut out).unwrap();
    file.set_len(bundle.trailer().layout.image().start + 40_000)
        .unwrap();
    image.read_at(0, &mut out).unwrap();
    let offset = 2 * CHUNK;
    assert_eq!(
        image.read_at(offset, &mut out),
        Err(ReadError::Altered { offset })
    );

    // Opened for writing alone, a file is there but cannot be read.
    let unreadable = std::fs::File::options().write(true).open(&path).unwrap();
    let tree = HashTree::build(&unreadable, 0, 1, 1, &|_| ());
    assert_eq!(tree.unwrap_err().raw_os_error(), Some(9));
}

#[test]
fn threads_share_an_image() {
    let expected = noise(600 * CHUNK_SIZE_BYTES + 11, 9);
    let bytes = bundle_of(LAUNCHER, &expected);
    let bundle = Bundle::parse(&bytes).unwrap();
    let image = bundle.image();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (image, expected) = (&image, &expected);
            scope.spawn(move || {
                for start in (thread * 997..expected.len()).step_by(400_009) {
                    let end = expected.len().min(start + 50_000 * (thread + 1));
                    let mut out = vec![0; end - start];
                    image.read_at(start as u64, &mut out).unwrap();
                    assert!(out == expected[start..end]);
                }
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_built_is_read_the_same(size_bytes in 96usize..2_000_000, seed: u64,
                                      reads in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 20)) {
        let expected = noise(size_bytes, seed);
        let bytes = bundle_of(LAUNCHER, &expected);
        let bundle = Bundle::parse(&bytes).unwrap();
        let image = bundle.image();
        let mut scratch = Vec::new();
        for (one, other) in reads {
            let (one, other) = (one.index(size_bytes + 1), other.index(size_bytes + 1));
            let range = one.min(other)..one.max(other);
            let mut out = vec![0; range.len()];
            image.read_at_with(range.start as u64, &mut out, &mut scratch).unwrap();
            prop_assert!(out == expected[range]);
        }
    }

    #[test]
    fn any_flip_is_found_by_those_who_read_there(size_bytes in 96usize..200_000, flip: prop::sample::Index, bit in 0u8..8,
                                                 one: prop::sample::Index, other: prop::sample::Index) {
        let expected = noise(size_bytes, 5);
        let mut bytes = bundle_of(LAUNCHER, &expected);
        let start = Bundle::parse(&bytes).unwrap().trailer().layout.image().start as usize;
        let flip = flip.index(size_bytes);
        bytes[start + flip] ^= 1 << bit;
        let bundle = Bundle::parse(&bytes).unwrap();
        let (one, other) = (one.index(size_bytes), other.index(size_bytes));
        let range = one.min(other)..one.max(other) + 1;
        let mut out = vec![0; range.len()];
        let read = bundle.image().read_at(range.start as u64, &mut out);
        let chunk = flip / CHUNK_SIZE_BYTES;
        let touched = range.start / CHUNK_SIZE_BYTES..=(range.end - 1) / CHUNK_SIZE_BYTES;
        if touched.contains(&chunk) {
            prop_assert_eq!(read, Err(ReadError::Altered { offset: (chunk * CHUNK_SIZE_BYTES) as u64 }));
        } else {
            prop_assert_eq!(read, Ok(()));
            prop_assert!(out == expected[range]);
        }
    }
}
