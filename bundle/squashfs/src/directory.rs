//! Directory listings.

use std::cmp::Ordering;

use crate::metadata::{BLOCK_SIZE_BYTES, Cursor};
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
        let mut entries = Vec::new();
        let Some(mut listing) = self.listing(directory)? else {
            return Ok(entries);
        };
        while let Some(entry) = listing.next()? {
            entries.push(listing.named(entry));
        }
        Ok(entries)
    }

    /// The entry with this name.
    ///
    /// # Errors
    /// As of [`Image::read_dir`], for as much of the listing as is read.
    pub fn lookup(&self, directory: &DirInode, name: &[u8]) -> Result<Option<DirEntry>, Error> {
        let Some(mut listing) = self.listing_near(directory, name)? else {
            return Ok(None);
        };
        while let Some(entry) = listing.next()? {
            match listing.name().cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(listing.named(entry))),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// The listing from its beginning; none if the directory is empty.
    pub(crate) fn listing(&self, directory: &DirInode) -> Result<Option<Listing<'_>>, Error> {
        self.listing_from(directory, directory.block, 0)
    }

    /// The listing from the last place where the directory's index says that a run of entries begins and their names are not
    /// behind `name`.
    fn listing_near(
        &self,
        directory: &DirInode,
        name: &[u8],
    ) -> Result<Option<Listing<'_>>, Error> {
        let mut block = directory.block;
        let mut skipped = 0;
        if let Some((count, place)) = directory.index {
            let mut index = self.inode_cursor(place)?;
            let mut first_name = Vec::new();
            for _ in 0..count {
                let run_offset = index.u32()?;
                let run_block = index.u32()?;
                let name_size_bytes = name_size_bytes(index.u32()?)?;
                index.bytes_into(name_size_bytes, &mut first_name)?;
                if first_name.as_slice() > name {
                    break;
                }
                (block, skipped) = (run_block, run_offset);
            }
        }
        self.listing_from(directory, block, skipped)
    }

    /// The listing without its first `skipped` bytes; none if nothing is left. What follows them begins in the metadata
    /// block at `block`.
    fn listing_from(
        &self,
        directory: &DirInode,
        block: u32,
        skipped: u32,
    ) -> Result<Option<Listing<'_>>, Error> {
        let size_bytes = directory.size.saturating_sub(UNSTORED_SIZE);
        if size_bytes > DIRECTORY_SIZE_LIMIT_BYTES {
            return Err(Error::LimitExceeded("directories"));
        }
        let left = size_bytes.checked_sub(skipped);
        let left = left.ok_or(Error::Invalid("a directory's index leads behind its end"))?;
        if left == 0 {
            return Ok(None);
        }
        // Only the last metadata block of a table is not full.
        let offset = (u32::from(directory.offset) + skipped) % BLOCK_SIZE_BYTES as u32;
        Ok(Some(Listing {
            cursor: self.directory_cursor(block, offset as u16)?,
            left,
            run: Run::default(),
            name: Vec::new(),
            next_name: Vec::new(),
        }))
    }
}

/// A listing that is being read: runs of entries, each run with a header for what its entries have in common.
pub(crate) struct Listing<'a> {
    cursor: Cursor<'a>,
    /// Bytes of the listing that are not read yet.
    left: u32,
    run: Run,
    /// The name of the entry that was read last. No name is empty.
    name: Vec<u8>,
    /// Room for the next one.
    next_name: Vec<u8>,
}

#[derive(Default)]
struct Run {
    /// Entries that are not read yet.
    left: u32,
    inode_block: u32,
    inode_number_base: u32,
}

/// An entry without its name, which the [`Listing`] keeps.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) inode: InodeRef,
    pub(crate) kind: FileKind,
    pub(crate) number: u32,
}

impl Listing<'_> {
    /// The next entry. Its name is behind those before it, so none comes twice.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        if self.run.left == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            self.begin_run()?;
        }
        let inode_offset = self.cursor.u16()?;
        let number_difference = self.cursor.i16()?;
        let kind = FileKind::from_number(self.cursor.u16()?)?;
        let name_size_bytes = name_size_bytes(self.cursor.u16()?.into())?;
        self.spend(ENTRY_HEAD_SIZE_BYTES + name_size_bytes as u32)?;
        self.cursor
            .bytes_into(name_size_bytes, &mut self.next_name)?;
        check_name(&self.next_name)?;
        if self.next_name <= self.name {
            return Err(Error::Invalid("a directory's names are not sorted"));
        }
        std::mem::swap(&mut self.name, &mut self.next_name);
        self.run.left -= 1;
        let base = self.run.inode_number_base;
        Ok(Some(Entry {
            inode: InodeRef::new(self.run.inode_block, inode_offset),
            kind,
            number: base.wrapping_add_signed(number_difference.into()),
        }))
    }

    /// The name of the entry that was read last.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The entry, which must be the last that was read, with its name.
    fn named(&self, entry: Entry) -> DirEntry {
        DirEntry {
            name: self.name.clone(),
            inode: entry.inode,
            kind: entry.kind,
            number: entry.number,
        }
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

/// The format stores sizes of names less one.
fn name_size_bytes(stored: u32) -> Result<usize, Error> {
    let size_bytes = stored as usize + 1;
    if size_bytes > NAME_SIZE_LIMIT_BYTES {
        return Err(Error::LimitExceeded("file names"));
    }
    Ok(size_bytes)
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    if name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0) {
        return Err(Error::BadName(name.escape_ascii().to_string()));
    }
    Ok(())
}
