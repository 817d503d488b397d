//! What is to be started, on which rung, and how it ended.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::Path;

use bundle_format::{Bundle, FormatError, Loader};
use bundle_squashfs::Image;

use crate::{Container, Trace};

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
    /// Where the payload's files are.
    pub files: Files<'a>,
    /// What is executed.
    pub payload: Payload<'a>,
    /// Variables that are set for the payload unless something else sets them.
    pub environment: &'a BTreeMap<String, String>,
    /// The payload's name for itself, and its arguments.
    pub words: &'a [OsString],
    /// What SIGPIPE did when the launcher was started: true if it was ignored.
    pub sigpipe_was_ignored: bool,
    /// On rung 4, keep the unpacked image for the next run.
    pub keep_cache: bool,
    /// Say nothing that is not an error.
    pub quiet: bool,
    /// Where the time goes.
    pub trace: Trace,
}

/// Where a payload's files are.
#[derive(Debug, Clone, Copy)]
pub enum Files<'a> {
    /// In a bundle: launcher and image are verified as they are used.
    Bundle {
        /// The bundle, opened.
        bundle: &'a Bundle<&'a File>,
        /// Its image.
        image: &'a Image<'a>,
        /// The bundle's file.
        file: &'a File,
        /// Absolute path of the bundle's file.
        path: &'a Path,
    },
    /// In an image by itself, which nobody has vouched for.
    Image {
        /// The image.
        image: &'a Image<'a>,
        /// Its file.
        file: &'a File,
        /// Size of the file.
        size_bytes: u64,
        /// Absolute path of the file.
        path: &'a Path,
    },
    /// In a directory, the root of a file system: a sandbox.
    Directory(&'a Path),
}

/// What is executed.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// A program, beside the host's files.
    Program {
        /// Path of the program in the image.
        executable: &'a str,
        /// Its dynamic loader; none for a static program.
        loader: Option<&'a Loader>,
        /// Variables that the command line sets.
        variables: &'a [(String, OsString)],
    },
    /// Something in a root file system of its own.
    Container(&'a Container),
}

impl<'a> Files<'a> {
    /// The image, if the files are in one.
    pub(crate) fn image(&self) -> Option<&'a Image<'a>> {
        match *self {
            Files::Bundle { image, .. } | Files::Image { image, .. } => Some(image),
            Files::Directory(_) => None,
        }
    }

    /// The bundle's or the image's file or the directory.
    pub(crate) fn path(&self) -> &'a Path {
        match *self {
            Files::Bundle { path, .. } | Files::Image { path, .. } | Files::Directory(path) => path,
        }
    }

    /// Checks what stands before the image in the file.
    pub(crate) fn verify_launcher(&self) -> Result<(), FormatError> {
        match self {
            Files::Bundle { bundle, .. } => bundle.verify_launcher(),
            _ => Ok(()),
        }
    }

    /// Size of the image; nothing for a directory.
    pub(crate) fn image_size_bytes(&self) -> u64 {
        match self {
            Files::Bundle { bundle, .. } => bundle.manifest().image.size_bytes,
            Files::Image { size_bytes, .. } => *size_bytes,
            Files::Directory(_) => 0,
        }
    }
}

impl<'a> StartRequest<'a> {
    /// The container, if one is to be started.
    pub(crate) fn container(&self) -> Option<&'a Container> {
        match self.payload {
            Payload::Program { .. } => None,
            Payload::Container(container) => Some(container),
        }
    }

    /// The image. Rungs that need one are not tried without.
    pub(crate) fn image(&self) -> &'a Image<'a> {
        self.files.image().expect("an image on this rung")
    }
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
