//! Making images: a file system's metadata in memory ([`Tree`]), and squashfs made of it ([`ImageWriter`]); and such a tree of
//! a directory of the host ([`scan`], [`HostFiles`]).
//!
//! The contents of files are given to the writer one after the other, in whatever order they come, and the tree at the end.
//! So an image can be made of streams that are read once, such as the layers of a container image, and nothing has to be
//! unpacked for it.
//!
//! The same calls give the same bytes, however many threads compress.

mod compress;
mod contents;
mod crew;
mod error;
mod host_files;
mod inodes;
mod listing;
mod metadata;
mod plan;
mod scan;
mod superblock;
mod tables;
mod tree;
mod writer;
mod xattrs;

pub use compress::Compression;
pub use error::Error;
pub use host_files::HostFiles;
pub use scan::{Ownership, ScanOptions, scan};
pub use tree::{ContentId, Kind, Metadata, Node, NodeId, Tree};
pub use writer::{ImageWriter, Options};
pub use xattrs::is_storable;

/// Most distinct user and group ids in an image: the format counts them with 16 bits.
pub const ID_COUNT_LIMIT: usize = u16::MAX as usize;

/// Longest name in a directory, which is Linux's limit too.
pub const NAME_SIZE_LIMIT_BYTES: usize = 255;

/// Longest target of a symbolic link, which is Linux's limit too.
pub const SYMLINK_SIZE_LIMIT_BYTES: usize = 4095;

/// Deepest nesting of directories that [`scan`] follows: as deep as the project's reader walks.
pub const SCAN_DEPTH_LIMIT: usize = 128;

/// Largest file of which a second copy is told apart in memory. Larger ones are written and taken back.
pub const HELD_SIZE_LIMIT_BYTES: u64 = 8 << 20;
