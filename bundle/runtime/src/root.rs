//! Making a file system the root, for whatever brings a whole one: an image or a sandbox.
//!
//! An image itself is never written to, and a sandbox only if its user wants that. Else a layer in memory lies over it
//! (overlayfs), which takes what furnishing a container changes; where the kernel does not allow that in a user namespace
//! (before Linux 5.11), the root is read-only, with memory at `/tmp`, `/run` and `/var/tmp`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chroot, pivot_root};

use crate::confine::kept_flags;
use crate::inside::{Inside, place_of};
use crate::namespace::{self, Privilege, refused};
use crate::{Error, Step};

/// What must be writable even where the rest is not.
const SCRATCH_DIRECTORIES: [&str; 3] = ["tmp", "run", "var/tmp"];

/// A root file system's files in a directory.
#[derive(Debug)]
pub(crate) enum Filled {
    /// Mounted here, read-only.
    ReadOnly(PathBuf),
    /// Unpacked here to memory.
    Writable(PathBuf),
    /// A sandbox.
    Sandbox(PathBuf),
}

/// Makes a mount of the files that can become the root. `base` is an own, empty tmpfs with the image in it. A sandbox that is not
/// `writable` gets a layer of memory like an image.
pub(crate) fn lay(
    base: &Path,
    files: Filled,
    privilege: Privilege,
    writable: bool,
) -> Result<PathBuf, Error> {
    match files {
        Filled::Writable(directory) => {
            bind(&directory, &directory)?;
            cover(base, &directory)
        }
        Filled::Sandbox(directory) => {
            let own = make_directory(base, "sandbox")?;
            bind(&directory, &own)?;
            if writable {
                return cover(base, &own);
            }
            // Furnished as it is, then, where no layer can be had: as it would be if it were started to be written to.
            let root = overlay(base, &own, privilege).unwrap_or(own);
            cover(base, &root)
        }
        Filled::ReadOnly(lower) => {
            if let Ok(root) = overlay(base, &lower, privilege) {
                return cover(base, &root);
            }
            // The image alone, with some memory to write to.
            let root = cover(base, &lower)?;
            add_scratch(&root);
            Ok(root)
        }
    }
}

/// Moves a mount that lies in `base` over it. What it is made of is covered then, also where somebody binds the directory that
/// `base` is mounted on.
fn cover(base: &Path, root: &Path) -> Result<PathBuf, Error> {
    mount(
        Some(root),
        base,
        None::<&str>,
        MsFlags::MS_MOVE,
        None::<&str>,
    )
    .map_err(refused(Step::SwitchRoot))?;
    Ok(base.to_owned())
}

/// Makes a directory in `base`.
pub(crate) fn make_directory(base: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = base.join(name);
    fs::create_dir(&path)
        .map_err(|error| Error::unpack("make directory", &path)(crate::error::errno_of(&error)))?;
    Ok(path)
}

/// Only a mount point can become the root.
fn bind(source: &Path, target: &Path) -> Result<(), Error> {
    // With what is mounted in it, which a user namespace may not leave out.
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, None::<&str>, flags, None::<&str>)
        .map_err(refused(Step::SwitchRoot))?;
    let flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | kept_flags(target);
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .map_err(refused(Step::SwitchRoot))
}

fn overlay(base: &Path, lower: &Path, privilege: Privilege) -> Result<PathBuf, Error> {
    let upper = make_directory(base, "written")?;
    let work = make_directory(base, "work")?;
    let root = make_directory(base, "root")?;
    // The root directory is the upper layer's.
    if let Ok(metadata) = fs::metadata(lower) {
        let mode = metadata.permissions().mode() & 0o7777;
        let _ = fs::set_permissions(&upper, fs::Permissions::from_mode(mode));
    }
    let mut options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    // What overlayfs keeps in extended attributes must be such as a user namespace may set.
    if privilege != Privilege::Host {
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
    let Ok(inside) = Inside::open(root) else {
        return;
    };
    for name in SCRATCH_DIRECTORIES {
        if let Ok(directory) = inside.find(Path::new(name), OFlag::O_PATH | OFlag::O_DIRECTORY) {
            let _ = namespace::mount_tmpfs(&place_of(&directory));
        }
    }
}

/// The root becomes `root`, and nothing of the host's tree can be reached any more but what was bound into it.
pub(crate) fn change_root(root: &Path) -> Result<(), Error> {
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
