//! Bringing container images from registries, daemons and files into squashfs images, without unpacking them anywhere.

mod archive;
mod checksum;
mod config;
mod configure;
mod contents;
mod error;
mod layered;
mod limits;
mod local;
mod make;
mod merge;
mod platform;
mod progress;
mod scan;
mod stream;
#[cfg(test)]
mod testing;

pub use error::{Error, LayerError, TooLarge};
pub use layered::{Layer, Layered, Origin};
pub use limits::Limits;
pub use local::{LocalSource, open_docker_archive, open_oci, open_tar};
pub use make::{Options, Summary, make_directory_image, make_image};
pub use platform::{Platform, PlatformError};
pub use progress::{Progress, Step};
