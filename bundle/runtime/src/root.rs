//! Making an image the root of the file system, for bundles of a whole root file system.
//!
//! The image itself is never written to. Over it lies a writable layer in memory (overlayfs); where the kernel does not allow
//! that in a user namespace (before Linux 5.11), the root is read-only, with memory at `/tmp`, `/run` and `/var/tmp`.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot, fchdir, pivot_root};

use crate::namespace::{self, Privilege, refused};
use crate::{Error, Step};

/// The host's file systems that a program expects to find.
const SYSTEM_DIRECTORIES: [&str; 3] = ["proc", "sys", "dev"];

/// The host's files without which names of other hosts are not found.
const NETWORK_FILES: [&str; 2] = ["etc/resolv.conf", "etc/hosts"];

/// What must be writable even where the rest is not.
const SCRATCH_DIRECTORIES: [&str; 3] = ["tmp", "run", "var/tmp"];

/// An image's files in a directory.
#[derive(Debug)]
pub(crate) enum Filled {
    /// Mounted here, read-only.
    ReadOnly(PathBuf),
    /// Unpacked here to memory.
    Writable(PathBuf),
}

/// Makes the image the root of this process's file system. `base` is an own, empty tmpfs with the image in it.
pub(crate) fn switch(base: &Path, image: Filled, privilege: Privilege) -> Result<(), Error> {
    let root = match image {
        Filled::Writable(directory) => bind_itself(&directory)?,
        Filled::ReadOnly(lower) => {
            if let Ok(root) = overlay(base, &lower, privilege) {
                root
            } else {
                // The image alone, then, with some memory to write to.
                add_scratch(&lower);
                lower
            }
        }
    };
    add_system(&root);
    change_root(&root)
}

/// Makes a directory in `base`.
pub(crate) fn make_directory(base: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = base.join(name);
    fs::create_dir(&path)
        .map_err(|error| Error::unpack("make directory", &path)(crate::error::errno_of(&error)))?;
    Ok(path)
}

/// Only a mount point can become the root.
fn bind_itself(directory: &Path) -> Result<PathBuf, Error> {
    bind(directory, directory).map_err(refused(Step::SwitchRoot))?;
    Ok(directory.to_owned())
}

fn bind(source: &Path, target: &Path) -> Result<(), Errno> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, None::<&str>, flags, None::<&str>)
}

fn overlay(base: &Path, lower: &Path, privilege: Privilege) -> Result<PathBuf, Error> {
    let upper = make_directory(base, "written")?;
    let work = make_directory(base, "work")?;
    let root = make_directory(base, "root")?;
    let mut options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    // What overlayfs keeps in extended attributes must be such as a user namespace may set.
    if privilege == Privilege::User {
        options.push_str(",userxattr");
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("bundle"),
        &root,
        Some("overlay"),
        flags,
        Some(options.as_str()),
    )
    .map_err(refused(Step::MountOverlay))?;
    Ok(root)
}

/// Memory where a read-only root has a directory for it. An image without one has to do without.
fn add_scratch(root: &Path) {
    for name in SCRATCH_DIRECTORIES {
        if let Ok(directory) = open_inside(root, name, OFlag::O_DIRECTORY) {
            let _ = fchdir(&directory).map(|()| namespace::mount_tmpfs(Path::new(".")));
        }
    }
}

/// The host's system directories and network files, where the image has a place for them or one can be made.
fn add_system(root: &Path) {
    for name in SYSTEM_DIRECTORIES {
        let source = Path::new("/").join(name);
        if !source.is_dir() {
            continue;
        }
        let _ = fs::create_dir(root.join(name));
        // Entered instead of named: a link in the image could lead anywhere.
        if let Ok(directory) = open_inside(root, name, OFlag::O_DIRECTORY) {
            let _ = fchdir(&directory).map(|()| bind(&source, Path::new(".")));
        }
    }
    for name in NETWORK_FILES {
        let Ok(source) = fs::canonicalize(Path::new("/").join(name)) else {
            continue;
        };
        if let Ok(file) = open_inside(root, name, OFlag::empty()) {
            let place = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            let _ = bind(&source, Path::new(&place));
        }
    }
    let _ = chdir("/");
}

/// Opens a path in the image as a process would whose root the image is: no link leads out of it.
fn open_inside(root: &Path, name: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = nix::fcntl::open(root, directory, Mode::empty())?;
    let how = OpenHow::new()
        .flags(flags | OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root.as_fd(), name, how)
}

/// The root becomes `root`, and nothing of the host's tree can be reached any more but what was bound into it.
fn change_root(root: &Path) -> Result<(), Error> {
    let failed = refused(Step::SwitchRoot);
    let switched = chdir(root)
        .and_then(|()| pivot_root(".", "."))
        // The old root lies over the new one now, and goes with all that is mounted in it.
        .and_then(|()| umount2(".", MntFlags::MNT_DETACH))
        .or_else(|_| {
            // The first root of all, and that of a chroot, cannot be exchanged; but the new one can be moved over it.
            chdir(root)?;
            let flags = MsFlags::MS_MOVE;
            mount(Some("."), "/", None::<&str>, flags, None::<&str>).or(Ok(()))?;
            chroot(".")
        })
        .and_then(|()| chdir("/"));
    switched.map_err(failed)
}
