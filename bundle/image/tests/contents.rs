//! Contents: what is stored once, what is not stored at all, and that the image does not depend on threads.

mod common;

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use bundle_image::{Compression, ContentId, ImageWriter, Kind, Options};
use bundle_squashfs::{Image, InodeKind};
use common::{
    Contents, OPTIONS, Piecewise, assert_same, empty_tree, expected, file, make, make_in_order,
    node, noise, read,
};

const LARGE: Options = Options {
    block_size_bytes: 128 << 10,
    ..OPTIONS
};

#[test]
fn equal_contents_are_stored_once() {
    // Held in memory, and larger than what is held; with a tail and without; in a fragment only.
    for size_bytes in [100, 4096, 50_000, 9 << 20, (9 << 20) + 77] {
        let bytes = noise(size_bytes, 1);
        let other = noise(size_bytes, 2);
        let image_of = |all: &[&Vec<u8>]| {
            let mut tree = empty_tree();
            let mut contents = Contents::new();
            for (index, bytes) in all.iter().enumerate() {
                let file = file(&mut contents, (*bytes).clone());
                tree.insert(tree.root(), index.to_string().as_bytes(), file);
            }
            let image = make(&tree, &contents, LARGE).unwrap();
            assert_same(&read(&image), &expected(&tree, &contents));
            image.len()
        };
        let once = image_of(&[&bytes]);
        let five_times = image_of(&[&bytes; 5]);
        assert!(
            five_times - once <= 8192,
            "{size_bytes}: {once} and {five_times}"
        );
        let both = image_of(&[&bytes, &bytes, &other, &bytes, &other]);
        // Sizes are rounded up to 4 KiB.
        assert!(
            both - once + 4096 >= size_bytes,
            "{size_bytes}: {once} and {both}"
        );
        assert!(
            both - once <= size_bytes + 8192,
            "{size_bytes}: {once} and {both}"
        );
    }
}

#[test]
fn what_is_taken_back_leaves_nothing_in_the_image() {
    let bytes = noise(9 << 20, 5);
    let size_bytes = bytes.len() as u64;
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    for name in [b"a", b"b"] {
        let file = file(&mut contents, bytes.clone());
        tree.insert(tree.root(), name, file);
    }
    let mut out = Cursor::new(Vec::new());
    let mut writer = ImageWriter::new(&mut out, LARGE).unwrap();
    for id in 0..2 {
        writer
            .add(ContentId(id), size_bytes, &mut bytes.as_slice())
            .unwrap();
    }
    let image_size_bytes = writer.finish(&tree).unwrap();
    let out = out.into_inner();
    assert!(out.len() as u64 > image_size_bytes + size_bytes / 2);
    assert_same(
        &read(&out[..image_size_bytes as usize]),
        &expected(&tree, &contents),
    );
}

#[test]
fn five_gigabytes_of_nothing_take_no_room() {
    let size_bytes = (5 << 30) + 3;
    let mut tree = empty_tree();
    let kind = Kind::File {
        content: ContentId(0),
        size_bytes,
    };
    tree.insert(tree.root(), b"sparse", node(kind));
    let mut out = Cursor::new(Vec::new());
    let options = Options {
        block_size_bytes: 1 << 20,
        ..OPTIONS
    };
    let mut writer = ImageWriter::new(&mut out, options).unwrap();
    let mut data = std::io::repeat(0).take(5 << 30).chain(&b"end"[..]);
    writer.add(ContentId(0), size_bytes, &mut data).unwrap();
    writer.finish(&tree).unwrap();
    let out = out.into_inner();
    assert!(out.len() <= 8192, "{} bytes", out.len());

    let image = Image::open(&out).unwrap();
    let InodeKind::Directory(root) = image.inode(image.root()).unwrap().kind else {
        panic!("no directory");
    };
    let entry = image.lookup(&root, b"sparse").unwrap().unwrap();
    let InodeKind::File(file) = image.inode(entry.inode).unwrap().kind else {
        panic!("no file");
    };
    assert_eq!(file.size_bytes, size_bytes);
    assert_eq!(file.hole_size_bytes, 5 << 30);
    assert_eq!(file.tail_size_bytes(), 3);
    let blocks = image.blocks(&file).unwrap();
    assert_eq!(blocks.len(), 5 << 10);
    assert!(blocks.iter().all(|block| block.is_hole()));
}

/// Many threads, one thread, whole reads, reads piece by piece: the same bytes.
#[test]
fn the_same_calls_give_the_same_bytes() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    for index in 0..300_u64 {
        let text = format!(
            "{index} {}",
            "all work and no play ".repeat(index as usize * 40)
        );
        let mut bytes = text.into_bytes();
        bytes.extend(noise(index as usize * 97, index / 2));
        let file = file(&mut contents, bytes);
        tree.insert(tree.root(), index.to_string().as_bytes(), file);
    }
    for compression in [
        Compression::Zstd { level: 3 },
        Compression::Zstd { level: 15 },
        Compression::Gzip { level: 9 },
        Compression::Lz4 { level: 12 },
    ] {
        let options = Options {
            compression,
            ..LARGE
        };
        let image = make(&tree, &contents, options).unwrap();
        for thread_count in [1, 3, 16] {
            let options = Options {
                thread_count,
                ..options
            };
            assert!(
                make(&tree, &contents, options).unwrap() == image,
                "{thread_count} threads"
            );
        }
        let mut out = Cursor::new(Vec::new());
        let mut writer = ImageWriter::new(&mut out, options).unwrap();
        for (number, bytes) in &contents {
            let mut data = Piecewise(bytes.as_slice());
            writer
                .add(ContentId(*number), bytes.len() as u64, &mut data)
                .unwrap();
        }
        writer.finish(&tree).unwrap();
        assert!(out.into_inner() == image);
    }
}

#[test]
fn contents_come_in_any_order_and_more_may_come_than_the_tree_has() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    for index in 0..50 {
        let file = file(&mut contents, noise(index * 500, index as u64));
        tree.insert(tree.root(), index.to_string().as_bytes(), file);
    }
    tree.remove(tree.root(), b"7");
    let backwards: Vec<u64> = contents.keys().rev().copied().collect();
    let image = make_in_order(&tree, &contents, &backwards, OPTIONS).unwrap();
    assert_same(&read(&image), &expected(&tree, &contents));
}

/// An image may stand behind something else, such as a launcher.
#[test]
fn an_image_begins_where_its_output_stands() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    let large = file(&mut contents, noise(100_000, 1));
    tree.insert(tree.root(), b"f", large);
    let alone = make(&tree, &contents, OPTIONS).unwrap();
    let mut out = Cursor::new(b"before".to_vec());
    out.seek(SeekFrom::End(0)).unwrap();
    let mut writer = ImageWriter::new(&mut out, OPTIONS).unwrap();
    writer
        .add(ContentId(0), 100_000, &mut contents[&0].as_slice())
        .unwrap();
    writer.finish(&tree).unwrap();
    out.flush().unwrap();
    let out = out.into_inner();
    assert_eq!(&out[..6], b"before");
    assert!(out[6..] == alone);
}
