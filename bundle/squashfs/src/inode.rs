//! Inodes: what a file, directory or link is.

use crate::metadata::{Cursor, Place};
use crate::{Error, Image};

const NO_FRAGMENT: u32 = u32::MAX;
const NO_XATTRS: u32 = u32::MAX;
const SYMLINK_SIZE_LIMIT_BYTES: u32 = 4096;

/// Where an inode lies in the inode table: the compressed block's place, and the offset in its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeRef(u64);

impl InodeRef {
    /// The reference with this number, which the image may or may not have: [`Image::inode`] tells.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// A number that stands for this reference, as the format writes it. It is less than 2^48.
    pub fn to_number(self) -> u64 {
        self.0
    }

    pub(crate) fn new(block: u32, offset: u16) -> Self {
        Self(u64::from(block) << 16 | u64::from(offset))
    }

    pub(crate) fn block(self) -> u64 {
        self.0 >> 16
    }

    pub(crate) fn offset(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}

/// What kind of thing a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl FileKind {
    /// The kind with this number in a directory.
    pub(crate) fn from_number(number: u16) -> Result<Self, Error> {
        Ok(match number {
            1 => Self::Directory,
            2 => Self::File,
            3 => Self::Symlink,
            4 => Self::BlockDevice,
            5 => Self::CharDevice,
            6 => Self::Fifo,
            7 => Self::Socket,
            _ => return Err(Error::Invalid("a directory entry has an unknown kind")),
        })
    }
}

/// An inode. It has the same small size whatever it stands for, but for a link's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Permission bits, including set-user-id, set-group-id and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification, seconds since 1970.
    pub modified_s: u32,
    /// The inode's number, 1 or more. Names with the same number are hard links of one file.
    pub number: u32,
    /// Number of names.
    pub link_count: u32,
    /// Number of the set of extended attributes, if it has any.
    pub xattr_index: Option<u32>,
    /// What it is.
    pub kind: InodeKind,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InodeKind {
    /// A directory.
    Directory(DirInode),
    /// A regular file.
    File(FileInode),
    /// A symbolic link and its target's bytes.
    Symlink(Vec<u8>),
    /// A block device and its number: the 32 bits that Linux and FUSE use, minor number in bits 0 to 7 and 20 to 31.
    BlockDevice(u32),
    /// A character device and its number, as of a block device.
    CharDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl InodeKind {
    /// What kind of thing it is, without its particulars.
    pub fn file_kind(&self) -> FileKind {
        match self {
            Self::Directory(_) => FileKind::Directory,
            Self::File(_) => FileKind::File,
            Self::Symlink(_) => FileKind::Symlink,
            Self::BlockDevice(_) => FileKind::BlockDevice,
            Self::CharDevice(_) => FileKind::CharDevice,
            Self::Fifo => FileKind::Fifo,
            Self::Socket => FileKind::Socket,
        }
    }
}

/// Where a directory's listing lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirInode {
    pub(crate) block: u32,
    pub(crate) offset: u16,
    /// Size of the listing plus 3, as the format counts `.` and `..`.
    pub(crate) size: u32,
    /// Entries in the index of the listing, and where the index begins.
    pub(crate) index: Option<(u16, Place)>,
    /// Number of the inode of the directory that it stands in.
    pub parent_number: u32,
}

/// Where a file's contents lie. [`Image::blocks`] lists its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInode {
    /// Size of the file.
    pub size_bytes: u64,
    /// How much of the size is holes, as the packer counted it.
    pub hole_size_bytes: u64,
    /// The file's tail: number of the fragment block, and offset in its contents.
    pub fragment: Option<(u32, u32)>,
    pub(crate) block_count: u64,
    pub(crate) first_block_start: u64,
    /// Where the list of size words begins.
    pub(crate) words: Place,
    tail_size_bytes: u32,
}

impl FileInode {
    /// Size of the tail that lies in the fragment block; zero without one.
    pub fn tail_size_bytes(&self) -> u32 {
        self.tail_size_bytes
    }

    /// Size of what lies in data blocks, which is where the tail begins in the file.
    pub fn blocks_size_bytes(&self) -> u64 {
        self.size_bytes - u64::from(self.tail_size_bytes)
    }
}

impl Image<'_> {
    /// The inode at a place in the inode table.
    ///
    /// # Errors
    /// If the place is outside the table or what stands there is no inode.
    pub fn inode(&self, place: InodeRef) -> Result<Inode, Error> {
        let cursor = &mut self.inode_cursor_at(place)?;
        let kind = cursor.u16()?;
        let mode = cursor.u16()?;
        let uid = self.id(cursor.u16()?)?;
        let gid = self.id(cursor.u16()?)?;
        let modified_s = cursor.u32()?;
        let number = cursor.u32()?;
        let parts = match kind {
            1 => basic_directory(cursor)?,
            8 => extended_directory(cursor)?,
            2 => self.basic_file(cursor)?,
            9 => self.extended_file(cursor)?,
            3..=7 | 10..=14 => small(cursor, kind)?,
            _ => return Err(Error::Invalid("an inode has an unknown kind")),
        };
        if number == 0 || number > self.superblock().inode_count {
            return Err(Error::Invalid("an inode has an impossible number"));
        }
        Ok(Inode {
            mode: mode & 0o7777,
            uid,
            gid,
            modified_s,
            number,
            link_count: parts.link_count,
            xattr_index: (parts.xattr_index != NO_XATTRS).then_some(parts.xattr_index),
            kind: parts.kind,
        })
    }

    fn basic_file(&self, cursor: &mut Cursor<'_>) -> Result<Parts, Error> {
        let first_block_start = u64::from(cursor.u32()?);
        let fragment = (cursor.u32()?, cursor.u32()?);
        let size_bytes = u64::from(cursor.u32()?);
        Ok(Parts {
            link_count: 1,
            xattr_index: NO_XATTRS,
            kind: self.file(cursor, first_block_start, (size_bytes, 0), fragment),
        })
    }

    fn extended_file(&self, cursor: &mut Cursor<'_>) -> Result<Parts, Error> {
        let first_block_start = cursor.u64()?;
        let sizes_bytes = (cursor.u64()?, cursor.u64()?);
        let link_count = cursor.u32()?;
        let fragment = (cursor.u32()?, cursor.u32()?);
        let xattr_index = cursor.u32()?;
        if i64::try_from(sizes_bytes.0).is_err() {
            return Err(Error::LimitExceeded("files"));
        }
        Ok(Parts {
            link_count,
            xattr_index,
            kind: self.file(cursor, first_block_start, sizes_bytes, fragment),
        })
    }

    /// The cursor stands before the list of size words, which nobody needs who only wants to know the file's size.
    fn file(
        &self,
        cursor: &Cursor<'_>,
        first_block_start: u64,
        (size_bytes, hole_size_bytes): (u64, u64),
        fragment: (u32, u32),
    ) -> InodeKind {
        let block_size_bytes = u64::from(self.superblock().block_size_bytes);
        let in_fragment = fragment.0 != NO_FRAGMENT;
        let tail_size_bytes = if in_fragment {
            size_bytes % block_size_bytes
        } else {
            0
        };
        InodeKind::File(FileInode {
            size_bytes,
            hole_size_bytes: hole_size_bytes.min(size_bytes),
            fragment: (tail_size_bytes > 0).then_some(fragment),
            block_count: (size_bytes - tail_size_bytes).div_ceil(block_size_bytes),
            first_block_start,
            words: cursor.place(),
            tail_size_bytes: tail_size_bytes as u32,
        })
    }
}

/// What the kinds have in common, though each has it elsewhere.
struct Parts {
    link_count: u32,
    xattr_index: u32,
    kind: InodeKind,
}

fn basic_directory(cursor: &mut Cursor<'_>) -> Result<Parts, Error> {
    let block = cursor.u32()?;
    let link_count = cursor.u32()?;
    let size = u32::from(cursor.u16()?);
    let offset = cursor.u16()?;
    let parent_number = cursor.u32()?;
    Ok(Parts {
        link_count,
        xattr_index: NO_XATTRS,
        kind: InodeKind::Directory(DirInode {
            block,
            offset,
            size,
            index: None,
            parent_number,
        }),
    })
}

fn extended_directory(cursor: &mut Cursor<'_>) -> Result<Parts, Error> {
    let link_count = cursor.u32()?;
    let size = cursor.u32()?;
    let block = cursor.u32()?;
    let parent_number = cursor.u32()?;
    let index_count = cursor.u16()?;
    let offset = cursor.u16()?;
    let xattr_index = cursor.u32()?;
    Ok(Parts {
        link_count,
        xattr_index,
        kind: InodeKind::Directory(DirInode {
            block,
            offset,
            size,
            index: (index_count > 0).then(|| (index_count, cursor.place())),
            parent_number,
        }),
    })
}

/// Links, devices, pipes and sockets: the extended ones differ in that the number of their attributes stands at the end.
fn small(cursor: &mut Cursor<'_>, kind: u16) -> Result<Parts, Error> {
    let link_count = cursor.u32()?;
    let inode_kind = match kind {
        3 | 10 => InodeKind::Symlink(symlink_target(cursor)?),
        4 | 11 => InodeKind::BlockDevice(cursor.u32()?),
        5 | 12 => InodeKind::CharDevice(cursor.u32()?),
        6 | 13 => InodeKind::Fifo,
        _ => InodeKind::Socket,
    };
    let xattr_index = if kind >= 10 { cursor.u32()? } else { NO_XATTRS };
    Ok(Parts {
        link_count,
        xattr_index,
        kind: inode_kind,
    })
}

fn symlink_target(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Error> {
    let size_bytes = cursor.u32()?;
    if size_bytes > SYMLINK_SIZE_LIMIT_BYTES {
        return Err(Error::LimitExceeded("symbolic links"));
    }
    let target = cursor.bytes(size_bytes as usize)?;
    if target.is_empty() || target.contains(&0) {
        return Err(Error::Invalid("a symbolic link has an impossible target"));
    }
    Ok(target)
}
