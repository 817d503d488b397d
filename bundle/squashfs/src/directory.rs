//! Directory listings.

use std::cmp::Ordering;

use crate::metadata::Cursor;
use crate::{DIRECTORY_SIZE_LIMIT_BYTES, DirInode, Error, FileKind, Image, InodeRef};

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
    /// What the inode is, as the directory says.
    pub kind: FileKind,
    /// The inode's number, as the directory says.
    pub number: u32,
}

impl Image<'_> {
    /// The entries of a directory, in the image's order, which is that of the names' bytes.
    ///
    /// # Errors
    /// If the listing lies outside its table, contradicts itself, is not sorted, is larger than
    /// [`DIRECTORY_SIZE_LIMIT_BYTES`], or has a name that could lead elsewhere.
    pub fn read_dir(&self, directory: &DirInode) -> Result<Vec<DirEntry>, Error> {
        let mut entries: Vec<DirEntry> = Vec::new();
        let Some(mut listing) = self.listing(directory)? else {
            return Ok(entries);
        };
        while let Some(entry) = listing.next(Vec::new())? {
            if entries.last().is_some_and(|last| last.name >= entry.name) {
                return Err(Error::Invalid("a directory's names are not sorted"));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The entry with this name.
    ///
    /// # Errors
    /// As of [`Image::read_dir`], for as much of the listing as is read.
    pub fn lookup(&self, directory: &DirInode, name: &[u8]) -> Result<Option<DirEntry>, Error> {
        let Some(mut listing) = self.listing(directory)? else {
            return Ok(None);
        };
        let mut space = Vec::new();
        while let Some(entry) = listing.next(space)? {
            match entry.name.as_slice().cmp(name) {
                Ordering::Less => space = entry.name,
                Ordering::Equal => return Ok(Some(entry)),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// The listing's beginning; none if the directory is empty.
    fn listing(&self, directory: &DirInode) -> Result<Option<Listing<'_>>, Error> {
        let left = directory.size.saturating_sub(UNSTORED_SIZE);
        if left > DIRECTORY_SIZE_LIMIT_BYTES {
            return Err(Error::LimitExceeded("directories"));
        }
        if left == 0 {
            return Ok(None);
        }
        Ok(Some(Listing {
            cursor: self.directory_cursor(directory.block, directory.offset)?,
            left,
            run: Run::default(),
        }))
    }
}

/// A listing that is being read: runs of entries, each run with a header for what its entries have in common.
struct Listing<'a> {
    cursor: Cursor<'a>,
    /// Bytes of the listing that are not read yet.
    left: u32,
    run: Run,
}

#[derive(Default)]
struct Run {
    /// Entries that are not read yet.
    left: u32,
    inode_block: u32,
    inode_number_base: u32,
}

impl Listing<'_> {
    /// The next entry, whose name takes the place of what is in `name`.
    fn next(&mut self, mut name: Vec<u8>) -> Result<Option<DirEntry>, Error> {
        if self.run.left == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            self.begin_run()?;
        }
        let inode_offset = self.cursor.u16()?;
        let number_difference = self.cursor.i16()?;
        let kind = FileKind::from_number(self.cursor.u16()?)?;
        let name_size_bytes = usize::from(self.cursor.u16()?) + 1;
        if name_size_bytes > NAME_SIZE_LIMIT_BYTES {
            return Err(Error::LimitExceeded("file names"));
        }
        self.spend(ENTRY_HEAD_SIZE_BYTES + name_size_bytes as u32)?;
        self.cursor.bytes_into(name_size_bytes, &mut name)?;
        check_name(&name)?;
        self.run.left -= 1;
        let base = self.run.inode_number_base;
        Ok(Some(DirEntry {
            name,
            inode: InodeRef::new(self.run.inode_block, inode_offset),
            kind,
            number: base.wrapping_add_signed(number_difference.into()),
        }))
    }

    fn begin_run(&mut self) -> Result<(), Error> {
        let count = self.cursor.u32()?.checked_add(1);
        let count = count.filter(|count| *count <= RUN_LIMIT);
        self.run = Run {
            left: count.ok_or(Error::Invalid("a directory has too long a run of entries"))?,
            inode_block: self.cursor.u32()?,
            inode_number_base: self.cursor.u32()?,
        };
        self.spend(HEADER_SIZE_BYTES)
    }

    fn spend(&mut self, size_bytes: u32) -> Result<(), Error> {
        let left = self.left.checked_sub(size_bytes);
        self.left = left.ok_or(Error::Invalid("a directory is longer than its inode says"))?;
        Ok(())
    }
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    if name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return Err(Error::BadName(name.escape_ascii().to_string()));
    }
    Ok(())
}
