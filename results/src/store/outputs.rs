//! Files that a command was asked to write: whether they can be written, found out before there is anything to write; and several files
//! that belong together.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::unistd::{AccessFlags, faccessat};
use tempfile::NamedTempFile;

use super::{FILE_MODE, StoreError, directory_of};

/// Finds out whether [`super::write_whole`] could write this file, so that minutes of measuring do not end without a place for what they
/// found. Nothing is made, changed or waited for; what is missing may still be taken away in between, and room is only known when it
/// is used.
///
/// # Errors
///
/// [`StoreError::File`] when it could not.
pub fn check_file(path: &Path) -> Result<(), StoreError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    check(&target).map_err(|source| StoreError::File {
        path: path.to_owned(),
        source,
    })
}

fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) => {
            may(path, AccessFlags::W_OK)?;
            if !there.is_file() {
                return Ok(());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.as_os_str().as_bytes().ends_with(b"/") {
                return Err(io::ErrorKind::IsADirectory.into());
            }
        }
        Err(error) => return Err(error),
    }
    // A file is replaced by another one that gets its name, so it is the directory that has to be written.
    let directory = directory_of(path);
    if fs::metadata(directory)?.is_dir() {
        may(directory, AccessFlags::W_OK | AccessFlags::X_OK)?;
        tempfile::tempfile_in(directory).map(drop)
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// Whether this process may do that, by the rights that it would do it with.
fn may(path: &Path, what: AccessFlags) -> io::Result<()> {
    faccessat(AT_FDCWD, path, what, nix::fcntl::AtFlags::AT_EACCESS)?;
    Ok(())
}

/// Writes files below a directory, which is made where it is missing: all of them, or none. They are written under other names and flushed
/// to the disk first, and get their names when that has succeeded for all.
///
/// # Errors
///
/// [`StoreError::File`] when one cannot be written; then what was there is as it was.
pub fn write_all(directory: &Path, files: &[(PathBuf, String)]) -> Result<(), StoreError> {
    let mut made = Vec::new();
    let written = files
        .iter()
        .map(|(name, text)| {
            let path = directory.join(name);
            draft(&path, text, &mut made).map_err(|source| StoreError::File { path, source })
        })
        .collect::<Result<Vec<_>, StoreError>>();
    let named = written.and_then(|drafts| {
        drafts.into_iter().try_for_each(|(draft, path)| {
            let persisted = draft.persist(&path);
            persisted.map(drop).map_err(|error| StoreError::File {
                path,
                source: error.error,
            })
        })
    });
    if named.is_err() {
        for directory in made.iter().rev() {
            // One that holds something stays.
            let _ = fs::remove_dir(directory);
        }
    }
    named
}

/// Writes a text beside the file that it is to become, which it returns with the links in its path followed.
fn draft(path: &Path, text: &str, made: &mut Vec<PathBuf>) -> io::Result<(NamedTempFile, PathBuf)> {
    make_directory(directory_of(path), made)?;
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(&target) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // A name given to another file would not ask whether this one may be written, nor what kind of file it is.
        Ok(there) if there.is_file() => may(&target, AccessFlags::W_OK)?,
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => {}
    }
    let mut file = tempfile::Builder::new()
        .prefix(".bench-")
        .permissions(fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(directory_of(&target))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok((file, target))
}

/// Makes a directory with those above it, and notes which were made, the outermost first.
fn make_directory(directory: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(above) = directory.parent().filter(|above| *above != Path::new("")) {
        make_directory(above, made)?;
    }
    fs::create_dir(directory)?;
    made.push(directory.to_owned());
    Ok(())
}
