//! Sweeping up what earlier runs left whose processes were all killed at once.
//!
//! A directory is live as long as its lock file is locked. Whoever removes it takes the lock first; whoever makes it checks
//! after locking that it is still there. So a live one is never removed, nor one that is being made.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::remove::remove_tree;

/// Name of the lock file in a private directory.
pub(crate) const LOCK_NAME: &CStr = c"lock";

/// How the names of this user's private directories begin.
pub(crate) fn name_prefix() -> String {
    format!(".benchrun-{}-", geteuid())
}

/// Removes the dead private directories of this user in `base`. What cannot be removed is left.
pub(crate) fn sweep(base: BorrowedFd<'_>) {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut directory) = Dir::openat(base, ".", flags, Mode::empty()) else {
        return;
    };
    let prefix = name_prefix();
    let names: Vec<CString> = directory
        .iter()
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| name.to_bytes().starts_with(prefix.as_bytes()))
        .collect();
    for name in names {
        let _ = remove_if_dead(base, &name);
    }
}

fn remove_if_dead(base: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = openat(base, name, flags, Mode::empty())?;
    if fstat(&directory)?.st_uid != geteuid().as_raw() {
        return Ok(());
    }
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match openat(directory.as_fd(), LOCK_NAME, flags, Mode::empty()) {
        Ok(lock) => {
            let _lock =
                Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
            remove_tree(base, name)
        }
        // Not locked yet, or almost removed: goes only if it is empty, and its maker will notice.
        Err(Errno::ENOENT) => unlinkat(base, name, UnlinkatFlags::RemoveDir),
        Err(errno) => Err(errno),
    }
}
