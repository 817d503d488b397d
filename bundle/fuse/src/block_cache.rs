//! Decoded blocks, kept within a bound and decoded once however many ask for them at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bundle_squashfs::{Block, Error};

use crate::lru::Lru;

/// A block's contents.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// As large as the largest block; the contents are at its front.
    space: Box<[u8]>,
    size_bytes: usize,
    /// How many bytes of it the kernel has got so far.
    delivered_bytes: AtomicUsize,
}

impl Decoded {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.space[..self.size_bytes]
    }
}

/// The cache. Memory beyond its bound is taken only for blocks that are being decoded or delivered: one or two for each
/// thread.
#[derive(Debug)]
pub(crate) struct BlockCache {
    state: Mutex<State>,
    /// Told when a block has been decoded, or could not be.
    decided: Condvar,
    block_size_bytes: usize,
}

#[derive(Debug)]
struct State {
    blocks: Lru<Block, Arc<Decoded>>,
    /// Blocks that a thread is decoding.
    pending: Vec<Block>,
}

impl BlockCache {
    /// For an image with blocks of this size.
    pub(crate) fn new(limit_bytes: usize, block_size_bytes: usize) -> Self {
        let state = State {
            blocks: Lru::new(limit_bytes),
            pending: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            decided: Condvar::new(),
            block_size_bytes,
        }
    }

    /// A block's contents, if they are here.
    pub(crate) fn find(&self, block: &Block) -> Option<Arc<Decoded>> {
        self.state().blocks.get(block).map(Arc::clone)
    }

    /// A block's contents. `decode` fills the front of a buffer and says how much.
    pub(crate) fn get(
        &self,
        block: Block,
        decode: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Arc<Decoded>, Error> {
        let mut state = self.state();
        loop {
            if let Some(decoded) = state.blocks.get(&block) {
                return Ok(Arc::clone(decoded));
            }
            if !state.pending.contains(&block) {
                break;
            }
            let woken = self.decided.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.pending.push(block);
        let pending = Pending { cache: self, block };
        let spare = state.spare(self.block_size_bytes);
        drop(state);
        let mut space = spare.unwrap_or_else(|| vec![0; self.block_size_bytes].into());
        let size_bytes = decode(&mut space)?;
        let decoded = Arc::new(Decoded {
            size_bytes: size_bytes.min(space.len()),
            space,
            delivered_bytes: AtomicUsize::new(0),
        });
        self.state()
            .blocks
            .insert(block, Arc::clone(&decoded), self.block_size_bytes);
        drop(pending);
        Ok(decoded)
    }

    /// Is the block here, or about to be?
    pub(crate) fn contains(&self, block: &Block) -> bool {
        let state = self.state();
        state.blocks.contains(block) || state.pending.contains(block)
    }

    /// Notes that the kernel has so many more bytes of the block in its own cache. When it has them all, the block is the
    /// next to be dropped.
    pub(crate) fn delivered(&self, block: &Block, decoded: &Decoded, size_bytes: usize) {
        let before = decoded
            .delivered_bytes
            .fetch_add(size_bytes, Ordering::Relaxed);
        if before + size_bytes >= decoded.size_bytes {
            self.state().blocks.retire(block);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The memory of a block that has to make room for another, if nobody is reading it.
    fn spare(&mut self, block_size_bytes: usize) -> Option<Box<[u8]>> {
        let wanted_bytes = self.pending.len() * block_size_bytes;
        let dropped = self.blocks.make_room(wanted_bytes)?;
        Arc::into_inner(dropped).map(|decoded| decoded.space)
    }
}

/// Ends the state of being decoded, also when decoding fails.
struct Pending<'a> {
    cache: &'a BlockCache,
    block: Block,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.cache
            .state()
            .pending
            .retain(|block| *block != self.block);
        self.cache.decided.notify_all();
    }
}
