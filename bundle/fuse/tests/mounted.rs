//! A mounted image against what `unsquashfs` makes of it, and what becomes of those who use it when something goes wrong.
//! Mounting takes root and /dev/fuse; each test mounts in a mount namespace of its own.

mod common;
mod memory;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use bundle_fuse::{Options, mount_options, serve};
use bundle_squashfs::Image;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Whence::{SeekData, SeekHole};
use rustix::fs::{getxattr, getxattr_query, listxattr};
use rustix::io::Errno;
use tempfile::TempDir;

use common::{
    BLOCK_SIZE_BYTES, MANY, XATTRS, add_what_root_can, contents, make_image, make_tree, skip,
};
use memory::Memory;

/// A directory in memory, which only the thread that made it sees.
struct Scratch(TempDir);

impl Scratch {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

/// A mounted image. It is unmounted at the end.
struct Mounted {
    scratch: Scratch,
    memory: Arc<Memory>,
    /// What was told about damage.
    told: Arc<Mutex<Vec<String>>>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Mounted {
    fn root(&self) -> PathBuf {
        self.scratch.path().join("mounted")
    }

    fn tree(&self) -> PathBuf {
        self.scratch.path().join("tree")
    }

    fn image(&self) -> PathBuf {
        self.scratch.path().join("image")
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic").clone()
    }

    /// Unmounts and waits until the server has ended.
    fn unmount(&mut self, flags: MntFlags) -> io::Result<()> {
        umount2(&self.root(), flags).expect("the file system can be unmounted");
        let server = self.server.take().expect("a server");
        server.join().expect("no panic")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.root(), MntFlags::MNT_DETACH);
    }
}

/// None, said loudly, where mounting is not possible.
fn mounted(test: &str, squash_options: &[&str], options: Options) -> Option<Mounted> {
    let scratch = scratch(test)?;
    let tree = scratch.path().join("tree");
    make_tree(&tree);
    add_what_root_can(&tree);
    mounted_of(test, scratch, squash_options, options)
}

/// A directory in which this thread, and no one else, may mount.
fn scratch(test: &str) -> Option<Scratch> {
    if !nix::unistd::geteuid().is_root() {
        skip(test, "mounting takes root");
        return None;
    }
    if let Err(error) = File::open("/dev/fuse") {
        skip(test, &format!("/dev/fuse cannot be opened ({error})"));
        return None;
    }
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("mounts of our own");
    let scratch = Scratch(tempfile::tempdir().expect("a scratch directory"));
    let none = None::<&str>;
    mount(none, scratch.path(), Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    Some(scratch)
}

/// Mounts the tree that stands in the directory already.
fn mounted_of(
    test: &str,
    scratch: Scratch,
    squash_options: &[&str],
    options: Options,
) -> Option<Mounted> {
    let image = scratch.path().join("image");
    make_image(test, &scratch.path().join("tree"), &image, squash_options)?;
    let memory = Arc::new(Memory {
        bytes: fs::read(&image).expect("the image"),
        altered: Mutex::default(),
    });
    let root = scratch.path().join("mounted");
    fs::create_dir(&root).expect("a mount point");
    let device: OwnedFd = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .expect("/dev/fuse")
        .into();
    // The server has to get along with a file system that is not mounted yet.
    let told = Arc::new(Mutex::new(Vec::new()));
    let server = thread::spawn({
        let device = device.try_clone().expect("a descriptor");
        let (memory, told) = (Arc::clone(&memory), Arc::clone(&told));
        move || {
            let image = Image::open(&*memory).expect("an image");
            serve(&image, device, &options, &|error| {
                told.lock().expect("no panic").push(error.to_string());
            })
        }
    });
    mount(
        Some("image"),
        &root,
        Some("fuse"),
        MsFlags::MS_RDONLY | MsFlags::MS_NODEV,
        Some(mount_options(device.as_fd(), 0, 0).as_str()),
    )
    .expect("the image can be mounted");
    Some(Mounted {
        scratch,
        memory,
        told,
        server: Some(server),
    })
}

fn with_threads(thread_count: usize, cache_size_bytes: usize) -> Options {
    Options {
        thread_count: NonZeroUsize::new(thread_count).expect("a thread"),
        cache_size_bytes,
        ..Options::default()
    }
}

/// All that a tree says about a name.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    mode: u32,
    owner: (u32, u32),
    modified_s: i64,
    link_count: u64,
    device: u64,
    size_bytes: u64,
    contents: Vec<u8>,
    link_target: Option<PathBuf>,
}

fn see(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let place = root.join(&path);
        let metadata = fs::symlink_metadata(&place).expect("attributes");
        let kind = metadata.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&place).expect("a listing") {
                let entry = entry.expect("an entry");
                let listed = entry.file_type().expect("a type");
                let found = fs::symlink_metadata(entry.path()).expect("attributes");
                assert_eq!(listed, found.file_type(), "{}", entry.path().display());
                waiting.push(path.join(entry.file_name()));
            }
        }
        let is_device = kind.is_block_device() || kind.is_char_device();
        let entry = Seen {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            modified_s: metadata.mtime(),
            link_count: metadata.nlink(),
            device: if is_device { metadata.rdev() } else { 0 },
            size_bytes: if kind.is_dir() { 0 } else { metadata.len() },
            contents: if kind.is_file() {
                fs::read(&place).expect("contents")
            } else {
                Vec::new()
            },
            link_target: kind
                .is_symlink()
                .then(|| fs::read_link(&place).expect("a target")),
        };
        seen.insert(path, entry);
    }
    seen
}

fn check_same(test: &str, squash_options: &[&str], options: Options) {
    let Some(mounted) = mounted(test, squash_options, options) else {
        return;
    };
    let unpacked = mounted.scratch.path().join("unpacked");
    let output = Command::new("unsquashfs")
        .args(["-quiet", "-no-progress", "-dest"])
        .args([&unpacked, &mounted.image()])
        .output()
        .expect("unsquashfs comes with mksquashfs");
    assert!(output.status.success(), "{output:?}");
    let (expected, found) = (see(&unpacked), see(&mounted.root()));
    assert!(expected.len() > MANY, "{} entries", expected.len());
    for (path, expected) in &expected {
        let found = found
            .get(path)
            .unwrap_or_else(|| panic!("{} is missing", path.display()));
        assert!(found == expected, "{} differs", path.display());
    }
    assert_eq!(expected.len(), found.len());
    assert!(mounted.told().is_empty(), "{:?}", mounted.told());
}

#[test]
fn the_tree_is_what_unsquashfs_makes_of_it() {
    let zstd = ["-comp", "zstd"];
    check_same("the tree", &zstd, Options::default());
}

#[test]
fn also_with_blocks_of_4_kib_one_thread_and_hardly_any_cache() {
    let options = ["-comp", "zstd", "-b", "4K"];
    check_same("small blocks", &options, with_threads(1, 0));
}

#[test]
fn also_with_blocks_of_1_mib_and_without_fragments() {
    let options = ["-comp", "zstd", "-b", "1M", "-no-fragments"];
    check_same("large blocks", &options, with_threads(2, 3 << 20));
}

#[test]
fn also_with_nothing_compressed_and_tails_in_fragments() {
    let options = [
        "-comp",
        "zstd",
        "-noI",
        "-noD",
        "-noF",
        "-always-use-fragments",
    ];
    check_same("nothing compressed", &options, with_threads(8, 1 << 20));
}

#[test]
fn also_with_every_other_codec() {
    for codec in ["gzip", "lz4", "xz", "lzo"] {
        check_same(codec, &["-comp", codec], Options::default());
    }
}

#[test]
fn extended_attributes_are_those_that_were_packed() {
    let Some(mounted) = mounted("attributes", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let mut space = [0; 4096];
    let mut names = BTreeMap::new();
    for (path, name, value) in XATTRS {
        let file = mounted.root().join(path);
        let size_bytes = getxattr(&file, name, &mut space).expect("an attribute");
        assert_eq!(&space[..size_bytes], value, "{name}");
        // Only the size.
        assert_eq!(getxattr_query(&file, name), Ok(value.len()));
        if value.len() > 1 {
            assert_eq!(getxattr(&file, name, &mut space[..1]), Err(Errno::RANGE));
        }
        names.entry(path).or_insert_with(Vec::new).push(name);
    }
    for (path, names) in names {
        let size_bytes = listxattr(mounted.root().join(path), &mut space).expect("a list");
        let mut found: Vec<_> = space[..size_bytes]
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .collect();
        found.sort_unstable();
        let mut expected: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    let without = mounted.root().join("sizes/4096");
    assert_eq!(
        getxattr(&without, "user.no", &mut space),
        Err(Errno::NODATA)
    );
    assert_eq!(listxattr(&without, &mut space), Ok(0));
}

#[test]
fn an_image_without_extended_attributes_has_none() {
    let options = ["-comp", "zstd", "-no-xattrs"];
    let Some(mounted) = mounted("no attributes", &options, Options::default()) else {
        return;
    };
    let file = mounted.root().join("sizes/1");
    for _ in 0..2 {
        let found = getxattr(&file, "user.short", &mut [0; 100]);
        assert_eq!(found, Err(Errno::OPNOTSUPP));
    }
}

#[test]
fn large_directories_are_listed_whole_however_many_read_them() {
    let Some(mounted) = mounted("listings", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let many = mounted.root().join("many");
    let names = |entries: fs::ReadDir| -> Vec<OsString> {
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    };
    let mut expected = names(fs::read_dir(mounted.tree().join("many")).expect("a listing"));
    expected.sort();
    assert_eq!(expected.len(), MANY);
    // Two that are read in turn, from the start, before the kernel has the listing.
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut one = fs::read_dir(&many).expect("a listing");
    let mut other = fs::read_dir(&many).expect("a listing");
    loop {
        let (from_one, from_other) = (one.next(), other.next());
        if from_one.is_none() && from_other.is_none() {
            break;
        }
        first.extend(from_one.map(|entry| entry.expect("an entry").file_name()));
        second.extend(from_other.map(|entry| entry.expect("an entry").file_name()));
    }
    assert_eq!(first, expected);
    assert_eq!(second, expected);
    // And once more, now that it has.
    assert_eq!(names(fs::read_dir(&many).expect("a listing")), expected);
}

#[test]
fn programs_run_and_can_be_mapped() {
    let Some(scratch) = scratch("programs") else {
        return;
    };
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).expect("a directory");
    fs::copy("/bin/true", tree.join("true")).expect("a program");
    let Some(mounted) = mounted_of("programs", scratch, &["-comp", "zstd"], Options::default())
    else {
        return;
    };
    let status = Command::new(mounted.root().join("true")).status();
    assert!(status.expect("it can be executed").success());
}

#[test]
fn names_that_do_not_exist_do_not_exist() {
    let Some(mounted) = mounted("absent names", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let root = mounted.root();
    for _ in 0..3 {
        for name in ["no", "many/00", "many/zzz", "sizes/1/below", "a/b/c/.."] {
            let found = fs::symlink_metadata(root.join(name)).map_err(|error| error.kind());
            match name {
                "a/b/c/.." => assert!(found.is_ok()),
                "sizes/1/below" => assert_eq!(found.err(), Some(io::ErrorKind::NotADirectory)),
                _ => assert_eq!(found.err(), Some(io::ErrorKind::NotFound), "{name}"),
            }
        }
    }
    let error = fs::symlink_metadata(root.join("n".repeat(257))).expect_err("too long");
    assert_eq!(error.raw_os_error(), Some(libc::ENAMETOOLONG));
}

#[test]
fn nothing_can_be_written() {
    let Some(mounted) = mounted("writing", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let root = mounted.root();
    let attempts = [
        fs::write(root.join("new"), "").err(),
        OpenOptions::new()
            .write(true)
            .open(root.join("holes"))
            .err(),
        fs::create_dir(root.join("new")).err(),
        fs::remove_file(root.join("holes")).err(),
        fs::rename(root.join("holes"), root.join("new")).err(),
        fs::set_permissions(root.join("holes"), fs::Permissions::from_mode(0o777)).err(),
    ];
    for error in attempts {
        let errno = error.expect("an error").raw_os_error();
        assert_eq!(errno, Some(libc::EROFS));
    }
}

#[test]
fn holes_can_be_found() {
    let Some(mounted) = mounted("holes", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let mut file = File::open(mounted.root().join("holes")).expect("a file");
    let block = (BLOCK_SIZE_BYTES as u64).cast_signed();
    let seek = |offset, whence| {
        let found = nix::unistd::lseek(file.as_fd(), offset, whence);
        found.map_err(|errno| errno as i32)
    };
    assert_eq!(seek(0, SeekData), Ok(2 * block));
    assert_eq!(seek(0, SeekHole), Ok(0));
    assert_eq!(seek(2 * block + 5, SeekData), Ok(2 * block + 5));
    assert_eq!(seek(2 * block, SeekHole), Ok(3 * block));
    assert_eq!(seek(3 * block, SeekData), Ok(4 * block));
    assert_eq!(seek(4 * block, SeekHole), Ok(4 * block + 100));
    assert_eq!(seek(4 * block + 100, SeekData), Err(libc::ENXIO));
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(4 * BLOCK_SIZE_BYTES as u64 + 1))
        .expect("a place");
    file.read_to_end(&mut tail).expect("contents");
    assert_eq!(tail.len(), 99);
    assert_eq!(tail[6], 1);
}

#[test]
fn the_owner_and_what_he_may_do_can_be_given() {
    let options = Options {
        owner: Some((1234, 5678)),
        owner_has_access: true,
        ..Options::default()
    };
    let Some(mounted) = mounted("owners", &["-comp", "zstd"], options) else {
        return;
    };
    for (path, seen) in see(&mounted.root()) {
        assert_eq!(seen.owner, (1234, 5678), "{}", path.display());
        let is_directory = seen.mode & libc::S_IFMT == libc::S_IFDIR;
        let least = if is_directory { 0o700 } else { 0o600 };
        assert_eq!(seen.mode & least, least, "{}", path.display());
    }
    let mode = fs::metadata(mounted.root().join("modes/4755")).expect("attributes");
    assert_eq!(mode.mode() & 0o7777, 0o4755);
}

#[test]
fn many_readers_at_once_all_read_what_was_packed() {
    for (thread_count, cache_size_bytes) in [(1, 0), (2, 200_000), (5, 16 << 20)] {
        let options = with_threads(thread_count, cache_size_bytes);
        let Some(mounted) = mounted("readers", &["-comp", "zstd"], options) else {
            return;
        };
        let size_bytes = 20 * BLOCK_SIZE_BYTES + 5000;
        let expected = contents(size_bytes, size_bytes as u32);
        let path = mounted.root().join(format!("sizes/{size_bytes}"));
        thread::scope(|scope| {
            for reader in 0..8 {
                let (expected, path) = (&expected, &path);
                scope.spawn(move || {
                    let file = File::open(path).expect("a file");
                    let mut state = 77_u64 + reader;
                    let mut random = |limit: usize| {
                        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                        (state >> 33) as usize % limit
                    };
                    for _ in 0..300 {
                        let start = random(size_bytes);
                        let mut part = vec![0; random(20_000).min(size_bytes - start)];
                        file.read_exact_at(&mut part, start as u64)
                            .expect("contents");
                        assert!(part == expected[start..start + part.len()], "at {start}");
                    }
                });
            }
        });
        assert!(mounted.told().is_empty());
    }
}

/// Someone unmounts while others read: they get all they asked for or an error, and the server ends.
#[test]
fn unmounting_ends_the_server_also_while_others_read() {
    for flags in [MntFlags::MNT_DETACH, MntFlags::MNT_FORCE] {
        let Some(mut mounted) = mounted("unmounting", &["-comp", "zstd"], with_threads(3, 0))
        else {
            return;
        };
        let stop = Arc::new(AtomicBool::new(false));
        let path = mounted.root().join("sizes/393293");
        let expected = contents(393_293, 393_293);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (stop, path, expected) = (Arc::clone(&stop), path.clone(), expected.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        if let Ok(read) = fs::read(&path) {
                            assert!(read == expected);
                        }
                    }
                })
            })
            .collect();
        thread::sleep(std::time::Duration::from_millis(30));
        if flags == MntFlags::MNT_FORCE {
            // It ends what is being answered; the mount is busy for as long as files are open.
            let _ = umount2(&mounted.root(), flags);
        }
        let ended = mounted.unmount(MntFlags::MNT_DETACH);
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("no reader saw other contents");
        }
        ended.expect("the server ended as it should");
    }
}

/// A block is not what was packed: who reads it gets EIO, all else stays readable, and it is told once.
#[test]
fn altered_blocks_are_told_once_and_never_shown() {
    let Some(mounted) = mounted("altered", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let size_bytes = 20 * BLOCK_SIZE_BYTES + 5000;
    let name = format!("sizes/{size_bytes}");
    let expected = contents(size_bytes, size_bytes as u32);
    let image = Image::open(&*mounted.memory).expect("an image");
    let walked = image.walk().expect("a tree");
    let entry = walked
        .iter()
        .find(|entry| entry.path == Path::new(&name))
        .expect("the file");
    let bundle_squashfs::InodeKind::File(file) = &entry.inode.kind else {
        panic!("a file");
    };
    let blocks = image.blocks(file).expect("blocks");
    let block = blocks.get(15).expect("block 15");
    *mounted.memory.altered.lock().expect("no panic") = Some(block.start()..block.start() + 1);

    let file = File::open(mounted.root().join(&name)).expect("a file");
    let mut page = vec![0; 4096];
    let bad = 15 * BLOCK_SIZE_BYTES as u64;
    for offset in [bad, bad + 70_000, bad] {
        let error = file.read_exact_at(&mut page, offset).expect_err("EIO");
        assert_eq!(error.raw_os_error(), Some(libc::EIO));
    }
    for offset in [0, bad - 4096, bad + BLOCK_SIZE_BYTES as u64] {
        file.read_exact_at(&mut page, offset).expect("contents");
        assert!(page == expected[offset as usize..offset as usize + 4096]);
    }
    assert!(fs::read(mounted.root().join(&name)).is_err());
    let told = mounted.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("not those that were packed"), "{told:?}");
}

#[test]
fn a_file_system_says_how_large_it_is() {
    let Some(mounted) = mounted("size", &["-comp", "zstd"], Options::default()) else {
        return;
    };
    let found = nix::sys::statvfs::statvfs(&mounted.root()).expect("statvfs");
    let size_bytes = found.blocks() * found.fragment_size();
    let file_size_bytes = fs::metadata(mounted.image()).expect("an image").len();
    assert!(size_bytes.abs_diff(file_size_bytes) <= 2 * BLOCK_SIZE_BYTES as u64);
    assert_eq!(found.blocks_free(), 0);
    assert_eq!(found.name_max(), 256);
}
