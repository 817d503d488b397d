//! The program `bundle`: images, sandboxes, and bundles: making, running, inspecting, signing and verifying them.

mod configuration;
mod container_configuration;
mod copy;
mod create;
mod decode;
mod elf;
mod exec;
mod export;
mod gather;
mod image;
mod import;
mod inspect;
mod keys;
mod list;
mod new_file;
mod open;
mod pack;
mod progress;
mod remove;
mod root_fs;
mod running;
mod sign;
mod source;
mod start;
mod store;
mod text;
mod verify;

pub mod cli;

pub use configuration::{ConfigPlan, config, load};
pub use create::{CreatePlan, create};
pub use exec::{ExecPlan, exec};
pub use export::{ExportPlan, export};
pub use gather::{Content, Include, Tree};
pub use image::{ImageOptions, make_image};
pub use import::{DigestPlan, ImportPlan, digest, import};
pub use inspect::{InspectPlan, inspect};
pub use keys::{KeygenPlan, keygen};
pub use list::{ListPlan, list};
pub use pack::{PackPlan, Packed, pack};
pub use remove::{RemovePlan, remove};
pub use root_fs::RootFs;
pub use running::{CONTAINER, CONTAINER_ROOT};
pub use sign::{SignPlan, sign};
pub use start::{BatchPlan, StartPlan, batch, start};
pub use verify::{VerifyPlan, verify};

/// The launcher that was built together with this program.
pub const LAUNCHER: &[u8] = include_bytes!(env!("BUNDLE_LAUNCHER"));
