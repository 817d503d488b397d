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
        "cannot start on rung '{0}': there is none of that number (set BENCHRUN_FORCE_RUNG to 1, 2, 3 or 4, or not at all)"
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

    /// Another process of the run has found out that something cannot be done.
    #[error("{0}")]
    Refused(Refusal),

    /// A block of the image that was read while the payload ran is not what was packed.
    #[error("{0}; the program got an input/output error")]
    Damaged(String),

    /// The process that keeps the image was killed.
    #[error("the process that keeps the image was killed, and the program with it")]
    KeeperKilled,

    /// What steers a container makes no sense.
    #[error("{0}")]
    Configuration(String),

    /// Something that was asked for cannot be mounted in a container.
    #[error("cannot mount '{source_name}' at '{target}' in the container: {reason}")]
    Mount {
        /// What is mounted.
        source_name: String,
        /// Where, as the container sees it.
        target: String,
        /// Why not, and what to do about it.
        reason: String,
    },

    /// A container's files cannot be prepared.
    #[error("cannot {operation} '{path}' in the container: {errno}")]
    Furnish {
        /// What was tried.
        operation: &'static str,
        /// The path, as the container sees it.
        path: String,
        /// The kernel's answer.
        errno: Errno,
    },

    /// A program of the host that prepares containers failed.
    #[error("the hook '{}' {outcome}", path.display())]
    Hook {
        /// The program.
        path: PathBuf,
        /// How it ended.
        outcome: String,
    },

    /// Something was asked for that takes a private namespace, and there is none.
    #[error("{0} takes a private namespace (do without it)")]
    NeedsNamespace(&'static str),

    /// A child has said already what went wrong.
    #[error("nothing was unpacked")]
    Told,

    /// The program is not in the image.
    #[error("cannot find '{_0}' in the image ({remedy})", remedy = not_found_remedy(_0))]
    NotInImage(String),

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
            }
            | Error::NotInImage(_) => 127,
            Error::Exec { .. } => 126,
            Error::Refused(refusal) => refusal.exit_code,
            _ => 125,
        }
    }

    /// Would the next rung fail in the same way?
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Error::Refused(refusal) => refusal.is_final,
            Error::Namespace { .. }
            | Error::Unpack { .. }
            | Error::NoDirectory(_)
            | Error::NeedsNamespace(_)
            | Error::Process { .. } => false,
            _ => true,
        }
    }

    /// The error in a form that another process can be told.
    pub(crate) fn to_refusal(&self) -> Refusal {
        let (what, errno, remedy) = match self {
            Error::Refused(refusal) => return refusal.clone(),
            Error::Namespace { step, errno } => (
                format!("cannot {step}"),
                Some(*errno as i32),
                step.remedy().to_owned(),
            ),
            other => (other.to_string(), None, String::new()),
        };
        Refusal {
            what,
            errno,
            remedy,
            exit_code: self.exit_code(),
            is_final: self.is_final(),
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

/// An error as one process of a run tells it to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What could not be done.
    pub what: String,
    /// The kernel's answer.
    pub errno: Option<i32>,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The exit code that says this.
    pub exit_code: u8,
    /// The next rung would fail in the same way.
    pub is_final: bool,
}

impl Refusal {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let errno = self.errno.unwrap_or(0);
        let mut bytes = vec![self.exit_code, self.is_final.into()];
        bytes.extend_from_slice(&errno.to_le_bytes());
        bytes.extend_from_slice(self.what.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.remedy.as_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, texts) = bytes.split_at_checked(6)?;
        let errno = i32::from_le_bytes(head[2..].try_into().ok()?);
        let mut texts = texts.splitn(2, |byte| *byte == 0);
        let mut text = || String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned();
        Some(Self {
            what: text(),
            errno: (errno != 0).then_some(errno),
            remedy: text(),
            exit_code: head[0],
            is_final: head[1] != 0,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(errno) = self.errno {
            write!(f, ": {}", Errno::from_raw(errno))?;
        }
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

/// A step of setting up the private namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making a mount namespace with the privileges at hand.
    UnshareMount,
    /// Making a user namespace and a mount namespace in it.
    UnshareUser,
    /// Giving the user the same ids in the user namespace as outside.
    MapIds,
    /// Making what else a container does not share with the host.
    UnshareMore,
    /// Switching the loopback interface of a network namespace on.
    SetLoopbackUp,
    /// Keeping mounts from reaching the host.
    StopPropagation,
    /// Finding an empty directory.
    FindMountPoint,
    /// Mounting the tmpfs.
    MountTmpfs,
    /// Making the unpacked image read-only.
    MakeReadOnly,
    /// Opening the device through which the image is served.
    OpenFuse,
    /// Mounting the file system that is served.
    MountFuse,
    /// Attaching the image to a loop device.
    AttachLoop,
    /// Mounting the loop device.
    MountSquashfs,
    /// Laying memory over the image, to be written to.
    MountOverlay,
    /// Making the image the root.
    SwitchRoot,
}

impl Step {
    fn remedy(self) -> &'static str {
        match self {
            Step::UnshareUser | Step::UnshareMount => {
                "allow user namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
                 or the container's seccomp profile"
            }
            Step::UnshareMore => {
                "do without --pid, --net, --ipc, --uts, or allow these namespaces: sysctl user.max_*_namespaces"
            }
            Step::SetLoopbackUp => "do without --net",
            Step::MapIds => {
                "root needs CAP_SETFCAP for that; for others allow it: \
                 sysctl kernel.apparmor_restrict_unprivileged_userns, or the container's security profile"
            }
            Step::StopPropagation
            | Step::MountTmpfs
            | Step::MakeReadOnly
            | Step::MountOverlay
            | Step::SwitchRoot => {
                "allow it in user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns, \
                 or the container's security profile"
            }
            Step::FindMountPoint => "make an empty directory /mnt",
            Step::OpenFuse => {
                "load the module fuse and make /dev/fuse readable and writable for all: modprobe fuse; chmod 666 /dev/fuse"
            }
            Step::MountFuse => {
                "allow FUSE in user namespaces: Linux 4.18 or later, and no security module that forbids it"
            }
            Step::AttachLoop => "this rung is for root with loop devices: modprobe loop",
            Step::MountSquashfs => {
                "this rung is for root on a kernel with squashfs and the image's compression: modprobe squashfs"
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::UnshareMount => "make a private mount namespace",
            Step::UnshareUser => "make a private user namespace",
            Step::MapIds => "keep the user's ids in a private user namespace",
            Step::UnshareMore => "make the namespaces that were asked for",
            Step::SetLoopbackUp => "switch the loopback interface on",
            Step::StopPropagation => "keep mounts private",
            Step::FindMountPoint => "find an empty directory to mount the image on",
            Step::MountTmpfs => "mount a tmpfs in a private namespace",
            Step::MakeReadOnly => "make the unpacked image read-only",
            Step::OpenFuse => "open /dev/fuse",
            Step::MountFuse => "mount the image by FUSE in a private namespace",
            Step::AttachLoop => "attach the image to a loop device",
            Step::MountSquashfs => "mount the image from a loop device",
            Step::MountOverlay => "lay memory over the image",
            Step::SwitchRoot => "make the image the root",
        })
    }
}

/// The errno inside an [`io::Error`].
pub(crate) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn not_found_remedy(word: &str) -> &'static str {
    if word.starts_with('-') {
        "it is no option either: --bundle-help lists them"
    } else {
        "give a path in it, or a name that its PATH has"
    }
}

fn space_remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSPC | Errno::EDQUOT | Errno::ENOMEM => {
            " (make space, or set TMPDIR to a directory that has some)"
        }
        Errno::EEXIST => " (name another place, or remove what is there)",
        Errno::EMFILE | Errno::ENFILE => " (raise the limit on open files: ulimit -n)",
        _ => "",
    }
}

/// One line for each reason, with all the rungs that it keeps from holding.
fn rung_lines(failures: &[(u8, Box<Error>)]) -> String {
    let mut reasons: Vec<(String, Vec<u8>)> = Vec::new();
    for (rung, error) in failures {
        let text = error.to_string();
        match reasons.iter_mut().find(|(reason, _)| *reason == text) {
            Some((_, rungs)) => rungs.push(*rung),
            None => reasons.push((text, vec![*rung])),
        }
    }
    let line = |(reason, rungs): &mut (String, Vec<u8>)| {
        rungs.sort_unstable();
        match &rungs[..] {
            [rung] => format!("rung {rung} does not hold: {reason}"),
            [first @ .., last] => {
                let first: Vec<String> = first.iter().map(ToString::to_string).collect();
                format!(
                    "rungs {} and {last} do not hold: {reason}",
                    first.join(", ")
                )
            }
            [] => reason.clone(),
        }
    };
    reasons.iter_mut().map(line).collect::<Vec<_>>().join("\n")
}
