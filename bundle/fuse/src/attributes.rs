//! What the kernel is told about a file: its node, its attributes, a name's entry.

use bundle_squashfs::{FileKind, Image, Inode, InodeKind, InodeRef};

use crate::Options;
use crate::protocol::{Fields, ROOT_NODE, VALID_S};

/// Nodes are numbered by where the inode lies in the image, so that there is nothing to remember or to forget. The root
/// has a number of its own, and the numbers before it are not used.
pub(crate) fn node_of(image: &Image<'_>, inode: InodeRef) -> u64 {
    if inode == image.root() {
        ROOT_NODE
    } else {
        inode.to_number() + ROOT_NODE + 1
    }
}

/// The reverse of [`node_of`]; none for a number that it never gives.
pub(crate) fn inode_of(image: &Image<'_>, node: u64) -> Option<InodeRef> {
    if node == ROOT_NODE {
        Some(image.root())
    } else {
        node.checked_sub(ROOT_NODE + 1).map(InodeRef::from_number)
    }
}

/// The kind's bits in a file's mode.
pub(crate) fn mode_of(kind: FileKind) -> u32 {
    match kind {
        FileKind::Directory => libc::S_IFDIR,
        FileKind::File => libc::S_IFREG,
        FileKind::Symlink => libc::S_IFLNK,
        FileKind::BlockDevice => libc::S_IFBLK,
        FileKind::CharDevice => libc::S_IFCHR,
        FileKind::Fifo => libc::S_IFIFO,
        FileKind::Socket => libc::S_IFSOCK,
    }
}

/// The kind as `d_type` has it.
pub(crate) fn directory_entry_type(kind: FileKind) -> u32 {
    mode_of(kind) >> 12
}

/// Appends a `fuse_entry_out`: a name's node and attributes.
pub(crate) fn entry(out: &mut Fields, node: u64, inode: &Inode, options: &Options) {
    out.u64(node).u64(0).u64(VALID_S).u64(VALID_S).u32(0).u32(0);
    attributes(out, inode, options);
}

/// Appends a `fuse_entry_out` that says that there is no such name, and will not be.
pub(crate) fn no_entry(out: &mut Fields) {
    out.u64(0).u64(0).u64(VALID_S);
    out.0.resize(out.0.len() + 104, 0);
}

/// Appends a `fuse_attr`.
pub(crate) fn attributes(out: &mut Fields, inode: &Inode, options: &Options) {
    let (size_bytes, stored_bytes, device) = match &inode.kind {
        InodeKind::File(file) => (
            file.size_bytes,
            file.size_bytes - file.hole_size_bytes.min(file.size_bytes),
            0,
        ),
        InodeKind::Symlink(target) => (target.len() as u64, 0, 0),
        InodeKind::BlockDevice(number) | InodeKind::CharDevice(number) => (0, 0, *number),
        InodeKind::Directory(_) | InodeKind::Fifo | InodeKind::Socket => (0, 0, 0),
    };
    let kind = inode.kind.file_kind();
    let mut mode = mode_of(kind) | u32::from(inode.mode);
    if options.owner_has_access {
        mode |= match kind {
            FileKind::Directory => 0o700,
            _ => 0o600,
        };
    }
    let (uid, gid) = options.owner.unwrap_or((inode.uid, inode.gid));
    let modified_s = u64::from(inode.modified_s);
    out.u64(inode.number.into())
        .u64(size_bytes)
        .u64(stored_bytes.div_ceil(512))
        .u64(modified_s)
        .u64(modified_s)
        .u64(modified_s)
        .u32(0)
        .u32(0)
        .u32(0)
        .u32(mode)
        .u32(inode.link_count)
        .u32(uid)
        .u32(gid)
        .u32(device)
        .u32(4096)
        .u32(0);
}
