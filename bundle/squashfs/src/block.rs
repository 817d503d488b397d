//! Data blocks: where they lie, and turning one into bytes.

use crate::codec::Decoder;
use crate::{Error, Image};

const UNCOMPRESSED: u32 = 1 << 24;
const SIZE_MASK: u32 = UNCOMPRESSED - 1;

/// A data or fragment block of an image. Holds no bytes; [`BlockReader::read`] fetches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    start: u64,
    stored_size_bytes: u32,
    compressed: bool,
    /// Size after decompression: exact for a file's data blocks, the upper bound for a fragment block.
    pub size_bytes: u32,
}

impl Block {
    /// A block as the format describes it: its start in the image and its size word.
    pub(crate) fn new(start: u64, size_word: u32, size_bytes: u32) -> Self {
        Self {
            start,
            stored_size_bytes: stored_size_bytes(size_word),
            compressed: size_word & UNCOMPRESSED == 0,
            size_bytes,
        }
    }

    /// A block of zeros, of which nothing is stored.
    pub fn is_hole(&self) -> bool {
        self.stored_size_bytes == 0
    }

    /// Where the block's stored bytes begin in the image. Two blocks that begin at the same place have the same contents,
    /// unless they are holes.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes of the image the block takes.
    pub fn stored_size_bytes(&self) -> u32 {
        self.stored_size_bytes
    }
}

/// How many bytes of the image a block with this size word takes.
pub(crate) fn stored_size_bytes(size_word: u32) -> u32 {
    size_word & SIZE_MASK
}

/// No block is larger stored than it is in memory: a packer stores what does not shrink as it is.
pub(crate) fn check_size_word(size_word: u32, block_size_bytes: u32) -> Result<(), Error> {
    if size_word & !(SIZE_MASK | UNCOMPRESSED) != 0 {
        return Err(Error::Invalid("a block's size word has unknown bits"));
    }
    if stored_size_bytes(size_word) > block_size_bytes {
        return Err(Error::Invalid("a data block is too large"));
    }
    Ok(())
}

/// Decompresses blocks. It keeps the decompressors' memory between blocks: make one for each thread.
#[derive(Default)]
pub struct BlockReader {
    /// Holds a block's stored bytes. It grows to the size of the largest block and is never cleared.
    stored: Vec<u8>,
    decoder: Decoder,
}

impl BlockReader {
    /// A reader with memory of its own, which it takes when it is first used.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file's data block into `out`, which must have the block's size.
    ///
    /// # Errors
    /// If the block lies outside the image, cannot be read, or does not decompress to exactly its size.
    pub fn read(&mut self, image: &Image<'_>, block: Block, out: &mut [u8]) -> Result<(), Error> {
        if out.len() != block.size_bytes as usize {
            return Err(Error::Invalid(
                "a block is read into a buffer of another size",
            ));
        }
        if block.is_hole() {
            out.fill(0);
            return Ok(());
        }
        if self.read_up_to(image, block, out)? == out.len() {
            Ok(())
        } else {
            Err(Error::Invalid(
                "a data block has another size than its file says",
            ))
        }
    }

    /// Reads a fragment block into `out` and returns how many bytes it holds, at most the block's size.
    ///
    /// # Errors
    /// If the block lies outside the image, cannot be read, does not decompress, or is larger than `out`.
    pub fn read_up_to(
        &mut self,
        image: &Image<'_>,
        block: Block,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        const WHAT: &str = "data block";
        let stored_size_bytes = block.stored_size_bytes as usize;
        if !block.compressed {
            let place = out
                .get_mut(..stored_size_bytes)
                .ok_or(Error::Invalid("a data block is too large"))?;
            image.extent().read(block.start, place, WHAT)?;
            return Ok(stored_size_bytes);
        }
        if self.stored.len() < stored_size_bytes {
            self.stored.resize(stored_size_bytes, 0);
        }
        let stored = &mut self.stored[..stored_size_bytes];
        image.extent().read(block.start, stored, WHAT)?;
        self.decoder
            .decode(image.superblock().codec, stored, out, WHAT)
    }
}
