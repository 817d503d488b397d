//! Paths in a root file system that is not this process's root: opened, made and written as a process would whose root it is. No
//! link in it leads out, whoever made it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use crate::error::errno_of;

/// Largest configuration file that is read from a root file system.
const FILE_SIZE_LIMIT_BYTES: u64 = 16 << 20;

/// Links that lead to links, at most.
const LINK_COUNT_LIMIT: usize = 8;

const DIRECTORY_MODE: Mode = Mode::from_bits_truncate(0o755);

/// A root file system.
#[derive(Debug)]
pub(crate) struct Inside {
    root: OwnedFd,
    path: PathBuf,
}

impl Inside {
    /// The one whose root directory has this path.
    pub(crate) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self {
            root: nix::fcntl::open(path, flags, Mode::empty())?,
            path: path.to_owned(),
        })
    }

    /// Path of the root directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens what a path leads to.
    pub(crate) fn find(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let path = match relative(path) {
            path if path.as_os_str().is_empty() => Path::new("."),
            path => path,
        };
        openat2(self.root.as_fd(), path, how)
    }

    /// Is there a directory at this path?
    pub(crate) fn is_directory(&self, path: &Path) -> bool {
        self.find(path, OFlag::O_PATH | OFlag::O_DIRECTORY).is_ok()
    }

    /// Is there anything at this path?
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.find(path, OFlag::O_PATH).is_ok()
    }

    /// Can this user execute what is at this path?
    pub(crate) fn is_executable(&self, path: &Path) -> bool {
        let Ok(file) = self.find(path, OFlag::O_PATH) else {
            return false;
        };
        let is_file = nix::sys::stat::fstat(&file)
            .is_ok_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFREG);
        is_file
            && nix::unistd::access(place_of(&file).as_path(), nix::unistd::AccessFlags::X_OK)
                .is_ok()
    }

    /// Opens a directory, and makes it and those above it where they are missing.
    pub(crate) fn make_directory(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        match self.find(path, flags) {
            Err(Errno::ENOENT) => {}
            found => return found,
        }
        let path = relative(path);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::EINVAL);
        };
        let parent = self.make_directory(parent)?;
        match mkdirat(&parent, name, DIRECTORY_MODE) {
            // A link to nothing, most likely: what it leads to is not made.
            Ok(()) | Err(Errno::EEXIST) => self.find(path, flags),
            Err(errno) => Err(errno),
        }
    }

    /// Opens a file, and makes an empty one where there is none.
    pub(crate) fn make_file(&self, path: &Path) -> Result<OwnedFd, Errno> {
        match self.find(path, OFlag::O_PATH) {
            Err(Errno::ENOENT) => {}
            found => return found,
        }
        // A link to nothing is followed, so that what it leads to is there then.
        let mut path = path.to_owned();
        for _ in 0..LINK_COUNT_LIMIT {
            let (parent, name) = self.parent_of(&path)?;
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
            // Without any mode, as Enroot leaves such files: by that they are known, and stay out of exported images.
            match openat(&parent, name, flags, Mode::empty()) {
                Ok(_) => return self.find(&path, OFlag::O_PATH),
                Err(Errno::EEXIST) => {
                    let target = readlinkat(&parent, name)?;
                    path = path.parent().unwrap_or(Path::new("")).join(target);
                }
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::ELOOP)
    }

    /// The content of a regular file; none if there is none.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, Errno> {
        // Opening a pipe would wait for a writer.
        let file = match self.find(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let metadata = file.metadata().map_err(|error| errno_of(&error))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        if metadata.len() > FILE_SIZE_LIMIT_BYTES {
            return Err(Errno::EFBIG);
        }
        let mut bytes = Vec::new();
        file.take(FILE_SIZE_LIMIT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| errno_of(&error))?;
        Ok(Some(bytes))
    }

    /// Makes a file with this content take the place of what is there, if anything is.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), Errno> {
        let (parent, name) = self.parent_of(path)?;
        let draft = format!(".benchrun-{:016x}", crate::ffi::random_u64()?);
        let draft = draft.as_str();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(mode);
        let mut file = File::from(openat(&parent, draft, flags, mode)?);
        fchmod(&file, mode)?;
        let written = file.write_all(bytes).map_err(|error| errno_of(&error));
        written
            .and_then(|()| renameat(&parent, draft, &parent, name))
            .inspect_err(|_| {
                let _ = unlinkat(&parent, draft, UnlinkatFlags::NoRemoveDir);
            })
    }

    /// Makes a symbolic link take the place of what is there, if anything is.
    pub(crate) fn link(&self, path: &Path, target: &Path) -> Result<(), Errno> {
        let (parent, name) = self.parent_of(path)?;
        let _ = unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir);
        symlinkat(target, &parent, name)
    }

    /// The directory that a path's last part stands in, made where it is missing, and that part.
    fn parent_of<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p OsStr), Errno> {
        let path = relative(path);
        let name = path.file_name().ok_or(Errno::EISDIR)?;
        let parent = self.make_directory(path.parent().unwrap_or(Path::new("")))?;
        // What is opened only by path cannot be written in.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok((openat(&parent, ".", flags, Mode::empty())?, name))
    }
}

/// A name for something that is open, for the calls that take no descriptor.
pub(crate) fn place_of(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

fn relative(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().take_while(|byte| **byte == b'/').count();
    Path::new(OsStr::from_bytes(&bytes[start..]))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(scratch.path().join("secret"), "outside").unwrap();
        symlink("../../secret", root.join("etc/up")).unwrap();
        symlink(scratch.path(), root.join("absolute")).unwrap();
        let inside = Inside::open(&root).unwrap();
        assert_eq!(inside.read(Path::new("/etc/up")), Ok(None));
        assert_eq!(inside.read(Path::new("/absolute/secret")), Ok(None));
        inside
            .write(Path::new("/../secret"), b"inside", 0o644)
            .unwrap();
        assert_eq!(
            inside.read(Path::new("/etc/up")).unwrap(),
            Some(b"inside".to_vec())
        );
        assert_eq!(
            fs::read_to_string(scratch.path().join("secret")).unwrap(),
            "outside"
        );
        // A link to what is not there is not followed when something is made.
        assert!(inside.make_directory(Path::new("/absolute/new")).is_err());
        assert!(!scratch.path().join("new").exists());
    }

    #[test]
    fn what_is_missing_is_made() {
        let root = tempfile::tempdir().unwrap();
        let inside = Inside::open(root.path()).unwrap();
        inside.make_directory(Path::new("/a/b/c")).unwrap();
        inside.make_file(Path::new("a/b/file")).unwrap();
        inside.write(Path::new("/a/text"), b"one", 0o600).unwrap();
        inside.write(Path::new("/a/text"), b"two", 0o600).unwrap();
        inside
            .link(Path::new("/a/link"), Path::new("b/file"))
            .unwrap();
        assert!(root.path().join("a/b/c").is_dir());
        assert_eq!(fs::read(root.path().join("a/text")).unwrap(), b"two");
        assert_eq!(fs::read(root.path().join("a/link")).unwrap(), b"");
        assert!(inside.is_directory(Path::new("/")));
        assert!(inside.write(Path::new("/"), b"", 0o600).is_err());
    }
}
