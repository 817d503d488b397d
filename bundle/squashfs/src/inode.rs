//! Inodes: what a file, directory or link is.

use crate::bytes::Fields;
use crate::{Block, Error, Image};

const NO_FRAGMENT: u32 = u32::MAX;
const SYMLINK_SIZE_LIMIT_BYTES: u32 = 4096;

/// Where an inode lies in the inode table: the compressed block's place, and the offset in its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InodeRef(pub(crate) u64);

impl InodeRef {
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

/// An inode.
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
    /// The inode's number, 1 or more.
    pub number: u32,
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
    /// A block device and its number.
    BlockDevice(u32),
    /// A character device and its number.
    CharDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// Where a directory's listing lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirInode {
    pub(crate) block: u32,
    pub(crate) offset: u16,
    /// Size of the listing plus 3, as the format counts `.` and `..`.
    pub(crate) size: u32,
}

/// Where a file's contents lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInode {
    /// Size of the file.
    pub size_bytes: u64,
    /// The file's data blocks, each but the last of the image's block size.
    pub blocks: Vec<Block>,
    /// The file's tail: number of the fragment block, and offset in its contents.
    pub fragment: Option<(u32, u32)>,
}

impl FileInode {
    /// Size of the tail that lies in the fragment block; zero without one.
    pub fn tail_size_bytes(&self) -> u32 {
        let in_blocks: u64 = self
            .blocks
            .iter()
            .map(|block| u64::from(block.size_bytes))
            .sum();
        (self.size_bytes - in_blocks) as u32
    }
}

impl Image<'_> {
    /// The inode at a place in the inode table.
    ///
    /// # Errors
    /// If the place is outside the table or what stands there is no inode.
    pub fn inode(&self, place: InodeRef) -> Result<Inode, Error> {
        let mut fields = self.inode_fields(place)?;
        let kind = fields.u16()?;
        let mode = fields.u16()?;
        let uid = self.id(fields.u16()?)?;
        let gid = self.id(fields.u16()?)?;
        let modified_s = fields.u32()?;
        let number = fields.u32()?;
        let kind = match kind {
            1 => basic_directory(fields)?,
            8 => extended_directory(fields)?,
            2 => self.basic_file(fields)?,
            9 => self.extended_file(fields)?,
            3 | 10 => symlink(fields)?,
            4 | 11 => InodeKind::BlockDevice(device(fields)?),
            5 | 12 => InodeKind::CharDevice(device(fields)?),
            6 | 13 => InodeKind::Fifo,
            7 | 14 => InodeKind::Socket,
            _ => return Err(Error::Invalid("an inode has an unknown kind")),
        };
        Ok(Inode {
            mode: mode & 0o7777,
            uid,
            gid,
            modified_s,
            number,
            kind,
        })
    }

    fn basic_file(&self, mut fields: Fields<'_>) -> Result<InodeKind, Error> {
        let start = u64::from(fields.u32()?);
        let fragment = (fields.u32()?, fields.u32()?);
        let size_bytes = u64::from(fields.u32()?);
        self.file(fields, start, size_bytes, fragment)
    }

    fn extended_file(&self, mut fields: Fields<'_>) -> Result<InodeKind, Error> {
        let start = fields.u64()?;
        let size_bytes = fields.u64()?;
        let _sparse_bytes = fields.u64()?;
        let _link_count = fields.u32()?;
        let fragment = (fields.u32()?, fields.u32()?);
        let _xattr_index = fields.u32()?;
        self.file(fields, start, size_bytes, fragment)
    }

    /// Follows the list of size words: each block starts where the one before it ends.
    fn file(
        &self,
        mut fields: Fields<'_>,
        mut start: u64,
        size_bytes: u64,
        (fragment_index, fragment_offset): (u32, u32),
    ) -> Result<InodeKind, Error> {
        let block_size_bytes = u64::from(self.superblock().block_size_bytes);
        let has_fragment = fragment_index != NO_FRAGMENT;
        let block_count = if has_fragment {
            size_bytes / block_size_bytes
        } else {
            size_bytes.div_ceil(block_size_bytes)
        };
        // Each block has a size word in the table, so the table's size bounds the list.
        let block_count =
            usize::try_from(block_count).map_err(|_| Error::LimitExceeded("files"))?;
        let words_size_bytes = block_count
            .checked_mul(4)
            .ok_or(Error::LimitExceeded("files"))?;
        let mut words = Fields::new(fields.take(words_size_bytes)?, "inode");
        let mut left_bytes = size_bytes;
        let mut blocks = Vec::with_capacity(block_count);
        for _ in 0..block_count {
            let block = Block::new(start, words.u32()?, left_bytes.min(block_size_bytes) as u32)?;
            left_bytes -= u64::from(block.size_bytes);
            start = block.end().ok_or(Error::OutOfBounds("data block"))?;
            blocks.push(block);
        }
        let fragment =
            (has_fragment && left_bytes > 0).then_some((fragment_index, fragment_offset));
        Ok(InodeKind::File(FileInode {
            size_bytes,
            blocks,
            fragment,
        }))
    }
}

fn basic_directory(mut fields: Fields<'_>) -> Result<InodeKind, Error> {
    let block = fields.u32()?;
    let _link_count = fields.u32()?;
    let size = u32::from(fields.u16()?);
    let offset = fields.u16()?;
    Ok(InodeKind::Directory(DirInode {
        block,
        offset,
        size,
    }))
}

fn extended_directory(mut fields: Fields<'_>) -> Result<InodeKind, Error> {
    let _link_count = fields.u32()?;
    let size = fields.u32()?;
    let block = fields.u32()?;
    let _parent = fields.u32()?;
    let _index_count = fields.u16()?;
    let offset = fields.u16()?;
    Ok(InodeKind::Directory(DirInode {
        block,
        offset,
        size,
    }))
}

fn symlink(mut fields: Fields<'_>) -> Result<InodeKind, Error> {
    let _link_count = fields.u32()?;
    let size_bytes = fields.u32()?;
    if size_bytes > SYMLINK_SIZE_LIMIT_BYTES {
        return Err(Error::LimitExceeded("symbolic links"));
    }
    let target = fields.take(size_bytes as usize)?;
    if target.is_empty() || target.contains(&0) {
        return Err(Error::Invalid("a symbolic link has an impossible target"));
    }
    Ok(InodeKind::Symlink(target.to_vec()))
}

fn device(mut fields: Fields<'_>) -> Result<u32, Error> {
    let _link_count = fields.u32()?;
    fields.u32()
}
