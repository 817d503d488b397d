//! Lock files that may be removed while others wait for them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// A lock that is held until this value, and the process, is gone.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Lock {
    /// Locks the file for nobody else, and makes it if need be. None if somebody has it.
    pub(crate) fn exclusive(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FlockArg::LockExclusiveNonblock)
    }

    /// Locks the file for all who share it. None if somebody has it alone.
    pub(crate) fn shared(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path, FlockArg::LockSharedNonblock)
    }

    fn take(path: &Path, how: FlockArg) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(path)?;
            let file = match Flock::lock(file, how) {
                Ok(file) => file,
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, errno)) => return Err(errno.into()),
            };
            // Whoever had it before may have removed the file: then this lock is on nothing.
            let locked = file.metadata()?;
            let is_same =
                |there: &fs::Metadata| there.ino() == locked.ino() && there.dev() == locked.dev();
            match fs::symlink_metadata(path) {
                Ok(there) if is_same(&there) => {
                    return Ok(Some(Self {
                        path: path.to_owned(),
                        _file: file,
                    }));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the file of an exclusive lock.
    pub(crate) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusive_lock_shuts_out_and_a_shared_one_is_shared() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let exclusive = Lock::exclusive(&path).unwrap().expect("free");
        assert!(Lock::exclusive(&path).unwrap().is_none());
        assert!(Lock::shared(&path).unwrap().is_none());
        drop(exclusive);
        let shared = Lock::shared(&path).unwrap().expect("free");
        assert!(Lock::shared(&path).unwrap().is_some());
        assert!(Lock::exclusive(&path).unwrap().is_none());
        drop(shared);
        Lock::exclusive(&path).unwrap().expect("free").remove();
        assert!(!path.exists());
    }

    /// Many take the lock and remove its file; never two have it at a time.
    #[test]
    fn a_removed_file_locks_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut left = 50;
                    while left > 0 {
                        let Some(lock) = Lock::exclusive(&path).unwrap() else {
                            std::thread::yield_now();
                            continue;
                        };
                        let order = std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(inside.fetch_add(1, order), 0);
                        std::thread::yield_now();
                        assert_eq!(inside.fetch_sub(1, order), 1);
                        lock.remove();
                        left -= 1;
                    }
                });
            }
        });
    }
}
