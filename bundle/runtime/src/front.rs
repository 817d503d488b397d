//! The process that was started, while the payload runs. Whoever waits for it, signals it, or looks at it from a shell
//! sees the payload: its signals, its stops, its end.
//!
//! It forks the keeper (keeper.rs), which forks the payload. Each of the two looks after what the other leaves if it is
//! killed: both are subreapers, so whatever the payload has started and left behind becomes the child of one of them.

use std::path::PathBuf;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, getpid};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;

use crate::channel::{Channel, Message};
use crate::orphans::{self, Children};
use crate::request::{Attempt, Ended, StartRequest};
use crate::{Error, directory, ffi, keeper, stdio};

/// Signal state of the process before anything was changed, and what is passed on to the payload.
pub(crate) struct Signals {
    /// The mask that the payload inherits.
    pub(crate) before: SigSet,
    /// Was SIGCHLD ignored? The payload inherits that too; here its children would vanish unseen.
    pub(crate) sigchld_was_ignored: bool,
    /// What is passed on.
    forwarded: SigSet,
}

/// What this process has heard of the run.
#[derive(Default)]
struct Heard {
    payload: Option<Pid>,
    directory: Option<PathBuf>,
    damage: Option<String>,
    outcome: Option<Result<Ended, Error>>,
}

/// Tries one rung: runs the payload, or only finds out whether it could be run, and returns how that ended. When this
/// returns, nothing of the attempt is left. The process must have one thread.
pub(crate) fn run(attempt: &Attempt<'_>) -> Result<Ended, Error> {
    let before = Children::now();
    let signals = block_signals();
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let outcome = fork_keeper(attempt, &signals)
        .and_then(|(keeper, channel)| follow(attempt.request, keeper, channel, &signals, &before));
    if let Ok(Ended::Killed(signal)) = outcome {
        die_by(signal);
    }
    let _ = nix::sys::prctl::set_child_subreaper(false);
    restore_signals(&signals);
    outcome
}

fn block_signals() -> Signals {
    let mut forwarded = SigSet::all();
    // Faults are this process's own, SIGPIPE is ignored, and children's ends are waited for.
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
        Signal::SIGCHLD,
    ];
    for signal in own {
        forwarded.remove(signal);
    }
    let mut before = SigSet::empty();
    let mut blocked = forwarded;
    blocked.add(Signal::SIGCHLD);
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut before));
    let sigchld_was_ignored = ffi::set_disposition(Signal::SIGCHLD, false);
    Signals {
        before,
        sigchld_was_ignored,
        forwarded,
    }
}

fn restore_signals(signals: &Signals) {
    ffi::set_disposition(Signal::SIGCHLD, signals.sigchld_was_ignored);
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&signals.before), None);
}

fn fork_keeper(attempt: &Attempt<'_>, signals: &Signals) -> Result<(Pid, Channel), Error> {
    let (own, keepers) = Channel::pair()?;
    match ffi::fork() {
        Ok(ForkResult::Child) => {
            drop(own);
            keeper::run(attempt, &keepers, signals)
        }
        Ok(ForkResult::Parent { child }) => Ok((child, own)),
        Err(errno) => Err(Error::Process {
            operation: "fork the process that keeps the image",
            errno,
        }),
    }
}

/// Behaves as the payload does until it has ended, and then sees to it that nothing is left.
fn follow(
    request: &StartRequest<'_>,
    keeper: Pid,
    channel: Channel,
    signals: &Signals,
    before: &Children,
) -> Result<Ended, Error> {
    let mut heard = Heard::default();
    // Only once the payload's process exists: a scheduler that starts the keeper on this processor would otherwise let it wait
    // until the launcher has been verified. Then both get ready meanwhile, and nothing runs before this has been said.
    if let Some((message, _)) = channel.receive() {
        hear(message, &mut heard);
    }
    if let Err(error) = request.files.verify_launcher() {
        // Without this connection the keeper takes back what it has done, and ends.
        drop(channel);
        let _ = waitpid(keeper, None);
        orphans::kill_all(before);
        return Err(error.into());
    }
    channel.send(&Message::Go(vec![]), None);
    request.trace.done("verified the launcher");
    let listened = listen(&channel, signals, &mut heard);
    let _ = waitpid(keeper, None);
    // Only a keeper that was killed leaves anything.
    orphans::kill_all(before);
    let killed = heard.outcome.is_none();
    if killed && let Some(directory) = &heard.directory {
        directory::remove_at(directory);
    }
    listened?;
    if let Some(damage) = heard.damage {
        return Err(Error::Damaged(damage));
    }
    heard.outcome.unwrap_or(Err(Error::KeeperKilled))
}

/// Listens to the keeper until that ends, and passes signals on to the payload.
fn listen(channel: &Channel, signals: &Signals, heard: &mut Heard) -> Result<(), Error> {
    let failed = |errno| Error::Process {
        operation: "wait for signals",
        errno,
    };
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let incoming = SignalFd::with_flags(&signals.forwarded, flags).map_err(failed)?;
    loop {
        let channel_fd = PollFd::new(channel.descriptor().as_fd(), PollFlags::POLLIN);
        let signal_fd = PollFd::new(incoming.as_fd(), PollFlags::POLLIN);
        // A signal that comes before there is a payload waits for it.
        let mut both = [channel_fd, signal_fd];
        let count = if heard.payload.is_some() { 2 } else { 1 };
        match poll(&mut both[..count], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let happened = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        if let Some(payload) = heard.payload
            && happened(&both[1])
        {
            while let Ok(Some(signal)) = incoming.read_signal() {
                pass_on(payload, signal.ssi_signo.cast_signed(), signal.ssi_code);
            }
        }
        if happened(&both[0]) {
            match channel.receive() {
                Some((message, _)) => hear(message, heard),
                None => return Ok(()),
            }
        }
    }
}

fn hear(message: Message, heard: &mut Heard) {
    match message {
        Message::Payload(pid) => heard.payload = Some(Pid::from_raw(pid)),
        Message::Directory(path) => heard.directory = Some(OsString::from_vec(path).into()),
        Message::Notice(text) => stdio::say(&text),
        Message::Damaged(text) => heard.damage = Some(text),
        Message::Stopped(signal) => {
            stop_by(signal);
            // Whoever continued this process meant the payload.
            if let Some(payload) = heard.payload {
                let _ = ffi::send_signal(payload, libc::SIGCONT);
            }
        }
        // From here on the payload's number may be another process's.
        Message::Exited(code) => heard.end(Ok(Ended::Exited(code))),
        Message::Killed(signal) => heard.end(Ok(Ended::Killed(signal))),
        Message::Refused(refusal) => heard.end(Err(Error::Refused(refusal))),
        Message::Holds => heard.end(Ok(Ended::Exited(0))),
        Message::Mounted { .. } | Message::Go(_) => {}
    }
}

impl Heard {
    fn end(&mut self, outcome: Result<Ended, Error>) {
        self.payload = None;
        self.outcome.get_or_insert(outcome);
    }
}

/// Passes a signal on, to the payload's group if it leads one of its own: what it has started there is meant too.
fn pass_on(payload: Pid, signal: i32, code: i32) {
    let sent_by_process = code <= 0;
    // The kernel sends a terminal's signals to the whole foreground group, and the payload is in it.
    if !sent_by_process && !is_for_session_leader(signal) {
        return;
    }
    let leads_a_group = nix::unistd::getpgid(Some(payload)) == Ok(payload);
    let target = if leads_a_group {
        Pid::from_raw(-payload.as_raw())
    } else {
        payload
    };
    let _ = ffi::send_signal(target, signal);
}

/// A terminal that hangs up tells the session's leader alone, which is this process if a login started it.
fn is_for_session_leader(signal: i32) -> bool {
    matches!(signal, libc::SIGHUP | libc::SIGCONT) && nix::unistd::getsid(None) == Ok(getpid())
}

/// Stops as the payload has stopped, so that the shell sees a stopped job. Returns when continued.
fn stop_by(signal: i32) {
    let _ = ffi::send_signal(getpid(), signal);
    // SIGSTOP cannot be blocked.
    if signal != libc::SIGSTOP {
        let _ = ffi::change_mask(SigmaskHow::SIG_UNBLOCK, signal);
        let _ = ffi::change_mask(SigmaskHow::SIG_BLOCK, signal);
    }
}

/// Ends by the signal that ended the payload, so that whoever waits sees the same. Returns only if that does not work.
fn die_by(signal: i32) {
    // The payload has dumped core if it was to; this process's would overwrite it.
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    ffi::set_default(signal);
    let _ = ffi::send_signal(getpid(), signal);
    let _ = ffi::change_mask(SigmaskHow::SIG_UNBLOCK, signal);
}
