//! Decoding blocks before anyone asks for them, in threads that have nothing else to do.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use bundle_squashfs::{Block, BlockReader};

use crate::files::OpenFile;
use crate::serve::{Server, lock};

/// How many blocks beyond the end of a read are decoded ahead.
const DEPTH: usize = 2;
/// How many blocks may be waiting for a thread; older ones are forgotten.
const QUEUE_LIMIT: usize = 8;

/// What might be wanted next.
#[derive(Debug)]
pub(crate) struct Ahead {
    queue: Mutex<VecDeque<Block>>,
    /// The fragment block that was asked for last.
    last_fragment: AtomicU32,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            last_fragment: AtomicU32::new(u32::MAX),
        }
    }
}

impl Server<'_> {
    /// A file has been read up to `end`, and is likely to be read on.
    pub(crate) fn plan_ahead(&self, file: &OpenFile, end: u64) {
        for block in file.blocks_from(end).take(DEPTH) {
            self.plan(block);
        }
    }

    /// A file's tail in this fragment block is going to be read. Packers put tails there in the order of the names: who
    /// reads many files in that order comes to the next block soon.
    pub(crate) fn note_fragment(&self, index: u32) {
        let last = self.ahead.last_fragment.swap(index, Ordering::Relaxed);
        if last != index
            && last.wrapping_add(1) == index
            && let Ok(block) = self.image.fragment(index + 1)
        {
            self.plan(block);
        }
    }

    /// Decodes what is waiting, for as long as other threads are idle. What goes wrong is not told: who really asks for
    /// the block will be told.
    pub(crate) fn work_ahead(&self, reader: &mut BlockReader) {
        while self.idle_threads.load(Ordering::Relaxed) > 0 {
            let Some(block) = lock(&self.ahead.queue).pop_front() else {
                return;
            };
            if !self.blocks.contains(&block) {
                let _ = self.decoded(block, reader);
            }
        }
    }

    fn plan(&self, block: Block) {
        if block.is_hole() || self.blocks.contains(&block) {
            return;
        }
        let mut queue = lock(&self.ahead.queue);
        if queue.contains(&block) {
            return;
        }
        if queue.len() == QUEUE_LIMIT {
            queue.pop_front();
        }
        queue.push_back(block);
    }
}
