//! What is to be started, on which rung, and how it ended.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use bundle_format::Bundle;

use crate::Trace;

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

    pub(crate) fn from_word(word: &OsStr) -> Option<Self> {
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
    /// By the signal with this number, which may be a real-time signal and so have no name.
    Killed(libc::c_int),
}
