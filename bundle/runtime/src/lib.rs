//! Starting a bundle's payload: finding the bundle, a private place for its image, unpacking, environment, exec.
//!
//! Two rungs of the ladder are built. Rung 2 unpacks the image to a tmpfs that only the payload's processes can see, and
//! becomes the payload: same process, same terminal, same working directory, and the kernel cleans up. Rung 4 needs no
//! namespaces: it unpacks to a fresh private directory, supervises the payload, and cleans up by itself.
//! In both the payload sees the host's files as they are.

mod directory;
mod error;
mod ffi;
mod janitor;
mod mount_point;
mod namespace;
mod own_file;
mod payload;
mod remove;
mod request;
mod start;
mod stdio;
mod supervisor;
mod sweep;
mod trace;
mod unpack;

pub use error::{Error, Step};
pub use ffi::{Arguments, run_as_main};
pub use own_file::OwnFile;
pub use request::{Ended, Rung, StartRequest};
pub use start::start;
pub use stdio::{ignore_sigpipe, open_missing_standard_fds};
pub use trace::Trace;
pub use unpack::{unpack, unpack_with_threads};
