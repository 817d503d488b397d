//! Rung 4's place: a fresh private directory where both writing and execution are allowed.

use std::env;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::ffi;
use crate::remove::remove_tree;
use crate::sweep::{LOCK_NAME, name_prefix, sweep};

const PROBE_NAME: &str = "probe";
const IMAGE_NAME: &str = "root";

/// A private directory of this run. It stays locked as long as this value lives.
#[derive(Debug)]
pub(crate) struct PrivateDirectory {
    base: OwnedFd,
    name: CString,
    path: PathBuf,
    _lock: Flock<OwnedFd>,
}

impl PrivateDirectory {
    /// Makes a private directory in `base`. `announce` is told its path before it exists, so that somebody else
    /// can remove it whenever this process ends.
    pub(crate) fn make(base: &Path, announce: impl Fn(&Path)) -> Result<Self, Errno> {
        let base_fd = open(
            base,
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        sweep(base_fd.as_fd());
        let name = format!("{}{:016x}", name_prefix(), ffi::random_u64()?);
        let path = base.join(&name);
        announce(&path);
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        // mkdir fails on whatever already stands there, also on a link.
        mkdirat(&base_fd, name.as_c_str(), Mode::S_IRWXU)?;
        match lock_and_try(&base_fd, &name) {
            Ok(lock) => Ok(Self {
                base: base_fd,
                name,
                path,
                _lock: lock,
            }),
            Err(errno) => {
                let _ = remove_tree(base_fd.as_fd(), &name);
                Err(errno)
            }
        }
    }

    /// Where the image is unpacked.
    pub(crate) fn image_path(&self) -> PathBuf {
        self.path.join(IMAGE_NAME)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that is in it.
    pub(crate) fn remove(&self) -> Result<(), Errno> {
        remove_tree(self.base.as_fd(), &self.name)
    }
}

/// Directories in which a private one may be made, best first, and made where that is usual.
pub(crate) fn bases() -> Vec<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let absolute = |path: &PathBuf| path.is_absolute();
    let cache = set("XDG_CACHE_HOME")
        .filter(absolute)
        .or_else(|| set("HOME").filter(absolute).map(|home| home.join(".cache")));
    let own_cache = cache.map(|cache| cache.join("benchrun"));
    if let Some(own_cache) = &own_cache {
        // Where home cannot be written to, the next candidate is tried.
        let _ = std::fs::create_dir_all(own_cache);
    }
    let fixed = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
    let run = PathBuf::from(format!("/run/user/{}", geteuid()));
    own_cache
        .into_iter()
        .chain(set("TMPDIR").filter(absolute))
        .chain(fixed)
        .chain([run])
        .chain(env::current_dir())
        .collect()
}

fn lock_and_try(base: &OwnedFd, name: &CString) -> Result<Flock<OwnedFd>, Errno> {
    let directory_flags =
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file_flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let directory = openat(base, name.as_c_str(), directory_flags, Mode::empty())?;
    let lock = openat(
        &directory,
        LOCK_NAME,
        file_flags,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?;
    let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    // Somebody who swept up between mkdir and lock has unlinked it.
    if fstat(&*lock)?.st_nlink == 0 {
        return Err(Errno::ESTALE);
    }
    let probe = openat(&directory, PROBE_NAME, file_flags, Mode::S_IRWXU)?;
    nix::unistd::ftruncate(&probe, 4096)?;
    ffi::is_executable_mapping_allowed(&File::from(probe))?;
    unlinkat(&directory, PROBE_NAME, UnlinkatFlags::NoRemoveDir)?;
    mkdirat(&directory, IMAGE_NAME, Mode::S_IRWXU)?;
    Ok(lock)
}

/// The parent directory and the name of a path as given to `announce`.
pub(crate) fn split(path: &Path) -> Option<(&Path, CString)> {
    Some((
        path.parent()?,
        CString::new(path.file_name()?.as_bytes()).ok()?,
    ))
}
