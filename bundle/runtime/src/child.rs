//! The payload's process before it becomes the payload: it makes its way to the image, waits until all checks are done, gives
//! away what the payload must not have, and executes it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{SigmaskHow, Signal, sigprocmask};
use nix::unistd::Pid;

use bundle_format::Payload;

use crate::channel::{Channel, Message};
use crate::front::Signals;
use crate::mount_point::KeepVisible;
use crate::namespace::{self, Privilege};
use crate::request::{Attempt, Job, Rung};
use crate::unpack::Unmasked;
use crate::{Error, confine, ffi, loop_device, orphans, payload, root, unpack};

/// Where the image is, as the payload sees it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The image's root directory.
    pub(crate) root: PathBuf,
    /// It has become the root of the file system.
    pub(crate) is_switched: bool,
}

/// Runs the payload's process. Never returns: it becomes the payload, or ends.
pub(crate) fn run(attempt: &Attempt<'_>, keeper: &Channel, parent: Pid, signals: &Signals) -> ! {
    let code = if orphans::end_with(parent) {
        match make_way(attempt, keeper, parent)
            .and_then(|place| go(attempt, keeper, place, signals))
        {
            Ok(()) => 0,
            Err(error) => {
                ffi::set_disposition(Signal::SIGPIPE, true);
                keeper.send(&Message::Refused(error.to_refusal()), None);
                error.exit_code()
            }
        }
    } else {
        125
    };
    ffi::exit_now(code)
}

/// Makes the image visible to this process. None on rung 4, where the keeper does.
fn make_way(attempt: &Attempt<'_>, keeper: &Channel, parent: Pid) -> Result<Option<Place>, Error> {
    if attempt.rung == Rung::Directory {
        return Ok(None);
    }
    let request = attempt.request;
    let privilege = namespace::enter()?;
    // Changing ids may have cleared it.
    if !orphans::end_with(parent) {
        ffi::exit_now(125);
    }
    request.trace.done("in a private namespace");
    let is_program = matches!(request.bundle.manifest().payload, Payload::Program { .. });
    let keep = if is_program {
        KeepVisible::of_process(request.words)
    } else {
        // All of it is going to be hidden.
        KeepVisible::default()
    };
    let _unmasked = Unmasked::new();
    let place = if is_program {
        let root = namespace::mount_somewhere(&keep, |at| match attempt.rung {
            Rung::PrivateTmpfs => unpack_to_tmpfs(attempt, privilege, at),
            _ => mount_image(attempt, keeper, privilege, at),
        })?;
        confine::protect_file(request);
        Place {
            root,
            is_switched: false,
        }
    } else {
        let base = namespace::mount_somewhere(&keep, namespace::mount_tmpfs)?;
        let image = if attempt.rung == Rung::PrivateTmpfs {
            root::Filled::Writable(unpack_beside(attempt, privilege, &base)?)
        } else {
            let lower = root::make_directory(&base, "image")?;
            mount_image(attempt, keeper, privilege, &lower)?;
            root::Filled::ReadOnly(lower)
        };
        root::switch(&base, image, privilege)?;
        Place {
            root: PathBuf::from("/"),
            is_switched: true,
        }
    };
    request.trace.done("image in place");
    Ok(Some(place))
}

/// Rungs 1 and 3: mounts the image at `at`.
fn mount_image(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    privilege: Privilege,
    at: &Path,
) -> Result<(), Error> {
    if attempt.rung == Rung::LoopDevice {
        return loop_device::mount(attempt, at);
    }
    let device = namespace::mount_served(at)?;
    let mounted = Message::Mounted {
        own_ids_only: privilege == Privilege::User,
    };
    keeper.send(&mounted, Some(&device));
    Ok(())
}

/// Rung 2: a tmpfs at `at` with the image unpacked in it.
fn unpack_to_tmpfs(attempt: &Attempt<'_>, privilege: Privilege, at: &Path) -> Result<(), Error> {
    namespace::mount_tmpfs(at)?;
    if attempt.job == Job::Probe {
        return Ok(());
    }
    unpack::unpack_at(attempt.request.image, at, privilege.ownership())?;
    attempt.request.trace.done("unpacked");
    namespace::make_read_only(at)
}

/// Rung 2 for an image that becomes the root: unpacked into a directory of the tmpfs at `base`.
fn unpack_beside(
    attempt: &Attempt<'_>,
    privilege: Privilege,
    base: &Path,
) -> Result<PathBuf, Error> {
    let directory = root::make_directory(base, "image")?;
    if attempt.job == Job::Run {
        unpack::unpack_at(attempt.request.image, &directory, privilege.ownership())?;
    }
    attempt.request.trace.done("unpacked");
    Ok(directory)
}

/// Waits for the word that all checks are done, and becomes the payload; or finds out that it could.
fn go(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    place: Option<Place>,
    signals: &Signals,
) -> Result<(), Error> {
    let Some((Message::Go(told), _)) = keeper.receive() else {
        ffi::exit_now(125)
    };
    let place = place.unwrap_or_else(|| Place {
        root: PathBuf::from(OsString::from_vec(told)),
        is_switched: false,
    });
    let request = attempt.request;
    if attempt.job == Job::Probe {
        probe(&place)?;
        keeper.send(&Message::Holds, None);
        return Ok(());
    }
    confine::confine(&place)?;
    payload::restore_sigpipe(request);
    ffi::set_disposition(Signal::SIGCHLD, signals.sigchld_was_ignored);
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&signals.before), None);
    request.trace.done("about to execute the payload");
    let Err(error) = payload::exec(request, attempt.rung, &place);
    Err(error)
}

/// Reads from the image's root, so that a mount that nobody serves is found out.
fn probe(place: &Place) -> Result<(), Error> {
    let failed = |error: &std::io::Error| Error::Unpack {
        operation: "read",
        path: place.root.clone(),
        errno: crate::error::errno_of(error),
    };
    for entry in std::fs::read_dir(&place.root).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        if let Ok(mut file) = File::open(&path)
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            let _ = file.read(&mut [0; 1]).map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}
