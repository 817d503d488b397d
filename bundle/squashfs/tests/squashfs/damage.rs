//! Whatever bytes an image holds, the answer is a value or an error.

use std::sync::LazyLock;

use bundle_squashfs::{Error, Image, InodeKind};
use proptest::prelude::*;

use crate::support::{Tree, backhand, contents, mksquashfs, tree_in_image};

/// Everything that can be read, and every name looked up.
fn read(bytes: &[u8]) -> Result<Tree, Error> {
    let image = Image::open(&bytes)?;
    let tree = tree_in_image(&image)?;
    for entry in image.walk()? {
        if let InodeKind::Directory(directory) = &entry.inode.kind {
            for entry in image.read_dir(directory)? {
                image.lookup(directory, &entry.name)?;
            }
        }
    }
    Ok(tree)
}

/// A small tree in which every structure occurs. None, said loudly, where mksquashfs is not installed.
fn pack(options: &[&str]) -> Option<Vec<u8>> {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let write = |path: &str, bytes: &[u8]| std::fs::write(root.join(path), bytes).unwrap();
    std::fs::create_dir(root.join("directory")).unwrap();
    for index in 0..400 {
        write(
            &format!("directory/a name that fills blocks {index:03}"),
            b"x",
        );
    }
    write("victim", &contents(5 << 12, 5));
    write("words", &b"the same words over and over, ".repeat(1000));
    write("tail", &contents(5000, 6));
    let holes = std::fs::File::create(root.join("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    std::os::unix::fs::symlink("victim", root.join("link")).unwrap();
    std::fs::hard_link(root.join("tail"), root.join("tail again")).unwrap();
    for (path, own) in [("victim", b"1"), ("words", b"2"), ("tail", b"3")] {
        xattr::set(root.join(path), "user.shared", &contents(900, 7)).unwrap();
        xattr::set(root.join(path), "user.own", own).unwrap();
    }
    let options: Vec<_> = options.iter().copied().chain(["-b", "4K"]).collect();
    mksquashfs(root, &options)
}

/// Images of each codec, each with compressed tables and with plain ones, in which damage reaches the fields.
static IMAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut images = vec![backhand::pack()];
    for codec in ["gzip", "lz4", "lzo", "xz", "zstd"] {
        images.extend(pack(&["-comp", codec]));
        images.extend(pack(
            &["-comp", codec, "-noI", "-noX", "-Xbcj", "x86"][..if codec == "xz" { 6 } else { 4 }],
        ));
    }
    images
});

#[test]
fn undamaged_images_are_read() {
    for bytes in &*IMAGES {
        read(bytes).unwrap();
    }
}

/// Finds bytes that occur once in an image with plain tables.
fn find(bytes: &[u8], pattern: &[u8]) -> usize {
    let mut places = bytes.windows(pattern.len()).enumerate();
    let found = places.by_ref().filter(|(_, window)| *window == pattern);
    found.map(|(at, _)| at).last().unwrap()
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let Some(bytes) = pack(&["-comp", "zstd", "-noI"]) else {
        return;
    };
    let at = find(&bytes, b"victim");
    for name in [b"a/../b", b"/etc/x", b"nul\0yy"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 6].copy_from_slice(name);
        assert!(matches!(read(&bytes), Err(Error::BadName(_))));
    }
    // A shorter name, and what was the rest of it is lost: "..", and then nothing that makes sense.
    let mut bytes = bytes;
    bytes[at..at + 2].copy_from_slice(b"..");
    bytes[at - 2] = 1;
    assert_eq!(read(&bytes).err(), Some(Error::BadName("..".into())));
}

/// A directory with a file in it, all inodes in one metadata block, tables plain.
fn pack_two() -> Option<Vec<u8>> {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir(scratch.path().join("directory")).unwrap();
    let file = std::fs::File::create(scratch.path().join("directory/holes")).unwrap();
    file.set_len(1 << 20).unwrap();
    mksquashfs(scratch.path(), &["-comp", "zstd", "-b", "4K", "-noI"])
}

#[test]
fn a_directory_within_itself_is_refused() {
    let Some(mut bytes) = pack_two() else {
        return;
    };
    let image = Image::open(&bytes).unwrap();
    let root = image.inode(image.root()).unwrap();
    let InodeKind::Directory(listing) = &root.kind else {
        panic!("the root is no directory")
    };
    let entry = image.lookup(listing, b"directory").unwrap().unwrap();
    let name_at = find(&bytes, b"directory");
    let root_offset = image.root().to_number() as u16;
    let difference = (root.number - entry.number) as i16;

    // Before the name stand the inode's offset, its number's difference, its kind and the name's size.
    bytes[name_at - 8..name_at - 6].copy_from_slice(&root_offset.to_le_bytes());
    assert_eq!(
        read(&bytes).err(),
        Some(Error::Invalid("a directory entry names another inode"))
    );
    let old = i16::from_le_bytes([bytes[name_at - 6], bytes[name_at - 5]]);
    bytes[name_at - 6..name_at - 4].copy_from_slice(&(old + difference).to_le_bytes());
    assert_eq!(
        read(&bytes).err(),
        Some(Error::Invalid("a directory stands in two places"))
    );
}

#[test]
fn unsorted_and_repeated_names_are_refused() {
    let Some(bytes) = pack(&["-comp", "zstd", "-noI"]) else {
        return;
    };
    let at = find(&bytes, b"name that fills blocks 007") + b"name that fills blocks ".len();
    for other in [b"999", b"008", b"006", b"000"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 3].copy_from_slice(other);
        assert_eq!(
            read(&bytes).err(),
            Some(Error::Invalid("a directory's names are not sorted"))
        );
    }
}

#[test]
fn sizes_that_cannot_be_are_refused_before_memory_is_taken() {
    let Some(bytes) = pack_two() else {
        return;
    };
    let size_at = find(&bytes, &(1_u64 << 20).to_le_bytes());
    for (size_bytes, error) in [
        (u64::MAX, Some(Error::LimitExceeded("files"))),
        (1 << 62, Some(Error::LimitExceeded("blocks in one file"))),
        // What stands behind the inode is taken for a list of blocks, until something in it cannot be.
        (1 << 34, None),
    ] {
        let mut bytes = bytes.clone();
        bytes[size_at..size_at + 8].copy_from_slice(&size_bytes.to_le_bytes());
        let image = Image::open(&bytes).unwrap();
        let found = image.walk().and_then(|entries| {
            let file = entries.iter().find_map(|entry| match &entry.inode.kind {
                InodeKind::File(file) => Some(*file),
                _ => None,
            });
            image.blocks(&file.unwrap())
        });
        let found = found.unwrap_err();
        assert!(error.is_none_or(|error| found == error), "{found:?}");
    }
}

#[test]
fn other_compression_is_named() {
    let mut bytes = backhand::pack();
    bytes[20] = 2;
    let error = Image::open(&bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "the image uses lzma compression, which is not supported (make it with mksquashfs -comp zstd)"
    );
    let options = ["-comp", "xz", "-noI", "-Xbcj", "arm"];
    let scratch = tempfile::tempdir().unwrap();
    // Branches of ARM code, which are what its filter makes smaller.
    let code: Vec<u8> = (0..1000_u32)
        .flat_map(|n| (0xeb00_ffff - n).to_le_bytes())
        .collect();
    std::fs::write(scratch.path().join("code"), code).unwrap();
    let Some(bytes) = mksquashfs(scratch.path(), &options) else {
        return;
    };
    let error = read(&bytes).err().unwrap().to_string();
    assert_eq!(
        error,
        "the image uses xz with other filters than that for x86 code, which is not supported \
         (make it with mksquashfs -comp zstd)"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn damaged_images_are_answered(which in any::<prop::sample::Index>(),
                                   changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
                                   part in 0..3) {
        let mut bytes = which.get(&IMAGES).clone();
        let tables = bytes.len() - bytes.len().min(40_000);
        for (place, value) in changes {
            let at = match part {
                0 => place.index(96),
                1 => tables + place.index(bytes.len() - tables),
                _ => place.index(bytes.len()),
            };
            bytes[at] = value;
        }
        let _ = read(&bytes);
    }

    #[test]
    fn truncated_images_are_refused(which in any::<prop::sample::Index>(), keep in any::<prop::sample::Index>()) {
        let bytes = which.get(&IMAGES);
        // Padding to 4096 may go without loss.
        let keep = keep.index(bytes.len() - 4096);
        prop_assert!(read(&bytes[..keep]).is_err());
    }

    #[test]
    fn any_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read(&bytes);
        if bytes.len() > 4 {
            bytes[..4].copy_from_slice(b"hsqs");
            let _ = read(&bytes);
        }
    }
}
