//! Layers as files: compression, digests, and what tries to exhaust the host.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::all_entries;
use crate::checksum::Checksum;
use crate::limits::Budget;
use crate::testing::{RawHeader, Tar, layer};
use crate::{Layer, Limits};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

fn scan_with(layers: &[Layer], limits: Limits) -> Result<Vec<usize>, String> {
    let all = all_entries(layers, &Budget::new(limits), &()).map_err(|error| error.to_string())?;
    Ok(all.iter().map(Vec::len).collect())
}

fn scan(bytes: &[u8]) -> Result<Vec<usize>, String> {
    scan_with(&[layer(bytes)], Limits::default())
}

#[track_caller]
fn refuse(layer: Layer, expected: &str) {
    let error = scan_with(&[layer], Limits::default()).expect_err("a bad layer");
    assert!(
        error.starts_with("cannot read the layer 'layer': "),
        "{error}"
    );
    assert!(error.contains(expected), "{error}");
}

fn two_files() -> Vec<u8> {
    let noise: String = (0..60_000_u32)
        .map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    Tar::new().file("a", &noise).file("b", "b").end()
}

#[test]
fn every_compression_that_layers_have() {
    let tar = two_files();
    let (first, second) = tar.split_at(tar.len() / 2);
    assert_eq!(scan(&tar), Ok(vec![2]));
    assert_eq!(scan(&gzip(&tar)), Ok(vec![2]));
    assert_eq!(scan(&[gzip(first), gzip(second)].concat()), Ok(vec![2]));
    assert_eq!(scan(&zstd(&tar)), Ok(vec![2]));
    assert_eq!(scan(&[zstd(first), zstd(second)].concat()), Ok(vec![2]));
    // What zstd:chunked and others put into frames that decoders skip.
    let skipped = [
        &[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'x', b'y', b'z'],
        &zstd(&tar)[..],
    ]
    .concat();
    assert_eq!(scan(&skipped), Ok(vec![2]));
    assert_eq!(scan(b""), Ok(vec![0]));
    refuse(
        layer(b"\xfd7zXZ\0\0"),
        "it is compressed by xz, which is not supported (recompress it",
    );
    refuse(
        layer(b"BZh91AY&SY"),
        "it is compressed by bzip2, which is not supported",
    );
}

#[test]
fn layers_lie_within_files() {
    let tar = gzip(&two_files());
    let mut part = layer(&[&b"xxxxx"[..], &tar, b"yyy"].concat());
    part.offset_bytes = 5;
    part.size_bytes = tar.len() as u64;
    assert_eq!(scan_with(&[part], Limits::default()), Ok(vec![2]));
}

#[test]
fn what_was_cut_off_or_changed_is_found() {
    let tar = two_files();
    for bytes in [tar.clone(), gzip(&tar), zstd(&tar)] {
        let mut size_differs = layer(&bytes);
        size_differs.size_bytes += 1;
        refuse(size_differs, "ends in the middle");
        refuse(layer(&bytes[..bytes.len() / 2]), "ends in the middle");
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 0x10;
        let mut flipped = layer(&flipped);
        flipped.diff_id = Some(digest(&tar));
        refuse(flipped, "fetch it again");
    }
    refuse(
        layer(&[gzip(&tar), vec![b'g'; 30]].concat()),
        "it does not decompress",
    );
    refuse(
        layer(&[b'g'; 4000]),
        "its archive is damaged: a header's checksum is wrong",
    );
}

fn digest(bytes: &[u8]) -> String {
    let mut checksum = Checksum::like(&format!("sha256:{}", "0".repeat(64))).expect("a kind");
    checksum.update(bytes);
    checksum.finish()
}

#[test]
fn contents_have_digests() {
    let tar = two_files();
    // What stands behind the archive's end counts.
    let padded = [&tar[..], &[0; 10_000]].concat();
    for bytes in [&tar, &padded] {
        let mut good = layer(&gzip(bytes));
        good.diff_id = Some(digest(bytes));
        assert_eq!(scan_with(&[good], Limits::default()), Ok(vec![2]));
    }
    let mut bad = layer(&gzip(&padded));
    bad.diff_id = Some(digest(&tar));
    let expected = format!(
        "its content has the digest {}, not {}",
        digest(&padded),
        digest(&tar)
    );
    refuse(bad, &expected);
    // That it is another archive explains why it is no good one.
    let mut garbage = layer(&[b'g'; 4000]);
    garbage.diff_id = Some(digest(&tar));
    refuse(garbage, "its content has the digest");
    for diff_id in [
        "sha256:abc",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "",
        "sha256",
    ] {
        let mut unknown = layer(&tar);
        unknown.diff_id = Some(diff_id.into());
        refuse(unknown, "is of a kind that is not known");
    }
}

#[test]
fn bombs_are_refused() {
    let bomb = zstd(&Tar::new().file("zeros", &"\0".repeat(20 << 20)).end());
    let limits = Limits {
        ratio_free_bytes: 1 << 20,
        ..Limits::default()
    };
    let error = scan_with(&[layer(&bomb)], limits).expect_err("a bomb");
    assert!(
        error.contains("it decompresses to more than 200 times its size"),
        "{error}"
    );
    let limits = Limits {
        size_bytes: 30 << 20,
        ..Limits::default()
    };
    assert_eq!(scan_with(&[layer(&bomb)], limits), Ok(vec![1]));
    // The limit is one for all layers.
    let error = scan_with(&[layer(&bomb), layer(&bomb)], limits).expect_err("two bombs");
    assert!(
        error.contains("larger than 31457280 bytes, decompressed"),
        "{error}"
    );
}

#[test]
fn holes_count() {
    let mut sparse = RawHeader::new(b'S', b"s", 1);
    sparse
        .set(257, b"ustar  \0")
        .set(483, b"\x80\0\0\0\0\x10\0\0\0\0\0\0");
    sparse.set(386, b"00000000000\000000000001\0");
    let layer = layer(&Tar::new().raw(sparse, b"x").end());
    refuse(
        layer,
        "the image is larger than 68719476736 bytes, decompressed",
    );
}

#[test]
fn entries_are_counted() {
    let mut tar = Tar::new();
    for index in 0..50 {
        tar = tar.file(&index.to_string(), "");
    }
    let bytes = tar.end();
    let limits = Limits {
        entries: 100,
        ..Limits::default()
    };
    assert_eq!(
        scan_with(&[layer(&bytes), layer(&bytes)], limits),
        Ok(vec![50, 50])
    );
    let three = [layer(&bytes), layer(&bytes), layer(&bytes)];
    let error = scan_with(&three, limits).expect_err("too many");
    assert!(
        error.contains("the image has more than 100 files and directories"),
        "{error}"
    );
}
