//! Making images: a file system's metadata in memory ([`Tree`]), and squashfs made of it.
//!
//! The contents of files are given to the writer one after the other, in whatever order they come, and the tree at the end.
//! So an image can be made of streams that are read once, such as the layers of a container image, and nothing has to be
//! unpacked for it.

mod tree;

pub use tree::{ContentId, Kind, Metadata, Node, NodeId, Tree};
