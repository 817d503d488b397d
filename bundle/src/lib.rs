//! The program `bundle`: packing, inspecting, signing and verifying bundles.

mod copy;
mod decode;
mod elf;
mod gather;
mod image;
mod import;
mod inspect;
mod keys;
mod new_file;
mod open;
mod pack;
mod progress;
mod sign;
mod source;
mod text;
mod verify;

pub mod cli;

pub use gather::{Content, Include, Tree};
pub use image::{ImageOptions, make_image};
pub use import::{DigestPlan, ImportPlan, digest, import};
pub use inspect::{InspectPlan, inspect};
pub use keys::{KeygenPlan, keygen};
pub use pack::{PackPlan, Packed, pack};
pub use sign::{SignPlan, sign};
pub use verify::{VerifyPlan, verify};

/// The launcher that was built together with this program.
pub const LAUNCHER: &[u8] = include_bytes!(env!("BUNDLE_LAUNCHER"));
