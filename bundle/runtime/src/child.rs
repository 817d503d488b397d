//! The payload's process before it becomes the payload: it makes its way to the image, waits until all checks are done, gives
//! away what the payload must not have, and executes it.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{SigmaskHow, Signal, sigprocmask};
use nix::unistd::{Gid, Pid, Uid};

use crate::channel::{Channel, Message};
use crate::front::Signals;
use crate::inside::{Inside, place_of};
use crate::mount_point::KeepVisible;
use crate::namespace::{self, Privilege};
use crate::request::{Attempt, Files, Job, Payload, Rung, StartRequest};
use crate::unpack::Unmasked;
use crate::{
    Container, Error, Step, confine, ffi, furnish, init, loop_device, orphans, payload, root,
    unpack,
};

/// The root lies over the memory that it is made of.
const STACKED_MOUNT_COUNT_LIMIT: usize = 4;

/// Where the image is, as the payload sees it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The image's root directory.
    pub(crate) root: PathBuf,
    /// It has become the root of the file system.
    pub(crate) is_switched: bool,
    /// A container's environment; none where the host's goes on.
    pub(crate) environment: Option<Vec<(OsString, OsString)>>,
}

/// How the payload's process was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// As a process among the host's.
    Fork,
    /// As the first of a process namespace.
    ProcessNamespace,
    /// The same, in a user namespace that has no ids yet. Outside of it the process has these.
    UserNamespace {
        /// User.
        uid: Uid,
        /// Group.
        gid: Gid,
    },
}

/// Runs the payload's process. Never returns: it becomes the payload, or ends.
pub(crate) fn run(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    parent: Pid,
    origin: Origin,
    signals: &Signals,
) -> ! {
    // A parent outside of a process namespace has no number in it.
    let parent = match origin {
        Origin::Fork => parent,
        _ => Pid::from_raw(0),
    };
    let code = if orphans::end_with(parent) {
        match make_way(attempt, keeper, parent, origin)
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

/// Makes the payload's files visible to this process. None on rung 4, where the keeper does.
fn make_way(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    parent: Pid,
    origin: Origin,
) -> Result<Option<Place>, Error> {
    if attempt.rung == Rung::Directory {
        return Ok(None);
    }
    let request = attempt.request;
    let privilege = namespace::enter(request.container(), origin)?;
    // Changing ids may have cleared it.
    if !orphans::end_with(parent) {
        ffi::exit_now(125);
    }
    request.trace.done("in a private namespace");
    let _unmasked = Unmasked::new();
    let place = match request.payload {
        Payload::Program { .. } => enter_program(attempt, keeper, privilege),
        Payload::Container(container) => enter_container(attempt, keeper, privilege, container),
    }?;
    request.trace.done("image in place");
    Ok(Some(place))
}

/// A program's image becomes one more directory.
fn enter_program(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    privilege: Privilege,
) -> Result<Place, Error> {
    let keep = KeepVisible::of_process(attempt.request.words);
    let root = namespace::mount_somewhere(&keep, |at| match attempt.rung {
        Rung::PrivateTmpfs => unpack_to_tmpfs(attempt, privilege, at),
        _ => mount_image(attempt, keeper, privilege, at),
    })?;
    confine::protect_file(attempt.request);
    Ok(Place {
        root,
        is_switched: false,
        environment: None,
    })
}

/// A container's files become the root.
fn enter_container(
    attempt: &Attempt<'_>,
    keeper: &Channel,
    privilege: Privilege,
    container: &Container,
) -> Result<Place, Error> {
    // All of the host's files are going to be hidden.
    let base = namespace::mount_somewhere(&KeepVisible::default(), namespace::mount_tmpfs)?;
    let files = match (attempt.request.files, attempt.rung) {
        (Files::Directory(path), _) => root::Filled::Sandbox(path.to_owned()),
        (_, Rung::PrivateTmpfs) => {
            root::Filled::Writable(unpack_beside(attempt, privilege, &base)?)
        }
        _ => {
            let lower = root::make_directory(&base, "image")?;
            mount_image(attempt, keeper, privilege, &lower)?;
            root::Filled::ReadOnly(lower)
        }
    };
    let root = root::lay(&base, files, privilege, container.writable)?;
    let inside = Inside::open(&root).map_err(namespace::refused(Step::SwitchRoot))?;
    // A probe finds out whether there can be a root, not what a user wants in it.
    let environment = match attempt.job {
        Job::Run => furnish::furnish(&inside, container, privilege)?,
        Job::Probe => Vec::new(),
    };
    hide(&inside, &base);
    if !container.writable {
        namespace::make_read_only(&root)?;
    }
    root::change_root(&root)?;
    Ok(Place {
        root: PathBuf::from("/"),
        is_switched: true,
        environment: Some(environment),
    })
}

/// Where the host's `/proc` was bound into a container with all its mounts, what the container itself is made of came along.
fn hide(inside: &Inside, base: &Path) {
    for _ in 0..STACKED_MOUNT_COUNT_LIMIT {
        let Ok(found) = inside.find(base, OFlag::O_PATH | OFlag::O_DIRECTORY) else {
            return;
        };
        if umount2(&place_of(&found), MntFlags::MNT_DETACH).is_err() {
            return;
        }
    }
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
        owner: privilege.owner(),
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
    unpack::unpack_at(attempt.request.image(), at, privilege.ownership())?;
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
        unpack::unpack_at(attempt.request.image(), &directory, privilege.ownership())?;
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
    let request = attempt.request;
    let place = match place {
        Some(place) => place,
        None => beside_host(request, PathBuf::from(OsString::from_vec(told)))?,
    };
    if attempt.job == Job::Probe {
        probe(&place)?;
        keeper.send(&Message::Holds, None);
        return Ok(());
    }
    confine::confine(&place, request.container())?;
    if place.is_switched && request.container().is_some_and(|it| it.namespaces.pid) {
        init::stay_behind()?;
    }
    payload::restore_sigpipe(request);
    ffi::set_disposition(Signal::SIGCHLD, signals.sigchld_was_ignored);
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&signals.before), None);
    request.trace.done("about to execute the payload");
    let Err(error) = payload::exec(request, attempt.rung, &place);
    Err(error)
}

/// Rung 4: the files lie in a directory of the host, which stays visible.
fn beside_host(request: &StartRequest<'_>, root: PathBuf) -> Result<Place, Error> {
    let environment = match request.container() {
        None => None,
        Some(container) => Some(furnish::outside(&root, container)?),
    };
    Ok(Place {
        root,
        is_switched: false,
        environment,
    })
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
