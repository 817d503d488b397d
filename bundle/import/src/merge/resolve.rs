//! Paths within a tree, symbolic links followed as if the tree's root were `/`.

use std::collections::BTreeMap;

use bundle_image::{Kind, Node, NodeId, SCAN_DEPTH_LIMIT, Tree};

use super::{Merge, Touch, UNDESCRIBED, WHITEOUT};
use crate::limits::{NAME_SIZE_MAX_BYTES, PATH_SIZE_MAX_BYTES, SYMLINK_HOPS_MAX};

/// Why there is no such directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is not there.
    Nothing,
    /// Something about the path is not allowed.
    Refused(String),
}

/// The names in a path; `.` and empty ones left out, `..` taken back with the name before it.
pub(crate) fn clean(path: &[u8]) -> Result<Vec<&[u8]>, String> {
    if path.len() > PATH_SIZE_MAX_BYTES {
        return Err(format!(
            "has a path longer than {PATH_SIZE_MAX_BYTES} bytes"
        ));
    }
    let mut names = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            _ if name.contains(&0) => return Err("has a NUL in its path".into()),
            // The mark of a whiteout comes on top: only archives hold it.
            _ if name.strip_prefix(WHITEOUT).unwrap_or(name).len() > NAME_SIZE_MAX_BYTES => {
                return Err(format!(
                    "has a name longer than {NAME_SIZE_MAX_BYTES} bytes"
                ));
            }
            _ => names.push(name),
        }
    }
    Ok(names)
}

/// Refuses targets that Linux would refuse.
pub(crate) fn check_symlink(target: &[u8]) -> Result<(), String> {
    if target.is_empty() {
        Err("is a symbolic link to nothing".into())
    } else if target.len() >= PATH_SIZE_MAX_BYTES || target.contains(&0) {
        Err("is a symbolic link to what is no path".into())
    } else {
        Ok(())
    }
}

/// A walk through a tree, from its root.
struct Walk {
    /// The directories from the root to here.
    stack: Vec<NodeId>,
    /// How long the path to each of them is.
    sizes: Vec<usize>,
    /// The names that are still to be looked up, the next one last.
    pending: Vec<Vec<u8>>,
    hops: u32,
}

/// What a walk comes upon.
enum Found {
    Here(NodeId),
    Missing { directory: NodeId, name: Vec<u8> },
    Entered { directory: NodeId, name: Vec<u8> },
}

impl Walk {
    fn new(root: NodeId, names: &[&[u8]]) -> Self {
        Self {
            stack: vec![root],
            sizes: vec![0],
            pending: names.iter().rev().map(|name| name.to_vec()).collect(),
            hops: 0,
        }
    }

    fn here(&self) -> NodeId {
        *self.stack.last().expect("the root stays")
    }

    fn enter(&mut self, directory: NodeId, name: &[u8]) -> Result<(), String> {
        let size = self.sizes.last().expect("the root stays") + 1 + name.len();
        if size > PATH_SIZE_MAX_BYTES {
            return Err(format!(
                "leads to a path longer than {PATH_SIZE_MAX_BYTES} bytes"
            ));
        }
        // One more would be an image that cannot be unpacked again here.
        if self.stack.len() > SCAN_DEPTH_LIMIT {
            return Err(format!("lies in more than {SCAN_DEPTH_LIMIT} directories"));
        }
        self.stack.push(directory);
        self.sizes.push(size);
        Ok(())
    }

    /// Goes on to the next directory.
    fn step(&mut self, tree: &Tree) -> Result<Found, String> {
        loop {
            let directory = self.here();
            let Some(name) = self.pending.pop() else {
                return Ok(Found::Here(directory));
            };
            if name == b".." {
                if self.stack.len() > 1 {
                    self.stack.pop();
                    self.sizes.pop();
                }
                continue;
            }
            let Some(node) = tree.lookup(directory, &name) else {
                return Ok(Found::Missing { directory, name });
            };
            match &tree.node(node).kind {
                Kind::Directory(_) => {
                    self.enter(node, &name)?;
                    return Ok(Found::Entered { directory, name });
                }
                Kind::Symlink(target) => self.follow(target)?,
                _ => {
                    let name = crate::error::text(&name);
                    return Err(format!("lies in '{name}', which is not a directory"));
                }
            }
        }
    }

    fn follow(&mut self, target: &[u8]) -> Result<(), String> {
        self.hops += 1;
        if self.hops > SYMLINK_HOPS_MAX {
            return Err(format!(
                "lies behind more than {SYMLINK_HOPS_MAX} symbolic links"
            ));
        }
        if target.first() == Some(&b'/') {
            self.stack.truncate(1);
            self.sizes.truncate(1);
        }
        let names = target.split(|byte| *byte == b'/');
        let names = names.filter(|name| !matches!(*name, b"" | b"."));
        for name in names.rev() {
            if name.len() > NAME_SIZE_MAX_BYTES {
                return Err("lies behind a symbolic link to what is no path".into());
            }
            self.pending.push(name.to_vec());
        }
        Ok(())
    }
}

impl Merge {
    /// The directory with this path. What is missing of it is made.
    pub(crate) fn directory(&mut self, names: &[&[u8]]) -> Result<NodeId, String> {
        let mut walk = Walk::new(self.tree.root(), names);
        loop {
            match walk.step(&self.tree)? {
                Found::Here(directory) => return Ok(directory),
                Found::Entered { directory, name } => self.touch(directory, &name, Touch::Within),
                Found::Missing { directory, name } => {
                    let made = self.undescribed_directory(directory, &name)?;
                    walk.enter(made, &name)?;
                    self.touch(directory, &name, Touch::Within);
                }
            }
        }
    }

    /// The directory with this path, if it is there.
    pub(crate) fn find_directory(&self, names: &[&[u8]]) -> Result<NodeId, Missing> {
        let mut walk = Walk::new(self.tree.root(), names);
        loop {
            match walk.step(&self.tree).map_err(Missing::Refused)? {
                Found::Here(directory) => return Ok(directory),
                Found::Entered { .. } => {}
                Found::Missing { .. } => return Err(Missing::Nothing),
            }
        }
    }

    fn undescribed_directory(&mut self, parent: NodeId, name: &[u8]) -> Result<NodeId, String> {
        self.undescribed += 1;
        if self.undescribed > self.undescribed_max {
            return Err("lies in more directories than are allowed".into());
        }
        let kind = Kind::Directory(BTreeMap::new());
        let metadata = UNDESCRIBED;
        Ok(self.tree.insert(parent, name, Node { metadata, kind }))
    }
}
