//! Archives of every dialect, and broken ones.

use std::io::Read;

use proptest::prelude::*;

use super::{Archive, Entry, EntryKind};
use crate::error::LayerError;
use crate::testing::{RawHeader, Tar};

/// All entries, and what the files hold.
fn read(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, String> {
    let mut archive = Archive::new(bytes);
    let mut all = Vec::new();
    while let Some(entry) = archive.next_entry().map_err(|error| error.to_string())? {
        let mut contents = Vec::new();
        if matches!(entry.kind, EntryKind::File { .. }) {
            // A few bytes may say that terabytes follow.
            let read = archive.contents().take(1 << 20).read_to_end(&mut contents);
            read.map_err(|error| LayerError::from(error).to_string())?;
        }
        all.push((entry, contents));
    }
    Ok(all)
}

#[track_caller]
fn one(tar: Tar) -> (Entry, Vec<u8>) {
    let mut all = read(&tar.file("next", "next").end()).expect("an archive");
    let next = all.pop().expect("two entries");
    assert_eq!((next.0.name, next.1), (b"next".to_vec(), b"next".to_vec()));
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[track_caller]
fn refuse(bytes: &[u8], expected: &str) {
    let error = read(bytes).expect_err("a bad archive");
    assert!(error.contains(expected), "{error}");
}

fn header(type_flag: u8, size_bytes: usize) -> RawHeader {
    RawHeader::new(type_flag, b"n", size_bytes)
}

fn gnu(type_flag: u8, size_bytes: usize) -> RawHeader {
    let mut header = header(type_flag, size_bytes);
    header.set(257, b"ustar  \0");
    header
}

#[test]
fn plain_headers() {
    let mut ustar = header(b'0', 3);
    ustar.set(345, b"some/prefix").set(100, b"0104755\0");
    ustar.set(108, b"0001750\0").set(116, b"0001751\0");
    let (entry, contents) = one(Tar::new().raw(ustar, b"abc"));
    assert_eq!(entry.name, b"some/prefix/n");
    assert_eq!(contents, b"abc");
    let metadata = entry.metadata;
    assert_eq!((metadata.mode, metadata.mtime_s), (0o4755, 100));
    assert_eq!((metadata.uid, metadata.gid), (1000, 1001));
    // GNU's headers have other things where ustar's have a prefix, and V7's have none.
    let mut other = gnu(b'0', 0);
    other.set(345, b"14000000000");
    assert_eq!(one(Tar::new().raw(other, b"")).0.name, b"n");
    let mut v7 = header(0, 0);
    v7.set(257, &[0; 8]).set(345, b"x").set(0, b"d/");
    let entry = one(Tar::new().raw(v7, b"")).0;
    assert_eq!(
        (entry.name, entry.kind),
        (b"d/".to_vec(), EntryKind::Directory)
    );
    // A whole field without a zero at its end.
    let long = RawHeader::new(b'7', &[b'x'; 100], 1);
    assert_eq!(one(Tar::new().raw(long, b"1")).0.name, [b'x'; 100]);
}

#[test]
fn numbers_in_all_their_forms() {
    let mtime = |field: &[u8; 12]| {
        let mut header = header(b'0', 0);
        header.set(136, field);
        one(Tar::new().raw(header, b"")).0.metadata.mtime_s
    };
    assert_eq!(mtime(b"00000000017\0"), 15);
    assert_eq!(mtime(b"         17 "), 15);
    assert_eq!(mtime(b"\0\0\0\0\0\0\0\0\0\0\0\0"), 0);
    assert_eq!(mtime(b"\x80\0\0\0\0\0\0\0\0\0\x01\x02"), 258);
    assert_eq!(mtime(b"\x80\0\0\0\0\0\0\x7f\xff\xff\xff\xff"), u32::MAX);
    assert_eq!(
        mtime(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"),
        0
    );
    for field in [
        b"0000000009 \0",
        b"-00000000001",
        b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut header = header(b'0', 0);
        header.set(136, field);
        refuse(&Tar::new().raw(header, b"").end(), "number is not possible");
    }
    for start in [108, 116, 124] {
        let mut header = header(b'0', 0);
        header.set(start, &[0xff; 8]);
        refuse(&Tar::new().raw(header, b"").end(), "not possible");
    }
}

#[test]
fn records_say_more() {
    let long = "l/".repeat(300);
    let tar = Tar::new().pax(&[
        ("path", b"first"),
        ("path", long.as_bytes()),
        ("uid", b"4000000000"),
        ("gid", b"7"),
        ("mtime", b"1234567890.987654321"),
        ("SCHILY.xattr.security.capability", b"\x01\0\n=\xff"),
        ("LIBARCHIVE.xattr.user.a%3d", b"AAH/"),
        ("LIBARCHIVE.xattr.security.capability", b"AAH/"),
        ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ("SCHILY.xattr.user.overlay.redirect", b"y"),
        ("comment", b"ignored"),
        ("size", b"4"),
    ]);
    let (entry, contents) = one(tar.raw(header(b'0', 2), b"wxyz"));
    assert_eq!(
        (entry.name.as_slice(), contents.as_slice()),
        (long.as_bytes(), &b"wxyz"[..])
    );
    assert_eq!((entry.metadata.uid, entry.metadata.gid), (4_000_000_000, 7));
    assert_eq!(entry.metadata.mtime_s, 1_234_567_890);
    let xattrs: Vec<_> = entry.metadata.xattrs.into_iter().collect();
    let expected = [
        (b"security.capability".to_vec(), b"\x01\0\n=\xff".to_vec()),
        (b"user.a=".to_vec(), b"\0\x01\xff".to_vec()),
    ];
    assert_eq!(xattrs, expected);
    // An empty value takes back, and a second header replaces the first.
    let tar = Tar::new()
        .pax(&[("path", b"x"), ("path", b"")])
        .file("plain", "");
    assert_eq!(one(tar).0.name, b"plain");
    let tar = Tar::new()
        .pax(&[("uid", b"1"), ("path", b"x")])
        .pax(&[("gid", b"1")]);
    let entry = one(tar.file("plain", "")).0;
    assert_eq!(
        (entry.name.as_slice(), entry.metadata.uid),
        (&b"plain"[..], 0)
    );
    let old = Tar::new().pax(&[("mtime", b"-5.5")]).file("a", "");
    assert_eq!(one(old).0.metadata.mtime_s, 0);
    let global = Tar::new()
        .raw(header(b'g', 20), b"20 comment=abcdefgh\n")
        .file("a", "");
    assert_eq!(one(global).0.name, b"a");
}

#[test]
fn bad_records_are_refused() {
    for records in [
        &b"5 a=b"[..],
        b"99 a=b\n",
        b"x a=b\n",
        b"6 ab=\n ",
        b"5 ab\n",
        b"4 =\n",
        b"8 a\0b=c\n",
        b"0 a=b\n",
        b"184467440737095516160 a=b\n",
        b"12 path=a\0b\n",
        b"10 uid=-1\n",
        b"18 uid=4294967296\n",
        b"12 mtime=x1\n",
        b"13 mtime=1.x\n",
        b"24 LIBARCHIVE.xattr.a=!\n",
        b"\0\0\0\0",
    ] {
        let tar = Tar::new().raw(header(b'x', records.len()), records);
        let tar = tar.file("a", "");
        refuse(&tar.end(), "archive is damaged");
    }
    let huge = Tar::new().raw(header(b'x', (1 << 20) + 1), &vec![0; (1 << 20) + 1]);
    refuse(&huge.end(), "an extended header is larger than 1 MiB");
    // Nothing is taken on trust: what is not there is not waited for in memory.
    refuse(
        &Tar::new().raw(header(b'x', 1 << 20), b"").0,
        "ends in the middle",
    );
}

#[test]
fn gnus_long_names() {
    let long = "n".repeat(150);
    let with_nul = format!("{long}\0");
    let tar = Tar::new().raw(gnu(b'L', 151), with_nul.as_bytes());
    let mut link = gnu(b'2', 0);
    link.set(157, b"short");
    let tar = tar.raw(gnu(b'K', 151), with_nul.as_bytes()).raw(link, b"");
    let entry = one(tar).0;
    assert_eq!(entry.name, long.as_bytes());
    assert_eq!(entry.kind, EntryKind::Symlink(long.into_bytes()));
}

#[test]
fn links_and_directories_have_no_contents_whatever_they_say() {
    for type_flag in *b"123456" {
        let tar = Tar::new().raw(header(type_flag, 5000), b"");
        assert_eq!(one(tar).0.name, b"n");
    }
    refuse(
        &Tar::new().raw(header(b'V', 0), b"").end(),
        "its entry 'n' is of a kind that is not known",
    );
}

/// A file of 20 bytes: `....ab....cd........`, where a dot is a zero.
#[track_caller]
fn check_sparse(tar: Tar) {
    let (entry, contents) = one(tar);
    assert_eq!(entry.kind, EntryKind::File { size_bytes: 20 });
    assert_eq!(entry.name, b"real");
    assert_eq!(contents, b"\0\0\0\0ab\0\0\0\0cd\0\0\0\0\0\0\0\0");
}

fn old_sparse(pairs: &[(u64, u64)], size_bytes: u64, stored: usize) -> RawHeader {
    let mut header = gnu(b'S', stored);
    header
        .set(0, b"real")
        .set(483, format!("{size_bytes:011o}\0").as_bytes());
    for (index, (start, size)) in pairs.iter().enumerate() {
        header.set(
            386 + 24 * index,
            format!("{start:011o}\0{size:011o}\0").as_bytes(),
        );
    }
    header
}

#[test]
fn sparse_files_in_all_their_forms() {
    check_sparse(Tar::new().raw(old_sparse(&[(4, 2), (10, 2), (20, 0)], 20, 4), b"abcd"));
    // More than four pieces are continued in blocks of their own.
    let mut more = old_sparse(&[(0, 0), (1, 0), (2, 0), (3, 0)], 20, 4);
    more.0[482] = 1;
    let mut block = [0; 512];
    for (index, (start, size)) in [(4, 2), (10, 1), (11, 1)].into_iter().enumerate() {
        let pair = format!("{start:011o}\0{size:011o}\0");
        block[24 * index..24 * (index + 1)].copy_from_slice(pair.as_bytes());
    }
    let contents = [&block[..], b"abcd"].concat();
    check_sparse(Tar::new().raw(more, &contents));

    let mut records: Vec<(&str, &[u8])> = vec![
        ("GNU.sparse.size", b"20"),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"4"),
        ("GNU.sparse.numbytes", b"2"),
        ("GNU.sparse.offset", b"10"),
        ("GNU.sparse.numbytes", b"2"),
    ];
    check_sparse(Tar::new().pax(&records).file("real", "abcd"));
    records.truncate(2);
    records.push(("GNU.sparse.name", b"real"));
    records.push(("GNU.sparse.map", b"4,2,10,2"));
    check_sparse(
        Tar::new()
            .pax(&records)
            .file("GNUSparseFile.1/real", "abcd"),
    );

    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"real"),
        ("GNU.sparse.realsize", b"20"),
    ];
    let mut contents = b"3\n4\n2\n10\n2\n20\n0\n".to_vec();
    contents.resize(512, 0);
    contents.extend(b"abcd");
    let header = RawHeader::new(b'0', b"GNUSparseFile.1/real", contents.len());
    check_sparse(Tar::new().pax(records).raw(header, &contents));
}

#[test]
fn impossible_sparse_files_are_refused() {
    for (pairs, size_bytes, stored) in [
        (&[(4, 2), (5, 2)][..], 20, 4),
        (&[(4, 4)], 20, 3),
        (&[(4, 2)], 20, 4),
        (&[(10, 4)], 12, 4),
        (&[(u64::from(u32::MAX), 4)], 12, 4),
    ] {
        let tar = Tar::new().raw(old_sparse(pairs, size_bytes, stored), b"abcd");
        refuse(&tar.end(), "a sparse file's map is not possible");
    }
    for records in [
        &[("GNU.sparse.map", &b"4,2,x"[..])][..],
        &[("GNU.sparse.map", b"4,2,10")],
        &[
            ("GNU.sparse.map", b"18446744073709551615,4"),
            ("GNU.sparse.size", b"20"),
        ],
        &[("GNU.sparse.offset", b"4"), ("GNU.sparse.offset", b"4")],
        &[("GNU.sparse.major", b"2"), ("GNU.sparse.size", b"4")],
        &[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"1")],
        &[("GNU.sparse.map", b"0,4")],
    ] {
        refuse(
            &Tar::new().pax(records).file("a", "abcd").end(),
            "archive is damaged",
        );
    }
    for map in [
        "1\n",
        "x\n",
        "99999999\n",
        "18446744073709551616\n",
        "1\n111111111111111111111111\n",
        "",
    ] {
        let records: &[(&str, &[u8])] = &[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", b"4"),
        ];
        let tar = Tar::new().pax(records).file("a", map);
        refuse(&tar.end(), "");
    }
}

#[test]
fn ends_of_archives() {
    let tar = Tar::new().file("a", "abc");
    let whole = tar.clone().end();
    for size in [1024, 1536, 2048] {
        assert_eq!(read(&whole[..size]).map(|all| all.len()), Ok(1), "{size}");
    }
    assert_eq!(read(b"").map(|all| all.len()), Ok(0));
    for size in [1, 511, 513, 1023, 1025] {
        refuse(&whole[..size], "ends in the middle of an entry");
    }
    refuse(
        &[&whole[..1536], &tar.0].concat(),
        "a block of zeros stands between entries",
    );
    refuse(
        &Tar::new().pax(&[("path", b"x")]).0,
        "ends in the middle of an entry",
    );
    refuse(&[b'x'; 1024], "checksum is wrong");
    let mut flipped = whole;
    flipped[0] ^= 1;
    refuse(&flipped, "checksum is wrong");
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(
        mut blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 512), 0..6),
        types in prop::collection::vec(prop::sample::select(&b"0125xLKgS\0"[..]), 6),
        sizes in prop::collection::vec(0_usize..1500, 6),
    ) {
        let mut tar = Tar::new();
        for ((block, type_flag), size) in blocks.iter_mut().zip(types).zip(sizes) {
            let mut header = gnu(type_flag, size);
            header.set(386, &block[386..500]);
            tar = tar.raw(header, &block[..size.min(512)]);
        }
        let _ = read(&tar.0);
        let _ = read(&blocks.concat());
    }
}
