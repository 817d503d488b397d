//! Directories of the host: scanned, written, and compared with what unsquashfs and the kernel make of the image.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use bundle_image::{Compression, Error, ImageWriter, Kind, Options, Ownership, ScanOptions, scan};
use common::{Contents, OPTIONS, Sight, assert_same, expected, noise, read};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev, mknodat, setxattr};

const BLOCK: usize = 128 << 10;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says that a part was not tested, on a line of its own that no capturing hides. In CI as root that is a failure.
fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {what}: {why}");
    let in_ci = std::env::var_os("CI").is_some();
    assert!(!(in_ci && is_root()), "{what} was skipped in CI: {why}");
}

/// Every shape that matters; for root with devices, owners and attributes.
fn make_tree(root: &Path) {
    for directory in ["sizes", "a/b/c", "empty", "many", "links", "modes"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for size_bytes in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
        let path = root.join(format!("sizes/{size_bytes}"));
        fs::write(path, noise(size_bytes, size_bytes as u64)).unwrap();
    }
    let mut holes = vec![0; 4 * BLOCK + 100];
    holes[2 * BLOCK] = 1;
    fs::write(root.join("sizes/holes"), holes).unwrap();
    fs::write(root.join("sizes/hole"), vec![0; BLOCK + 1]).unwrap();
    for index in 0..5000 {
        let path = root.join(format!("many/{index:05} {}", "x".repeat(index % 60)));
        fs::write(path, index.to_string()).unwrap();
    }
    let longest = [b'y'; 255];
    for name in [
        &b"not \xff\xfe UTF-8"[..],
        b"new\nline",
        b"-",
        b"..x",
        &longest,
    ] {
        fs::write(root.join("a/b/c").join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(root.join("links/first"), "one file, three names").unwrap();
    fs::hard_link(root.join("links/first"), root.join("links/second")).unwrap();
    fs::hard_link(root.join("links/first"), root.join("a/third")).unwrap();
    symlink("../sizes/1", root.join("links/relative")).unwrap();
    symlink("/no/such/place", root.join("links/dangling")).unwrap();
    symlink("z".repeat(4000), root.join("links/long")).unwrap();
    for mode in [0o400, 0o644, 0o4755, 0o2755, 0o1777] {
        let path = root.join(format!("modes/{mode:04o}"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
    let node = |name: &str, kind, device| {
        let mode = Mode::from_raw_mode(0o640);
        mknodat(CWD, root.join(name), kind, mode, device).unwrap();
    };
    node("modes/pipe", FileType::Fifo, 0);
    node("modes/socket", FileType::Socket, 0);
    if !is_root() {
        return skip("devices, owners and attributes", "only root makes them");
    }
    node("modes/char", FileType::CharacterDevice, makedev(5, 300));
    node("modes/block", FileType::BlockDevice, makedev(259, 70_000));
    std::os::unix::fs::chown(root.join("modes/0644"), Some(1000), Some(70_000)).unwrap();
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let attributes: [(&str, &str, &[u8]); 5] = [
        ("sizes/1", "user.short", b"value"),
        ("sizes/1", "user.empty", b""),
        ("a/b", "trusted.of a directory", &[7; 3000]),
        ("modes/4755", "security.capability", &capability),
        ("modes/pipe", "trusted.of a pipe", b"pipe"),
    ];
    for (path, name, value) in attributes {
        setxattr(root.join(path), name, value, XattrFlags::empty()).unwrap();
    }
}

fn image_of(top: &Path, image: &Path, options: Options) -> Result<(), Error> {
    let (tree, files) = scan(top, &ScanOptions::default())?;
    let file = File::create(image).unwrap();
    let mut writer = ImageWriter::new(&file, options)?;
    let mut told_bytes = 0;
    files.feed(&tree, &mut writer, &mut |bytes| told_bytes += bytes)?;
    assert_eq!(told_bytes, files.size_bytes());
    let size_bytes = writer.finish(&tree)?;
    file.set_len(size_bytes).unwrap();
    Ok(())
}

/// What is seen of a directory of the host.
fn sight_of(top: &Path) -> Sight {
    let (tree, files) = scan(top, &ScanOptions::default()).unwrap();
    let mut contents = Contents::new();
    for number in 0..files.count() as u64 {
        let mut bytes = Vec::new();
        let mut file = files.open(bundle_image::ContentId(number)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        contents.insert(number, bytes);
    }
    expected(&tree, &contents)
}

fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{command:?}: {said}"
    );
    output.stdout
}

/// A mount that goes with its owner.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn the_reader_unsquashfs_and_the_kernel_see_what_was_scanned() {
    let scratch = tempfile::tempdir().unwrap();
    let top = scratch.path().join("tree");
    fs::create_dir(&top).unwrap();
    make_tree(&top);
    let wanted = sight_of(&top);
    assert!(wanted.len() > 5000);
    let compressions = [
        Compression::Zstd { level: 19 },
        Compression::Gzip { level: 9 },
        Compression::Lz4 { level: 12 },
        Compression::Lz4 { level: 0 },
        Compression::Stored,
    ];
    for (index, compression) in compressions.into_iter().enumerate() {
        let image = scratch.path().join(format!("{index}.sqsh"));
        let block_size_bytes = 4096 << (5 * index % 9);
        let options = Options {
            compression,
            block_size_bytes,
            ..OPTIONS
        };
        image_of(&top, &image, options).unwrap();
        assert_same(&read(&fs::read(&image).unwrap()), &wanted);
        check_unsquashfs(
            &image,
            &wanted,
            &scratch.path().join(format!("out-{index}")),
        );
        if is_root() {
            check_kernel(
                &image,
                &wanted,
                &scratch.path().join(format!("mounted-{index}")),
            );
        } else {
            skip("mounting by the kernel", "only root does it");
        }
    }
}

fn check_unsquashfs(image: &Path, wanted: &Sight, out: &Path) {
    // Only root makes devices and gives files away.
    if is_root() {
        succeed(
            Command::new("unsquashfs")
                .args(["-no-progress", "-d"])
                .args([out, image]),
        );
        assert_same(&sight_of(out), wanted);
    }
    let listing = succeed(Command::new("unsquashfs").arg("-lls").arg(image));
    // One name holds a line's end.
    let line_count = listing.split(|byte| *byte == b'\n').count();
    assert!(line_count > wanted.len(), "{line_count} lines");
    let file = succeed(
        Command::new("unsquashfs")
            .arg("-cat")
            .args([image, Path::new("a/third")]),
    );
    assert_eq!(file, b"one file, three names");
    succeed(Command::new("unsquashfs").arg("-stat").arg(image));
}

fn check_kernel(image: &Path, wanted: &Sight, place: &Path) {
    fs::create_dir(place).unwrap();
    let mount = Command::new("mount")
        .args(["-o", "loop,ro"])
        .args([image, place])
        .output();
    let mount = mount.expect("mount starts");
    if !mount.status.success() {
        return skip(
            "mounting by the kernel",
            &String::from_utf8_lossy(&mount.stderr),
        );
    }
    let mounted = Mounted(place);
    assert_same(&sight_of(mounted.0), wanted);
}

#[test]
fn what_is_left_out_and_whose_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let top = scratch.path();
    fs::create_dir_all(top.join("kept/inner")).unwrap();
    fs::create_dir_all(top.join("closed/inner")).unwrap();
    fs::write(top.join("kept/lock"), "").unwrap();
    fs::write(top.join("kept/file"), "x").unwrap();
    fs::set_permissions(top.join("closed"), Permissions::from_mode(0o000)).unwrap();
    let options = ScanOptions {
        ownership: Ownership::AllRoot,
        // By its place, and by what it is: mount points that were made for the purpose have no permissions.
        exclude: &|path, node| {
            path == Path::new("kept/lock")
                || (node.metadata.mode == 0 && matches!(node.kind, Kind::Directory(_)))
        },
        ..ScanOptions::default()
    };
    let (tree, files) = scan(top, &options).unwrap();
    let sight = expected(&tree, &BTreeMap::from([(0, b"x".to_vec())]));
    let paths: Vec<&[u8]> = sight.keys().map(Vec::as_slice).collect();
    assert_eq!(paths, [&b""[..], b"kept", b"kept/file", b"kept/inner"]);
    assert!(
        sight
            .values()
            .all(|seen| (seen.metadata.uid, seen.metadata.gid) == (0, 0))
    );
    assert_eq!((files.count(), files.size_bytes()), (1, 1));
    fs::set_permissions(top.join("closed"), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn mount_points_are_empty_unless_they_are_to_be_crossed() {
    let scratch = tempfile::tempdir().unwrap();
    let place = scratch.path().join("mounted");
    fs::create_dir(&place).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "none"])
        .arg(&place)
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skip("mount points", "a tmpfs cannot be mounted here");
    }
    let mounted = Mounted(&place);
    fs::write(mounted.0.join("file"), "x").unwrap();
    for (cross_mounts, count) in [(false, 0), (true, 1)] {
        let options = ScanOptions {
            cross_mounts,
            ..ScanOptions::default()
        };
        let (tree, files) = scan(scratch.path(), &options).unwrap();
        assert!(tree.lookup(tree.root(), b"mounted").is_some());
        assert_eq!(files.count(), count);
    }
}

/// Somebody works in the directory while it is packed. What is exchanged is an error with its path, and no link leads out.
#[test]
fn what_changes_meanwhile_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let top = scratch.path();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(&secret, "not yours").unwrap();
    let attempt = |change: &dyn Fn(), expected: &str| {
        let _ = fs::remove_dir_all(top.join("d"));
        fs::create_dir(top.join("d")).unwrap();
        fs::write(top.join("d/f"), "four").unwrap();
        let (tree, files) = scan(top, &ScanOptions::default()).unwrap();
        change();
        let mut writer = ImageWriter::new(std::io::Cursor::new(Vec::new()), OPTIONS).unwrap();
        let error = files
            .feed(&tree, &mut writer, &mut |_| {})
            .expect_err(expected);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        let path = top.join("d/f");
        let said = format!("{error}: {cause}").replace(path.to_str().unwrap(), "d/f");
        assert_eq!(said, expected);
    };
    let file = top.join("d/f");
    attempt(
        &|| fs::write(&file, "more than four").unwrap(),
        "cannot store 'd/f': its content has 5 bytes or more instead of 4 (it may have changed meanwhile)",
    );
    attempt(
        &|| fs::write(&file, "4").unwrap(),
        "cannot store 'd/f': its content has 1 bytes instead of 4 (it may have changed meanwhile)",
    );
    attempt(
        &|| {
            fs::remove_file(&file).unwrap();
            symlink(&secret, &file).unwrap();
        },
        "cannot read 'd/f': Too many levels of symbolic links (os error 40)",
    );
    attempt(
        &|| {
            fs::rename(&file, top.join("kept")).unwrap();
            fs::write(&file, "five").unwrap();
        },
        "cannot read 'd/f': it was exchanged for another one meanwhile",
    );
    attempt(
        &|| {
            fs::remove_dir_all(top.join("d")).unwrap();
            symlink(secret.path().parent().unwrap(), top.join("d")).unwrap();
        },
        "cannot read 'd/f': Not a directory (os error 20)",
    );
    let _ = fs::remove_file(top.join("d"));
}

#[test]
fn what_is_not_there_or_too_deep() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    let error = scan(&missing, &ScanOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read '{}'", missing.display())
    );
    let mut deep = scratch.path().to_path_buf();
    deep.extend(std::iter::repeat_n("d", 129));
    fs::create_dir_all(&deep).unwrap();
    let error = scan(scratch.path(), &ScanOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot read '{}'", deep.display())
    );
}
