//! Small files of the kernel that are read again and again: opened once, read from their beginning each time, without taking
//! memory. The kernel writes such a file anew for each reading that begins at 0.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What is read of a file that is shorter than this, as all are but `/proc/stat`.
const LENGTH_MAX: usize = 512;

/// A file that stays open.
#[derive(Debug)]
pub(crate) struct Reread(File);

impl Reread {
    /// Opens it.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        File::open(path).map(Self)
    }

    /// What this makes of the beginning of its text now; `None` when it cannot be read or makes no sense.
    pub(crate) fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.parse_in(&mut [0; LENGTH_MAX], parse)
    }

    /// The same of a longer text: of as much as the buffer holds.
    pub(crate) fn parse_in<T>(
        &self,
        buffer: &mut [u8],
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let length = self.0.read_at(buffer, 0).ok()?;
        parse(std::str::from_utf8(&buffer[..length]).ok()?)
    }

    /// The number that it consists of.
    pub(crate) fn number(&self) -> Option<u64> {
        self.parse(|text| text.trim().parse().ok())
    }
}
