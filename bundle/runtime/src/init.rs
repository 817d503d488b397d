//! Process 1 of a process namespace: it passes signals on to the payload, buries whoever has lost its parent, and ends as the
//! payload ends. The kernel ends all others with it.
//!
//! The kernel protects process 1 from signals, also from being stopped. So a payload in a process namespace cannot be put into the
//! background by Ctrl-Z: it is continued at once.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, Pid};

use crate::ffi::{self, ChildState};
use crate::{Error, orphans};

/// Forks the payload's process and returns in it. The parent stays behind as process 1 and does not return.
pub(crate) fn stay_behind() -> Result<(), Error> {
    let failed = |errno| Error::Process {
        operation: "fork the payload's process in its namespace",
        errno,
    };
    let watched = SigSet::all();
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&watched), Some(&mut before)).map_err(failed)?;
    match ffi::fork().map_err(failed)? {
        ForkResult::Child => {
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None).map_err(failed)?;
            Ok(())
        }
        ForkResult::Parent { child } => {
            // Whoever waits for the payload to close something must not wait for this process.
            ffi::close_from(0);
            ffi::exit_now(attend(child, &watched).unwrap_or(125))
        }
    }
}

fn attend(payload: Pid, watched: &SigSet) -> Result<u8, Errno> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(watched, flags)?;
    loop {
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            let number = signal.ssi_signo.cast_signed();
            // What the kernel sends, such as for Ctrl-C, the payload gets by itself.
            if number != Signal::SIGCHLD as i32 && signal.ssi_code <= 0 {
                let _ = ffi::send_signal(payload, number);
            }
        }
        orphans::reap_others(payload);
        match ffi::child_state(payload)? {
            ChildState::Exited(code) => return Ok(code),
            ChildState::Killed(signal) => return Ok(128_u8.saturating_add(signal as u8)),
            ChildState::Stopped(_) => {
                let _ = kill(payload, Signal::SIGCONT);
            }
            ChildState::Running | ChildState::Continued => {}
        }
    }
}
