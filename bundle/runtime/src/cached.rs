//! Rung 4's kept copy (`--keep-cache`): the unpacked image under the user's cache directory, by the bundle's digest, for the
//! next run to use without unpacking.
//!
//! A copy belongs to the user alone (owner, mode 0700) and is checked before every use: the digest of all that is in it must be
//! the one that was written down when it was made. One that is not whole, or has been changed, is made again. Whoever uses
//! a copy holds a shared lock; whoever removes it needs the lock alone.

use std::env;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bundle_format::Digest;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use crate::Error;
use crate::directory::{Allows, IMAGE_NAME, PrivateDirectory};
use crate::error::errno_of;
use crate::request::{Files, StartRequest};
use crate::sweep::LOCK_NAME;
use crate::tree_digest::digest_of_tree;
use crate::unpack::{self, Ownership, Unmasked};

/// Holds the digest of the copy beside it.
const DIGEST_NAME: &str = "digest";

/// A kept copy in use.
#[derive(Debug)]
pub(crate) struct CachedImage {
    path: PathBuf,
    _lock: Flock<OwnedFd>,
}

impl CachedImage {
    /// Where the image is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Uses the kept copy of the bundle's image, or makes one. `announce` is told the path of what is made before it exists, so that
/// somebody else can remove it while it is not complete.
pub(crate) fn open_or_make(
    request: &StartRequest<'_>,
    announce: impl Fn(&Path),
) -> Result<CachedImage, Error> {
    let base = cache_directory()?;
    let Files::Bundle { bundle, image, .. } = request.files else {
        // Only a bundle has a digest to keep a copy under.
        return Err(Error::unpack("keep a copy of", request.files.path())(
            Errno::ENOTSUP,
        ));
    };
    let name = bundle.digest().to_string();
    let kept = base.join(&name);
    if let Some(image) = use_kept(&kept)? {
        request.trace.done("checked the kept copy");
        return Ok(image);
    }
    let _unmasked = Unmasked::new();
    let made = PrivateDirectory::make(&base, Allows::Execution, announce)
        .map_err(Error::unpack("write in", &base))?;
    let filled = unpack::unpack_at(image, &made.image_path(), Ownership::OfCaller)
        .and_then(|()| write_digest(made.path()))
        .and_then(|()| match made.keep_as(&name) {
            // Somebody else was faster; theirs is as good.
            Ok(()) | Err(Errno::EEXIST | Errno::ENOTEMPTY) => Ok(()),
            Err(errno) => Err(Error::unpack("keep", &kept)(errno)),
        });
    // What could not become the kept copy is not kept under another name.
    let _ = made.remove();
    // Its lock would keep this very process from using it.
    drop(made);
    filled?;
    request.trace.done("made the copy to keep");
    use_kept(&kept)?.ok_or_else(|| Error::unpack("use", &kept)(Errno::ESTALE))
}

/// The user's own directory for what is kept.
fn cache_directory() -> Result<PathBuf, Error> {
    let set = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .ok_or_else(|| Error::unpack("find", "$XDG_CACHE_HOME or $HOME")(Errno::ENOENT))?
        .join("benchrun");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&base)
        .map_err(|error| Error::unpack("make directory", &base)(errno_of(&error)))?;
    Ok(base)
}

/// The kept copy, locked and checked. None if there is none; one that is not as it was made is removed first.
fn use_kept(kept: &Path) -> Result<Option<CachedImage>, Error> {
    let failed = |errno| Error::unpack("use the kept copy", kept)(errno);
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let lock = match open(
        &kept.join(std::ffi::OsStr::new("lock")),
        flags,
        Mode::empty(),
    ) {
        Ok(lock) => lock,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    debug_assert_eq!(LOCK_NAME, c"lock");
    let lock = Flock::lock(lock, FlockArg::LockShared).map_err(|(_, errno)| failed(errno))?;
    if is_own(kept) && is_as_it_was_made(kept) {
        return Ok(Some(CachedImage {
            path: kept.join(IMAGE_NAME),
            _lock: lock,
        }));
    }
    drop(lock);
    remove(kept).map_err(failed)?;
    Ok(None)
}

fn is_own(kept: &Path) -> bool {
    fs::symlink_metadata(kept).is_ok_and(|metadata| {
        metadata.is_dir()
            && metadata.uid() == geteuid().as_raw()
            && metadata.permissions().mode() & 0o777 == 0o700
    })
}

fn is_as_it_was_made(kept: &Path) -> bool {
    let written = fs::read_to_string(kept.join(DIGEST_NAME)).ok();
    let written = written.and_then(|text| text.trim_end().parse::<Digest>().ok());
    written.is_some_and(|digest| digest_of_tree(&kept.join(IMAGE_NAME)).ok() == Some(digest))
}

fn write_digest(directory: &Path) -> Result<(), Error> {
    let path = directory.join(DIGEST_NAME);
    digest_of_tree(&directory.join(IMAGE_NAME))
        .and_then(|digest| fs::write(&path, format!("{digest}\n")))
        .map_err(|error| Error::unpack("write", &path)(errno_of(&error)))
}

fn remove(kept: &Path) -> Result<(), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let lock = open(&kept.join("lock"), flags, Mode::empty())?;
    // Somebody runs from it: it stays, and this run fails rather than use it.
    let _alone = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    crate::directory::remove_at(kept);
    Ok(())
}
