//! The data blocks of one file.

use crate::block::{check_size_word, stored_size_bytes};
use crate::{Block, Error, FILE_BLOCK_COUNT_LIMIT, FileInode, Image};

/// The start of one block in so many is kept; those between are found by adding up.
const STRIDE: usize = 32;

/// The data blocks of a file, each but the last of the image's block size. It takes about 4 bytes for each block, and
/// finding one takes the same time wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockList {
    /// Each block's size word.
    words: Box<[u32]>,
    /// Where block 0, [`STRIDE`], 2 * [`STRIDE`] and so on begin.
    starts: Box<[u64]>,
    block_size_bytes: u32,
    /// Size of the blocks together, decompressed.
    size_bytes: u64,
}

impl BlockList {
    /// Number of blocks. The file's tail in a fragment block does not count.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether the whole file is empty or lies in a fragment block.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The block with this number, from 0.
    pub fn get(&self, index: usize) -> Option<Block> {
        let word = *self.words.get(index)?;
        let kept = index / STRIDE;
        let between = &self.words[kept * STRIDE..index];
        let between_bytes: u64 = between
            .iter()
            .map(|word| u64::from(stored_size_bytes(*word)))
            .sum();
        Some(self.block(index, word, self.starts[kept] + between_bytes))
    }

    /// The block that holds the file's byte at `offset`, and where in the block's contents that byte is. None behind the
    /// last block: in the tail or behind the end.
    pub fn at(&self, offset: u64) -> Option<(Block, u32)> {
        if offset >= self.size_bytes {
            return None;
        }
        let block_size_bytes = u64::from(self.block_size_bytes);
        let block = self.get(usize::try_from(offset / block_size_bytes).ok()?)?;
        Some((block, (offset % block_size_bytes) as u32))
    }

    /// All blocks in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Block> {
        let mut start = self.starts.first().copied().unwrap_or(0);
        self.words.iter().enumerate().map(move |(index, word)| {
            let block = self.block(index, *word, start);
            start += u64::from(stored_size_bytes(*word));
            block
        })
    }

    fn block(&self, index: usize, word: u32, start: u64) -> Block {
        let before_bytes = index as u64 * u64::from(self.block_size_bytes);
        let size_bytes = (self.size_bytes - before_bytes).min(self.block_size_bytes.into());
        Block::new(start, word, size_bytes as u32)
    }
}

impl Image<'_> {
    /// Where a file's data blocks lie. Making the list takes time and memory in proportion to the file's size, so it is
    /// worth keeping while the file is open.
    ///
    /// # Errors
    /// If the file has more blocks than [`FILE_BLOCK_COUNT_LIMIT`], or its list is damaged.
    pub fn blocks(&self, file: &FileInode) -> Result<BlockList, Error> {
        let block_size_bytes = self.superblock().block_size_bytes;
        let block_count = file.block_count;
        if block_count > FILE_BLOCK_COUNT_LIMIT {
            return Err(Error::LimitExceeded("blocks in one file"));
        }
        let block_count = block_count as usize;
        // Memory is taken as words are read, not as the inode asks for.
        let mut words = Vec::new();
        let mut starts = Vec::new();
        let mut start = file.first_block_start;
        let mut cursor = self.inode_cursor(file.words)?;
        while words.len() < block_count {
            if words.len().is_multiple_of(STRIDE) {
                starts.push(start);
            }
            let word = cursor.u32()?;
            check_size_word(word, block_size_bytes)?;
            start = start
                .checked_add(stored_size_bytes(word).into())
                .ok_or(Error::OutOfBounds("data block"))?;
            words.push(word);
        }
        Ok(BlockList {
            words: words.into(),
            starts: starts.into(),
            block_size_bytes,
            size_bytes: file.blocks_size_bytes(),
        })
    }
}
