//! An opened image.

use crate::block::{Block, BlockReader};
use crate::bytes::Fields;
use crate::metadata::{Table, read_indirect};
use crate::{Error, InodeRef, Superblock};

const FRAGMENT_RECORD_SIZE_BYTES: usize = 16;
const ID_RECORD_SIZE_BYTES: usize = 4;
const INODE_SIZE_MINIMUM_BYTES: u64 = 20;

/// An opened image: the superblock, and the inode, directory, id and fragment tables. It may be shared between threads.
#[derive(Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    superblock: Superblock,
    inodes: Table,
    directories: Table,
    ids: Vec<u8>,
    fragments: Vec<u8>,
}

impl<'a> Image<'a> {
    /// Opens an image that begins at the first of `bytes`. What stands behind its end is ignored.
    ///
    /// # Errors
    /// If it is not squashfs 4.0 with zstd compression, or its tables are damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let superblock = Superblock::parse(bytes)?;
        let bytes = bytes
            .get(
                ..usize::try_from(superblock.used_size_bytes)
                    .map_err(|_| Error::OutOfBounds("end"))?,
            )
            .ok_or(Error::OutOfBounds("end"))?;
        let reader = &mut BlockReader::new()?;
        let inodes_end = superblock.directory_table_start;
        let inodes = Table::read(
            bytes,
            superblock.inode_table_start,
            inodes_end,
            "inode table",
            reader,
        )?;
        if u64::from(superblock.inode_count) > inodes.size_bytes() / INODE_SIZE_MINIMUM_BYTES {
            return Err(Error::Invalid(
                "it has fewer inodes than its superblock says",
            ));
        }
        let ids = read_indirect(
            bytes,
            superblock.id_table_start,
            usize::from(superblock.id_count),
            ID_RECORD_SIZE_BYTES,
            "id table",
            reader,
        )?;
        let fragments = read_indirect(
            bytes,
            superblock.fragment_table_start,
            superblock.fragment_count as usize,
            FRAGMENT_RECORD_SIZE_BYTES,
            "fragment table",
            reader,
        )?;
        let directories_end = directory_table_end(bytes, &superblock)?;
        let directories = Table::read(
            bytes,
            superblock.directory_table_start,
            directories_end,
            "directory table",
            reader,
        )?;
        Ok(Self {
            bytes,
            superblock,
            inodes,
            directories,
            ids,
            fragments,
        })
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The root directory's inode.
    pub fn root(&self) -> InodeRef {
        self.superblock.root
    }

    /// The fragment block with this number, which holds the tails of files.
    ///
    /// # Errors
    /// If there is no such block.
    pub fn fragment(&self, index: u32) -> Result<Block, Error> {
        let offset = u64::from(index) * FRAGMENT_RECORD_SIZE_BYTES as u64;
        let mut fields = Fields::at(&self.fragments, offset, "fragment")?;
        let start = fields.u64()?;
        Block::new(start, fields.u32()?, self.superblock.block_size_bytes)
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn inode_fields(&self, place: InodeRef) -> Result<Fields<'_>, Error> {
        self.inodes.fields(place.block(), place.offset())
    }

    pub(crate) fn directory_fields(&self, block: u32, offset: u16) -> Result<Fields<'_>, Error> {
        self.directories.fields(u64::from(block), offset)
    }

    pub(crate) fn id(&self, index: u16) -> Result<u32, Error> {
        Fields::at(
            &self.ids,
            u64::from(index) * ID_RECORD_SIZE_BYTES as u64,
            "owner",
        )?
        .u32()
    }
}

/// The directory table has no stated end: the first thing behind it is the first metadata block of the fragment table
/// if there are fragments, else that of the export table or of the id table. The blocks are written in that order.
fn directory_table_end(bytes: &[u8], superblock: &Superblock) -> Result<u64, Error> {
    let mut end = superblock.id_table_start;
    let lists = [
        (
            superblock.fragment_table_start,
            superblock.fragment_count > 0,
        ),
        (superblock.id_table_start, true),
    ];
    for (list_start, present) in lists {
        if present {
            end = end
                .min(list_start)
                .min(Fields::at(bytes, list_start, "lookup table")?.u64()?);
        }
    }
    let export_table_start = Fields::at(bytes, 88, "superblock")?.u64()?;
    if export_table_start != u64::MAX {
        end = end.min(Fields::at(bytes, export_table_start, "export table")?.u64()?);
    }
    Ok(end)
}
