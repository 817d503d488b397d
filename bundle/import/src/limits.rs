//! How much an image may ask for. Who made it may mean harm, and a few kilobytes can ask for terabytes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::TooLarge;

/// The longest path in an image, in bytes: Linux's own limit.
pub(crate) const PATH_SIZE_MAX_BYTES: usize = 4096;
/// The longest name in a directory, in bytes: Linux's and squashfs's limit.
pub(crate) const NAME_SIZE_MAX_BYTES: usize = 255;
/// So many symbolic links are followed on the way to one file, as Linux does.
pub(crate) const SYMLINK_HOPS_MAX: u32 = 40;
/// The largest JSON document that is read: a configuration, a manifest, an index.
pub(crate) const JSON_SIZE_MAX_BYTES: u64 = 8 << 20;

/// What can be raised for an image that is known to be harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of all layers together; each costs some hundred bytes of memory.
    pub entries: u64,
    /// Bytes of all layers together, decompressed and with sparse files' holes.
    pub size_bytes: u64,
    /// How many times its size a layer may decompress to.
    pub ratio: u64,
    /// Up to so many decompressed bytes the ratio is not looked at.
    pub ratio_free_bytes: u64,
}

impl Default for Limits {
    /// 4 million entries, 64 GiB, and 200 times above 1 GiB.
    fn default() -> Self {
        Self {
            entries: 4_000_000,
            size_bytes: 64 << 30,
            ratio: 200,
            ratio_free_bytes: 1 << 30,
        }
    }
}

/// What of the limits has been used, by all threads that read layers.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    entries: AtomicU64,
    size_bytes: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: AtomicU64::new(0),
            size_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn take_entries(&self, count: u64) -> Result<(), TooLarge> {
        take(&self.entries, count, self.limits.entries)
            .ok_or(TooLarge::Entries(self.limits.entries))
    }

    pub(crate) fn take_bytes(&self, size_bytes: u64) -> Result<(), TooLarge> {
        take(&self.size_bytes, size_bytes, self.limits.size_bytes)
            .ok_or(TooLarge::Size(self.limits.size_bytes))
    }

    /// Checks how much a layer of this size has decompressed to.
    pub(crate) fn check_ratio(&self, stored_bytes: u64, size_bytes: u64) -> Result<(), TooLarge> {
        let allowed = stored_bytes
            .saturating_mul(self.limits.ratio)
            .max(self.limits.ratio_free_bytes);
        if size_bytes > allowed {
            return Err(TooLarge::Ratio(self.limits.ratio));
        }
        Ok(())
    }
}

/// Adds, unless the sum exceeds the limit.
fn take(used: &AtomicU64, count: u64, limit: u64) -> Option<()> {
    let add = |used: u64| used.checked_add(count).filter(|sum| *sum <= limit);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
        .ok()
        .map(|_| ())
}
