//! Removing a directory tree, however deep and whatever its modes, without leaving it.

use std::ffi::{CStr, CString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, renameat};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// So many directories are open at a time. What lies deeper is moved up first.
const DEPTH_MAX: usize = 64;

/// Removes what is at `path`, and all below it if it is a directory. Links are removed, not followed, and what is mounted
/// there is not touched. Nobody else may work there.
///
/// # Errors
/// The first that cannot be removed; `EXDEV` for a mount.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let parent = File::open(path.parent().unwrap_or(Path::new("/")))?;
    let name = path.file_name().unwrap_or_default();
    let name = CString::new(name.as_encoded_bytes())?;
    let top = enter(parent.as_fd(), &name)?;
    let mut removal = Removal {
        top: top.as_fd(),
        moved: Vec::new(),
        moved_count: 0,
    };
    removal.empty(top.as_fd(), 0)?;
    while let Some(name) = removal.moved.pop() {
        removal.directory(top.as_fd(), &name, 0)?;
    }
    Ok(unlinkat(
        &parent,
        name.as_c_str(),
        UnlinkatFlags::RemoveDir,
    )?)
}

struct Removal<'a> {
    top: BorrowedFd<'a>,
    /// Directories that were too deep and are now in `top`.
    moved: Vec<CString>,
    moved_count: usize,
}

impl Removal<'_> {
    fn directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        depth: usize,
    ) -> Result<(), Errno> {
        let directory = enter(parent, name)?;
        if depth >= DEPTH_MAX {
            return self.move_up(parent, name);
        }
        self.empty(directory.as_fd(), depth)?;
        unlinkat(parent, name, UnlinkatFlags::RemoveDir)
    }

    /// Removes all that is in a directory.
    fn empty(&mut self, directory: BorrowedFd<'_>, depth: usize) -> Result<(), Errno> {
        let mut reader = Dir::from_fd(reopen(directory)?)?;
        let entries: Vec<_> = reader.iter().collect::<Result<_, _>>()?;
        drop(reader);
        for entry in entries {
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(Errno::EISDIR) => self.directory(directory, name, depth + 1)?,
                // A file that is mounted over.
                Err(Errno::EBUSY) => return Err(Errno::EXDEV),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Moves a directory to the top, under a name that nothing there has.
    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        loop {
            let new =
                CString::new(format!(".moved-{}", self.moved_count)).map_err(|_| Errno::EINVAL)?;
            self.moved_count += 1;
            match fstat_at(self.top, &new) {
                Err(Errno::ENOENT) => {
                    renameat(parent, name, self.top, new.as_c_str())?;
                    self.moved.push(new);
                    return Ok(());
                }
                Ok(()) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn fstat_at(directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    nix::sys::stat::fstatat(directory, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW).map(drop)
}

/// Opens a directory for being emptied, and gives its owner the right to. Not one that something is mounted on.
fn enter(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    match open_here(parent, name) {
        Err(Errno::EACCES) => {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let unread = openat(parent, name, flags, Mode::empty())?;
            // chmod takes no such descriptor, but its name.
            let path = format!("/proc/self/fd/{}", unread.as_raw_fd());
            let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
            open_here(parent, name)
        }
        opened => opened,
    }
    .inspect(|directory| {
        // Another's directory may still be empty, or writable for us.
        let _ = fchmod(directory, Mode::S_IRWXU);
    })
}

fn open_here(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV;
    match openat2(parent, name, OpenHow::new().flags(flags).resolve(resolve)) {
        // Linux before 5.6, or a filter that does not know it.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let opened = openat(parent, name, flags, Mode::empty())?;
            let is_same = fstat(&opened)?.st_dev == fstat(parent)?.st_dev;
            is_same.then_some(opened).ok_or(Errno::EXDEV)
        }
        opened => opened,
    }
}

fn reopen(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(directory, c".", flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn everything_goes_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let outside = base.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        let tree = base.path().join("tree");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::write(tree.join("a/b/file"), "").unwrap();
        fs::write(tree.join("read-only"), "").unwrap();
        fs::set_permissions(tree.join("read-only"), Permissions::from_mode(0o0)).unwrap();
        symlink(&outside, tree.join("link")).unwrap();
        symlink("nowhere", tree.join("a/dangling")).unwrap();
        fs::write(tree.join(".moved-0"), "").unwrap();
        for directory in ["a/b", "a", ""] {
            fs::set_permissions(tree.join(directory), Permissions::from_mode(0o500)).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert!(outside.join("kept").exists());
        remove_tree(&tree).expect("nothing there is fine");
        symlink(&outside, &tree).unwrap();
        remove_tree(&tree).unwrap();
        assert!(outside.join("kept").exists() && fs::symlink_metadata(&tree).is_err());
    }

    /// A container may make a tree deeper than any path can name, and deeper than there are file descriptors.
    #[test]
    fn depth_does_not_matter() {
        let base = tempfile::tempdir().unwrap();
        let tree = base.path().join("tree");
        fs::create_dir(&tree).unwrap();
        fs::create_dir(tree.join(".moved-1")).unwrap();
        let mut directory: OwnedFd = File::open(&tree).unwrap().into();
        for _ in 0..3000 {
            nix::sys::stat::mkdirat(&directory, "d", Mode::S_IRWXU).unwrap();
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
            directory = openat(&directory, "d", flags, Mode::empty()).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
