//! Bringing container images from registries, daemons and files into squashfs images, without unpacking them anywhere.

mod cache;
mod credentials;
mod digest;
mod layered;
mod platform;
mod reference;
mod registry;
mod settings;
mod watch;

pub use cache::{Cache, CacheError};
pub use credentials::{AskPassword, CredentialError};
pub use layered::{Layer, Layered, Origin};
pub use platform::{Platform, PlatformError};
pub use reference::{
    DOCKER_REGISTRY, Engine, EngineImage, Reference, ReferenceError, Version, parse_engine_image,
    parse_reference,
};
pub use registry::{Client, RegistryError};
pub use settings::{Settings, SettingsError, Variables};
pub use watch::{NoWatch, Watch};
