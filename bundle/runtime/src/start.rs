//! The ladder: which rung is tried when, and what a failure leads to.

use bundle_squashfs::Image;
use nix::sys::signal::Signal;

use crate::mount_point::KeepVisible;
use crate::namespace::{self, Attempt, PrivatePlace};
use crate::payload::FORCE_RUNG;
use crate::request::{Ended, Rung, StartRequest};
use crate::unpack::Unmasked;
use crate::{Error, ffi, payload, supervisor, unpack};

/// Verifies the bundle and starts its payload. On rung 2 this process becomes the payload, and the function does not
/// return; on rung 4 it returns how the payload ended.
///
/// The process must have a single thread.
///
/// # Errors
/// If the bundle is damaged, or no rung holds: the reason of each. If a rung is forced by `BENCHRUN_FORCE_RUNG`: why that
/// one does not hold.
pub fn start(request: &StartRequest<'_>) -> Result<Ended, Error> {
    let forced = forced_rung()?;
    let attempt = match forced {
        Some(Rung::Directory) => None,
        _ => Some(Attempt::begin(KeepVisible::of_process(request.words))),
    };
    request.trace.done("begun to make a private namespace");
    // The child that tries it, if there is one, works meanwhile.
    let bytes = request.bundle.image();
    let verified = verify(request, &bytes);
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

/// The rung that a tester asks for.
fn forced_rung() -> Result<Option<Rung>, Error> {
    std::env::var_os(FORCE_RUNG)
        .map(|word| {
            Rung::from_word(&word)
                .ok_or_else(|| Error::NoSuchRung(word.to_string_lossy().escape_debug().to_string()))
        })
        .transpose()
}

fn verify<'a>(request: &StartRequest<'_>, image: &'a &[u8]) -> Result<Image<'a>, Error> {
    request.bundle.verify_launcher()?;
    request.bundle.verify_image()?;
    request.trace.done("verified launcher and image");
    Ok(Image::open(image)?)
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
    let unmasked = Unmasked::new();
    let unpacked = unpack::unpack_at(image, &mount_point).and_then(|()| {
        request.trace.done("unpacked");
        namespace::make_read_only(&mount_point)
    });
    drop(unmasked);
    if let Err(error) = unpacked {
        return error;
    }
    drop(child);
    payload::restore_sigpipe(request);
    request.trace.done("about to execute the payload");
    let Err(error) = payload::exec(request, Rung::PrivateTmpfs, &mount_point);
    ffi::set_disposition(Signal::SIGPIPE, true);
    error
}
