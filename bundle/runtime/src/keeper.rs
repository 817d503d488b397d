//! The keeper: the process that keeps the image for the payload (serves it, or unpacks it and takes it away again) and sees
//! to it that nothing of the run outlives the payload.
//!
//! It stays outside of the payload's namespaces, so that it does not keep them alive: the kernel takes a mount away
//! with the last process that can see it. It lives in a session of its own, where no terminal's signal reaches it, and holds
//! none of the standard descriptors, so nobody waits for it to close a pipe.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::thread::Scope;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, Pid, getegid, geteuid, getpid};

use crate::channel::{Channel, Message};
use crate::child::Origin;
use crate::ffi::ChildState;
use crate::front::Signals;
use crate::orphans::{self, Children};
use crate::request::{Attempt, Files, Job, Rung};
use crate::{Error, cached, child, directory, ffi, serve, stdio};

/// Runs the keeper in a process that has just been forked for it.
pub(crate) fn run(attempt: &Attempt<'_>, front: &Channel, signals: &Signals) -> ! {
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let keeper = getpid();
    let forked = Channel::pair().and_then(|(own, payloads)| match fork(attempt) {
        Ok((ForkResult::Child, origin)) => {
            drop(own);
            child::run(attempt, &payloads, keeper, origin, signals)
        }
        Ok((ForkResult::Parent { child }, _)) => Ok((child, own)),
        Err(errno) => Err(Error::Process {
            operation: "fork the payload's process",
            errno,
        }),
    });
    match forked {
        Ok((payload, channel)) => {
            // Only now: the payload's process belongs to the session that the launcher was started in.
            detach();
            front.send(&Message::Payload(payload.as_raw()), None);
            std::thread::scope(|scope| {
                keep(attempt, front, &channel, payload, scope);
                // Not joined: a server whose mount somebody else holds on to would go on for ever.
                ffi::exit_now(0)
            })
        }
        Err(error) => {
            front.send(&Message::Refused(error.to_refusal()), None);
            ffi::exit_now(0)
        }
    }
}

/// Forks the payload's process, into a process namespace if it is to have its own and there are to be namespaces at all.
fn fork(attempt: &Attempt<'_>) -> Result<(ForkResult, Origin), Errno> {
    let has_own = attempt.rung != Rung::Directory
        && attempt
            .request
            .container()
            .is_some_and(|container| container.namespaces.pid);
    if !has_own {
        return Ok((ffi::fork()?, Origin::Fork));
    }
    let (uid, gid) = (geteuid(), getegid());
    let (forked, is_in_user_namespace) = ffi::fork_into_process_namespace()?;
    let origin = if is_in_user_namespace {
        Origin::UserNamespace { uid, gid }
    } else {
        Origin::ProcessNamespace
    };
    Ok((forked, origin))
}

fn detach() {
    let _ = nix::unistd::setsid();
    if let Some(null) = open_null() {
        let _ = nix::unistd::dup2_stdin(&null);
        let _ = nix::unistd::dup2_stdout(&null);
    }
}

/// Lets go of what was needed until the payload starts: stderr, for what is to be said before anything that the payload says,
/// and the working directory, which may be a place for the image and keeps its file system from being unmounted.
fn let_go() {
    if let Some(null) = open_null() {
        let _ = nix::unistd::dup2_stderr(&null);
    }
    let _ = nix::unistd::chdir("/");
}

fn open_null() -> Option<File> {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .ok()
}

/// The image, kept in a way that has to be undone.
enum Kept {
    Nothing,
    /// A sandbox, which stays.
    Sandbox(std::path::PathBuf),
    Directory(directory::PrivateDirectory),
    Cached(cached::CachedImage),
}

fn keep<'scope>(
    attempt: &'scope Attempt<'_>,
    front: &'scope Channel,
    payloads: &Channel,
    payload: Pid,
    scope: &'scope Scope<'scope, '_>,
) {
    let unpacked = match attempt.rung {
        Rung::Directory => place(attempt, front),
        _ => Ok(Kept::Nothing),
    };
    match &unpacked {
        Ok(kept) => attend(attempt, front, payloads, payload, kept, scope),
        Err(error) => front.send(&Message::Refused(error.to_refusal()), None),
    }
    // Whatever this process does not know how to reach by itself is its child by now, or becomes it.
    orphans::kill_all(&Children::default());
    if let Ok(Kept::Directory(directory)) = &unpacked
        && let Err(errno) = directory.remove()
    {
        let path = directory.path().display();
        let text = format!("cannot remove '{path}': {errno} (remove it by hand)");
        front.send(&Message::Notice(text), None);
    }
}

/// Rung 4: the image in a directory of the host.
fn place(attempt: &Attempt<'_>, front: &Channel) -> Result<Kept, Error> {
    let announce = |path: &std::path::Path| {
        front.send(
            &Message::Directory(path.as_os_str().as_bytes().into()),
            None,
        );
    };
    if let Files::Directory(path) = attempt.request.files {
        return Ok(Kept::Sandbox(path.to_owned()));
    }
    if attempt.job == Job::Probe {
        return directory::probe_somewhere(announce).map(Kept::Directory);
    }
    if attempt.request.keep_cache {
        return cached::open_or_make(attempt.request, announce).map(Kept::Cached);
    }
    directory::unpack_somewhere(attempt.request.image(), announce).map(Kept::Directory)
}

impl Kept {
    /// What the payload's process is told with "go".
    fn place(&self) -> Vec<u8> {
        let path = match self {
            Kept::Nothing => return Vec::new(),
            Kept::Sandbox(path) => path.clone(),
            Kept::Directory(directory) => directory.image_path(),
            Kept::Cached(image) => image.path().to_owned(),
        };
        path.as_os_str().as_bytes().to_vec()
    }

    fn notice(&self, reason: &str) -> Option<String> {
        let place = match self {
            Kept::Nothing => return None,
            Kept::Sandbox(_) => "the sandbox's own mounts and --rw have no effect".to_owned(),
            Kept::Directory(directory) => format!(
                "the unpacked copy is in {} and is removed at the end",
                directory.path().display()
            ),
            Kept::Cached(image) => {
                format!("the unpacked copy is kept in {}", image.path().display())
            }
        };
        Some(format!(
            "running without a private namespace ({reason}); {place}"
        ))
    }
}

/// Attends to the payload until it has ended, or the front has.
fn attend<'scope>(
    attempt: &'scope Attempt<'_>,
    front: &'scope Channel,
    payloads: &Channel,
    payload: Pid,
    kept: &Kept,
    scope: &'scope Scope<'scope, '_>,
) {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let Ok(ends) = SignalFd::with_flags(&children, flags) else {
        return;
    };
    let mut watch_payloads = true;
    let mut refused = false;
    loop {
        let mut fds = [
            PollFd::new(front.descriptor().as_fd(), PollFlags::POLLIN),
            PollFd::new(ends.as_fd(), PollFlags::POLLIN),
            PollFd::new(payloads.descriptor().as_fd(), PollFlags::POLLIN),
        ];
        let count = if watch_payloads { 3 } else { 2 };
        match poll(&mut fds[..count], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
        let [front_happened, ended, payloads_happened] = fds
            .each_ref()
            .map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
        if watch_payloads && payloads_happened {
            match payloads.receive() {
                Some((Message::Mounted { owner }, Some(device))) => {
                    let serve = move || serve::serve(attempt.request, device, owner, front);
                    // The device is closed then, and the payload's process learns that nobody serves.
                    if std::thread::Builder::new()
                        .spawn_scoped(scope, serve)
                        .is_err()
                    {
                        front.send(&Message::Refused(no_thread().to_refusal()), None);
                        return;
                    }
                }
                Some((message @ (Message::Refused(_) | Message::Holds), _)) => {
                    refused = true;
                    front.send(&message, None);
                }
                Some(_) => {}
                // The payload has been executed, or has ended.
                None => watch_payloads = false,
            }
        }
        if front_happened {
            match front.receive() {
                Some((Message::Go(_), _)) => {
                    if attempt.job == Job::Run
                        && !attempt.request.quiet
                        && let Some(notice) = kept.notice(attempt.reason)
                    {
                        stdio::say(&notice);
                    }
                    let_go();
                    payloads.send(&Message::Go(kept.place()), None);
                }
                Some(_) => {}
                None => return,
            }
        }
        if ended {
            while let Ok(Some(_)) = ends.read_signal() {}
            orphans::reap_others(payload);
            if tell_change(front, payload, refused) {
                return;
            }
        }
    }
}

fn no_thread() -> Error {
    Error::Process {
        operation: "start a thread to serve the image",
        errno: Errno::EAGAIN,
    }
}

/// Tells the front what has become of the payload. True if it has ended.
fn tell_change(front: &Channel, payload: Pid, refused: bool) -> bool {
    match ffi::child_state(payload) {
        Ok(ChildState::Exited(code)) => {
            if !refused {
                front.send(&Message::Exited(code), None);
            }
            true
        }
        Ok(ChildState::Killed(signal)) => {
            front.send(&Message::Killed(signal), None);
            true
        }
        Ok(ChildState::Stopped(signal)) => {
            front.send(&Message::Stopped(signal), None);
            false
        }
        // Somebody has continued the payload alone; a front that stopped with it would wait for ever.
        Ok(ChildState::Continued) => {
            let _ = ffi::send_signal(nix::unistd::getppid(), libc::SIGCONT);
            false
        }
        Ok(ChildState::Running) | Err(Errno::EINTR) => false,
        Err(_) => true,
    }
}
