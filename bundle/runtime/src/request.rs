//! What is to be started, on which rung, and how it ended.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::Path;

use bundle_format::Bundle;
use bundle_squashfs::Image;

use crate::Trace;

/// A way of starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Rung 1: a private mount namespace, the image served where it lies in the file.
    Mounted,
    /// Rung 2: a private mount namespace, the image unpacked to a tmpfs there.
    PrivateTmpfs,
    /// Rung 3: a private mount namespace, the image mounted by the kernel through a loop device.
    LoopDevice,
    /// Rung 4: no namespaces, the image unpacked to a private directory.
    Directory,
}

impl Rung {
    /// All of them, by number.
    pub const ALL: [Rung; 4] = [
        Rung::Mounted,
        Rung::PrivateTmpfs,
        Rung::LoopDevice,
        Rung::Directory,
    ];

    /// The rung's number on the ladder.
    pub fn number(self) -> u8 {
        match self {
            Rung::Mounted => 1,
            Rung::PrivateTmpfs => 2,
            Rung::LoopDevice => 3,
            Rung::Directory => 4,
        }
    }

    /// What it does, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Rung::Mounted => "private namespace, image served from the file (FUSE)",
            Rung::PrivateTmpfs => "private namespace, image unpacked to memory (tmpfs)",
            Rung::LoopDevice => "private namespace, image mounted by the kernel (loop device)",
            Rung::Directory => "no namespace, image unpacked to a private directory",
        }
    }

    pub(crate) fn from_word(word: &OsStr) -> Option<Self> {
        Rung::ALL
            .into_iter()
            .find(|rung| word == rung.number().to_string().as_str())
    }
}

/// What to start.
#[derive(Debug)]
pub struct StartRequest<'a> {
    /// The bundle, opened; launcher and image are verified as they are used.
    pub bundle: &'a Bundle<&'a File>,
    /// The bundle's image.
    pub image: &'a Image<'a>,
    /// The bundle's file.
    pub file: &'a File,
    /// Absolute path of the bundle's file.
    pub bundle_path: &'a Path,
    /// The payload's name for itself, and its arguments.
    pub words: &'a [OsString],
    /// What SIGPIPE did when the launcher was started: true if it was ignored.
    pub sigpipe_was_ignored: bool,
    /// On rung 4, keep the unpacked image for the next run.
    pub keep_cache: bool,
    /// Where the time goes.
    pub trace: Trace,
}

/// What an attempt is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// To run the payload.
    Run,
    /// To find out whether the payload could be run.
    Probe,
}

/// One attempt to start on one rung.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) request: &'a StartRequest<'a>,
    pub(crate) rung: Rung,
    pub(crate) job: Job,
    /// Why the rungs before did not hold.
    pub(crate) reason: &'a str,
}

/// How a payload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exited(u8),
    /// By the signal with this number, which may be a real-time signal and so have no name.
    Killed(libc::c_int),
}
