//! Requests about names: LOOKUP, READDIR, READDIRPLUS.

use std::sync::Arc;

use bundle_squashfs::{DirEntry, DirInode, FileKind, InodeKind};

use crate::attributes::{self, directory_entry_type, node_of};
use crate::protocol::{Fields, Request};
use crate::serve::{Failure, Server, lock};

/// No reply about a directory is larger, whatever the kernel asks for.
const REPLY_SIZE_LIMIT_BYTES: usize = 1 << 20;
/// Size of what READDIRPLUS has in front of each entry.
const ENTRY_SIZE_BYTES: usize = 128;
const NAME_OFFSET: usize = 24;
/// The format has no longer names.
pub(crate) const NAME_SIZE_LIMIT_BYTES: usize = 256;

/// A directory's entries, read as a whole: requests ask for them piece by piece.
#[derive(Debug)]
pub(crate) struct Listing {
    number: u32,
    parent_number: u32,
    entries: Vec<DirEntry>,
}

impl Listing {
    /// Memory that it takes.
    fn size_bytes(&self) -> usize {
        let names = self.entries.iter().map(|entry| entry.name.capacity());
        size_of::<Self>() + self.entries.capacity() * size_of::<DirEntry>() + names.sum::<usize>()
    }

    /// What stands at a position: `.`, `..`, then the entries. Positions are the offsets of the protocol.
    fn at(&self, position: usize) -> Option<(&[u8], u32, FileKind, Option<&DirEntry>)> {
        match position {
            0 => Some((b".", self.number, FileKind::Directory, None)),
            1 => Some((b"..", self.parent_number, FileKind::Directory, None)),
            _ => {
                let entry = self.entries.get(position - 2)?;
                Some((&entry.name, entry.number, entry.kind, Some(entry)))
            }
        }
    }
}

impl Server<'_> {
    pub(crate) fn lookup(&self, request: Request<'_>, out: &mut Fields) -> Result<(), Failure> {
        let name = request.body.name(0).ok_or(Failure::MALFORMED)?;
        if name.len() > NAME_SIZE_LIMIT_BYTES {
            return Err(Failure::Errno(libc::ENAMETOOLONG));
        }
        let (_, directory) = self.directory(request.node)?;
        let Some(found) = self.image.lookup(&directory, name)? else {
            attributes::no_entry(out);
            return Ok(());
        };
        let inode = self.image.inode(found.inode)?;
        let node = node_of(self.image, found.inode);
        attributes::entry(out, node, &inode, self.options);
        Ok(())
    }

    pub(crate) fn read_directory(
        &self,
        request: Request<'_>,
        with_attributes: bool,
        out: &mut Fields,
    ) -> Result<(), Failure> {
        let offset = request.body.u64(8).ok_or(Failure::MALFORMED)?;
        let size_bytes = request.body.u32(16).ok_or(Failure::MALFORMED)? as usize;
        let limit_bytes = size_bytes.min(REPLY_SIZE_LIMIT_BYTES);
        let listing = self.listing(request.node)?;
        let mut position = usize::try_from(offset).map_err(|_| Failure::MALFORMED)?;
        while let Some((name, number, kind, entry)) = listing.at(position) {
            let before = if with_attributes { ENTRY_SIZE_BYTES } else { 0 };
            let needed = (before + NAME_OFFSET + name.len()).next_multiple_of(8);
            if out.0.len() + needed > limit_bytes {
                break;
            }
            if with_attributes {
                // The kernel knows this directory and the one above already. If an inode is damaged, that is told to those
                // who look it up.
                match entry.map(|entry| (entry.inode, self.image.inode(entry.inode))) {
                    Some((place, Ok(inode))) => {
                        attributes::entry(out, node_of(self.image, place), &inode, self.options);
                    }
                    Some((_, Err(_))) | None => out.0.resize(out.0.len() + ENTRY_SIZE_BYTES, 0),
                }
            }
            position += 1;
            out.u64(number.into())
                .u64(position as u64)
                .u32(name.len() as u32)
                .u32(directory_entry_type(kind))
                .bytes(name)
                .align();
        }
        Ok(())
    }

    fn directory(&self, node: u64) -> Result<(u32, DirInode), Failure> {
        let inode = self.inode(node)?;
        match inode.kind {
            InodeKind::Directory(directory) => Ok((inode.number, directory)),
            _ => Err(Failure::Errno(libc::ENOTDIR)),
        }
    }

    fn listing(&self, node: u64) -> Result<Arc<Listing>, Failure> {
        if let Some(listing) = lock(&self.listings).get(&node) {
            return Ok(Arc::clone(listing));
        }
        let (number, directory) = self.directory(node)?;
        let entries = self.image.read_dir(&directory)?;
        // The format gives the root a parent that does not exist.
        let is_root = node_of(self.image, self.image.root()) == node;
        let listing = Arc::new(Listing {
            number,
            parent_number: if is_root {
                number
            } else {
                directory.parent_number
            },
            entries,
        });
        lock(&self.listings).insert(node, Arc::clone(&listing), listing.size_bytes());
        Ok(listing)
    }
}
