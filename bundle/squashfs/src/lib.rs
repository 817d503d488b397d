//! A reader of squashfs 4.0 images, made for starting programs: it opens an image by decoding two small tables, finds
//! every data block by arithmetic, and lets the caller decompress blocks in any order and on any thread.
//!
//! The image is a byte slice (usually a mapped file). Whatever bytes it holds, the answer is a value or an [`Error`],
//! never a panic, and memory is bounded by the limits named here, not by what the image asks for.
//!
//! The format is described at <https://dr-emann.github.io/squashfs/>.

mod block;
mod bytes;
mod directory;
mod error;
mod image;
mod inode;
mod metadata;
mod superblock;
mod walk;

pub use block::{Block, BlockReader};
pub use directory::DirEntry;
pub use error::Error;
pub use image::Image;
pub use inode::{DirInode, FileInode, Inode, InodeKind, InodeRef};
pub use superblock::Superblock;
pub use walk::WalkEntry;

/// Deepest directory nesting that [`Image::walk`] follows.
pub const DEPTH_LIMIT: usize = 128;

/// Most inodes that an image may have.
pub const INODE_COUNT_LIMIT: u32 = 4 << 20;

/// Largest inode or directory table, decompressed.
pub const TABLE_SIZE_LIMIT_BYTES: usize = 256 << 20;
