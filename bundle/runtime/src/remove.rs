//! Removing a directory tree without ever leaving it.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::sweep::LOCK_NAME;

/// Image trees are at most 128 deep; anything deeper was not made by us.
const DEPTH_LIMIT: usize = 256;

/// Removes `name` in the directory `parent`, and all below it. Symbolic links are removed, not followed. What
/// is already gone is no error. A private directory's lock file goes last: if this process is killed half-way, the next
/// run's sweep still knows whose the rest is.
pub(crate) fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    remove_directory(parent, name, 0)
}

fn remove_directory(parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), Errno> {
    if depth > DEPTH_LIMIT {
        return Err(Errno::ELOOP);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory = match Dir::openat(parent, name, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    // The payload may have taken its own right to write away.
    let _ = fchmod(directory.as_fd(), Mode::S_IRWXU);
    let mut entries: Vec<_> = directory.iter().collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.file_name() == LOCK_NAME);
    for entry in entries {
        let entry = entry.file_name();
        if entry == c"." || entry == c".." {
            continue;
        }
        match unlinkat(directory.as_fd(), entry, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(Errno::EISDIR) => remove_directory(directory.as_fd(), entry, depth + 1)?,
            Err(errno) => return Err(errno),
        }
    }
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}
