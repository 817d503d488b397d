//! Files in memory that have no name, for hosts where no directory allows execution: a container whose root belongs to
//! somebody else and whose `/dev/shm` is mounted noexec, as Docker's are.
//!
//! What counts for execution is the file system that a file lies in, not the one in which a link to it lies. So each file of the
//! unpacked image becomes an anonymous one that the keeper holds open, and a link in its place leads there by the keeper's
//! descriptor in /proc. The anonymous files go with the keeper.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::errno_of;
use crate::{Error, ffi};

/// Each file costs a descriptor: what is well below the usual limit of 1024 is enough for a program with its libraries.
const FILE_COUNT_LIMIT: usize = 512;

/// Moves every regular file below `directory` into anonymous memory, and leaves links in their places. The links hold as long
/// as the returned files are open in this process.
pub(crate) fn move_to_memory(directory: &Path) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    move_below(directory, &mut files)?;
    Ok(files)
}

fn move_below(directory: &Path, files: &mut Vec<File>) -> Result<(), Error> {
    let failed = |error: &io::Error| Error::unpack("list", directory)(errno_of(error));
    for entry in fs::read_dir(directory).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        let path = entry.path();
        if kind.is_dir() {
            move_below(&path, files)?;
        } else if kind.is_file() {
            if files.len() == FILE_COUNT_LIMIT {
                return Err(Error::unpack("keep in memory", &path)(Errno::EMFILE));
            }
            let moved = move_one(&path)
                .map_err(|error| Error::unpack("keep in memory", &path)(errno_of(&error)))?;
            files.push(moved);
        }
    }
    Ok(())
}

fn move_one(path: &Path) -> io::Result<File> {
    let mut from = File::open(path)?;
    let mut moved = File::from(anonymous_file()?);
    io::copy(&mut from, &mut moved)?;
    let mode = from.metadata()?.permissions().mode() & 0o555;
    moved.set_permissions(fs::Permissions::from_mode(mode))?;
    fs::remove_file(path)?;
    let place = format!("/proc/{}/fd/{}", std::process::id(), moved.as_raw_fd());
    symlink(place, path)?;
    // Not every host lets anonymous memory be executed either (vm.memfd_noexec), and without /proc the link leads nowhere.
    ffi::is_executable_mapping_allowed(&File::open(path)?)?;
    Ok(moved)
}

fn anonymous_file() -> Result<std::os::fd::OwnedFd, Errno> {
    let executable = MFdFlags::from_bits_retain(libc::MFD_EXEC);
    match memfd_create("bundle", MFdFlags::MFD_CLOEXEC | executable) {
        // Before Linux 6.3 every one is executable.
        Err(Errno::EINVAL) => memfd_create("bundle", MFdFlags::MFD_CLOEXEC),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_executed_through_the_links() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("below");
        fs::create_dir(&directory).unwrap();
        fs::copy("/bin/true", directory.join("true")).unwrap();
        fs::write(directory.join("empty"), "").unwrap();
        fs::write(directory.join("text"), "text").unwrap();
        // Nothing can be mapped of an empty file, and nothing needs to be.
        fs::remove_file(directory.join("empty")).unwrap();
        let files = move_to_memory(scratch.path()).unwrap();
        assert_eq!(files.len(), 2);
        assert!(
            directory
                .join("true")
                .symlink_metadata()
                .unwrap()
                .is_symlink()
        );
        assert_eq!(fs::read_to_string(directory.join("text")).unwrap(), "text");
        let status = std::process::Command::new(directory.join("true")).status();
        assert!(status.unwrap().success());
    }
}
