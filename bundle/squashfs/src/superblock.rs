//! The first 96 bytes of an image.

use crate::bytes::Fields;
use crate::metadata::BLOCK_SIZE_BYTES as METADATA_BLOCK_SIZE_BYTES;
use crate::{Codec, Error, INODE_COUNT_LIMIT, InodeRef};

const MAGIC: u32 = 0x7371_7368;
/// Size of the superblock.
pub(crate) const SIZE_BYTES: usize = 96;
const INODE_SIZE_MINIMUM_BYTES: u64 = 20;
const NO_TABLE: u64 = u64::MAX;
const BLOCK_SIZES_BYTES: std::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// What the superblock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
    /// How blocks are compressed.
    pub codec: Codec,
    /// Number of inodes.
    pub inode_count: u32,
    /// Size of a data block before compression.
    pub block_size_bytes: u32,
    /// Number of fragment blocks.
    pub fragment_count: u32,
    /// Number of distinct user and group ids.
    pub id_count: u16,
    /// Inode of the root directory.
    pub root: InodeRef,
    /// Bytes of the image that are used; padding may follow.
    pub used_size_bytes: u64,
    /// Start of the list of id blocks.
    pub id_table_start: u64,
    /// Start of the table of extended attributes, if there is one.
    pub xattr_table_start: Option<u64>,
    /// Start of the inode table.
    pub inode_table_start: u64,
    /// Start of the directory table.
    pub directory_table_start: u64,
    /// Start of the list of fragment blocks.
    pub fragment_table_start: u64,
}

impl Superblock {
    /// Checks the superblock of an image, given the first bytes of it and its size.
    ///
    /// # Errors
    /// If it is no squashfs 4.0 with a known compression, or contradicts itself.
    pub(crate) fn parse(head: &[u8], image_size_bytes: u64) -> Result<Self, Error> {
        let mut fields = Fields::new(head, "superblock");
        if fields.u32() != Ok(MAGIC) {
            return Err(Error::NotSquashfs);
        }
        let inode_count = fields.u32()?;
        let _modified_s = fields.u32()?;
        let block_size_bytes = fields.u32()?;
        let fragment_count = fields.u32()?;
        let codec_number = fields.u16()?;
        let block_log = fields.u16()?;
        let _flags = fields.u16()?;
        let id_count = fields.u16()?;
        let version = (fields.u16()?, fields.u16()?);
        if version != (4, 0) {
            let (major, minor) = version;
            return Err(Error::Unsupported(format!(
                "squashfs version {major}.{minor}"
            )));
        }
        let root = InodeRef::from_number(fields.u64()?);
        let used_size_bytes = fields.u64()?;
        let id_table_start = fields.u64()?;
        let xattr_table_start = fields.u64()?;
        let superblock = Self {
            codec: Codec::from_number(codec_number)?,
            inode_count,
            block_size_bytes,
            fragment_count,
            id_count,
            root,
            used_size_bytes,
            id_table_start,
            xattr_table_start: present(xattr_table_start),
            inode_table_start: fields.u64()?,
            directory_table_start: fields.u64()?,
            fragment_table_start: fields.u64()?,
        };
        superblock.check(block_log, image_size_bytes)?;
        Ok(superblock)
    }

    fn check(&self, block_log: u16, image_size_bytes: u64) -> Result<(), Error> {
        let size = self.block_size_bytes;
        if !BLOCK_SIZES_BYTES.contains(&size)
            || size != 1u32.checked_shl(block_log.into()).unwrap_or(0)
        {
            return Err(Error::Invalid(
                "its block size is not a power of two from 4 KiB to 1 MiB",
            ));
        }
        if self.used_size_bytes > image_size_bytes {
            return Err(Error::Invalid("it is shorter than its superblock says"));
        }
        if self.inode_count > INODE_COUNT_LIMIT {
            return Err(Error::LimitExceeded("inodes"));
        }
        // Usually every fragment block holds the tail of at least one file. It may also hold what was stored for a file that was
        // replaced before the image was finished, so that there can be more of them than files.
        if self.fragment_count > INODE_COUNT_LIMIT {
            return Err(Error::LimitExceeded("fragments"));
        }
        if self.inode_table_start > self.directory_table_start {
            return Err(Error::Invalid("its directories stand before its inodes"));
        }
        if self.directory_table_start > self.used_size_bytes {
            return Err(Error::OutOfBounds("directory table"));
        }
        // Each metadata block takes three bytes at least.
        let table_size_bytes = self.directory_table_start - self.inode_table_start;
        let most = (table_size_bytes / 3)
            .saturating_mul(METADATA_BLOCK_SIZE_BYTES as u64 / INODE_SIZE_MINIMUM_BYTES);
        if u64::from(self.inode_count) > most {
            return Err(Error::Invalid(
                "it has fewer inodes than its superblock says",
            ));
        }
        Ok(())
    }
}

fn present(table_start: u64) -> Option<u64> {
    (table_start != NO_TABLE).then_some(table_start)
}
