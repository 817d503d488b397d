//! The bundle's bytes: launcher, image, hash tree, manifest, signature, trailer. See `FORMAT.md` for the drawing.
//!
//! This crate is pure: it reads from what can be read at an offset ([`ReadAt`]), writes into writers, and opens no file by
//! itself. Whatever bytes it is given, it answers with a value or a [`FormatError`], never with a panic.

mod assemble;
mod bundle;
mod digest;
mod error;
mod manifest;
mod read_at;
mod threads;
mod trailer;
mod tree;
mod verified;

pub mod trust;

pub use assemble::{Parts, assemble, write_head, write_tail};
pub use bundle::Bundle;
pub use digest::Digest;
pub use error::{FormatError, Part, ReadError};
pub use manifest::{
    ConfigurationText, ContainerInfo, ImageInfo, LauncherInfo, Loader, Manifest, Payload, is_name,
};
pub use read_at::ReadAt;
pub use trailer::{Layout, TRAILER_SIZE_BYTES, Trailer};
pub use tree::{CHUNK_SIZE_BYTES, HashTree, TreeShape};
pub use verified::VerifiedImage;

/// The format version that this crate writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 2;

/// The image begins at a multiple of this.
pub const IMAGE_ALIGNMENT_BYTES: u64 = 4096;

/// Largest launcher: 1 GiB.
pub const LAUNCHER_SIZE_LIMIT_BYTES: u64 = 1 << 30;

/// Largest image: 4 TiB.
pub const IMAGE_SIZE_LIMIT_BYTES: u64 = 1 << 42;

/// Largest manifest that is accepted: a bound on the memory that a hostile file can ask for.
pub const MANIFEST_SIZE_LIMIT_BYTES: u64 = 1 << 20;

/// Largest signature section that is accepted: twice what minisign's limits on comments allow.
pub const SIGNATURE_SIZE_LIMIT_BYTES: u64 = 16 << 10;
