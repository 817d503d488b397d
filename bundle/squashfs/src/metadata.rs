//! Metadata blocks: 8 KiB pieces of the tables, each compressed by itself, read when something in them is asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::Cache;
use crate::codec::Decoder;
use crate::source::Extent;
use crate::{Codec, Error};

/// Size of a metadata block, decompressed; the last of a table may be shorter.
pub(crate) const BLOCK_SIZE_BYTES: usize = 8192;
const UNCOMPRESSED: u16 = 1 << 15;
const HEADER_SIZE_BYTES: usize = 2;
/// Sources that check what they read do so in pieces of this size: reading across a piece's end without need costs a check.
const SOURCE_PIECE_SIZE_BYTES: u64 = 16 << 10;

/// A decoded metadata block.
#[derive(Debug, Default)]
pub(crate) struct MetadataBlock {
    pub(crate) bytes: Box<[u8]>,
    /// Where it begins in the image.
    pub(crate) start: u64,
    /// Where the next block of the same table begins in the image.
    pub(crate) end: u64,
}

/// A place in a table of metadata blocks: where a block begins in the image, and the offset in its decoded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: u64,
    pub(crate) offset: u16,
}

/// A table of metadata blocks in the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// Where its first block begins.
    pub(crate) start: u64,
    /// Where its last block ends at the latest.
    pub(crate) end: u64,
    /// What it is, for errors.
    pub(crate) name: &'static str,
}

/// Reads metadata blocks, through a cache.
pub(crate) struct Metadata<'a> {
    image: Extent<'a>,
    codec: Codec,
    cache: Cache,
    /// Decompressors that no thread uses just now: never more than there have been threads at the same time.
    readers: Mutex<Vec<MetadataReader>>,
}

impl<'a> Metadata<'a> {
    pub(crate) fn new(image: Extent<'a>, codec: Codec) -> Self {
        Self {
            image,
            codec,
            cache: Cache::new(),
            readers: Mutex::default(),
        }
    }

    pub(crate) fn image(&self) -> Extent<'a> {
        self.image
    }

    /// Begins to read the table at a place.
    pub(crate) fn cursor(&self, table: Table, place: Place) -> Result<Cursor<'_>, Error> {
        let cursor = Cursor {
            metadata: self,
            table,
            block: self.block(place.block, table)?,
            offset: usize::from(place.offset),
        };
        if cursor.offset > cursor.block.bytes.len() {
            return Err(Error::OutOfBounds(table.name));
        }
        Ok(cursor)
    }

    /// The block that begins at `start` of the image and belongs to the table.
    fn block(&self, start: u64, table: Table) -> Result<Arc<MetadataBlock>, Error> {
        let block = match self.cache.get(start) {
            Some(block) => block,
            None => self.decode(start, table)?,
        };
        // A block is in the cache whichever table it was read for.
        if start < table.start || block.end > table.end {
            return Err(Error::OutOfBounds(table.name));
        }
        Ok(block)
    }

    fn decode(&self, start: u64, table: Table) -> Result<Arc<MetadataBlock>, Error> {
        if start < table.start || start >= table.end {
            return Err(Error::OutOfBounds(table.name));
        }
        let mut reader = self.readers().pop().unwrap_or_default();
        let block = reader.read(self.image, self.codec, start, table);
        self.readers().push(reader);
        let block = Arc::new(block?);
        self.cache.insert(&block);
        Ok(block)
    }

    fn readers(&self) -> MutexGuard<'_, Vec<MetadataReader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What decoding a metadata block takes, kept from block to block.
struct MetadataReader {
    stored: Box<[u8]>,
    decoded: Box<[u8]>,
    decoder: Decoder,
}

impl Default for MetadataReader {
    fn default() -> Self {
        Self {
            stored: vec![0; HEADER_SIZE_BYTES + BLOCK_SIZE_BYTES].into(),
            decoded: vec![0; BLOCK_SIZE_BYTES].into(),
            decoder: Decoder::default(),
        }
    }
}

impl MetadataReader {
    /// Reads the block that begins at `start`, which lies in the table.
    fn read(
        &mut self,
        image: Extent<'_>,
        codec: Codec,
        start: u64,
        table: Table,
    ) -> Result<MetadataBlock, Error> {
        let out_of_bounds = Error::OutOfBounds(table.name);
        let most = (table.end - start).min(self.stored.len() as u64) as usize;
        if most < HEADER_SIZE_BYTES {
            return Err(out_of_bounds);
        }
        // The size is not known before the header is read, so the first read takes what can be had at no extra cost.
        let to_piece_end =
            (SOURCE_PIECE_SIZE_BYTES - start % SOURCE_PIECE_SIZE_BYTES).max(2) as usize;
        let read_size_bytes = most.min(to_piece_end);
        image.read(start, &mut self.stored[..read_size_bytes], table.name)?;
        let header = u16::from_le_bytes([self.stored[0], self.stored[1]]);
        let size_bytes = HEADER_SIZE_BYTES + usize::from(header & !UNCOMPRESSED);
        if size_bytes == HEADER_SIZE_BYTES || size_bytes > self.stored.len() {
            return Err(Error::Invalid(
                "a metadata block is empty or larger than 8 KiB",
            ));
        }
        let end = start + size_bytes as u64;
        if end > table.end {
            return Err(out_of_bounds);
        }
        if let Some(rest) = self.stored.get_mut(read_size_bytes..size_bytes) {
            image.read(start + read_size_bytes as u64, rest, table.name)?;
        }
        let stored = &self.stored[HEADER_SIZE_BYTES..size_bytes];
        let bytes = if header & UNCOMPRESSED != 0 {
            stored
        } else {
            let decoder = &mut self.decoder;
            let decoded = decoder.decode(codec, stored, &mut self.decoded, table.name)?;
            &self.decoded[..decoded]
        };
        // Every block moves a reader forward.
        if bytes.is_empty() {
            return Err(Error::Decompress(table.name));
        }
        Ok(MetadataBlock {
            bytes: bytes.into(),
            start,
            end,
        })
    }
}

/// A place in a metadata table from which fields are read one after the other, across the ends of blocks.
pub(crate) struct Cursor<'a> {
    metadata: &'a Metadata<'a>,
    table: Table,
    block: Arc<MetadataBlock>,
    offset: usize,
}

impl Cursor<'_> {
    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Error> {
        self.array().map(i16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next `count` bytes. The caller bounds the count.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.bytes_into(count, &mut bytes)?;
        Ok(bytes)
    }

    /// Replaces what is in `out` by the next `count` bytes. The caller bounds the count.
    pub(crate) fn bytes_into(&mut self, mut count: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        out.clear();
        out.reserve_exact(count);
        while count > 0 {
            let piece = self.piece(count)?;
            out.extend_from_slice(piece);
            count -= piece.len();
        }
        Ok(())
    }

    /// The next bytes up to the end of the block, one at least and `limit` at most, without copying them.
    fn piece(&mut self, limit: usize) -> Result<&[u8], Error> {
        self.next_block_at_end()?;
        let start = self.offset;
        self.offset = start.saturating_add(limit).min(self.block.bytes.len());
        Ok(&self.block.bytes[start..self.offset])
    }

    /// Where the cursor stands.
    pub(crate) fn place(&self) -> Place {
        Place {
            block: self.block.start,
            offset: self.offset as u16,
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        if let Some(bytes) = self.block.bytes[self.offset..].first_chunk() {
            self.offset += N;
            return Ok(*bytes);
        }
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, mut out: &mut [u8]) -> Result<(), Error> {
        while !out.is_empty() {
            let piece = self.piece(out.len())?;
            let (head, rest) = out.split_at_mut(piece.len());
            head.copy_from_slice(piece);
            out = rest;
        }
        Ok(())
    }

    fn next_block_at_end(&mut self) -> Result<(), Error> {
        if self.offset == self.block.bytes.len() {
            self.block = self.metadata.block(self.block.end, self.table)?;
            self.offset = 0;
        }
        Ok(())
    }
}

/// A table of records of one size, found through a list of its metadata blocks' places.
#[derive(Debug)]
pub(crate) struct LookupTable {
    blocks: Box<[u64]>,
    count: u32,
    record_size_bytes: usize,
    name: &'static str,
}

impl LookupTable {
    /// Reads the list, not the blocks. The caller bounds the count.
    pub(crate) fn read(
        image: Extent<'_>,
        list_start: u64,
        count: u32,
        record_size_bytes: usize,
        name: &'static str,
    ) -> Result<Self, Error> {
        let block_count = (count as usize * record_size_bytes).div_ceil(BLOCK_SIZE_BYTES);
        let list_size_bytes = block_count as u64 * 8;
        // Before memory is taken for it.
        if list_start > image.size_bytes() || list_size_bytes > image.size_bytes() - list_start {
            return Err(Error::OutOfBounds(name));
        }
        let mut list = vec![0; block_count * 8];
        if block_count > 0 {
            image.read(list_start, &mut list, name)?;
        }
        let places = list.as_chunks::<8>().0.iter();
        Ok(Self {
            blocks: places.map(|place| u64::from_le_bytes(*place)).collect(),
            count,
            record_size_bytes,
            name,
        })
    }

    /// Where the table's first block begins; none if it is empty.
    pub(crate) fn first_block(&self) -> Option<u64> {
        self.blocks.first().copied()
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// A cursor at the record with this number.
    pub(crate) fn record<'a>(
        &self,
        metadata: &'a Metadata<'a>,
        index: u32,
    ) -> Result<Cursor<'a>, Error> {
        if index >= self.count {
            return Err(Error::OutOfBounds(self.name));
        }
        let offset = index as usize * self.record_size_bytes;
        let start = self.blocks[offset / BLOCK_SIZE_BYTES];
        let table = Table {
            start,
            end: metadata.image().size_bytes(),
            name: self.name,
        };
        let place = Place {
            block: start,
            offset: (offset % BLOCK_SIZE_BYTES) as u16,
        };
        metadata.cursor(table, place)
    }
}
