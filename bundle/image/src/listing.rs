//! Directory listings: runs of entries that share a header, and an index that leads into long ones.

use crate::Error;
use crate::metadata::{BLOCK_SIZE_BYTES, Place, Table};

const RUN_LIMIT: usize = 256;
const HEADER_SIZE_BYTES: usize = 12;
const ENTRY_HEAD_SIZE_BYTES: usize = 8;

/// A name in a directory.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    /// Where its inode lies in the inode table.
    pub(crate) inode: Place,
    pub(crate) number: u32,
    /// The kind's number, as of an inode that is not extended.
    pub(crate) kind: u16,
}

/// Where a listing lies in the directory table.
#[derive(Clone, Default)]
pub(crate) struct Listing {
    pub(crate) place: Place,
    pub(crate) size_bytes: u32,
    /// For each metadata block that the listing enters: the run that begins first in it, as it stands in the directory's inode.
    pub(crate) index: Vec<u8>,
    pub(crate) index_count: u16,
}

/// Writes the listing of entries that are sorted by name.
pub(crate) fn write(table: &mut Table, mut entries: &[Entry<'_>]) -> Result<Listing, Error> {
    let mut listing = Listing {
        place: table.place(),
        ..Listing::default()
    };
    let mut indexed_block = listing.place.block;
    while let Some(first) = entries.first() {
        let place = table.place();
        if place.block != indexed_block {
            indexed_block = place.block;
            listing.add_to_index(place, first.name)?;
        }
        let (run, rest) = entries.split_at(run_length(entries, place.offset.into()));
        entries = rest;
        let bytes = run_bytes(run, first);
        let size_bytes = u64::from(listing.size_bytes) + bytes.len() as u64;
        // Three bytes are added in the inode.
        let most = u32::MAX - 3;
        listing.size_bytes = u32::try_from(size_bytes)
            .ok()
            .filter(|size_bytes| *size_bytes <= most)
            .ok_or(Error::LimitExceeded {
                what: "bytes in the listing of one directory",
                limit: most.into(),
            })?;
        table.write(&bytes)?;
    }
    Ok(listing)
}

impl Listing {
    fn add_to_index(&mut self, place: Place, name: &[u8]) -> Result<(), Error> {
        self.index_count = self
            .index_count
            .checked_add(1)
            .ok_or(Error::LimitExceeded {
                what: "entries in the index of one directory",
                limit: u16::MAX.into(),
            })?;
        for word in [self.size_bytes, place.block, name.len() as u32 - 1] {
            self.index.extend(word.to_le_bytes());
        }
        self.index.extend_from_slice(name);
        Ok(())
    }
}

/// How many entries share the next header, which will stand at `offset` of a metadata block. The run ends with the entry that
/// reaches the block's end, so that the index can lead to the next one.
fn run_length(entries: &[Entry<'_>], offset: usize) -> usize {
    let first = &entries[0];
    let mut end = offset + HEADER_SIZE_BYTES;
    let fits = |entry: &&Entry<'_>| {
        let difference = i64::from(entry.number) - i64::from(first.number);
        let begins_in_block = end < BLOCK_SIZE_BYTES;
        end += ENTRY_HEAD_SIZE_BYTES + entry.name.len();
        begins_in_block
            && entry.inode.block == first.inode.block
            && i16::try_from(difference).is_ok()
    };
    let fitting = entries.iter().take(RUN_LIMIT).take_while(fits);
    fitting.count().max(1)
}

fn run_bytes(run: &[Entry<'_>], first: &Entry<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [run.len() as u32 - 1, first.inode.block, first.number] {
        bytes.extend(word.to_le_bytes());
    }
    for entry in run {
        let difference = entry.number.wrapping_sub(first.number) as u16;
        let name_size = entry.name.len() as u16 - 1;
        for word in [entry.inode.offset, difference, entry.kind, name_size] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend_from_slice(entry.name);
    }
    bytes
}
