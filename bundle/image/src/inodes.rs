//! Inodes as bytes. Each kind has a basic form, and an extended one for what does not fit into it.

use crate::contents::Stored;
use crate::listing::Listing;
use crate::xattrs::NO_XATTRS;
use crate::{Kind, Metadata};

const NO_FRAGMENT: u32 = u32::MAX;
/// An extended form's number is that of the basic form and so much.
const EXTENDED: u16 = 7;
/// The format counts `.` and `..`, which it does not store, as three bytes.
const UNSTORED_SIZE: u32 = 3;

/// The basic form's number.
pub(crate) fn kind_number(kind: &Kind) -> u16 {
    match kind {
        Kind::Directory(_) => 1,
        Kind::File { .. } => 2,
        Kind::Symlink(_) => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::CharacterDevice { .. } => 5,
        Kind::Fifo => 6,
        Kind::Socket => 7,
    }
}

/// What all inodes have.
pub(crate) struct Head<'a> {
    pub(crate) metadata: &'a Metadata,
    /// The owner's and the group's index in the table of ids.
    pub(crate) ids: (u16, u16),
    pub(crate) number: u32,
    pub(crate) link_count: u32,
    /// The number of its set of attributes.
    pub(crate) xattrs: u32,
}

impl Head<'_> {
    fn begin(&self, kind: u16, is_extended: bool) -> Inode {
        let mut inode = Inode(Vec::with_capacity(64));
        inode.u16(if is_extended { kind + EXTENDED } else { kind });
        inode.u16(self.metadata.mode & 0o7777);
        inode.u16(self.ids.0);
        inode.u16(self.ids.1);
        inode.u32(self.metadata.mtime_s);
        inode.u32(self.number);
        inode
    }
}

pub(crate) fn directory(head: &Head<'_>, listing: &Listing, parent_number: u32) -> Vec<u8> {
    let size = listing.size_bytes + UNSTORED_SIZE;
    let small = u16::try_from(size).ok();
    let is_extended = small.is_none() || listing.index_count > 0 || head.xattrs != NO_XATTRS;
    let mut inode = head.begin(1, is_extended);
    if is_extended {
        inode.u32(head.link_count);
        inode.u32(size);
        inode.u32(listing.place.block);
        inode.u32(parent_number);
        inode.u16(listing.index_count);
        inode.u16(listing.place.offset);
        inode.u32(head.xattrs);
        inode.0.extend_from_slice(&listing.index);
    } else {
        inode.u32(listing.place.block);
        inode.u32(head.link_count);
        inode.u16(size as u16);
        inode.u16(listing.place.offset);
        inode.u32(parent_number);
    }
    inode.0
}

pub(crate) fn file(head: &Head<'_>, stored: &Stored) -> Vec<u8> {
    let start = stored.start.unwrap_or(0);
    let (fragment, offset) = stored.tail.unwrap_or((NO_FRAGMENT, 0));
    let is_large = u32::try_from(start.max(stored.size_bytes)).is_err();
    let is_extended =
        is_large || stored.hole_size_bytes > 0 || head.link_count > 1 || head.xattrs != NO_XATTRS;
    let mut inode = head.begin(2, is_extended);
    if is_extended {
        inode.u64(start);
        inode.u64(stored.size_bytes);
        inode.u64(stored.hole_size_bytes);
        inode.u32(head.link_count);
        inode.u32(fragment);
        inode.u32(offset);
        inode.u32(head.xattrs);
    } else {
        inode.u32(start as u32);
        inode.u32(fragment);
        inode.u32(offset);
        inode.u32(stored.size_bytes as u32);
    }
    for word in &stored.words {
        inode.u32(*word);
    }
    inode.0
}

/// Links, devices, pipes and sockets.
pub(crate) fn small(head: &Head<'_>, kind: &Kind) -> Vec<u8> {
    let is_extended = head.xattrs != NO_XATTRS;
    let mut inode = head.begin(kind_number(kind), is_extended);
    inode.u32(head.link_count);
    match kind {
        Kind::Symlink(target) => {
            inode.u32(target.len() as u32);
            inode.0.extend_from_slice(target);
        }
        Kind::BlockDevice { major, minor } | Kind::CharacterDevice { major, minor } => {
            // The minor number's lowest 8 bits stand below the major number, the others above it.
            inode.u32((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12));
        }
        _ => {}
    }
    if is_extended {
        inode.u32(head.xattrs);
    }
    inode.0
}

struct Inode(Vec<u8>);

impl Inode {
    fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }
}
