//! An opened image.

use std::fmt;

use crate::block::check_size_word;
use crate::metadata::{Cursor, LookupTable, Metadata, Place, Table};
use crate::source::Extent;
use crate::superblock::{self, Superblock};
use crate::xattr::Xattrs;
use crate::{Block, Error, InodeRef, Source};

const FRAGMENT_RECORD_SIZE_BYTES: usize = 16;
const ID_RECORD_SIZE_BYTES: usize = 4;

/// An opened image. It may be shared between threads, and it holds at most [`METADATA_CACHE_SIZE_LIMIT_BYTES`] of decoded
/// metadata, however large the image is.
///
/// [`METADATA_CACHE_SIZE_LIMIT_BYTES`]: crate::METADATA_CACHE_SIZE_LIMIT_BYTES
pub struct Image<'a> {
    superblock: Superblock,
    pub(crate) metadata: Metadata<'a>,
    inodes: Table,
    directories: Table,
    ids: Box<[u32]>,
    fragments: LookupTable,
    pub(crate) xattrs: Option<Xattrs>,
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("superblock", &self.superblock)
            .finish_non_exhaustive()
    }
}

impl<'a> Image<'a> {
    /// Opens an image that begins at the source's first byte. What stands behind its end is ignored. Only the superblock,
    /// the table of owners and the lists of where other tables lie are read, so it takes the same time however large the image is.
    ///
    /// # Errors
    /// If it is not squashfs 4.0 with a compression that this crate has, or what is read is damaged.
    pub fn open(source: &'a dyn Source) -> Result<Self, Error> {
        let mut head = [0; superblock::SIZE_BYTES];
        if source.size_bytes() < head.len() as u64 {
            return Err(Error::NotSquashfs);
        }
        source.read_at(0, &mut head)?;
        let superblock = Superblock::parse(&head, source.size_bytes())?;
        let image = Extent::new(source, superblock.used_size_bytes);
        let metadata = Metadata::new(image, superblock.codec);
        let id_table = LookupTable::read(
            image,
            superblock.id_table_start,
            superblock.id_count.into(),
            ID_RECORD_SIZE_BYTES,
            "id table",
        )?;
        let fragments = LookupTable::read(
            image,
            superblock.fragment_table_start,
            superblock.fragment_count,
            FRAGMENT_RECORD_SIZE_BYTES,
            "fragment table",
        )?;
        let directories_end = directory_table_end(image, &superblock, &id_table, &fragments);
        Ok(Self {
            ids: ids(&metadata, &id_table)?,
            inodes: Table {
                start: superblock.inode_table_start,
                end: superblock.directory_table_start,
                name: "inode table",
            },
            directories: Table {
                start: superblock.directory_table_start,
                end: directories_end,
                name: "directory table",
            },
            xattrs: Xattrs::open(image, &superblock)?,
            superblock,
            metadata,
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
        let mut cursor = self.fragments.record(&self.metadata, index)?;
        let start = cursor.u64()?;
        let size_word = cursor.u32()?;
        let block_size_bytes = self.superblock.block_size_bytes;
        check_size_word(size_word, block_size_bytes)?;
        Ok(Block::new(start, size_word, block_size_bytes))
    }

    pub(crate) fn extent(&self) -> Extent<'a> {
        self.metadata.image()
    }

    /// Begins to read an inode.
    pub(crate) fn inode_cursor_at(&self, inode: InodeRef) -> Result<Cursor<'_>, Error> {
        self.inode_cursor(Place {
            block: self.inodes.start + inode.block(),
            offset: inode.offset(),
        })
    }

    /// Goes on reading in the inode table.
    pub(crate) fn inode_cursor(&self, place: Place) -> Result<Cursor<'_>, Error> {
        self.metadata.cursor(self.inodes, place)
    }

    /// Begins to read `block` bytes, compressed, behind the start of the directory table.
    pub(crate) fn directory_cursor(&self, block: u32, offset: u16) -> Result<Cursor<'_>, Error> {
        let place = Place {
            block: self.directories.start + u64::from(block),
            offset,
        };
        self.metadata.cursor(self.directories, place)
    }

    pub(crate) fn id(&self, index: u16) -> Result<u32, Error> {
        let id = self.ids.get(usize::from(index));
        id.copied().ok_or(Error::OutOfBounds("owner"))
    }
}

fn ids(metadata: &Metadata<'_>, table: &LookupTable) -> Result<Box<[u32]>, Error> {
    (0..table.count())
        .map(|index| table.record(metadata, index)?.u32())
        .collect()
}

/// The directory table has no stated end. The first thing behind it that has to be read anyway is the first metadata block
/// of the fragments, or of the owners if there are no fragments.
fn directory_table_end(
    image: Extent<'_>,
    superblock: &Superblock,
    ids: &LookupTable,
    fragments: &LookupTable,
) -> u64 {
    let mut end = superblock.id_table_start.min(image.size_bytes());
    if let Some(first) = fragments.first_block() {
        end = end.min(superblock.fragment_table_start).min(first);
    }
    ids.first_block().map_or(end, |first| end.min(first))
}
