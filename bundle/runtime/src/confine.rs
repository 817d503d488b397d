//! What the payload must not have, taken away right before it is executed.

use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::child::Place;
use crate::request::{Files, StartRequest};
use crate::{Container, Error, ffi, owner_filter, terminal_filter};

/// Makes the bundle's file read-only for the payload, by its name: it can neither be written to nor replaced. (As long as
/// the run lasts, the kernel refuses to write to the file by any name, since it is being executed.)
///
/// Where that is not possible, such as when the name leads elsewhere by now, the kernel's refusal is all there is.
pub(crate) fn protect_file(request: &StartRequest<'_>) {
    let Files::Bundle { path, file, .. } = request.files else {
        return;
    };
    let same = |one: &std::fs::Metadata, other: &std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    };
    let is_it = std::fs::symlink_metadata(path)
        .and_then(|there| Ok(same(&there, &file.metadata()?)))
        .unwrap_or(false);
    if !is_it {
        return;
    }
    let bound = mount(
        Some(path),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    );
    if bound.is_ok() {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | kept_flags(path);
        let _ = mount(None::<&str>, path, None::<&str>, flags, None::<&str>);
    }
}

/// What a mount forbids must stay forbidden, or an ordinary user may not change it.
pub(crate) fn kept_flags(path: &Path) -> MsFlags {
    let Ok(status) = statvfs(path) else {
        return MsFlags::empty();
    };
    let pairs = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let is_set = |(flag, _): &&(FsFlags, MsFlags)| status.flags().contains(*flag);
    pairs.iter().filter(is_set).map(|(_, flag)| *flag).collect()
}

/// Takes away what the payload must not have: new privileges, the terminal's input queue, and, in a root of its own,
/// descriptors that lead out of it. Programs that see the host anyway keep what they have inherited: make's job slots,
/// sockets handed over, `<(...)`.
///
/// In a container whose user plays root without being it, changing owners and ids succeeds without doing anything: package
/// managers insist on it, and there is nobody else there to whom anything could belong.
pub(crate) fn confine(place: &Place, container: Option<&Container>) -> Result<(), Error> {
    let failed = |operation| move |errno| Error::Process { operation, errno };
    nix::sys::prctl::set_no_new_privs().map_err(failed("give up new privileges"))?;
    ffi::add_filter(&terminal_filter::program())
        .map_err(failed("filter the terminal's system calls"))?;
    let Some(container) = container.filter(|_| place.is_switched) else {
        return Ok(());
    };
    ffi::close_on_exec_from(3).map_err(failed("close inherited descriptors"))?;
    if container.remap_root && is_only_user() {
        ffi::add_filter(&owner_filter::program()).map_err(failed("play root"))?;
    }
    Ok(())
}

/// Is this process in a namespace where one user exists?
pub(crate) fn is_only_user() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().nth(2) == Some("1")
}
