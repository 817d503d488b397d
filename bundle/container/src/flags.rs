//! The options of mount(2) that are bits, under the kernel's names.

/// Read-only.
pub const MS_RDONLY: u64 = 1;
/// Ignores the set-user-ID and set-group-ID bits.
pub const MS_NOSUID: u64 = 1 << 1;
/// Opens no device.
pub const MS_NODEV: u64 = 1 << 2;
/// Runs no program.
pub const MS_NOEXEC: u64 = 1 << 3;
/// Writes at once.
pub const MS_SYNCHRONOUS: u64 = 1 << 4;
/// Changes a mount that there is.
pub const MS_REMOUNT: u64 = 1 << 5;
/// Allows mandatory locks.
pub const MS_MANDLOCK: u64 = 1 << 6;
/// Writes changes of directories at once.
pub const MS_DIRSYNC: u64 = 1 << 7;
/// Keeps no access times.
pub const MS_NOATIME: u64 = 1 << 10;
/// Keeps no access times of directories.
pub const MS_NODIRATIME: u64 = 1 << 11;
/// Shows a file or directory at another place.
pub const MS_BIND: u64 = 1 << 12;
/// Moves a mount.
pub const MS_MOVE: u64 = 1 << 13;
/// With what lies below.
pub const MS_REC: u64 = 1 << 14;
/// Without messages of the kernel.
pub const MS_SILENT: u64 = 1 << 15;
/// Not to be bound elsewhere.
pub const MS_UNBINDABLE: u64 = 1 << 17;
/// Neither sends nor receives mounts.
pub const MS_PRIVATE: u64 = 1 << 18;
/// Receives mounts.
pub const MS_SLAVE: u64 = 1 << 19;
/// Sends and receives mounts.
pub const MS_SHARED: u64 = 1 << 20;
/// Keeps access times that are older than the file's change.
pub const MS_RELATIME: u64 = 1 << 21;
/// Counts the versions of inodes.
pub const MS_I_VERSION: u64 = 1 << 23;
/// Keeps all access times.
pub const MS_STRICTATIME: u64 = 1 << 24;
/// Keeps times in memory as long as it can.
pub const MS_LAZYTIME: u64 = 1 << 25;

/// The bits that say how mounts spread. `MS_REC` beside them means also below.
pub const PROPAGATION: u64 = MS_PRIVATE | MS_SHARED | MS_SLAVE | MS_UNBINDABLE;

/// What an option does to the bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Set(u64),
    Clear(u64),
    /// A word of fstab(5) that says nothing to mount(2).
    Nothing,
}

use Change::{Clear, Nothing, Set};

/// The option of this name, if it is one of mount(2)'s or fstab(5)'s.
pub(crate) fn option(name: &[u8]) -> Option<Change> {
    Some(match name {
        b"ro" => Set(MS_RDONLY),
        b"rw" => Clear(MS_RDONLY),
        b"nosuid" => Set(MS_NOSUID),
        b"suid" => Clear(MS_NOSUID),
        b"nodev" => Set(MS_NODEV),
        b"dev" => Clear(MS_NODEV),
        b"noexec" => Set(MS_NOEXEC),
        b"exec" => Clear(MS_NOEXEC),
        b"sync" => Set(MS_SYNCHRONOUS),
        b"async" => Clear(MS_SYNCHRONOUS),
        b"remount" => Set(MS_REMOUNT),
        b"mand" => Set(MS_MANDLOCK),
        b"nomand" => Clear(MS_MANDLOCK),
        b"dirsync" => Set(MS_DIRSYNC),
        b"noatime" => Set(MS_NOATIME),
        b"atime" => Clear(MS_NOATIME),
        b"nodiratime" => Set(MS_NODIRATIME),
        b"diratime" => Clear(MS_NODIRATIME),
        b"bind" => Set(MS_BIND),
        b"rbind" => Set(MS_BIND | MS_REC),
        b"silent" => Set(MS_SILENT),
        b"loud" => Clear(MS_SILENT),
        b"relatime" => Set(MS_RELATIME),
        b"norelatime" => Clear(MS_RELATIME),
        b"iversion" => Set(MS_I_VERSION),
        b"noiversion" => Clear(MS_I_VERSION),
        b"strictatime" => Set(MS_STRICTATIME),
        b"nostrictatime" => Clear(MS_STRICTATIME),
        b"lazytime" => Set(MS_LAZYTIME),
        b"nolazytime" => Clear(MS_LAZYTIME),
        b"defaults" | b"auto" | b"noauto" | b"user" | b"nouser" | b"users" | b"nousers"
        | b"owner" | b"noowner" | b"group" | b"nogroup" => Nothing,
        _ => return None,
    })
}

/// The bits of an option that says how mounts spread: `private`, `rslave` and the others.
pub(crate) fn propagation(name: &[u8]) -> Option<u64> {
    Some(match name {
        b"private" => MS_PRIVATE,
        b"rprivate" => MS_PRIVATE | MS_REC,
        b"shared" => MS_SHARED,
        b"rshared" => MS_SHARED | MS_REC,
        b"slave" => MS_SLAVE,
        b"rslave" => MS_SLAVE | MS_REC,
        b"unbindable" => MS_UNBINDABLE,
        b"runbindable" => MS_UNBINDABLE | MS_REC,
        _ => return None,
    })
}
