//! Data blocks: where they lie, and turning one into bytes.

use crate::{Error, Image};

const UNCOMPRESSED: u32 = 1 << 24;
const SIZE_MASK: u32 = UNCOMPRESSED - 1;

/// A data or fragment block of an image. Holds no bytes; [`BlockReader::read`] fetches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    start: u64,
    stored_size_bytes: u32,
    compressed: bool,
    /// Size after decompression: exact for a file's data blocks, the upper bound for a fragment block.
    pub size_bytes: u32,
}

impl Block {
    /// A block as the format describes it: its start in the image and its size word.
    pub(crate) fn new(start: u64, size_word: u32, size_bytes: u32) -> Result<Self, Error> {
        let block = Self {
            start,
            stored_size_bytes: size_word & SIZE_MASK,
            compressed: size_word & UNCOMPRESSED == 0,
            size_bytes,
        };
        if size_word & !(SIZE_MASK | UNCOMPRESSED) != 0 {
            return Err(Error::Invalid("a block's size word has unknown bits"));
        }
        Ok(block)
    }

    /// A block of zeros, of which nothing is stored.
    pub fn is_hole(&self) -> bool {
        self.stored_size_bytes == 0
    }

    /// Start of the next block of the same file.
    pub(crate) fn end(&self) -> Option<u64> {
        self.start.checked_add(u64::from(self.stored_size_bytes))
    }

    fn stored<'a>(&self, image: &'a [u8]) -> Option<&'a [u8]> {
        let start = usize::try_from(self.start).ok()?;
        image.get(start..start.checked_add(self.stored_size_bytes as usize)?)
    }
}

/// Decompresses blocks. It keeps the decompressor's memory between blocks: make one for each thread.
pub struct BlockReader {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl BlockReader {
    /// A reader with memory of its own.
    ///
    /// # Errors
    /// If there is no memory for a decompressor.
    pub fn new() -> Result<Self, Error> {
        let zstd = zstd::bulk::Decompressor::new()
            .map_err(|_| Error::LimitExceeded("demands on memory"))?;
        Ok(Self { zstd })
    }

    /// Reads a file's data block into `out`, which must have the block's size.
    ///
    /// # Errors
    /// If the block lies outside the image or does not decompress to exactly its size.
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
    /// If the block lies outside the image, does not decompress, or is larger than `out`.
    pub fn read_up_to(
        &mut self,
        image: &Image<'_>,
        block: Block,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let stored = block
            .stored(image.bytes())
            .ok_or(Error::OutOfBounds("data block"))?;
        if block.compressed {
            return self
                .decompress(stored, out)
                .ok_or(Error::Decompress("data block"));
        }
        let place = out
            .get_mut(..stored.len())
            .ok_or(Error::Invalid("a data block is too large"))?;
        place.copy_from_slice(stored);
        Ok(stored.len())
    }

    /// Decompresses into `out`; none if the data is not valid or does not fit.
    pub(crate) fn decompress(&mut self, stored: &[u8], out: &mut [u8]) -> Option<usize> {
        self.zstd.decompress_to_buffer(stored, out).ok()
    }
}
