//! Owners, modes and times of unpacked files, set when nothing is written any more; and the special files, which are nothing
//! but attributes.

use std::os::fd::BorrowedFd;

use bundle_squashfs::{InodeKind, WalkEntry};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags, fchmodat, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchownat};

use crate::Error;
use crate::unpack::Ownership;

/// Makes the special files, and sets the attributes of everything that was unpacked.
pub(crate) fn set(
    entries: &[WalkEntry],
    directory: BorrowedFd<'_>,
    ownership: Ownership,
) -> Result<(), Error> {
    // From the innermost outwards: what is made in a directory changes the directory's time.
    for entry in entries.iter().skip(1).rev() {
        let inode = &entry.inode;
        let path = &entry.path;
        if !make_special(entry, directory, ownership)? {
            continue;
        }
        let is_link = matches!(inode.kind, InodeKind::Symlink(_));
        if ownership == Ownership::OfImage && (inode.uid, inode.gid) != (0, 0) {
            let (uid, gid) = (Uid::from_raw(inode.uid), Gid::from_raw(inode.gid));
            let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
            fchownat(directory, path, Some(uid), Some(gid), flags)
                .map_err(Error::unpack("set the owner of", path))?;
        }
        // A directory was made with its owner's rights to fill it, and changing owners has taken special bits away.
        let is_directory = matches!(inode.kind, InodeKind::Directory(_));
        let has_lost_bits =
            inode.mode & 0o7000 != 0 || (is_directory && inode.mode & 0o700 != 0o700);
        if ownership == Ownership::OfImage && has_lost_bits && !is_link {
            let mode = Mode::from_bits_truncate(inode.mode.into());
            fchmodat(directory, path, mode, FchmodatFlags::FollowSymlink)
                .map_err(Error::unpack("set the mode of", path))?;
        }
        let time = TimeSpec::new(inode.modified_s.into(), 0);
        utimensat(
            directory,
            path,
            &time,
            &time,
            UtimensatFlags::NoFollowSymlink,
        )
        .map_err(Error::unpack("set the time of", path))?;
    }
    Ok(())
}

/// Makes a pipe or a device node. False if what stands in the image is left out.
fn make_special(
    entry: &WalkEntry,
    directory: BorrowedFd<'_>,
    ownership: Ownership,
) -> Result<bool, Error> {
    let (kind, number) = match entry.inode.kind {
        InodeKind::Fifo => (SFlag::S_IFIFO, 0),
        InodeKind::BlockDevice(number) if ownership == Ownership::OfImage => {
            (SFlag::S_IFBLK, number)
        }
        InodeKind::CharDevice(number) if ownership == Ownership::OfImage => {
            (SFlag::S_IFCHR, number)
        }
        InodeKind::BlockDevice(_) | InodeKind::CharDevice(_) | InodeKind::Socket => {
            return Ok(false);
        }
        InodeKind::Directory(_) | InodeKind::File(_) | InodeKind::Symlink(_) => return Ok(true),
    };
    let mode = Mode::from_bits_truncate(u32::from(entry.inode.mode) & 0o777);
    match mknodat(directory, &entry.path, kind, mode, number.into()) {
        Ok(()) => Ok(true),
        // Not every root may make device nodes; the host's are bound over them anyway.
        Err(Errno::EPERM) => Ok(false),
        Err(errno) => Err(Error::unpack("make", &entry.path)(errno)),
    }
}
