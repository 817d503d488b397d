//! Decoding blocks before anyone asks for them, in threads that have nothing else to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bundle_squashfs::Block;

use crate::files::OpenFile;
use crate::serve::{Hands, Server};

/// How many blocks beyond the end of a read are decoded ahead: so many at first, twice as many with every read that goes on
/// where the last one was, up to a size.
const BLOCK_COUNT_AT_FIRST: u64 = 2;
const AHEAD_LIMIT_BYTES: u64 = 1 << 20;

/// What was asked for last.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// The fragment block that was asked for last.
    last_fragment: AtomicU32,
}

/// A block, and how to tell whether it is still worth decoding: what has been read by now is not.
#[derive(Debug)]
pub(crate) enum Plan {
    InFile(Arc<OpenFile>, u64),
    Fragment(u32),
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self {
            last_fragment: AtomicU32::new(u32::MAX),
        }
    }
}

impl Server<'_> {
    /// A file has been read up to `end`, and is likely to be read on: `sequential_count` reads in a row have done so.
    pub(crate) fn plan_ahead(&self, file: &Arc<OpenFile>, end: u64, sequential_count: u32) {
        if !self.has_processors {
            return;
        }
        let limit = (AHEAD_LIMIT_BYTES / file.block_size_bytes()).max(BLOCK_COUNT_AT_FIRST);
        let count = (BLOCK_COUNT_AT_FIRST << (sequential_count - 1).min(16)).min(limit);
        let first = end / file.block_size_bytes();
        for index in first..first + count {
            match file.block(index) {
                Some(block) if block.is_hole() || self.blocks.contains(&block) => {}
                Some(_) => self.crew.plan(Plan::InFile(Arc::clone(file), index)),
                None => return,
            }
        }
    }

    /// A file's tail in this fragment block is going to be read. Packers put tails there in the order of the names: who
    /// reads many files in that order comes to the next block soon.
    pub(crate) fn note_fragment(&self, index: u32) {
        let last = self.ahead.last_fragment.swap(index, Ordering::Relaxed);
        if last != index && last.wrapping_add(1) == index && self.has_processors {
            self.crew.plan(Plan::Fragment(index + 1));
        }
    }

    /// Decodes a block that is likely to be asked for. What goes wrong is not told: who really asks for it will be told.
    pub(crate) fn decode_ahead(&self, plan: &Plan, hands: &mut Hands<'_>) {
        if let Some(block) = self.block_of(plan)
            && !self.blocks.contains(&block)
        {
            let _ = self.decoded(block, hands);
        }
    }

    fn block_of(&self, plan: &Plan) -> Option<Block> {
        match plan {
            Plan::InFile(file, index) => {
                let end = (index + 1) * file.block_size_bytes();
                file.block(*index).filter(|_| file.last_end() < end)
            }
            Plan::Fragment(index) => {
                let last = self.ahead.last_fragment.load(Ordering::Relaxed);
                let block = self.image.fragment(*index).ok();
                block.filter(|_| last < *index)
            }
        }
    }
}
