//! How the program ends: one table of exit codes, and failures that carry theirs.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of `bench`. From 70 on they are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Measured, verified, recorded; compared without a regression.
    Pass = 0,
    /// A comparison found a regression.
    Regression = 1,
    /// The request cannot be carried out as it stands; nothing was measured.
    Usage = 2,
    /// A comparison could not decide in its time.
    Inconclusive = 3,
    /// A result failed its verification.
    Invalid = 4,
    /// What was to be compared cannot be.
    NotComparable = 5,
    /// Something inside failed that should not.
    Software = 70,
    /// The operating system refused something, such as memory.
    System = 71,
    /// The output directory or file cannot be made.
    CannotCreate = 73,
    /// Writing failed.
    InputOutput = 74,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the program stops, in one line, and the code it stops with.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// The request is at fault.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// A failure with its code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line without commands to the terminal, whatever the parts (names of files, words of records) bring along.
        let text = self.error.to_string();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        f.write_str(&reports::clean(&line))
    }
}

/// Lets a closed pipe (`bench | head -1`) end the program as it ends any other, without a panic's message.
pub fn die_quietly_on_a_closed_pipe() {
    #![allow(unsafe_code, reason = "a signal's disposition is process-wide state")]
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: called first thing in main; the default disposition runs no code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let failure = Failure::usage(anyhow::anyhow!("cannot\n\n  do  \u{1b}[2Jthis"));
        assert_eq!(failure.to_string(), "cannot do \\u{1b}[2Jthis");
        assert_eq!(failure.exit as u8, 2);
    }
}
