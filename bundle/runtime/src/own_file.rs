//! Finding and mapping the file that runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::errno_of;
use crate::ffi::{self, MappedFile};
use crate::{Error, stdio};

const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// The bundle's own file, mapped.
#[derive(Debug)]
pub struct OwnFile {
    path: PathBuf,
    bytes: MappedFile,
}

impl OwnFile {
    /// Finds the file that this process executes and maps it.
    ///
    /// # Errors
    /// If it cannot be found (no /proc, and started under a name that leads nowhere) or read.
    pub fn open() -> Result<Self, Error> {
        let (file, path) = match File::open(OWN_EXECUTABLE) {
            Ok(file) => (file, fs::read_link(OWN_EXECUTABLE).unwrap_or_default()),
            // Without /proc the kernel still says under which name it executed the file.
            Err(error) => open_by_name().map_err(|_| Error::OwnFile {
                operation: "open",
                errno: errno_of(&error),
                remedy: "make it readable with chmod +r, or mount /proc",
            })?,
        };
        stdio::debug_assert_private(&file);
        let bytes = MappedFile::map(&file).map_err(|errno| Error::OwnFile {
            operation: "map",
            errno,
            remedy: "copy it to a local file system",
        })?;
        Ok(Self { path, bytes })
    }

    /// Absolute path of the file, symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

fn open_by_name() -> std::io::Result<(File, PathBuf)> {
    let name = ffi::executed_name().ok_or(std::io::ErrorKind::NotFound)?;
    let path = fs::canonicalize(name)?;
    Ok((File::open(&path)?, path))
}
