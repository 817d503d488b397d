//! The bundle's bytes: launcher, image, manifest, trailer. See `FORMAT.md` for the drawing.
//!
//! This crate is pure: it reads slices, writes into writers, and touches no file by itself. Whatever bytes it is
//! given, it answers with a value or a [`FormatError`], never with a panic.

mod assemble;
mod bundle;
mod digest;
mod error;
mod manifest;
mod trailer;

pub use assemble::{Parts, assemble};
pub use bundle::Bundle;
pub use digest::Digest;
pub use error::{FormatError, Part};
pub use manifest::{FileEntry, ImageInfo, LauncherInfo, Loader, Manifest, Payload};
pub use trailer::{Layout, TRAILER_SIZE_BYTES, Trailer};

/// The format version that this crate writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The image begins at a multiple of this.
pub const IMAGE_ALIGNMENT_BYTES: u64 = 4096;

/// Largest manifest that is accepted: a bound on the memory that a hostile file can ask for.
pub const MANIFEST_SIZE_LIMIT_BYTES: u64 = 16 << 20;
