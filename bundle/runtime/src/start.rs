//! The ladder: which rung is tried when, and what a failure leads to.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use bundle_format::Bundle;
use bundle_squashfs::Image;
use nix::sys::signal::Signal;

use crate::mount_point::KeepVisible;
use crate::namespace::{self, Attempt, PrivatePlace};
use crate::payload::{FORCE_RUNG, Payload};
use crate::{Error, Trace, ffi, supervisor, unpack};

/// A way of starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Rung 2: unpacked to a tmpfs in a private mount namespace.
    PrivateTmpfs,
    /// Rung 4: unpacked to a fresh private directory, without namespaces.
    Directory,
}

impl Rung {
    /// The rung's number on the ladder.
    pub fn number(self) -> u8 {
        match self {
            Rung::PrivateTmpfs => 2,
            Rung::Directory => 4,
        }
    }

    fn from_word(word: &OsStr) -> Option<Self> {
        [Rung::PrivateTmpfs, Rung::Directory]
            .into_iter()
            .find(|rung| word == rung.number().to_string().as_str())
    }
}

/// What to start.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The bundle, parsed; launcher and image are verified here.
    pub bundle: &'a Bundle<'a>,
    /// Absolute path of the bundle's file.
    pub bundle_path: &'a Path,
    /// The payload's name for itself, and its arguments.
    pub words: &'a [OsString],
    /// What SIGPIPE did when the launcher was started: true if it was ignored.
    pub sigpipe_was_ignored: bool,
    /// Where the time goes.
    pub trace: Trace,
}

/// How a supervised payload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exited(u8),
    /// By this signal.
    Killed(Signal),
}

/// Verifies the bundle and starts its payload. On rung 2 this process becomes the payload, and the function does not
/// return; on rung 4 it returns how the payload ended.
///
/// The process must have a single thread.
///
/// # Errors
/// If the bundle is damaged, or no rung holds: the reason of each. If a rung is forced by `BENCHRUN_FORCE_RUNG`: why that
/// one does not hold.
pub fn start(request: &StartRequest<'_>) -> Result<Ended, Error> {
    let forced = std::env::var_os(FORCE_RUNG).and_then(|word| Rung::from_word(&word));
    let attempt = match forced {
        Some(Rung::Directory) => None,
        _ => Some(Attempt::begin(KeepVisible::of_process(request.words))),
    };
    request.trace.done("begun to make a private namespace");
    // The child that tries it, if there is one, works meanwhile.
    let verified = verify(request);
    let entered = attempt.map(|attempt| attempt.and_then(Attempt::enter));
    let image = verified?;

    let private = match entered {
        None => None,
        Some(Ok(place)) => {
            request.trace.done("in a private namespace");
            Some(become_payload(request, &image, place))
        }
        Some(Err(error)) => Some(error),
    };
    match private {
        // A payload that is there but cannot be executed cannot be executed on the next rung either.
        Some(error @ Error::Exec { .. }) => Err(error),
        Some(error) if forced.is_some() => Err(error),
        private => start_supervised(request, &image, private),
    }
}

fn verify<'a>(request: &StartRequest<'a>) -> Result<Image<'a>, Error> {
    request.bundle.verify_launcher()?;
    request.bundle.verify_image()?;
    request.trace.done("verified launcher and image");
    Ok(Image::open(request.bundle.image())?)
}

fn start_supervised(
    request: &StartRequest<'_>,
    image: &Image<'_>,
    private: Option<Error>,
) -> Result<Ended, Error> {
    let reason = private
        .as_ref()
        .map_or_else(|| format!("{FORCE_RUNG}=4"), ToString::to_string);
    supervisor::run(request, image, &reason).map_err(|error| match (private, error) {
        (_, error @ Error::Exec { .. }) | (None, error) => error,
        (Some(private), error) => Error::NoRung(vec![
            (Rung::PrivateTmpfs.number(), Box::new(private)),
            (Rung::Directory.number(), Box::new(error)),
        ]),
    })
}

/// Rung 2's second half: unpacks and executes. Returns only why that failed.
fn become_payload(request: &StartRequest<'_>, image: &Image<'_>, place: PrivatePlace) -> Error {
    let PrivatePlace { mount_point, child } = place;
    let unpacked = unpack::unpack_at(image, &mount_point).and_then(|()| {
        request.trace.done("unpacked");
        namespace::make_read_only(&mount_point)
    });
    if let Err(error) = unpacked {
        return error;
    }
    drop(child);
    restore_sigpipe(request);
    request.trace.done("about to execute the payload");
    let Err(error) = payload(request).exec(Rung::PrivateTmpfs, &mount_point);
    ffi::set_disposition(Signal::SIGPIPE, true);
    error
}

/// The launcher ignores SIGPIPE, so that nobody's closed pipe ends it before it has cleaned up; the payload decides for itself.
pub(crate) fn restore_sigpipe(request: &StartRequest<'_>) {
    ffi::set_disposition(Signal::SIGPIPE, request.sigpipe_was_ignored);
}

pub(crate) fn payload<'a>(request: &StartRequest<'a>) -> Payload<'a> {
    Payload {
        bundle: request.bundle,
        bundle_path: request.bundle_path,
        words: request.words,
    }
}
