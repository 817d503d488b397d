//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use tempfile::NamedTempFile;

/// A file that has no name until it is complete and on the disk. Whatever ends this process before, nothing is left behind.
///
/// Where the file system cannot make such files, it has another name until then, and is removed unless the process is killed.
pub(crate) struct NewFile {
    path: PathBuf,
    made: Made,
}

enum Made {
    Unnamed(File),
    Named(NamedTempFile),
}

impl NewFile {
    /// Begins a file that is to be at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let made = unnamed(directory_of(path))
            .map(Made::Unnamed)
            .or_else(|_| named(directory_of(path)).map(Made::Named))
            .with_context(|| cannot_write(path))?;
        Ok(Self {
            path: path.to_owned(),
            made,
        })
    }

    /// The file, to be read and written.
    pub(crate) fn file(&self) -> &File {
        match &self.made {
            Made::Unnamed(file) => file,
            Made::Named(file) => file.as_file(),
        }
    }

    /// The file alone, which is gone when it is closed.
    pub(crate) fn into_file(self) -> File {
        match self.made {
            Made::Unnamed(file) => file,
            Made::Named(file) => file.into_file(),
        }
    }

    /// Completes it with these permissions, whatever the umask says, and gives it its name. What has that name already
    /// is replaced if that is wanted, else it is an error.
    pub(crate) fn keep(self, mode: u32, replace: bool) -> Result<()> {
        let path = self.path.clone();
        self.try_keep(mode, replace)
            .with_context(|| cannot_write(&path))?;
        // The name is on the disk only when the directory is. Some cannot be synced: the file is there all the same.
        let _ = File::open(directory_of(&path)).and_then(|directory| directory.sync_all());
        Ok(())
    }

    fn try_keep(self, mode: u32, replace: bool) -> io::Result<()> {
        self.file().set_permissions(Permissions::from_mode(mode))?;
        self.file().sync_all()?;
        match self.made {
            Made::Unnamed(file) => match link(&file, &self.path, replace) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    persist(copy(file, &self.path, mode)?, &self.path, replace)
                }
                linked => linked,
            },
            Made::Named(file) => persist(file, &self.path, replace),
        }
    }
}

pub(crate) fn cannot_write(path: &Path) -> String {
    format!("cannot write '{}'", path.display())
}

/// Whether a file may be made at `path`: asked before the work, which would be in vain.
///
/// # Errors
/// If it is a directory, or exists and is not to be replaced.
pub(crate) fn check_output(path: &Path, replace: bool) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => bail!(
            "{}: it is a directory (name a file in it)",
            cannot_write(path)
        ),
        Ok(metadata) if !metadata.is_file() && !metadata.is_symlink() => bail!(
            "{}: it is no regular file (name another one)",
            cannot_write(path)
        ),
        Ok(_) if !replace => bail!(
            "{}: it exists (use --force to replace it)",
            cannot_write(path)
        ),
        _ => Ok(()),
    }
}

fn unnamed(directory: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_TMPFILE.bits())
        .mode(0o600)
        .open(directory)?;
    // Without /proc it could not be given a name.
    fs::symlink_metadata(name_in_proc(&file))?;
    Ok(file)
}

fn named(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".bundle-")
        .tempfile_in(directory)
}

fn name_in_proc(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives a file without a name this one. A link replaces nothing, so the file takes the place of another in two steps.
fn link(file: &File, path: &Path, replace: bool) -> io::Result<()> {
    let link_at = |path: &Path| -> io::Result<()> {
        let unnamed = name_in_proc(file);
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        Ok(linkat(AT_FDCWD, unnamed.as_str(), AT_FDCWD, path, follow)?)
    };
    if !replace {
        return link_at(path);
    }
    // The name of a file that is removed again is one that nobody else takes in the next moment.
    let other = named(directory_of(path))?.into_temp_path();
    fs::remove_file(&other)?;
    link_at(&other)?;
    other.persist(path).map_err(|failed| failed.error)
}

/// The same file under a name, for where none can be given.
fn copy(mut file: File, path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let copied = named(directory_of(path))?;
    file.rewind()?;
    io::copy(&mut file, &mut copied.as_file())?;
    copied
        .as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    copied.as_file().sync_all()?;
    Ok(copied)
}

fn persist(file: NamedTempFile, path: &Path, replace: bool) -> io::Result<()> {
    let named = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    named.map(drop).map_err(|failed| failed.error)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
