//! The program `bundle`: images, sandboxes, and bundles: making, running, inspecting, signing and verifying them.

mod configuration;
mod copy;
mod decode;
mod elf;
mod exec;
mod gather;
mod image;
mod import;
mod inspect;
mod keys;
mod new_file;
mod open;
mod pack;
mod progress;
mod root_fs;
mod sign;
mod source;
mod start;
mod text;
mod verify;

pub mod cli;

pub use exec::{ExecPlan, exec};
pub use gather::{Content, Include, Tree};
pub use image::{ImageOptions, make_image};
pub use import::{DigestPlan, ImportPlan, digest, import};
pub use inspect::{InspectPlan, inspect};
pub use keys::{KeygenPlan, keygen};
pub use pack::{PackPlan, Packed, pack};
pub use root_fs::RootFs;
pub use sign::{SignPlan, sign};
pub use start::{BatchPlan, StartPlan, batch, start};
pub use verify::{VerifyPlan, verify};

/// The launcher that was built together with this program.
pub const LAUNCHER: &[u8] = include_bytes!(env!("BUNDLE_LAUNCHER"));
