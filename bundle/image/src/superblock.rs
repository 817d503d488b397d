//! The first 96 bytes of an image.

use crate::Compression;

/// Size of the superblock.
pub(crate) const SIZE_BYTES: u64 = 96;
/// Where a table would start that the image does not have.
pub(crate) const NO_TABLE: u64 = u64::MAX;
const MAGIC: u32 = 0x7371_7368;

const UNCOMPRESSED_INODES: u16 = 1;
const UNCOMPRESSED_DATA: u16 = 1 << 1;
const UNCOMPRESSED_FRAGMENTS: u16 = 1 << 3;
const NO_FRAGMENTS: u16 = 1 << 4;
const ALWAYS_FRAGMENTS: u16 = 1 << 5;
const DUPLICATES: u16 = 1 << 6;
const EXPORTABLE: u16 = 1 << 7;
const UNCOMPRESSED_XATTRS: u16 = 1 << 8;
const NO_XATTRS: u16 = 1 << 9;
const COMPRESSOR_OPTIONS: u16 = 1 << 10;
const UNCOMPRESSED_IDS: u16 = 1 << 11;

/// What the superblock says. Starts are counted from the image's first byte.
pub(crate) struct Superblock {
    pub(crate) compression: Compression,
    pub(crate) block_size_bytes: u32,
    pub(crate) time_s: u32,
    pub(crate) inode_count: u32,
    pub(crate) fragment_count: u32,
    pub(crate) id_count: u16,
    pub(crate) root: u64,
    pub(crate) used_size_bytes: u64,
    pub(crate) id_table_start: u64,
    pub(crate) xattr_table_start: u64,
    pub(crate) inode_table_start: u64,
    pub(crate) directory_table_start: u64,
    pub(crate) fragment_table_start: u64,
    pub(crate) export_table_start: u64,
}

impl Superblock {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE_BYTES as usize);
        for word in [
            MAGIC,
            self.inode_count,
            self.time_s,
            self.block_size_bytes,
            self.fragment_count,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [
            self.compression.number(),
            self.block_size_bytes.trailing_zeros() as u16,
            self.flags(),
            self.id_count,
            4,
            0,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [
            self.root,
            self.used_size_bytes,
            self.id_table_start,
            self.xattr_table_start,
            self.inode_table_start,
            self.directory_table_start,
            self.fragment_table_start,
            self.export_table_start,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }

    fn flags(&self) -> u16 {
        let mut flags = DUPLICATES | EXPORTABLE;
        if self.fragment_count == 0 {
            flags |= NO_FRAGMENTS;
        } else {
            flags |= ALWAYS_FRAGMENTS;
        }
        if self.xattr_table_start == NO_TABLE {
            flags |= NO_XATTRS;
        }
        if self.compression.options().is_some() {
            flags |= COMPRESSOR_OPTIONS;
        }
        if self.compression == Compression::Stored {
            flags |= UNCOMPRESSED_INODES
                | UNCOMPRESSED_DATA
                | UNCOMPRESSED_FRAGMENTS
                | UNCOMPRESSED_XATTRS
                | UNCOMPRESSED_IDS;
        }
        flags
    }
}
