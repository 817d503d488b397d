//! Mounting a tree, and all that can be seen of one. Mounting takes root and /dev/fuse; each test mounts in a mount
//! namespace of its own.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use bundle_fuse::{Options, mount_options, serve};
use bundle_squashfs::{Image, Source, SourceError};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use super::{add_what_root_can, make_image, make_tree, skip};

/// An image in memory, of which some bytes may count as altered.
pub struct Memory {
    pub bytes: Vec<u8>,
    pub altered: Mutex<Option<Range<u64>>>,
    /// Where each read so far began.
    pub reads: Mutex<Vec<u64>>,
}

impl Source for Memory {
    fn size_bytes(&self) -> u64 {
        self.bytes.size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        self.reads.lock().expect("no panic").push(offset);
        let altered = self.altered.lock().expect("no panic").clone();
        let end = offset + out.len() as u64;
        if let Some(altered) = altered.filter(|range| range.start < end && offset < range.end) {
            return Err(SourceError::Altered {
                offset: altered.start,
            });
        }
        self.bytes.read_at(offset, out)
    }
}

/// A directory in memory, which only the thread that made it sees.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

/// A mounted image. It is unmounted at the end.
pub struct Mounted {
    pub scratch: Scratch,
    pub memory: Arc<Memory>,
    /// What was told about damage.
    pub told: Arc<Mutex<Vec<String>>>,
    pub server: Option<JoinHandle<io::Result<()>>>,
}

impl Mounted {
    pub fn root(&self) -> PathBuf {
        self.scratch.path().join("mounted")
    }

    pub fn tree(&self) -> PathBuf {
        self.scratch.path().join("tree")
    }

    pub fn image(&self) -> PathBuf {
        self.scratch.path().join("image")
    }

    pub fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic").clone()
    }

    /// Unmounts and waits until the server has ended.
    pub fn unmount(&mut self, flags: MntFlags) -> io::Result<()> {
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
pub fn mounted(test: &str, squash_options: &[&str], options: Options) -> Option<Mounted> {
    let scratch = scratch(test)?;
    let tree = scratch.path().join("tree");
    make_tree(&tree);
    add_what_root_can(&tree);
    mounted_of(test, scratch, squash_options, options)
}

/// A directory in which this thread, and no one else, may mount.
pub fn scratch(test: &str) -> Option<Scratch> {
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
pub fn mounted_of(
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
        reads: Mutex::default(),
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

pub fn with_threads(thread_count: usize, cache_size_bytes: usize) -> Options {
    Options {
        thread_count: NonZeroUsize::new(thread_count).expect("a thread"),
        cache_size_bytes,
        ..Options::default()
    }
}

/// All that a tree says about a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub mode: u32,
    pub owner: (u32, u32),
    pub modified_s: i64,
    pub link_count: u64,
    pub device: u64,
    pub size_bytes: u64,
    pub contents: Vec<u8>,
    pub link_target: Option<PathBuf>,
}

pub fn see(root: &Path) -> BTreeMap<PathBuf, Seen> {
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
