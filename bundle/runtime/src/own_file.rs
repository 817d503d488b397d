//! Finding and opening the file that runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::errno_of;
use crate::{Error, ffi, stdio};

const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// The bundle's own file, opened for reading.
#[derive(Debug)]
pub struct OwnFile {
    path: PathBuf,
    file: File,
    size_bytes: u64,
}

impl OwnFile {
    /// Finds the file that this process executes and opens it.
    ///
    /// # Errors
    /// If it cannot be found (no /proc, and started under a name that leads nowhere) or read.
    pub fn open() -> Result<Self, Error> {
        let failed = |error: &std::io::Error| Error::OwnFile {
            operation: "open",
            errno: errno_of(error),
            remedy: "make it readable with chmod +r, or mount /proc",
        };
        let (file, path) = match File::open(OWN_EXECUTABLE) {
            Ok(file) => (file, fs::read_link(OWN_EXECUTABLE).unwrap_or_default()),
            // Without /proc the kernel still says under which name it executed the file.
            Err(error) => open_by_name().map_err(|_| failed(&error))?,
        };
        stdio::debug_assert_private(&file);
        let size_bytes = file.metadata().map_err(|error| failed(&error))?.len();
        Ok(Self {
            path,
            file,
            size_bytes,
        })
    }

    /// Absolute path of the file, symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

fn open_by_name() -> std::io::Result<(File, PathBuf)> {
    let name = ffi::executed_name().ok_or(std::io::ErrorKind::NotFound)?;
    let path = fs::canonicalize(name)?;
    Ok((File::open(&path)?, path))
}
