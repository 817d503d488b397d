//! Bringing container images from registries, daemons and files into squashfs images, without unpacking them anywhere.

mod layered;

pub use layered::{Layer, Layered, Origin};
