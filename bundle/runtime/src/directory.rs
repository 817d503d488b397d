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

use bundle_squashfs::Image;

use crate::remove::remove_tree;
use crate::sweep::{LOCK_NAME, name_prefix, sweep};
use crate::unpack::{self, Ownership, Unmasked};
use crate::{Error, anonymous, ffi};

const PROBE_NAME: &str = "probe";
/// Name of the directory that the image is unpacked to.
pub(crate) const IMAGE_NAME: &str = "root";

/// So often a directory is made until it stays. Each attempt can only be spoilt by a run that starts at the same moment.
const ATTEMPT_COUNT: usize = 100;

/// A private directory of this run. It stays locked as long as this value lives.
#[derive(Debug)]
pub(crate) struct PrivateDirectory {
    base: OwnedFd,
    name: CString,
    path: PathBuf,
    _lock: Flock<OwnedFd>,
    /// The image's files, where they had to be kept out of the directory.
    anonymous: Vec<File>,
}

/// What a directory is to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allows {
    /// Files, and the execution of programs in them.
    Execution,
    /// Files.
    Files,
}

impl PrivateDirectory {
    /// Makes a private directory in `base`. `announce` is told its path before it exists, so that somebody else
    /// can remove it whenever this process ends.
    pub(crate) fn make(
        base: &Path,
        allows: Allows,
        announce: impl Fn(&Path),
    ) -> Result<Self, Errno> {
        let mut made = Self::make_once(base, allows, &announce);
        for _ in 1..ATTEMPT_COUNT {
            // Another run's sweep has taken the directory for a dead one before it was locked.
            match made {
                Err(Errno::ESTALE | Errno::ENOENT | Errno::EWOULDBLOCK) => {
                    made = Self::make_once(base, allows, &announce);
                }
                _ => break,
            }
        }
        made
    }

    fn make_once(base: &Path, allows: Allows, announce: impl Fn(&Path)) -> Result<Self, Errno> {
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
        match lock_and_try(&base_fd, &name, allows) {
            Ok(lock) => Ok(Self {
                base: base_fd,
                name,
                path,
                _lock: lock,
                anonymous: Vec::new(),
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

    /// Gives it another name in the same base, under which it stays.
    pub(crate) fn keep_as(&self, name: &str) -> Result<(), Errno> {
        nix::fcntl::renameat(&self.base, self.name.as_c_str(), &self.base, name)
    }

    /// Removes it with all that is in it.
    pub(crate) fn remove(&self) -> Result<(), Errno> {
        remove_tree(self.base.as_fd(), &self.name)
    }
}

/// Existing directories in which a private one may be made, best first: the user's cache, then what is meant for
/// temporary files, then wherever the user is. None is made for the purpose, so none is left behind.
pub(crate) fn bases() -> Vec<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = set("HOME");
    let cache = set("XDG_CACHE_HOME").or_else(|| home.as_ref().map(|home| home.join(".cache")));
    let fixed = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
    let run = PathBuf::from(format!("/run/user/{}", geteuid()));
    let mut bases: Vec<PathBuf> = Vec::new();
    let candidates = cache
        .into_iter()
        .chain(set("TMPDIR"))
        .chain(fixed)
        .chain([run])
        .chain(home);
    for base in candidates.chain(env::current_dir()) {
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    bases
}

/// Unpacks the image into the first place that takes it: one that allows execution, or else one that allows files, with the image's
/// files in anonymous memory. `announce` is told each place before it is made.
pub(crate) fn unpack_somewhere(
    image: &Image<'_>,
    announce: impl Fn(&Path),
) -> Result<PrivateDirectory, Error> {
    let _unmasked = Unmasked::new();
    first_that_takes_it(announce, |directory| {
        unpack::unpack_at(image, &directory.image_path(), Ownership::OfCaller)
    })
}

/// Makes an empty private directory in the first place that would take the image.
pub(crate) fn probe_somewhere(announce: impl Fn(&Path)) -> Result<PrivateDirectory, Error> {
    first_that_takes_it(announce, |_| Ok(()))
}

fn first_that_takes_it(
    announce: impl Fn(&Path),
    fill: impl Fn(&PrivateDirectory) -> Result<(), Error>,
) -> Result<PrivateDirectory, Error> {
    let refused = match first_allowing(Allows::Execution, &announce, &fill) {
        Err(error @ Error::NoDirectory(_)) => error,
        outcome => return outcome,
    };
    match first_allowing(Allows::Files, &announce, &fill) {
        // Why execution is not allowed is what can be helped.
        Err(Error::NoDirectory(_)) => Err(refused),
        outcome => outcome,
    }
}

fn first_allowing(
    allows: Allows,
    announce: &impl Fn(&Path),
    fill: &impl Fn(&PrivateDirectory) -> Result<(), Error>,
) -> Result<PrivateDirectory, Error> {
    let mut refusals = Vec::new();
    for base in bases() {
        let mut directory = match PrivateDirectory::make(&base, allows, announce) {
            Ok(directory) => directory,
            Err(errno) => {
                refusals.push(format!("{}: {}", base.display(), errno.desc()));
                continue;
            }
        };
        let filled = fill(&directory).and_then(|()| match allows {
            Allows::Execution => Ok(Vec::new()),
            Allows::Files => anonymous::move_to_memory(&directory.image_path()),
        });
        match filled {
            Ok(files) => {
                directory.anonymous = files;
                return Ok(directory);
            }
            Err(error) => {
                let _ = directory.remove();
                match error {
                    // Another file system may have the room that this one lacks.
                    Error::Unpack { errno, .. } => {
                        refusals.push(format!("{}: {}", base.display(), errno.desc()));
                    }
                    other => return Err(other),
                }
            }
        }
    }
    Err(Error::NoDirectory(refusals.join("; ")))
}

/// Removes the private directory at `path`, whose own process has been killed.
pub(crate) fn remove_at(path: &Path) {
    if let Some((base, name)) = split(path)
        && let Ok(base) = File::open(base)
    {
        let _ = remove_tree(base.as_fd(), &name);
    }
}

fn lock_and_try(base: &OwnedFd, name: &CString, allows: Allows) -> Result<Flock<OwnedFd>, Errno> {
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
    if allows == Allows::Execution {
        ffi::is_executable_mapping_allowed(&File::from(probe))?;
    }
    unlinkat(&directory, PROBE_NAME, UnlinkatFlags::NoRemoveDir)?;
    mkdirat(&directory, IMAGE_NAME, Mode::S_IRWXU)?;
    Ok(lock)
}

/// The parent directory and the name of a path as given to `announce`.
fn split(path: &Path) -> Option<(&Path, CString)> {
    Some((
        path.parent()?,
        CString::new(path.file_name()?.as_bytes()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::*;

    fn names_in(base: &Path) -> Vec<PathBuf> {
        fs::read_dir(base)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    #[test]
    fn a_private_directory_is_announced_before_it_exists_and_removed_without_a_trace() {
        let base = tempfile::tempdir().unwrap();
        let announced = RefCell::new(None);
        let directory = PrivateDirectory::make(base.path(), Allows::Execution, |path| {
            assert!(!path.exists());
            announced.replace(Some(path.to_owned()));
        })
        .unwrap();
        assert_eq!(announced.into_inner().as_deref(), Some(directory.path()));
        assert!(names_in(&directory.image_path()).is_empty());
        directory.remove().unwrap();
        assert!(names_in(base.path()).is_empty());
    }

    /// All processes of a run were killed at once, so nobody cleaned up; the next run does, but spares the living.
    #[test]
    fn the_next_run_sweeps_up_the_dead_and_spares_the_living() {
        let base = tempfile::tempdir().unwrap();
        let make = || PrivateDirectory::make(base.path(), Allows::Execution, |_| ()).unwrap();
        let live = make();
        let dead = make();
        let dead_path = dead.path().to_owned();
        fs::write(dead_path.join("root/file"), "left").unwrap();
        drop(dead);
        let foreign = base.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        let next = make();
        assert!(!dead_path.exists());
        assert!(live.path().exists() && next.path().exists() && foreign.exists());
    }

    /// Each one that is being made looks dead to the others until it is locked.
    #[test]
    fn many_made_at_once_all_stay() {
        let base = tempfile::tempdir().unwrap();
        for _ in 0..50 {
            let made: Vec<_> = std::thread::scope(|scope| {
                let make = || PrivateDirectory::make(base.path(), Allows::Execution, |_| ());
                let makers: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                makers
                    .into_iter()
                    .map(|maker| maker.join().unwrap())
                    .collect()
            });
            for directory in made {
                let directory = directory.unwrap();
                assert!(directory.path().join("lock").exists());
                directory.remove().unwrap();
            }
        }
        assert!(names_in(base.path()).is_empty());
    }

    #[test]
    fn removing_follows_no_links() {
        let base = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "x").unwrap();
        let directory = PrivateDirectory::make(base.path(), Allows::Execution, |_| ()).unwrap();
        let image = directory.image_path();
        std::os::unix::fs::symlink(outside.path(), image.join("link")).unwrap();
        fs::create_dir(image.join("sealed")).unwrap();
        fs::write(image.join("sealed/file"), "x").unwrap();
        fs::set_permissions(
            image.join("sealed"),
            std::os::unix::fs::PermissionsExt::from_mode(0o555),
        )
        .unwrap();
        directory.remove().unwrap();
        assert!(outside.path().join("precious").exists());
        assert!(names_in(base.path()).is_empty());
    }

    /// A link with a name like ours leads to a directory that is not ours.
    #[test]
    fn sweeping_follows_no_links() {
        let base = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("lock"), "").unwrap();
        let link = base
            .path()
            .join(format!("{}0123456789abcdef", name_prefix()));
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        let _directory = PrivateDirectory::make(base.path(), Allows::Execution, |_| ()).unwrap();
        assert!(outside.path().join("lock").exists());
    }
}
