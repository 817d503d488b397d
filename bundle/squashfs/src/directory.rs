//! Directory listings.

use crate::{DirInode, Error, Image, InodeRef};

const NAME_SIZE_LIMIT_BYTES: usize = 256;
/// A run of entries that share a header has at most this many.
const RUN_LIMIT: u32 = 256;
/// The format counts `.` and `..`, which it does not store, as three bytes.
const UNSTORED_SIZE: u32 = 3;
const HEADER_SIZE_BYTES: u32 = 12;
const ENTRY_HEAD_SIZE_BYTES: u32 = 8;

/// A name in a directory and the inode that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name's bytes: no `/`, no NUL, neither `.` nor `..`.
    pub name: Vec<u8>,
    /// The inode.
    pub inode: InodeRef,
}

impl Image<'_> {
    /// The entries of a directory, in the image's order (sorted by name).
    ///
    /// # Errors
    /// If the listing lies outside its table, contradicts itself, or has a name that could lead elsewhere.
    pub fn read_dir(&self, directory: &DirInode) -> Result<Vec<DirEntry>, Error> {
        let mut entries = Vec::new();
        let mut left = directory.size.saturating_sub(UNSTORED_SIZE);
        if left == 0 {
            return Ok(entries);
        }
        let mut fields = self.directory_fields(directory.block, directory.offset)?;
        while left > 0 {
            let count = fields
                .u32()?
                .checked_add(1)
                .filter(|count| *count <= RUN_LIMIT);
            let count = count.ok_or(Error::Invalid("a directory has too long a run of entries"))?;
            let inode_block = fields.u32()?;
            let _inode_number_base = fields.u32()?;
            left = spend(left, HEADER_SIZE_BYTES)?;
            for _ in 0..count {
                let inode_offset = fields.u16()?;
                let _inode_number_difference = fields.i16()?;
                let _kind = fields.u16()?;
                let name_size_bytes = usize::from(fields.u16()?) + 1;
                if name_size_bytes > NAME_SIZE_LIMIT_BYTES {
                    return Err(Error::LimitExceeded("file names"));
                }
                let name = fields.take(name_size_bytes)?;
                check_name(name)?;
                left = spend(left, ENTRY_HEAD_SIZE_BYTES + name_size_bytes as u32)?;
                entries.push(DirEntry {
                    name: name.to_vec(),
                    inode: InodeRef::new(inode_block, inode_offset),
                });
            }
        }
        Ok(entries)
    }
}

fn spend(left: u32, size: u32) -> Result<u32, Error> {
    left.checked_sub(size)
        .ok_or(Error::Invalid("a directory is longer than its inode says"))
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    if name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return Err(Error::BadName(name.escape_ascii().to_string()));
    }
    Ok(())
}
