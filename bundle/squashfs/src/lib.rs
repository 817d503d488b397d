//! A reader of squashfs 4.0 images, made for starting programs and for serving file systems: it opens an image by reading
//! a few hundred bytes, decodes metadata when it is asked for, finds every data block by arithmetic, and lets the caller
//! decompress blocks in any order and on any thread.
//!
//! The image is a [`Source`]: memory (often a mapped file), or anything that can be read at an offset. Whatever bytes it
//! holds, the answer is a value or an [`Error`], never a panic, and memory is bounded by the limits named here, not by
//! what the image asks for.
//!
//! The format is described at <https://dr-emann.github.io/squashfs/>.

mod block;
mod block_list;
mod bytes;
mod cache;
mod codec;
mod directory;
mod error;
mod image;
mod inode;
mod metadata;
mod source;
mod superblock;
mod walk;
mod xattr;

pub use block::{Block, BlockReader};
pub use block_list::BlockList;
pub use codec::Codec;
pub use directory::DirEntry;
pub use error::Error;
pub use image::Image;
pub use inode::{DirInode, FileInode, FileKind, Inode, InodeKind, InodeRef};
pub use source::{Source, SourceError};
pub use superblock::Superblock;
pub use walk::WalkEntry;
pub use xattr::Xattr;

/// Deepest directory nesting that [`Image::visit`] and [`Image::walk`] follow.
pub const DEPTH_LIMIT: usize = 128;

/// Most memory that the result of [`Image::walk`] takes, roughly.
pub const WALK_SIZE_LIMIT_BYTES: usize = 1 << 30;

/// Most inodes that an image may have.
pub const INODE_COUNT_LIMIT: u32 = 4 << 20;

/// Largest listing of one directory, decompressed: more than a million names.
pub const DIRECTORY_SIZE_LIMIT_BYTES: u32 = 64 << 20;

/// Most data blocks that one file may have: 512 GiB of the usual blocks of 128 KiB. Their list takes 17 MB.
pub const FILE_BLOCK_COUNT_LIMIT: u64 = 4 << 20;

/// Most decoded metadata that an opened image keeps.
pub const METADATA_CACHE_SIZE_LIMIT_BYTES: usize = 8 << 20;

/// Largest names and values of one inode's extended attributes together. Linux allows names of 64 KiB together and values of
/// 64 KiB each.
pub const XATTRS_SIZE_LIMIT_BYTES: u32 = 4 << 20;
