//! Rung 1's server: the keeper serves the image to whoever can see the mount.

use std::os::fd::OwnedFd;

use bundle_fuse::Options;

use crate::channel::{Channel, Message};
use crate::request::{Payload, StartRequest};
use crate::stdio;

/// A program that starts maps a large file and touches a page here and there (see ARCHITECTURE.md).
const PROGRAM_READAHEAD_SIZE_BYTES: u32 = 64 << 10;

/// Serves until the file system is unmounted, that is, until the last process that could see it is gone.
pub(crate) fn serve(
    request: &StartRequest<'_>,
    device: OwnedFd,
    owner: Option<(u32, u32)>,
    front: &Channel,
) {
    let is_program = matches!(request.payload, Payload::Program { .. });
    let options = Options {
        owner,
        readahead_size_bytes: if is_program {
            PROGRAM_READAHEAD_SIZE_BYTES
        } else {
            u32::MAX
        },
        ..Options::default()
    };
    let on_damage = |error: &bundle_squashfs::Error| {
        front.send(&Message::Damaged(error.to_string()), None);
    };
    if let Err(error) = bundle_fuse::serve(request.image(), device, &options, &on_damage) {
        stdio::say(&format!("cannot serve the image any longer: {error}"));
    }
}
