//! Starting a bundle's payload: finding the bundle, a private place for its image, environment, exec, and cleaning up.
//!
//! A run is three processes. The *front* (front.rs) is the one that was started: it stands for the payload towards whoever
//! waits for it or signals it. The *keeper* (keeper.rs) serves the image or unpacks it, and sees to it that nothing outlives
//! the payload. The third (child.rs) makes its way to the image and becomes the *payload*.
//!
//! There are four ways to the image, the rungs of the ladder (ladder.rs). On rungs 1 to 3 only the payload's processes see
//! it, and the kernel cleans up. In a bundle of a plain program the payload sees the host's files as they are; in one of a
//! whole root file system it sees that (root.rs).

mod anonymous;
mod attributes;
mod bpf;
mod cached;
mod channel;
mod child;
mod confine;
mod container;
mod container_options;
mod directory;
mod error;
mod exec;
mod extract;
mod ffi;
mod front;
mod furnish;
mod hooks;
mod image_command;
mod image_source;
mod init;
mod inside;
mod keeper;
mod ladder;
mod loop_device;
mod mount_point;
mod mounts;
mod namespace;
mod orphans;
mod own_file;
mod owner_filter;
mod payload;
mod remove;
mod request;
mod root;
mod serve;
mod stdio;
mod sweep;
mod terminal_filter;
mod trace;
mod tree_digest;
mod unpack;
mod user;

pub use container::{Container, Namespaces, Text};
pub use container_options::{ContainerOptions, files_in, texts_in};
pub use error::{Error, Refusal, Step};
pub use exec::exec;
pub use extract::extract;
pub use ffi::{Arguments, run_as_main};
pub use image_source::ImageSource;
pub use ladder::{Probed, order, probe, start};
pub use own_file::OwnFile;
pub use request::{Ended, Files, Payload, Rung, StartRequest};
pub use stdio::{ignore_sigpipe, open_missing_standard_fds};
pub use trace::Trace;
pub use unpack::{Ownership, unpack, unpack_entries, unpack_with_threads};
