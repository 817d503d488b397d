//! Walking the whole tree.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::{DEPTH_LIMIT, DirInode, Error, Image, Inode, InodeKind};

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
    /// If the tree is damaged, too deep, has more entries than the image has inodes, or a directory in two places.
    pub fn walk(&self) -> Result<Vec<WalkEntry>, Error> {
        let mut walk = Walk {
            image: self,
            entries: Vec::new(),
            seen: HashSet::new(),
        };
        let root = self.inode(self.root())?;
        let InodeKind::Directory(directory) = root.kind else {
            return Err(Error::Invalid("its root is not a directory"));
        };
        walk.seen.insert(self.root());
        walk.entries.push(WalkEntry {
            path: PathBuf::new(),
            inode: root,
        });
        walk.directory(Path::new(""), &directory, 0)?;
        Ok(walk.entries)
    }
}

struct Walk<'a> {
    image: &'a Image<'a>,
    entries: Vec<WalkEntry>,
    /// Directories met so far: a directory has one place, and a loop would come back to one of them.
    seen: HashSet<crate::InodeRef>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, directory: &DirInode, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::LimitExceeded("nested directories"));
        }
        let mut names = HashSet::new();
        for entry in self.image.read_dir(directory)? {
            // Hard links let one inode stand in several places, but each name has a directory entry of its own, and
            // no image that a packer makes has 16 names for each inode.
            if self.entries.len() as u64 > u64::from(self.image.superblock().inode_count) * 16 {
                return Err(Error::LimitExceeded("directory entries"));
            }
            let path = path.join(OsStr::from_bytes(&entry.name));
            let inode = self.image.inode(entry.inode)?;
            let directory = match inode.kind {
                InodeKind::Directory(directory) => Some(directory),
                _ => None,
            };
            self.entries.push(WalkEntry {
                path: path.clone(),
                inode,
            });
            if let Some(directory) = directory {
                if !self.seen.insert(entry.inode) {
                    return Err(Error::Invalid("a directory stands in two places"));
                }
                self.directory(&path, &directory, depth + 1)?;
            }
            if !names.insert(entry.name) {
                return Err(Error::Invalid("a directory has the same name twice"));
            }
        }
        Ok(())
    }
}
