//! Metadata blocks: tables in pieces of 8 KiB, each compressed by itself.

use crate::Error;
use crate::compress::Compressor;

/// Size of a metadata block before compression; the last of a table may be shorter.
pub(crate) const BLOCK_SIZE_BYTES: usize = 8192;
const UNCOMPRESSED: u16 = 1 << 15;

/// A place in a table: where its block begins behind the table's start, and the offset in the block before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) block: u32,
    pub(crate) offset: u16,
}

impl Place {
    /// The number that stands for it in other tables.
    pub(crate) fn to_number(self) -> u64 {
        u64::from(self.block) << 16 | u64::from(self.offset)
    }
}

/// A table that is being written.
pub(crate) struct Table {
    compressor: Compressor,
    /// The block that is being filled: always shorter than a block.
    block: Vec<u8>,
    /// All before it, as it will be stored.
    stored: Vec<u8>,
    /// Where each block begins in it.
    starts: Vec<u32>,
}

impl Table {
    pub(crate) fn new(compressor: Compressor) -> Self {
        Self {
            compressor,
            block: Vec::with_capacity(BLOCK_SIZE_BYTES),
            stored: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Where the next byte will stand.
    pub(crate) fn place(&self) -> Place {
        Place {
            block: self.stored.len() as u32,
            offset: self.block.len() as u16,
        }
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = BLOCK_SIZE_BYTES - self.block.len();
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = rest;
            if self.block.len() == BLOCK_SIZE_BYTES {
                self.end_block()?;
            }
        }
        Ok(())
    }

    /// The table as it is stored, and where each block begins in it.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Vec<u32>), Error> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok((self.stored, self.starts))
    }

    fn end_block(&mut self) -> Result<(), Error> {
        self.starts.push(self.stored.len() as u32);
        let compressed = self.compressor.compress(&self.block)?;
        self.stored.extend(framed(compressed, &self.block));
        self.block.clear();
        // Places are written with 32 bits.
        if u32::try_from(self.stored.len()).is_err() {
            return Err(Error::LimitExceeded {
                what: "bytes in one of its tables",
                limit: u32::MAX.into(),
            });
        }
        Ok(())
    }
}

/// A block behind its size, and whether that is compressed.
pub(crate) fn framed(compressed: Option<&[u8]>, plain: &[u8]) -> Vec<u8> {
    let (header, body) = match compressed {
        Some(body) => (body.len() as u16, body),
        None => (plain.len() as u16 | UNCOMPRESSED, plain),
    };
    [&header.to_le_bytes()[..], body].concat()
}
