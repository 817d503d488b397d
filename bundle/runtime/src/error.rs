//! What can go wrong between the bundle's first instruction and the payload's, each in one line.

use std::fmt;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// Why a payload could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bundle could not find or read its own file.
    #[error("cannot {operation} the bundle's own file: {errno} ({remedy})")]
    OwnFile {
        /// What was tried.
        operation: &'static str,
        /// The kernel's answer.
        errno: Errno,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A tester asks for a rung that does not exist.
    #[error(
        "cannot start on rung '{0}': there is none of that number (set BENCHRUN_FORCE_RUNG to 2 or 4, or not at all)"
    )]
    NoSuchRung(String),

    /// The bundle's bytes are not what was packed.
    #[error(transparent)]
    Format(#[from] bundle_format::FormatError),

    /// The image cannot be read.
    #[error(transparent)]
    Image(#[from] bundle_squashfs::Error),

    /// A step of setting up the private namespace was refused.
    #[error("cannot {step}: {errno} ({})", step.remedy())]
    Namespace {
        /// The step.
        step: Step,
        /// The kernel's answer.
        errno: Errno,
    },

    /// The image could not be unpacked.
    #[error("cannot {operation} '{}': {errno}{}", path.display(), space_remedy(*errno))]
    Unpack {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },

    /// No directory allows both writing and execution.
    #[error("no directory allows writing and execution: {0} (set TMPDIR to one that does)")]
    NoDirectory(String),

    /// A helper process could not be made or spoken to.
    #[error("cannot {operation}: {errno} (is the limit on processes or open files reached?)")]
    Process {
        /// What was tried.
        operation: &'static str,
        /// The kernel's answer.
        errno: Errno,
    },

    /// The payload's program could not be executed.
    #[error("cannot execute '{}': {errno}", path.display())]
    Exec {
        /// The program, or its loader.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },

    /// Something in the command line or environment holds a NUL byte.
    #[error("cannot pass '{0}' to the payload: it has a NUL byte")]
    Nul(String),

    /// No rung holds.
    #[error("{}", rung_lines(.0))]
    NoRung(Vec<(u8, Box<Error>)>),
}

impl Error {
    /// The exit code that says this: 126 found but not executable, 127 not found, 125 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Exec {
                errno: Errno::ENOENT,
                ..
            } => 127,
            Error::Exec { .. } => 126,
            _ => 125,
        }
    }

    pub(crate) fn unpack(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(Errno) -> Self {
        let path = path.into();
        move |errno| Error::Unpack {
            operation,
            path,
            errno,
        }
    }
}

/// A step of setting up the private namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Making a mount namespace with the privileges at hand.
    UnshareMount = 1,
    /// Making a user namespace and a mount namespace in it.
    UnshareUser,
    /// Giving the user the same ids in the user namespace as outside.
    MapIds,
    /// Keeping mounts from reaching the host.
    StopPropagation,
    /// Finding an empty directory.
    FindMountPoint,
    /// Mounting the tmpfs.
    MountTmpfs,
    /// Making the unpacked image read-only.
    MakeReadOnly,
    /// Trying all this in a child.
    Probe,
}

impl Step {
    const ALL: [Step; 8] = [
        Step::UnshareMount,
        Step::UnshareUser,
        Step::MapIds,
        Step::StopPropagation,
        Step::FindMountPoint,
        Step::MountTmpfs,
        Step::MakeReadOnly,
        Step::Probe,
    ];

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u8 == byte)
    }

    fn remedy(self) -> &'static str {
        match self {
            Step::UnshareUser | Step::UnshareMount => {
                "allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
                 or the container's seccomp profile"
            }
            Step::MapIds => {
                "root needs CAP_SETFCAP for that; for others allow it: \
                 sysctl kernel.apparmor_restrict_unprivileged_userns, or the container's security profile"
            }
            Step::StopPropagation | Step::MountTmpfs | Step::MakeReadOnly => {
                "allow it in user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns, \
                 or the container's security profile"
            }
            Step::FindMountPoint => "make an empty directory /mnt",
            Step::Probe => "is the limit on processes reached?",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::UnshareMount => "make a private mount namespace",
            Step::UnshareUser => "make a private user namespace",
            Step::MapIds => "keep the user's ids in a private user namespace",
            Step::StopPropagation => "keep mounts private",
            Step::FindMountPoint => "find an empty directory to mount the image on",
            Step::MountTmpfs => "mount a tmpfs in a private namespace",
            Step::MakeReadOnly => "make the unpacked image read-only",
            Step::Probe => "try a private namespace in a child",
        })
    }
}

/// The errno inside an [`io::Error`].
pub(crate) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn space_remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSPC | Errno::EDQUOT | Errno::ENOMEM => {
            " (make space, or set TMPDIR to a directory that has some)"
        }
        Errno::EMFILE | Errno::ENFILE => " (raise the limit on open files: ulimit -n)",
        _ => "",
    }
}

fn rung_lines(failures: &[(u8, Box<Error>)]) -> String {
    let line = |(rung, error): &(u8, Box<Error>)| format!("rung {rung} does not hold: {error}");
    failures.iter().map(line).collect::<Vec<_>>().join("\n")
}
