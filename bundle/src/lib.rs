//! The program `bundle`: packing, inspecting and verifying bundles.

mod elf;
mod gather;
mod image;
mod inspect;
mod pack;
mod read;
mod verify;

pub mod cli;

pub use gather::{Content, Include, Tree};
pub use image::{ImageOptions, make_image};
pub use inspect::inspect;
pub use pack::{PackPlan, pack};
pub use read::read_files;
pub use verify::verify;

/// The launcher that was built together with this program.
pub const LAUNCHER: &[u8] = include_bytes!(env!("BUNDLE_LAUNCHER"));
