//! Standard input, output and error: present, and written to without dying.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::ffi;

/// Opens `/dev/null` for each of the descriptors 0, 1 and 2 that is closed, so that no file opened later lands there and
/// takes what the payload prints.
pub fn open_missing_standard_fds() {
    loop {
        // open gives the lowest free number, so this fills the gaps from 0 upwards.
        let Ok(fd) = nix::fcntl::open("/dev/null", OFlag::O_RDWR, Mode::empty()) else {
            return;
        };
        if fd.as_raw_fd() > 2 {
            return;
        }
        let _ = fd.into_raw_fd();
    }
}

/// Prints one line to stderr. Whether anyone reads it does not matter to the run.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "bundle: {line}");
}

/// Is the file's descriptor above the standard ones, and closed on exec?
pub(crate) fn debug_assert_private(file: &File) {
    debug_assert!(file.as_raw_fd() > 2);
    debug_assert!(fcntl(file, FcntlArg::F_GETFD).is_ok_and(|flags| flags & libc::FD_CLOEXEC != 0));
}

/// Ignores SIGPIPE, so that nobody's closed pipe ends the launcher before it has cleaned up. Returns whether it
/// was ignored before, which is what the payload gets.
pub fn ignore_sigpipe() -> bool {
    ffi::set_disposition(Signal::SIGPIPE, true)
}
