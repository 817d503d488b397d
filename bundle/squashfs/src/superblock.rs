//! The first 96 bytes of an image.

use crate::bytes::Fields;
use crate::{Error, INODE_COUNT_LIMIT, InodeRef};

const MAGIC: u32 = 0x7371_7368;
const COMPRESSOR_ZSTD: u16 = 6;
const BLOCK_SIZES_BYTES: std::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// What the superblock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
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
    /// Start of the inode table.
    pub inode_table_start: u64,
    /// Start of the directory table.
    pub directory_table_start: u64,
    /// Start of the list of fragment blocks.
    pub fragment_table_start: u64,
}

impl Superblock {
    /// Reads and checks the superblock of an image.
    ///
    /// # Errors
    /// If it is no squashfs 4.0 with zstd compression, or contradicts itself.
    pub fn parse(image: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(image, "superblock");
        if fields.u32() != Ok(MAGIC) {
            return Err(Error::NotSquashfs);
        }
        let inode_count = fields.u32()?;
        let _modified_s = fields.u32()?;
        let block_size_bytes = fields.u32()?;
        let fragment_count = fields.u32()?;
        let compressor = fields.u16()?;
        let block_log = fields.u16()?;
        let _flags = fields.u16()?;
        let id_count = fields.u16()?;
        let version = (fields.u16()?, fields.u16()?);
        let root = InodeRef(fields.u64()?);
        let used_size_bytes = fields.u64()?;
        let id_table_start = fields.u64()?;
        let _xattr_table_start = fields.u64()?;
        let superblock = Self {
            inode_count,
            block_size_bytes,
            fragment_count,
            id_count,
            root,
            used_size_bytes,
            id_table_start,
            inode_table_start: fields.u64()?,
            directory_table_start: fields.u64()?,
            fragment_table_start: fields.u64()?,
        };
        check_kind(version, compressor)?;
        superblock.check(block_log, image.len() as u64)?;
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
        // Every fragment block holds the tail of at least one file.
        if self.fragment_count > self.inode_count {
            return Err(Error::Invalid("it has more fragments than inodes"));
        }
        if self.inode_table_start > self.directory_table_start {
            return Err(Error::Invalid("its directories stand before its inodes"));
        }
        Ok(())
    }
}

fn check_kind(version: (u16, u16), compressor: u16) -> Result<(), Error> {
    if version != (4, 0) {
        return Err(Error::Unsupported(format!(
            "squashfs version {}.{}",
            version.0, version.1
        )));
    }
    match compressor {
        COMPRESSOR_ZSTD => Ok(()),
        1 => Err(Error::Unsupported("gzip compression".into())),
        2 => Err(Error::Unsupported("lzma compression".into())),
        3 => Err(Error::Unsupported("lzo compression".into())),
        4 => Err(Error::Unsupported("xz compression".into())),
        5 => Err(Error::Unsupported("lz4 compression".into())),
        other => Err(Error::Unsupported(format!("compression number {other}"))),
    }
}
