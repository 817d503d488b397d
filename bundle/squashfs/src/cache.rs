//! Decoded metadata blocks, kept for the next who needs them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::METADATA_CACHE_SIZE_LIMIT_BYTES;
use crate::metadata::{BLOCK_SIZE_BYTES, MetadataBlock};

const WAY_COUNT: usize = 8;
const SET_COUNT: usize = METADATA_CACHE_SIZE_LIMIT_BYTES / BLOCK_SIZE_BYTES / WAY_COUNT;

/// A set-associative cache: a block's place decides the set, and within the set the block that was used longest ago makes
/// room. A set's lock is held for as long as it takes to compare eight numbers.
pub(crate) struct Cache {
    /// The blocks of each set, the last used first.
    sets: Box<[Mutex<Vec<Arc<MetadataBlock>>>]>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            sets: (0..SET_COUNT).map(|_| Mutex::default()).collect(),
        }
    }

    pub(crate) fn get(&self, place: u64) -> Option<Arc<MetadataBlock>> {
        let mut set = self
            .set(place)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let way = set.iter().position(|block| block.start == place)?;
        set[..=way].rotate_right(1);
        Some(Arc::clone(&set[0]))
    }

    pub(crate) fn insert(&self, block: &Arc<MetadataBlock>) {
        let place = block.start;
        let mut set = self
            .set(place)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another thread may have decoded the same block meanwhile.
        if set.iter().any(|block| block.start == place) {
            return;
        }
        set.truncate(WAY_COUNT - 1);
        set.insert(0, Arc::clone(block));
    }

    fn set(&self, place: u64) -> &Mutex<Vec<Arc<MetadataBlock>>> {
        // Places are spread over the sets by the upper bits of a product with the golden ratio.
        let hash = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.sets[hash as usize % SET_COUNT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last_and_no_more_than_its_bound() {
        let cache = Cache::new();
        let block = |start| {
            Arc::new(MetadataBlock {
                start,
                ..MetadataBlock::default()
            })
        };
        let favourite = 7;
        for start in 0..100_000 {
            cache.insert(&block(start));
            assert!(start < favourite || cache.get(favourite).is_some());
        }
        let kept = (0..100_000).filter(|start| cache.get(*start).is_some());
        let kept_count = kept.count();
        assert!(kept_count <= SET_COUNT * WAY_COUNT, "{kept_count} blocks");
        assert!(
            kept_count > SET_COUNT * WAY_COUNT / 2,
            "{kept_count} blocks"
        );
    }
}
