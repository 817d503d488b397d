//! Rung 2's private place: a mount namespace with a tmpfs that only this process and its children see.
//!
//! With privileges a mount namespace alone is made, and root keeps all its rights to all users' files. Without, a
//! user namespace gives the right to make one; in it the user keeps the own ids.
//!
//! Whether a host allows that is found by trying. A user namespace cannot be left again, and some hosts (Ubuntu
//! 24.04's `AppArmor`) grant it and then refuse what follows. A process stuck there would have lost its ids and could not
//! run the payload on rung 4 either. So the whole set-up is tried in a forked child first, which ends with all that it made.
//! That costs about half a millisecond, while this process hashes the bundle on another core. (Joining the child's namespaces
//! with setns would save doing it twice, but it moves the process to the namespace's root and so out of a chroot.)
//! A mount namespace by itself takes no rights away, so it is tried right here.

use std::fs;
use std::io::{PipeReader, Read, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};

use crate::mount_point::{self, KeepVisible};
use crate::{Error, Step, ffi};

/// A first look at whether rung 2 holds. The process must have one thread until [`Attempt::enter`] has returned.
pub(crate) enum Attempt {
    /// The place is there: this process was privileged.
    Entered(PathBuf),
    /// A child is finding out.
    Probing {
        child: Child,
        answer: PipeReader,
        keep: KeepVisible,
    },
}

/// The private place, with the tmpfs mounted.
pub(crate) struct PrivatePlace {
    pub(crate) mount_point: PathBuf,
    /// The child that went ahead. Tearing its namespaces down takes it longer than all the rest, so it is waited for last.
    pub(crate) child: Option<Child>,
}

/// A child that has nothing more to say. Waited for when dropped: the payload must not inherit a child that it did not make.
pub(crate) struct Child(Pid);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = waitpid(self.0, None);
    }
}

impl Attempt {
    /// Begins: enters at once where privileges allow it, else sends a child ahead.
    pub(crate) fn begin(keep: KeepVisible) -> Result<Self, Error> {
        match unshare(CloneFlags::CLONE_NEWNS) {
            Ok(()) => return mount_private_tmpfs(&keep).map(Attempt::Entered),
            Err(Errno::EPERM) => {}
            Err(errno) => return Err(refused(Step::UnshareMount)(errno)),
        }
        let (answer, mut reply) = std::io::pipe()
            .map_err(|error| refused(Step::Probe)(crate::error::errno_of(&error)))?;
        match ffi::fork().map_err(refused(Step::Probe))? {
            ForkResult::Child => {
                let answer = match set_up(&keep) {
                    Ok(_) => [0, 0, 0, 0, 0],
                    Err(Error::Namespace { step, errno }) => encode(step, errno),
                    Err(_) => encode(Step::Probe, Errno::EIO),
                };
                let _ = reply.write_all(&answer);
                ffi::exit_now(0)
            }
            ForkResult::Parent { child } => Ok(Attempt::Probing {
                child: Child(child),
                answer,
                keep,
            }),
        }
    }

    /// Waits for the child's answer and, if all went well there, does the same here.
    pub(crate) fn enter(self) -> Result<PrivatePlace, Error> {
        let (child, mut answer, keep) = match self {
            Attempt::Entered(mount_point) => {
                return Ok(PrivatePlace {
                    mount_point,
                    child: None,
                });
            }
            Attempt::Probing {
                child,
                answer,
                keep,
            } => (child, answer, keep),
        };
        let mut bytes = [0; 5];
        match answer.read_exact(&mut bytes) {
            Err(_) => Err(refused(Step::Probe)(Errno::ECHILD)),
            Ok(()) if bytes[0] != 0 => Err(decode(bytes)),
            Ok(()) => Ok(PrivatePlace {
                mount_point: set_up(&keep)?,
                child: Some(child),
            }),
        }
    }
}

/// Takes the right to write to the tmpfs away. Every file in it must be closed.
pub(crate) fn make_read_only(mount_point: &Path) -> Result<(), Error> {
    // The payload could otherwise change its own program, and fill memory with what looks like a disk.
    let flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV;
    mount(None::<&str>, mount_point, None::<&str>, flags, None::<&str>)
        .map_err(refused(Step::MakeReadOnly))
}

fn set_up(keep: &KeepVisible) -> Result<PathBuf, Error> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(refused(Step::UnshareUser))?;
    // Without CAP_SETGID outside, the kernel accepts a gid map only from those who have given up setgroups.
    match fs::write("/proc/self/setgroups", "deny") {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(refused(Step::MapIds)(crate::error::errno_of(&error)));
        }
        _ => {}
    }
    // The same ids inside as outside: the payload's files belong to the user, and its name is right.
    write_map("/proc/self/uid_map", uid.as_raw())?;
    write_map("/proc/self/gid_map", gid.as_raw())?;
    mount_private_tmpfs(keep)
}

fn write_map(path: &str, id: u32) -> Result<(), Error> {
    fs::write(path, format!("{id} {id} 1"))
        .map_err(|error| refused(Step::MapIds)(crate::error::errno_of(&error)))
}

fn mount_private_tmpfs(keep: &KeepVisible) -> Result<PathBuf, Error> {
    let whole_tree = stop_propagation(Path::new("/"));
    let mut last = refused(Step::FindMountPoint)(Errno::ENOENT);
    for mount_point in mount_point::suitable(keep) {
        // In a chroot "/" is no mount point and its mount cannot be named; but a mount within can.
        let private = whole_tree.or_else(|_| stop_propagation_around(mount_point));
        match private
            .map_err(refused(Step::StopPropagation))
            .and_then(|()| mount_tmpfs(mount_point))
        {
            Ok(()) => return Ok(mount_point.to_owned()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// From here on, what is mounted below `mount_point` stays in this namespace, while the host's later mounts still arrive.
fn stop_propagation(mount_point: &Path) -> Result<(), Errno> {
    mount(
        None::<&str>,
        mount_point,
        None::<&str>,
        MsFlags::MS_SLAVE | MsFlags::MS_REC,
        None::<&str>,
    )
}

/// The same for the mount that `path` lies in: the nearest directory above it that is a mount point.
fn stop_propagation_around(path: &Path) -> Result<(), Errno> {
    let mut answers = path.ancestors().map(stop_propagation);
    answers.find(Result::is_ok).unwrap_or(Err(Errno::EINVAL))
}

fn mount_tmpfs(mount_point: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Huge pages for files that fill them make unpacking a third faster. Kernels built without them refuse the option.
    let options = ["mode=0755,huge=within_size", "mode=0755"];
    let mut last = Errno::EINVAL;
    for options in options {
        match mount(
            Some("bundle"),
            mount_point,
            Some("tmpfs"),
            flags,
            Some(options),
        ) {
            Ok(()) => return Ok(()),
            Err(errno) => last = errno,
        }
    }
    Err(refused(Step::MountTmpfs)(last))
}

fn refused(step: Step) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Namespace { step, errno }
}

fn encode(step: Step, errno: Errno) -> [u8; 5] {
    let number = (errno as i32).to_le_bytes();
    [step as u8, number[0], number[1], number[2], number[3]]
}

fn decode(bytes: [u8; 5]) -> Error {
    let errno = Errno::from_raw(i32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]));
    Error::Namespace {
        step: Step::from_byte(bytes[0]).unwrap_or(Step::Probe),
        errno,
    }
}
