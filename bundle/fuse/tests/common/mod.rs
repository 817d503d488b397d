//! What the tests share: a tree with everything in it, images of it, and saying loudly what could not be tested.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of it"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of a data block in images made without an option that says otherwise.
pub const BLOCK_SIZE_BYTES: usize = 128 << 10;
/// Entries of the directory `many`.
pub const MANY: usize = 5000;

/// Says that a test was skipped and why, on a line of its own that no capturing hides. Where every condition can be had, in
/// CI as root, that is a failure.
pub fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {why}");
    let in_ci = std::env::var_os("CI").is_some();
    assert!(
        !(in_ci && nix::unistd::geteuid().is_root()),
        "{test} was skipped in CI: {why}"
    );
}

/// Bytes that compress, but not to nothing.
pub fn contents(size_bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8 & 0x1f
    };
    (0..size_bytes).map(|_| next()).collect()
}

/// Makes a tree with every shape that matters below `root`.
pub fn make_tree(root: &Path) {
    const BLOCK: usize = BLOCK_SIZE_BYTES;
    for directory in ["sizes", "a/b/c", "empty", "many", "links", "modes"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    let sizes = [
        0,
        1,
        4095,
        4096,
        4097,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        3 * BLOCK,
        3 * BLOCK + 77,
        20 * BLOCK + 5000,
    ];
    for size_bytes in sizes {
        let path = root.join(format!("sizes/{size_bytes}"));
        fs::write(path, contents(size_bytes, size_bytes as u32)).expect("a file");
    }
    let mut holes = vec![0; 4 * BLOCK + 100];
    holes[2 * BLOCK] = 1;
    holes[4 * BLOCK + 7] = 1;
    fs::write(root.join("holes"), &holes).expect("a file");
    fs::write(root.join("only a hole"), vec![0; 3 * BLOCK]).expect("a file");
    for index in 0..MANY {
        let path = root.join(format!("many/{index:05} {}", "x".repeat(index % 60)));
        fs::write(path, index.to_string()).expect("a file");
    }
    let longest = "y".repeat(255);
    let odd_names: [&[u8]; 4] = [
        b"not \xff\xfe UTF-8",
        b"new\nline",
        longest.as_bytes(),
        b"-",
    ];
    for name in odd_names {
        fs::write(root.join("a/b/c").join(OsStr::from_bytes(name)), name).expect("a file");
    }
    symlink("../sizes/1", root.join("links/relative")).expect("a link");
    symlink("/no/such/place", root.join("links/dangling")).expect("a link");
    symlink("z".repeat(4000), root.join("links/long")).expect("a link");
    for name in ["first", "second", "third"] {
        let target = root.join("links").join(name);
        if name == "first" {
            fs::write(target, "one file, three names").expect("a file");
        } else {
            fs::hard_link(root.join("links/first"), target).expect("a link");
        }
    }
    for mode in [0o000, 0o644, 0o755, 0o4755, 0o2755, 0o1777] {
        let path = root.join(format!("modes/{mode:04o}"));
        fs::write(&path, "").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
    }
}

/// Adds what only root can make: devices, a pipe, owners, extended attributes.
pub fn add_what_root_can(root: &Path) {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    let mode = Mode::from_bits_truncate(0o640);
    let nodes = [
        ("modes/char", SFlag::S_IFCHR, makedev(5, 300)),
        ("modes/block", SFlag::S_IFBLK, makedev(259, 70_000)),
        ("modes/pipe", SFlag::S_IFIFO, 0),
        ("modes/socket", SFlag::S_IFSOCK, 0),
    ];
    for (name, kind, device) in nodes {
        mknod(&root.join(name), kind, mode, device).expect("a node");
    }
    let owned = root.join("modes/0644");
    std::os::unix::fs::chown(&owned, Some(1000), Some(70_000)).expect("an owner");
    for (path, name, value) in XATTRS {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(root.join(path), name, value, flags).expect("an extended attribute");
    }
}

/// Extended attributes in the tree that root makes. The value of `security.capability` is one that the kernel accepts.
pub const XATTRS: [(&str, &str, &[u8]); 4] = [
    ("sizes/1", "user.short", b"value"),
    ("sizes/1", "user.empty", b""),
    ("a/b", "trusted.of a directory", &[7; 3000]),
    (
        "modes/0755",
        "security.capability",
        &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ),
];

/// An image of the tree below `root`, made by `mksquashfs` with these options. None, said loudly, where that is not
/// installed.
pub fn make_image(test: &str, root: &Path, image: &Path, options: &[&str]) -> Option<PathBuf> {
    let _ = fs::remove_file(image);
    let made = Command::new("mksquashfs")
        .arg(root)
        .arg(image)
        .args(["-quiet", "-no-progress", "-noappend"])
        .args(options)
        .output();
    match made {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "mksquashfs {options:?}: {said}");
            Some(image.to_owned())
        }
        Err(error) => {
            skip(
                test,
                &format!("there is no mksquashfs ({error}; install squashfs-tools)"),
            );
            None
        }
    }
}
