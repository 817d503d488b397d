//! Walking the whole tree.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::{
    DEPTH_LIMIT, DirInode, Error, Image, Inode, InodeKind, InodeRef, WALK_SIZE_LIMIT_BYTES,
};

/// A file, directory or link, and its path relative to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// Path relative to the root; empty for the root itself.
    pub path: PathBuf,
    /// What stands there.
    pub inode: Inode,
}

impl Image<'_> {
    /// Every entry of the image, each directory before what is in it, beginning with the root.
    ///
    /// # Errors
    /// As of [`Image::visit`], and if the entries take more memory than [`WALK_SIZE_LIMIT_BYTES`].
    pub fn walk(&self) -> Result<Vec<WalkEntry>, Error> {
        let mut entries = Vec::new();
        let mut left_bytes = WALK_SIZE_LIMIT_BYTES;
        self.visit(|path, inode| {
            let target_size_bytes = match &inode.kind {
                InodeKind::Symlink(target) => target.len(),
                _ => 0,
            };
            let size_bytes = size_of::<WalkEntry>() + path.as_os_str().len() + target_size_bytes;
            left_bytes = left_bytes
                .checked_sub(size_bytes)
                .ok_or(Error::LimitExceeded("directory entries"))?;
            entries.push(WalkEntry {
                path: path.to_path_buf(),
                inode,
            });
            Ok::<_, Error>(())
        })?;
        Ok(entries)
    }

    /// Calls `each` with the path and the inode of every entry of the image, in the order of [`Image::walk`]. However many
    /// there are, it takes little memory.
    ///
    /// # Errors
    /// If the tree is damaged, too deep, has more entries than the image has inodes, or a directory in two places; and the
    /// first error of `each`.
    pub fn visit<E: From<Error>>(
        &self,
        each: impl FnMut(&Path, Inode) -> Result<(), E>,
    ) -> Result<(), E> {
        let root = self.inode(self.root())?;
        let InodeKind::Directory(directory) = root.kind else {
            return Err(Error::Invalid("its root is not a directory").into());
        };
        let mut visit = Visit {
            image: self,
            each,
            path: PathBuf::new(),
            directories: HashSet::from([self.root()]),
            entry_count: 0,
        };
        (visit.each)(&visit.path, root)?;
        visit.directory(&directory, 0)
    }
}

struct Visit<'a, F> {
    image: &'a Image<'a>,
    each: F,
    path: PathBuf,
    /// Directories met so far: a directory has one place, and a loop would come back to one of them.
    directories: HashSet<InodeRef>,
    entry_count: u64,
}

impl<E: From<Error>, F: FnMut(&Path, Inode) -> Result<(), E>> Visit<'_, F> {
    fn directory(&mut self, directory: &DirInode, depth: usize) -> Result<(), E> {
        if depth > DEPTH_LIMIT {
            return Err(Error::LimitExceeded("nested directories").into());
        }
        let Some(mut listing) = self.image.listing(directory)? else {
            return Ok(());
        };
        let inode_count = self.image.superblock().inode_count;
        while let Some(entry) = listing.next()? {
            // Hard links let one inode stand in several places, but each name has a directory entry of its own, and
            // no image that a packer makes has 16 names for each inode.
            self.entry_count += 1;
            if self.entry_count > u64::from(inode_count) * 16 {
                return Err(Error::LimitExceeded("directory entries").into());
            }
            let inode = self.image.inode(entry.inode)?;
            if inode.number != entry.number || inode.kind.file_kind() != entry.kind {
                return Err(Error::Invalid("a directory entry names another inode").into());
            }
            let directory = match inode.kind {
                InodeKind::Directory(directory) => Some(directory),
                _ => None,
            };
            self.path.push(OsStr::from_bytes(listing.name()));
            (self.each)(&self.path, inode)?;
            if let Some(directory) = directory {
                if !self.directories.insert(entry.inode) {
                    return Err(Error::Invalid("a directory stands in two places").into());
                }
                if self.directories.len() > inode_count as usize {
                    return Err(Error::LimitExceeded("directories").into());
                }
                self.directory(&directory, depth + 1)?;
            }
            self.path.pop();
        }
        Ok(())
    }
}
