//! Metadata blocks: 8 KiB pieces of the inode, directory, id and fragment tables, each compressed by itself.

use crate::block::BlockReader;
use crate::bytes::Fields;
use crate::{Error, TABLE_SIZE_LIMIT_BYTES};

const BLOCK_SIZE_BYTES: usize = 8192;
const UNCOMPRESSED: u16 = 1 << 15;

/// A table decompressed as a whole, addressed as the format does: by the place of a compressed block, and an offset
/// in that block's contents.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: Vec<u8>,
    /// For each block its offset in the compressed table and in `bytes`, both rising.
    blocks: Vec<(u64, usize)>,
    name: &'static str,
}

impl Table {
    /// Decompresses all blocks of `image[start..end]`.
    pub(crate) fn read(
        image: &[u8],
        start: u64,
        end: u64,
        name: &'static str,
        reader: &mut BlockReader,
    ) -> Result<Self, Error> {
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let stored = range
            .and_then(|(start, end)| image.get(start..end))
            .ok_or(Error::OutOfBounds(name))?;
        let mut table = Self {
            bytes: Vec::new(),
            blocks: Vec::new(),
            name,
        };
        let mut offset = 0;
        while offset < stored.len() {
            table.blocks.push((offset as u64, table.bytes.len()));
            offset += append_block(&stored[offset..], &mut table.bytes, name, reader)?;
            if table.bytes.len() > TABLE_SIZE_LIMIT_BYTES {
                return Err(Error::LimitExceeded(name));
            }
        }
        Ok(table)
    }

    /// Size of the table, decompressed.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The table's bytes from `offset` in the block that begins at `block` of the compressed table.
    pub(crate) fn fields(&self, block: u64, offset: u16) -> Result<Fields<'_>, Error> {
        let index = self
            .blocks
            .binary_search_by_key(&block, |(place, _)| *place)
            .map_err(|_| Error::OutOfBounds(self.name))?;
        Fields::at(
            &self.bytes,
            self.blocks[index].1 as u64 + u64::from(offset),
            self.name,
        )
    }
}

/// Reads `count` records of `record_size_bytes` through the list of block addresses at `list_start`,
/// as the id and fragment tables are kept.
pub(crate) fn read_indirect(
    image: &[u8],
    list_start: u64,
    count: usize,
    record_size_bytes: usize,
    name: &'static str,
    reader: &mut BlockReader,
) -> Result<Vec<u8>, Error> {
    let size_bytes = count * record_size_bytes;
    let mut records = Vec::new();
    if size_bytes == 0 {
        return Ok(records);
    }
    let mut list = Fields::at(image, list_start, name)?;
    for _ in 0..size_bytes.div_ceil(BLOCK_SIZE_BYTES) {
        let mut block = Fields::at(image, list.u64()?, name)?;
        let header = block.u16()?;
        let stored = block.take(usize::from(header & !UNCOMPRESSED))?;
        decode(stored, header, &mut records, name, reader)?;
    }
    if records.len() < size_bytes {
        return Err(Error::OutOfBounds(name));
    }
    records.truncate(size_bytes);
    Ok(records)
}

/// Appends the contents of the block at the front of `stored` and returns the block's stored size with its header.
fn append_block(
    stored: &[u8],
    out: &mut Vec<u8>,
    name: &'static str,
    reader: &mut BlockReader,
) -> Result<usize, Error> {
    let mut fields = Fields::new(stored, name);
    let header = fields.u16()?;
    let size_bytes = usize::from(header & !UNCOMPRESSED);
    decode(fields.take(size_bytes)?, header, out, name, reader)?;
    Ok(2 + size_bytes)
}

fn decode(
    stored: &[u8],
    header: u16,
    out: &mut Vec<u8>,
    name: &'static str,
    reader: &mut BlockReader,
) -> Result<(), Error> {
    if stored.is_empty() || (header & UNCOMPRESSED != 0 && stored.len() > BLOCK_SIZE_BYTES) {
        return Err(Error::Invalid(
            "a metadata block is empty or larger than 8 KiB",
        ));
    }
    if header & UNCOMPRESSED != 0 {
        out.extend_from_slice(stored);
        return Ok(());
    }
    let start = out.len();
    out.resize(start + BLOCK_SIZE_BYTES, 0);
    let size_bytes = reader
        .decompress(stored, &mut out[start..])
        .ok_or(Error::Decompress(name))?;
    out.truncate(start + size_bytes);
    Ok(())
}
