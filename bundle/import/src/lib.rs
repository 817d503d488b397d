//! Bringing container images from registries, daemons and files into squashfs images, without unpacking them anywhere.

mod archive;
mod cache;
mod checksum;
mod config;
mod configure;
mod contents;
mod credentials;
mod daemon;
mod digest;
mod error;
mod layered;
mod limits;
mod local;
mod make;
mod merge;
mod platform;
mod progress;
mod reference;
mod registry;
mod scan;
mod settings;
mod stream;
#[cfg(test)]
mod testing;
mod watch;

pub use cache::{Cache, CacheError};
pub use credentials::{AskPassword, CredentialError};
pub use daemon::{DaemonError, open_engine_image};
pub use error::{Error, LayerError, TooLarge};
pub use layered::{Layer, Layered, Origin};
pub use limits::Limits;
pub use local::{LocalSource, open_docker_archive, open_oci, open_tar};
pub use make::{Options, Summary, make_image};
pub use platform::{Platform, PlatformError};
pub use progress::{Progress, Step};
pub use reference::{
    DOCKER_REGISTRY, Engine, EngineImage, Reference, ReferenceError, Version, parse_engine_image,
    parse_reference,
};
pub use registry::{Client, RegistryError};
pub use settings::{Settings, SettingsError, Variables};
pub use watch::{NoWatch, Watch};
