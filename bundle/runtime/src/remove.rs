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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    /// Whoever removes a directory may be stopped half-way. Without its lock file, no later run would touch the rest.
    #[test]
    fn the_lock_file_goes_last() {
        let base = tempfile::tempdir().unwrap();
        let parent = File::open(base.path()).unwrap();
        // Too deep to be removed, so removing stops there. Directories are listed in an order of their own, hence both.
        let deep = "d/".repeat(DEPTH_LIMIT + 2);
        for (name, lock_first) in [(c"one", true), (c"two", false)] {
            let directory = base.path().join(name.to_str().unwrap());
            fs::create_dir(&directory).unwrap();
            if lock_first {
                fs::write(directory.join("lock"), "").unwrap();
            }
            fs::create_dir_all(directory.join(&deep)).unwrap();
            fs::write(directory.join("lock"), "").unwrap();
            assert_eq!(remove_tree(parent.as_fd(), name), Err(Errno::ELOOP));
            assert!(directory.join("lock").exists());
        }
    }
}
