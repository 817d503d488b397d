//! Rung 3: the kernel's own squashfs, through a loop device at the image's place in the file. For root alone: the kernel lets
//! nobody else mount what comes from a disk.
//!
//! The kernel checks no digests, so the whole image is checked before it is mounted. The device is detached by the
//! kernel with its last user, however that ends.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount as mount_at};

use crate::namespace::refused;
use crate::request::{Attempt, Files, Job};
use crate::{Error, Step, ffi};

/// So often a device is asked for that somebody else takes in the same moment.
const ATTEMPT_COUNT: usize = 64;

/// Verifies the image, and mounts it at `at`.
pub(crate) fn mount(attempt: &Attempt<'_>, at: &Path) -> Result<(), Error> {
    let request = attempt.request;
    let (file, image) = match request.files {
        Files::Bundle { bundle, file, .. } => (file, bundle.trailer().layout.image()),
        Files::Image {
            file, size_bytes, ..
        } => (file, 0..size_bytes),
        Files::Directory(_) => return Err(refused(Step::AttachLoop)(Errno::ENOTBLK)),
    };
    if let (Job::Run, Files::Bundle { bundle, .. }) = (attempt.job, request.files) {
        let thread_count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        bundle
            .image()
            .verify_all(thread_count)
            .map_err(bundle_format::FormatError::from)?;
        request.trace.done("verified the image");
    }
    let (device, name) = attach(file, &image)?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount_at(
        Some(name.as_str()),
        at,
        Some("squashfs"),
        flags,
        None::<&str>,
    )
    .map_err(refused(Step::MountSquashfs))?;
    // The mount holds the device from here on.
    drop(device);
    Ok(())
}

fn attach(file: &File, image: &std::ops::Range<u64>) -> Result<(File, String), Error> {
    let failed = |error: &std::io::Error| refused(Step::AttachLoop)(crate::error::errno_of(error));
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| failed(&error))?;
    for _ in 0..ATTEMPT_COUNT {
        let number = ffi::free_loop_device(&control).map_err(refused(Step::AttachLoop))?;
        let name = format!("/dev/loop{number}");
        let device = File::open(&name).map_err(|error| failed(&error))?;
        match ffi::configure_loop_device(&device, file.as_raw_fd(), image) {
            Ok(()) => return Ok((device, name)),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(refused(Step::AttachLoop)(errno)),
        }
    }
    Err(refused(Step::AttachLoop)(Errno::EBUSY))
}
