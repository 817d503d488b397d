//! Rung 4: a supervisor that stays, a payload that is its child, and a janitor.
//!
//! Seen from outside, the supervisor behaves as the payload does: it passes on what is sent to it, stops and continues
//! with it, and ends as it ends.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bundle_squashfs::Image;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, getpid, getppid};

use crate::directory::{PrivateDirectory, bases};
use crate::error::errno_of;
use crate::ffi::ChildState;
use crate::janitor::Janitor;
use crate::request::{Ended, Rung, StartRequest};
use crate::unpack::Unmasked;
use crate::{Error, ffi, payload, stdio, unpack};

/// Runs the payload from a private directory and returns how it ended. `reason` says why not from a namespace.
pub(crate) fn run(
    request: &StartRequest<'_>,
    image: &Image<'_>,
    reason: &str,
) -> Result<Ended, Error> {
    // From here on nothing but SIGKILL ends this process before it has cleaned up; what arrives waits in the queue.
    let signals = block_signals();
    let janitor = Janitor::fork()?;
    // The payload's process is made first and waits, so that what the terminal sends meanwhile reaches it too.
    let (janitor, child) = fork_payload(request, janitor, &signals)?;
    let payload = child.pid;
    janitor.payload_is(payload);
    request
        .trace
        .done("made the janitor and the payload's process");
    let outcome = unpack_somewhere(image, &janitor).and_then(|directory| {
        stdio::say(&format!(
            "running without a private namespace ({reason}); the unpacked copy is in {} and is removed at the end",
            directory.path().display()
        ));
        request.trace.done("unpacked");
        let told = child.go(&directory.image_path());
        let ended = told.and_then(|()| follow(payload, &signals.forwarded));
        if let Err(errno) = directory.remove() {
            stdio::say(&format!("cannot remove '{}': {errno} (remove it by hand)", directory.path().display()));
        }
        ended
    });
    if outcome.is_err() {
        let _ = ffi::send_signal(payload, libc::SIGKILL);
        let _ = waitpid(payload, None);
    }
    janitor.dismiss();
    if let Ok(Ended::Killed(signal)) = outcome {
        die_by(signal);
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&signals.before), None);
    outcome
}

/// Signal state of this process.
struct Signals {
    /// The mask that the payload inherits.
    before: SigSet,
    /// Was SIGCHLD ignored? The payload inherits that too; here its children would vanish unseen.
    sigchld_was_ignored: bool,
    /// What is passed on, and SIGCHLD.
    forwarded: SigSet,
}

fn block_signals() -> Signals {
    let mut forwarded = SigSet::all();
    // Faults are this process's own, and SIGPIPE is ignored.
    let own = [
        Signal::SIGKILL,
        Signal::SIGSTOP,
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGABRT,
        Signal::SIGSYS,
        Signal::SIGPIPE,
    ];
    for signal in own {
        forwarded.remove(signal);
    }
    let mut before = SigSet::empty();
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&forwarded), Some(&mut before));
    let sigchld_was_ignored = ffi::set_disposition(Signal::SIGCHLD, false);
    Signals {
        before,
        sigchld_was_ignored,
        forwarded,
    }
}

/// The process that becomes the payload when it is told where the image is.
struct Child {
    pid: Pid,
    place: PipeWriter,
}

impl Child {
    fn go(self, image_path: &Path) -> Result<(), Error> {
        (&self.place)
            .write_all(image_path.as_os_str().as_bytes())
            .or_else(|error| match errno_of(&error) {
                // It has been killed already; following it will tell.
                Errno::EPIPE => Ok(()),
                errno => Err(Error::Process {
                    operation: "tell the payload's process to go",
                    errno,
                }),
            })
    }
}

/// Forks the payload's process. The process must have one thread.
fn fork_payload(
    request: &StartRequest<'_>,
    janitor: Janitor,
    signals: &Signals,
) -> Result<(Janitor, Child), Error> {
    let failed = |errno| Error::Process {
        operation: "fork the payload's process",
        errno,
    };
    let (told, place) = std::io::pipe().map_err(|error| failed(errno_of(&error)))?;
    let supervisor = getpid();
    match ffi::fork() {
        Ok(ForkResult::Child) => {
            drop(place);
            janitor.forget();
            let code = become_payload(request, told, supervisor, signals);
            ffi::exit_now(code)
        }
        Ok(ForkResult::Parent { child }) => Ok((janitor, Child { pid: child, place })),
        Err(errno) => {
            janitor.dismiss();
            Err(failed(errno))
        }
    }
}

/// In the payload's process: waits for the image's place and becomes the payload. Returns the exit code if it cannot.
fn become_payload(
    request: &StartRequest<'_>,
    mut told: PipeReader,
    supervisor: Pid,
    signals: &Signals,
) -> u8 {
    // A payload whose supervisor is gone would run on in a directory that is being removed.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    // The supervisor may have ended before that took effect.
    if getppid() != supervisor {
        return 125;
    }
    let mut place = Vec::new();
    if told.read_to_end(&mut place).is_err() || place.is_empty() {
        return 125;
    }
    let place = PathBuf::from(std::ffi::OsString::from_vec(place));
    payload::restore_sigpipe(request);
    ffi::set_disposition(Signal::SIGCHLD, signals.sigchld_was_ignored);
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&signals.before), None);
    let Err(error) = payload::exec(request, Rung::Directory, &place);
    ffi::set_disposition(Signal::SIGPIPE, true);
    stdio::say(&error.to_string());
    error.exit_code()
}

/// Unpacks into the first place that takes it.
fn unpack_somewhere(image: &Image<'_>, janitor: &Janitor) -> Result<PrivateDirectory, Error> {
    let _unmasked = Unmasked::new();
    let mut refusals = Vec::new();
    for base in bases() {
        let directory = match PrivateDirectory::make(&base, |path| janitor.will_make(path)) {
            Ok(directory) => directory,
            Err(errno) => {
                refusals.push(format!("{}: {}", base.display(), errno.desc()));
                continue;
            }
        };
        match unpack::unpack_at(image, &directory.image_path()) {
            Ok(()) => return Ok(directory),
            Err(error) => {
                let _ = directory.remove();
                match error {
                    // Another file system may have the room that this one lacks.
                    Error::Unpack { errno, .. } => {
                        refusals.push(format!("{}: {}", base.display(), errno.desc()));
                    }
                    other => return Err(other),
                }
            }
        }
    }
    Err(Error::NoDirectory(refusals.join("; ")))
}

/// Behaves as the payload does until it has ended.
fn follow(payload: Pid, signals: &SigSet) -> Result<Ended, Error> {
    let failed = |operation| move |errno| Error::Process { operation, errno };
    loop {
        match ffi::child_state(payload) {
            Ok(ChildState::Exited(code)) => return Ok(Ended::Exited(code)),
            Ok(ChildState::Killed(signal)) => return Ok(Ended::Killed(signal)),
            Ok(ChildState::Stopped(signal)) => {
                stop_by(signal);
                // Whoever continued this process meant the payload.
                let _ = ffi::send_signal(payload, libc::SIGCONT);
                continue;
            }
            Ok(ChildState::Running) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("wait for the payload")(errno)),
        }
        match ffi::wait_for_signal(signals) {
            Ok(taken) if taken.number == libc::SIGCHLD => {}
            Ok(taken) if taken.sent_by_process || is_for_session_leader(taken.number) => {
                let _ = ffi::send_signal(payload, taken.number);
            }
            // The kernel sends a terminal's signals to the whole foreground group, and the payload is in it.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("wait for a signal")(errno)),
        }
    }
}

/// A terminal that hangs up tells the session's leader alone, which is this process if a login started it.
fn is_for_session_leader(signal: libc::c_int) -> bool {
    matches!(signal, libc::SIGHUP | libc::SIGCONT) && nix::unistd::getsid(None) == Ok(getpid())
}

/// Stops as the payload has stopped, so that the shell sees a stopped job. Returns when continued.
fn stop_by(signal: libc::c_int) {
    let _ = ffi::send_signal(getpid(), signal);
    // SIGSTOP cannot be blocked.
    if signal != libc::SIGSTOP {
        let _ = ffi::change_mask(SigmaskHow::SIG_UNBLOCK, signal);
        let _ = ffi::change_mask(SigmaskHow::SIG_BLOCK, signal);
    }
}

/// Ends by the signal that ended the payload, so that whoever waits sees the same. Returns only if that does not work.
fn die_by(signal: libc::c_int) {
    // The payload has dumped core if it was to; this process's would overwrite it.
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    ffi::set_default(signal);
    let _ = ffi::send_signal(getpid(), signal);
    let _ = ffi::change_mask(SigmaskHow::SIG_UNBLOCK, signal);
}
