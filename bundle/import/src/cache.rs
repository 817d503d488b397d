//! Blobs that were downloaded before, and those that did not come to their end.
//!
//! `blobs/sha256/HEX` is a whole one, `blobs/sha256/HEX.partial` one that is being downloaded or was broken off. Whoever writes one,
//! completes it or throws it away holds the lock of the partial file; so of two imports the second waits for the first, and then
//! finds it whole. Nothing is believed because of its name: size and digest are checked before each use. So nothing has to be
//! flushed to the disk either: what a power cut takes is noticed and fetched again.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use crate::digest::{Hasher, Sha256};
use crate::settings::Variables;

/// A directory with blobs.
#[derive(Debug, Clone)]
pub struct Cache {
    blobs: PathBuf,
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Nobody says where it is.
    #[error(
        "cannot find a place for downloads: neither $XDG_CACHE_HOME nor $HOME is set (set $BENCHRUN_CACHE_PATH)"
    )]
    NoPlace,

    /// Somebody else could change what is in it after it was checked.
    #[error(
        "cannot use '{0}': it belongs to another user (set $BENCHRUN_CACHE_PATH to a directory of your own)"
    )]
    NotOwn(PathBuf),

    /// The system does not allow it.
    #[error("cannot {doing} '{path}': {reason} (set $BENCHRUN_CACHE_PATH to use another place)")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
}

/// A blob that is not whole, and that nobody else writes to.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    whole_path: PathBuf,
    hasher: Hasher,
    received_bytes: u64,
}

/// What there is of a blob.
pub(crate) enum Found {
    Whole(File),
    Partial(Partial),
}

impl Cache {
    /// The cache that the environment names: `$BENCHRUN_CACHE_PATH`, else `$XDG_CACHE_HOME/benchrun`, else `~/.cache/benchrun`.
    /// It is made if it does not exist.
    ///
    /// # Errors
    /// If none is named, or it cannot be made.
    pub fn of_environment(variables: Variables<'_>) -> Result<Self, CacheError> {
        let path = |name: &str| variables(name).map(PathBuf::from);
        let absolute = |name: &str| path(name).filter(|path| path.is_absolute());
        let root = path("BENCHRUN_CACHE_PATH")
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(|| absolute("XDG_CACHE_HOME").map(|home| home.join("benchrun")))
            .or_else(|| absolute("HOME").map(|home| home.join(".cache/benchrun")))
            .ok_or(CacheError::NoPlace)?;
        Self::at(&root)
    }

    /// The cache in this directory, which is made if it does not exist.
    ///
    /// # Errors
    /// If it cannot be made, or belongs to another user.
    pub fn at(root: &Path) -> Result<Self, CacheError> {
        let blobs = root.join("blobs/sha256");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&blobs)
            .map_err(failed("make directory", &blobs))?;
        for directory in [root, &blobs] {
            let metadata = fs::metadata(directory).map_err(failed("use", directory))?;
            if metadata.uid() != geteuid().as_raw() {
                return Err(CacheError::NotOwn(directory.to_owned()));
            }
        }
        Ok(Self { blobs })
    }

    /// What there is of a blob. `waits` is called if somebody else is downloading it, who is then waited for.
    pub(crate) fn find(
        &self,
        digest: Sha256,
        size_bytes: u64,
        waits: impl Fn(),
    ) -> Result<Found, CacheError> {
        let whole_path = self.blobs.join(digest.hex());
        if let Some(file) = open_whole(&whole_path, digest, size_bytes)? {
            return Ok(Found::Whole(file));
        }
        let path = whole_path.with_extension("partial");
        let file = lock_partial(&path, waits)?;
        // Whoever had the lock may have completed it.
        if let Some(whole) = open_whole(&whole_path, digest, size_bytes)? {
            let _ = fs::remove_file(&path);
            return Ok(Found::Whole(whole));
        }
        // What lies there under this name is damaged.
        match fs::remove_file(&whole_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &whole_path)(error));
            }
            _ => {}
        }
        let mut partial = Partial {
            file,
            path,
            whole_path,
            hasher: Hasher::default(),
            received_bytes: 0,
        };
        partial.take_up(size_bytes)?;
        Ok(Found::Partial(partial))
    }
}

impl Partial {
    /// How much of it there is.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Adds what came next.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.file
            .write_all(bytes)
            .map_err(failed("write", &self.path))?;
        self.hasher.update(bytes);
        self.received_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what there is.
    pub(crate) fn restart(&mut self) -> Result<(), CacheError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(failed("write", &self.path))?;
        self.hasher = Hasher::default();
        self.received_bytes = 0;
        Ok(())
    }

    /// The digest of what there is.
    pub(crate) fn digest(&self) -> Sha256 {
        self.hasher.clone().finish()
    }

    /// Makes it whole: the caller has compared size and digest. The file stands at its beginning.
    pub(crate) fn keep(mut self) -> Result<File, CacheError> {
        fs::rename(&self.path, &self.whole_path).map_err(failed("rename", &self.path))?;
        self.file
            .unlock()
            .and_then(|()| self.file.rewind())
            .map_err(failed("unlock", &self.path))?;
        Ok(self.file)
    }

    /// Goes on where the last download stopped.
    fn take_up(&mut self, size_bytes: u64) -> Result<(), CacheError> {
        let read = |error| failed("read", &self.path)(error);
        let found_bytes = self.file.metadata().map_err(read)?.len();
        if found_bytes > size_bytes {
            return self.restart();
        }
        self.received_bytes = self.hasher.take_in(&self.file).map_err(read)?;
        self.file
            .seek(SeekFrom::Start(self.received_bytes))
            .map_err(read)?;
        Ok(())
    }
}

/// A whole blob, if there is one and it is what its name says. The file stands at its beginning.
fn open_whole(path: &Path, digest: Sha256, size_bytes: u64) -> Result<Option<File>, CacheError> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("read", path))?,
    };
    if file.metadata().map_err(failed("read", path))?.len() != size_bytes {
        return Ok(None);
    }
    let mut hasher = Hasher::default();
    hasher
        .take_in(&file)
        .and_then(|_| file.rewind())
        .map_err(failed("read", path))?;
    Ok((hasher.finish() == digest).then_some(file))
}

/// The partial file, made if there is none, and locked.
fn lock_partial(path: &Path, waits: impl Fn()) -> Result<File, CacheError> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(path)
            .map_err(failed("write", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waits();
                file.lock().map_err(failed("lock", path))?;
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
        // Whoever had the lock before may have given the file another name.
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let locked = file.metadata().map_err(failed("lock", path))?;
        if fs::symlink_metadata(path).is_ok_and(|named| place(named) == place(locked)) {
            return Ok(file);
        }
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> CacheError {
    move |reason| CacheError::Io {
        doing,
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const BYTES: &[u8] = b"a layer of an image";

    fn found(cache: &Cache) -> Found {
        let digest = Sha256::of(BYTES);
        cache.find(digest, BYTES.len() as u64, || ()).unwrap()
    }

    fn partial(cache: &Cache) -> Partial {
        match found(cache) {
            Found::Partial(partial) => partial,
            Found::Whole(_) => panic!("it is whole"),
        }
    }

    fn whole(cache: &Cache) -> Vec<u8> {
        let Found::Whole(mut file) = found(cache) else {
            panic!("it is not whole");
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn path(cache: &Cache) -> PathBuf {
        cache.blobs.join(Sha256::of(BYTES).hex())
    }

    #[test]
    fn what_was_broken_off_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(&directory.path().join("cache")).unwrap();
        let mut first = partial(&cache);
        first.append(&BYTES[..5]).unwrap();
        drop(first);
        let mut second = partial(&cache);
        assert_eq!(second.received_bytes(), 5);
        second.append(&BYTES[5..]).unwrap();
        assert_eq!(second.digest(), Sha256::of(BYTES));
        second.keep().unwrap();
        assert_eq!(whole(&cache), BYTES);
        assert!(!path(&cache).with_extension("partial").exists());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&cache.blobs), 0o700);
        assert_eq!(mode(&path(&cache)), 0o600);
    }

    #[test]
    fn nothing_is_believed_because_of_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path()).unwrap();
        for wrong in [&BYTES[1..], b"b layer of an image", b""] {
            fs::write(path(&cache), wrong).unwrap();
            assert_eq!(partial(&cache).received_bytes(), 0);
            assert!(!path(&cache).exists());
        }
        fs::write(path(&cache).with_extension("partial"), [0; 100]).unwrap();
        assert_eq!(
            partial(&cache).received_bytes(),
            0,
            "it was longer than the whole"
        );
        std::os::unix::fs::symlink("/etc/passwd", path(&cache)).unwrap();
        let refused = cache.find(Sha256::of(BYTES), BYTES.len() as u64, || ());
        assert!(matches!(refused, Err(CacheError::Io { doing: "read", .. })));
    }

    #[test]
    fn the_second_waits_and_finds_it_whole() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path()).unwrap();
        let mut first = partial(&cache);
        let (waiting, waits) = mpsc::channel();
        let second = thread::spawn({
            let cache = cache.clone();
            move || {
                let digest = Sha256::of(BYTES);
                let found = cache.find(digest, BYTES.len() as u64, || waiting.send(()).unwrap());
                matches!(found.unwrap(), Found::Whole(_))
            }
        });
        waits.recv().unwrap();
        first.append(BYTES).unwrap();
        // It stays open, as a layer does while the image is made.
        let _file = first.keep().unwrap();
        assert!(second.join().unwrap());
        assert!(!path(&cache).with_extension("partial").exists());
    }

    #[test]
    fn where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_str().unwrap().to_owned();
        let check = |set: &[(&str, &str)], expected: &str| {
            let variables = |name: &str| {
                let found = set.iter().find(|(found, _)| *found == name);
                found.map(|(_, value)| value.replace('~', &home))
            };
            let cache = Cache::of_environment(&variables).unwrap();
            assert_eq!(cache.blobs, directory.path().join(expected));
        };
        check(&[("HOME", "~")], ".cache/benchrun/blobs/sha256");
        check(
            &[("HOME", "~"), ("XDG_CACHE_HOME", "~/x")],
            "x/benchrun/blobs/sha256",
        );
        check(
            &[("HOME", "~"), ("BENCHRUN_CACHE_PATH", "~/own")],
            "own/blobs/sha256",
        );
        assert!(matches!(
            Cache::of_environment(&|_| None),
            Err(CacheError::NoPlace)
        ));
    }
}
