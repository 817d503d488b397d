//! Opening a bundle's file.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bundle_format::{Bundle, FormatError};

/// The file at `path`, which must be one.
pub(crate) fn open_file(path: &Path) -> Result<(File, u64)> {
    let cannot_read = || format!("cannot read '{}'", path.display());
    // Opening a pipe would wait for somebody who writes to it.
    let is_special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if is_special {
        bail!("cannot read '{}': it is not a regular file", path.display());
    }
    let file = File::open(path).with_context(cannot_read)?;
    let metadata = file.metadata().with_context(cannot_read)?;
    if !metadata.is_file() {
        bail!("cannot read '{}': it is not a regular file", path.display());
    }
    Ok((file, metadata.len()))
}

/// The bundle at `path`: trailer, padding, manifest and signature are read, and nothing else. The outer error is about the
/// file, the inner one about the bundle.
pub(crate) fn open_bundle(path: &Path) -> Result<Result<Bundle<File>, FormatError>> {
    let (file, size_bytes) = open_file(path)?;
    Ok(Bundle::open(file, size_bytes))
}
