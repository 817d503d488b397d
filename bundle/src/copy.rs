//! Copying much from one file to another.

use std::fs::File;
use std::io::{self, Read};

use anyhow::{Result, bail};

use crate::progress::bar;

/// So much is copied between two moves of the bar.
const PIECE_SIZE_BYTES: u64 = 32 << 20;

/// Copies the next `size_bytes` of `from` to where `to` stands.
///
/// # Errors
/// If they cannot be read or written, or are not there.
pub(crate) fn copy(from: &File, size_bytes: u64, mut to: &File) -> Result<()> {
    let progress = bar("copying", size_bytes);
    let mut left_bytes = size_bytes;
    while left_bytes > 0 {
        // Between two files the kernel copies, or lets them share what they have in common.
        let copied = io::copy(&mut from.take(left_bytes.min(PIECE_SIZE_BYTES)), &mut to)?;
        if copied == 0 {
            bail!("it has become shorter meanwhile");
        }
        left_bytes -= copied;
        progress.inc(copied);
    }
    progress.finish_and_clear();
    Ok(())
}
