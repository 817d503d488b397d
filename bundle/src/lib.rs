//! The program `bundle`: packing, inspecting, signing and verifying bundles; and sandboxes.

mod configuration;
mod copy;
mod create;
mod decode;
mod elf;
mod export;
mod gather;
mod image;
mod inspect;
mod keys;
mod list;
mod new_file;
mod open;
mod pack;
mod progress;
mod remove;
mod running;
mod sign;
mod source;
mod store;
mod text;
mod verify;

pub mod cli;

pub use configuration::{ConfigPlan, config, load};
pub use create::{CreatePlan, create};
pub use export::{ExportPlan, export};
pub use gather::{Content, Include, Tree};
pub use image::{ImageOptions, make_image};
pub use inspect::{InspectPlan, inspect};
pub use keys::{KeygenPlan, keygen};
pub use list::{ListPlan, list};
pub use pack::{PackPlan, Packed, pack};
pub use remove::{RemovePlan, remove};
pub use running::{CONTAINER, CONTAINER_ROOT};
pub use sign::{SignPlan, sign};
pub use verify::{VerifyPlan, verify};

/// The launcher that was built together with this program.
pub const LAUNCHER: &[u8] = include_bytes!(env!("BUNDLE_LAUNCHER"));
