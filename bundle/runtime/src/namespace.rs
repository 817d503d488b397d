//! The private place of rungs 1 to 3: a mount namespace that only this process and its children see.
//!
//! With privileges a mount namespace alone is made, and root keeps all its rights to all users' files. Without, a
//! user namespace gives the right to make one; in it the user keeps the own ids.
//!
//! Whether a host allows that is found by trying: some hosts (Ubuntu 24.04's `AppArmor`) grant a user namespace and then
//! refuse what follows. Whoever tries is a process that can end with all that it made (see child.rs).

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};

use crate::child::Origin;
use crate::mount_point::{self, KeepVisible};
use crate::unpack::Ownership;
use crate::{Container, Error, Namespaces, Step, ffi};

/// With what rights the namespace was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// A mount namespace alone: this process is privileged on the host.
    Host,
    /// In a user namespace of its own, where only the user's own ids exist.
    User,
    /// In such a one, in which the user's ids are root's.
    RemappedRoot,
}

impl Privilege {
    /// Whose the image's files become when they are unpacked.
    pub(crate) fn ownership(self) -> Ownership {
        match self {
            Privilege::Host => Ownership::OfImage,
            Privilege::User | Privilege::RemappedRoot => Ownership::OfCaller,
        }
    }

    /// User and group to whom everything in the namespace belongs; none if all ids exist there.
    pub(crate) fn owner(self) -> Option<(u32, u32)> {
        let ids = || {
            (
                nix::unistd::geteuid().as_raw(),
                nix::unistd::getegid().as_raw(),
            )
        };
        (self != Privilege::Host).then(ids)
    }
}

/// Moves this process, which must have one thread, into a mount namespace of its own, and into what else a container has of its
/// own.
pub(crate) fn enter(container: Option<&Container>, origin: Origin) -> Result<Privilege, Error> {
    let wanted = container.map_or(CloneFlags::empty(), |container| {
        flags_of(container.namespaces)
    });
    let remap_root = container.is_some_and(|container| container.remap_root);
    let mounts = CloneFlags::CLONE_NEWNS;
    let privilege = if let Origin::UserNamespace { uid, gid } = origin {
        unshare(mounts).map_err(refused(Step::UnshareMount))?;
        map_ids(uid, gid, remap_root)?
    } else {
        let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
        match unshare(mounts) {
            Ok(()) => Privilege::Host,
            Err(Errno::EPERM) => {
                unshare(CloneFlags::CLONE_NEWUSER | mounts).map_err(refused(Step::UnshareUser))?;
                map_ids(uid, gid, remap_root)?
            }
            Err(errno) => return Err(refused(Step::UnshareMount)(errno)),
        }
    };
    if !wanted.is_empty() {
        unshare(wanted).map_err(refused(Step::UnshareMore))?;
    }
    if wanted.contains(CloneFlags::CLONE_NEWNET) {
        ffi::set_loopback_up().map_err(refused(Step::SetLoopbackUp))?;
    }
    Ok(privilege)
}

/// What is made by the process itself. A process namespace is its children's, and made when it is forked.
fn flags_of(namespaces: Namespaces) -> CloneFlags {
    let pairs = [
        (namespaces.net, CloneFlags::CLONE_NEWNET),
        (namespaces.ipc, CloneFlags::CLONE_NEWIPC),
        (namespaces.uts, CloneFlags::CLONE_NEWUTS),
    ];
    let is_wanted = |(wanted, _): &&(bool, CloneFlags)| *wanted;
    pairs
        .iter()
        .filter(is_wanted)
        .map(|(_, flag)| *flag)
        .collect()
}

/// Gives the ids that this process has outside of its user namespace numbers inside of it.
fn map_ids(uid: Uid, gid: Gid, remap_root: bool) -> Result<Privilege, Error> {
    // Without CAP_SETGID outside, the kernel accepts a gid map only from those who have given up setgroups.
    match fs::write("/proc/self/setgroups", "deny") {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(refused(Step::MapIds)(crate::error::errno_of(&error)));
        }
        _ => {}
    }
    if remap_root {
        write_map("/proc/self/uid_map", 0, uid.as_raw())?;
        write_map("/proc/self/gid_map", 0, gid.as_raw())?;
        return Ok(Privilege::RemappedRoot);
    }
    // The same ids inside as outside: the payload's files belong to the user, and its name is right.
    write_map("/proc/self/uid_map", uid.as_raw(), uid.as_raw())?;
    write_map("/proc/self/gid_map", gid.as_raw(), gid.as_raw())?;
    Ok(Privilege::User)
}

fn write_map(path: &str, inside: u32, outside: u32) -> Result<(), Error> {
    fs::write(path, format!("{inside} {outside} 1"))
        .map_err(|error| refused(Step::MapIds)(crate::error::errno_of(&error)))
}

/// Keeps what is mounted from here on private, and mounts by `mount_at` on the first suitable directory that takes it.
pub(crate) fn mount_somewhere(
    keep: &KeepVisible,
    mount_at: impl Fn(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let whole_tree = stop_propagation(Path::new("/"));
    let mut last = refused(Step::FindMountPoint)(Errno::ENOENT);
    for mount_point in mount_point::suitable(keep) {
        // In a chroot "/" is no mount point and its mount cannot be named; but a mount within can.
        let private = whole_tree.or_else(|_| stop_propagation_around(mount_point));
        match private
            .map_err(refused(Step::StopPropagation))
            .and_then(|()| mount_at(mount_point))
        {
            Ok(()) => return Ok(mount_point.to_owned()),
            // Only mounting can succeed elsewhere.
            Err(error @ Error::Namespace { .. }) => last = error,
            Err(error) => return Err(error),
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

/// Mounts an empty tmpfs.
pub(crate) fn mount_tmpfs(at: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Huge pages for files that fill them make unpacking a third faster. Kernels built without them refuse the option.
    let options = ["mode=0755,huge=within_size", "mode=0755"];
    let mut last = Errno::EINVAL;
    for options in options {
        match mount(Some("bundle"), at, Some("tmpfs"), flags, Some(options)) {
            Ok(()) => return Ok(()),
            Err(errno) => last = errno,
        }
    }
    Err(refused(Step::MountTmpfs)(last))
}

/// Mounts a file system that is served through the descriptor that is returned. Whoever gets it serves; until then, whoever
/// looks at the mount waits.
pub(crate) fn mount_served(at: &Path) -> Result<OwnedFd, Error> {
    // Opened only now: the kernel lets a device be mounted only in the user namespace that it was opened in.
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let device =
        nix::fcntl::open("/dev/fuse", flags, Mode::empty()).map_err(refused(Step::OpenFuse))?;
    let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
    let options = bundle_fuse::mount_options(device.as_fd(), uid.as_raw(), gid.as_raw());
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOATIME;
    mount(
        Some("bundle"),
        at,
        Some("fuse.bundle"),
        flags,
        Some(options.as_str()),
    )
    .map_err(refused(Step::MountFuse))?;
    Ok(device)
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

pub(crate) fn refused(step: Step) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Namespace { step, errno }
}
