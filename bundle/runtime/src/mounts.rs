//! Mounting in a container what its fstabs and its user ask for: one entry after the other, each at a path that no link in the
//! container's files leads out of.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use bundle_container::{Create, Mount, flags};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::confine::kept_flags;
use crate::inside::{Inside, place_of};
use crate::{Error, ffi, stdio};

/// Mounts all of them in order. Relative sources are the user's.
///
/// # Errors
/// The first entry that cannot be mounted and must not fail.
pub(crate) fn mount_all(
    root: &Inside,
    mounts: &[Mount],
    working_directory: Option<&Path>,
) -> Result<(), Error> {
    for entry in mounts {
        match mount_one(root, entry, working_directory) {
            Err(error) if !entry.may_fail => return Err(error),
            Err(error) if !entry.silent => stdio::say(&error.to_string()),
            _ => {}
        }
    }
    Ok(())
}

fn mount_one(root: &Inside, entry: &Mount, working_directory: Option<&Path>) -> Result<(), Error> {
    let target = Path::new(&entry.target);
    let is_remount = entry.flags & flags::MS_REMOUNT != 0;
    let is_change = is_remount || entry.is_move || entry.detach;
    // What has a source and no type can only mean the source itself.
    let is_bind = !is_change
        && (entry.flags & flags::MS_BIND != 0
            || (entry.source.is_some() && entry.fs_type.is_none()));
    let source = entry.source.as_ref().map(|source| {
        if is_bind || entry.is_move {
            working_directory.unwrap_or(Path::new("")).join(source)
        } else {
            PathBuf::from(source)
        }
    });
    let failed = |errno, remedy: &str| Error::Mount {
        source_name: source
            .as_ref()
            .map_or("none".to_owned(), |source| source.display().to_string()),
        target: target.display().to_string(),
        reason: format!("{errno}{remedy}"),
    };
    if let Some(source) = &source
        && is_bind
        && source.is_relative()
    {
        return Err(failed(
            Errno::ENOENT,
            " (the working directory is gone; give an absolute path)",
        ));
    }
    if is_bind
        && let Some(source) = &source
        && let Err(error) = fs::metadata(source)
    {
        let errno = crate::error::errno_of(&error);
        return Err(failed(errno, " (is the source there, on the host?)"));
    }
    let found = create(root, entry, source.as_deref(), target).map_err(|errno| {
        failed(
            errno,
            " (does its place exist? x-create=dir or =file makes it)",
        )
    })?;
    let place = place_of(&found);
    if entry.detach {
        return umount2(&place, MntFlags::MNT_DETACH).map_err(|errno| failed(errno, ""));
    }
    if !is_remount && (source.is_some() || entry.fs_type.is_some()) {
        attach(entry, is_bind, source.as_deref(), &place).map_err(|errno| {
            failed(
                errno,
                if errno == Errno::EPERM {
                    " (users may bind directories and mount tmpfs, proc, sysfs, mqueue, devpts)"
                } else {
                    ""
                },
            )
        })?;
    }
    finish(root, entry, target, is_bind || is_remount).map_err(|errno| failed(errno, ""))
}

/// Opens the target, made if that is asked for.
fn create(
    root: &Inside,
    entry: &Mount,
    source: Option<&Path>,
    target: &Path,
) -> Result<OwnedFd, Errno> {
    let is_file = |source: &Path| {
        fs::metadata(source).is_ok_and(|metadata| {
            let kind = metadata.file_type();
            kind.is_file() || kind.is_char_device() || kind.is_socket() || kind.is_fifo()
        })
    };
    match entry.create {
        None => root.find(target, OFlag::O_PATH),
        Some(Create::File) => root.make_file(target),
        Some(Create::Auto) if source.is_some_and(is_file) => root.make_file(target),
        Some(Create::Directory | Create::Auto) => root.make_directory(target),
    }
}

fn attach(entry: &Mount, is_bind: bool, source: Option<&Path>, place: &Path) -> Result<(), Errno> {
    if entry.is_move {
        return mount(source, place, None::<&str>, MsFlags::MS_MOVE, None::<&str>);
    }
    if is_bind {
        let bind = MsFlags::MS_BIND | (ms_flags(entry.flags) & MsFlags::MS_REC);
        return mount(source, place, None::<&str>, bind, None::<&str>);
    }
    if entry.fs_type.is_none() {
        // Nothing but a change of what is there.
        return Ok(());
    }
    let data = (!entry.data.is_empty()).then_some(entry.data.as_os_str());
    let source = source.unwrap_or(Path::new("none"));
    mount(
        Some(source),
        place,
        entry.fs_type.as_deref(),
        ms_flags(entry.flags),
        data,
    )
}

/// What a second call does: a bind mount's own flags, and how mounts spread.
fn finish(root: &Inside, entry: &Mount, target: &Path, has_own_flags: bool) -> Result<(), Errno> {
    let own =
        entry.flags & !(flags::MS_BIND | flags::MS_REC | flags::MS_REMOUNT | flags::MS_SILENT);
    if own == 0 && entry.propagation == 0 {
        return Ok(());
    }
    // Opened again: what was opened before is covered by what has been mounted.
    let mounted = root.find(target, OFlag::O_PATH)?;
    let place = place_of(&mounted);
    if has_own_flags && own != 0 {
        let own = ms_flags(own);
        // With all below it, where the kernel can do that (Linux 5.12).
        let whole = entry.flags & flags::MS_REC != 0 && ffi::restrict_mounts(&place, own).is_ok();
        if !whole {
            let change = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | own | kept_flags(&place);
            mount(None::<&str>, &place, None::<&str>, change, None::<&str>)?;
        }
    }
    let below = entry.propagation & flags::MS_REC;
    for bit in [
        flags::MS_PRIVATE,
        flags::MS_SHARED,
        flags::MS_SLAVE,
        flags::MS_UNBINDABLE,
    ] {
        if entry.propagation & bit != 0 {
            let change = ms_flags(bit | below);
            mount(None::<&str>, &place, None::<&str>, change, None::<&str>)?;
        }
    }
    Ok(())
}

fn ms_flags(bits: u64) -> MsFlags {
    MsFlags::from_bits_truncate(bits as _)
}
