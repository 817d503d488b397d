//! The reader against mksquashfs: every codec, block size and way of storing.

use bundle_squashfs::Image;

use crate::support::assert_same;
use crate::support::sample::{self, BLOCK_SIZES_BYTES};

/// Packs the tree with each block size and way of storing, and reads it back.
fn check_codec(name: &str) {
    let stored_ways: [&[&str]; 5] = [
        &[],
        &["-noI"],
        &["-noD"],
        &["-noF"],
        &["-noI", "-noD", "-noF", "-noX", "-no-exports"],
    ];
    for block_size_bytes in BLOCK_SIZES_BYTES {
        for stored in stored_ways {
            // One block size shows what each way does alone.
            if block_size_bytes == 128 << 10 || stored.len() != 1 {
                check(name, block_size_bytes, stored);
            }
        }
    }
}

fn check(codec: &str, block_size_bytes: usize, more: &[&str]) {
    let block_size = block_size_bytes.to_string();
    let mut options = vec!["-comp", codec, "-b", &block_size];
    options.extend(more);
    let Some(bytes) = sample::pack(&options) else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    assert_eq!(image.superblock().codec.name(), codec);
    let read = sample::read(&image).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    assert_same(&read, sample::expected(), &options);
}

#[test]
fn gzip() {
    check_codec("gzip");
}

#[test]
fn lz4() {
    check_codec("lz4");
    check("lz4", 128 << 10, &["-Xhc"]);
}

#[test]
fn lzo() {
    check_codec("lzo");
    for algorithm in ["lzo1x_1", "lzo1x_1_11", "lzo1x_1_12", "lzo1x_1_15"] {
        check("lzo", 128 << 10, &["-Xalgorithm", algorithm]);
    }
}

#[test]
fn xz() {
    check_codec("xz");
    check("xz", 128 << 10, &["-Xbcj", "x86"]);
    check("xz", 128 << 10, &["-Xdict-size", "25%"]);
}

#[test]
fn zstd() {
    check_codec("zstd");
    for more in [
        ["-Xcompression-level", "1"],
        ["-no-fragments", "-no-sparse"],
        ["-always-use-fragments", "-nopad"],
        ["-no-duplicates", "-reproducible"],
    ] {
        check("zstd", 128 << 10, &more);
    }
}
