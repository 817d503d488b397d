//! Rung 1's server: the keeper serves the image to whoever can see the mount.

use std::os::fd::OwnedFd;

use bundle_format::Payload;
use bundle_fuse::Options;
use nix::unistd::{getegid, geteuid};

use crate::channel::{Channel, Message};
use crate::request::StartRequest;
use crate::stdio;

/// A program that starts maps a large file and touches a page here and there (see ARCHITECTURE.md).
const PROGRAM_READAHEAD_SIZE_BYTES: u32 = 64 << 10;

/// Serves until the file system is unmounted, that is, until the last process that could see it is gone.
pub(crate) fn serve(
    request: &StartRequest<'_>,
    device: OwnedFd,
    own_ids_only: bool,
    front: &Channel,
) {
    let owner = own_ids_only.then(|| (geteuid().as_raw(), getegid().as_raw()));
    let is_program = matches!(request.bundle.manifest().payload, Payload::Program { .. });
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
    if let Err(error) = bundle_fuse::serve(request.image, device, &options, &on_damage) {
        stdio::say(&format!("cannot serve the image any longer: {error}"));
    }
}
