//! An image whose bytes can be altered while it is served.

use std::ops::Range;
use std::sync::Mutex;

use bundle_squashfs::{Source, SourceError};

/// An image in memory, of which some bytes may count as altered.
pub(crate) struct Memory {
    /// The image.
    pub(crate) bytes: Vec<u8>,
    /// Where reading fails.
    pub(crate) altered: Mutex<Option<Range<u64>>>,
}

impl Source for Memory {
    fn size_bytes(&self) -> u64 {
        self.bytes.size_bytes()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), SourceError> {
        let altered = self.altered.lock().expect("no panic").clone();
        let end = offset + out.len() as u64;
        if let Some(altered) = altered.filter(|range| range.start < end && offset < range.end) {
            return Err(SourceError::Altered {
                offset: altered.start,
            });
        }
        self.bytes.read_at(offset, out)
    }
}
