//! In which order inodes are written, which numbers they have, and whether the format can hold the tree.

use std::collections::btree_map;

use crate::{Error, Kind, NAME_SIZE_LIMIT_BYTES, NodeId, SYMLINK_SIZE_LIMIT_BYTES, Tree};

/// Devices have major numbers of 12 bits and minor numbers of 20.
const MAJOR_LIMIT: u32 = 1 << 12;
const MINOR_LIMIT: u32 = 1 << 20;

/// What has to be known of all inodes before the first is written. Only nodes that the root leads to count.
pub(crate) struct Plan<'a> {
    tree: &'a Tree,
    /// Each directory behind those in it. The inodes of what is in one directory are written together, so that whoever lists
    /// a directory reads few metadata blocks.
    pub(crate) directories: Vec<NodeId>,
    /// By node: the inode's number, from 1 in the order of writing; 0 for what the root does not lead to.
    numbers: Vec<u32>,
    /// By node: how many names it has, as `stat` counts them.
    link_counts: Vec<u32>,
    /// By node: the directory that a directory stands in.
    parents: Vec<NodeId>,
    pub(crate) inode_count: u32,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(tree: &'a Tree) -> Result<Self, Error> {
        let mut plan = Self {
            tree,
            directories: Vec::new(),
            numbers: vec![0; tree.node_count()],
            link_counts: vec![0; tree.node_count()],
            parents: vec![tree.root(); tree.node_count()],
            inode_count: 0,
        };
        plan.order()?;
        plan.number()?;
        Ok(plan)
    }

    pub(crate) fn number_of(&self, node: NodeId) -> u32 {
        self.numbers[node.index()]
    }

    pub(crate) fn link_count(&self, node: NodeId) -> u32 {
        self.link_counts[node.index()]
    }

    /// The number of the directory that a directory stands in. The root's is one that no inode has.
    pub(crate) fn parent_number(&self, directory: NodeId) -> u32 {
        if directory == self.tree.root() {
            self.inode_count + 1
        } else {
            self.number_of(self.parents[directory.index()])
        }
    }

    /// Where a name in a directory stands, for people.
    pub(crate) fn path(&self, directory: NodeId, name: &[u8]) -> String {
        let mut names = vec![name];
        let mut inner = directory;
        while inner != self.tree.root() {
            let outer = self.parents[inner.index()];
            let named = entries(self.tree, outer).find(|(_, node)| **node == inner);
            names.push(named.map_or(b"?", |(name, _)| name.as_slice()));
            inner = outer;
        }
        names.reverse();
        names.join(&b'/').escape_ascii().to_string()
    }

    /// Lists the directories, however deep they are.
    fn order(&mut self) -> Result<(), Error> {
        let root = self.tree.root();
        self.link_counts[root.index()] = 2;
        let mut open = vec![(root, entries(self.tree, root))];
        while let Some((directory, left)) = open.last_mut() {
            let directory = *directory;
            let Some((name, child)) = left.next() else {
                self.directories.push(directory);
                open.pop();
                continue;
            };
            if self.tree.entries(*child).is_none() {
                continue;
            }
            if self.link_counts[child.index()] > 0 {
                return Err(self.refuse(directory, name, "it is a directory with two names"));
            }
            self.link_counts[child.index()] = 2;
            self.link_counts[directory.index()] += 1;
            self.parents[child.index()] = directory;
            open.push((*child, entries(self.tree, *child)));
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        for directory in std::mem::take(&mut self.directories) {
            for (name, child) in entries(self.tree, directory) {
                if let Err(reason) = check_name(name).and_then(|()| self.check_kind(*child)) {
                    return Err(self.refuse(directory, name, reason));
                }
                if self.tree.entries(*child).is_none() {
                    self.link_counts[child.index()] += 1;
                }
                if self.numbers[child.index()] == 0 {
                    self.inode_count += 1;
                    self.numbers[child.index()] = self.inode_count;
                }
            }
            self.directories.push(directory);
        }
        self.inode_count += 1;
        self.numbers[self.tree.root().index()] = self.inode_count;
        Ok(())
    }

    fn check_kind(&self, node: NodeId) -> Result<(), &'static str> {
        match &self.tree.node(node).kind {
            Kind::Symlink(target) if target.is_empty() || target.contains(&0) => {
                Err("a symbolic link cannot have such a target")
            }
            Kind::Symlink(target) if target.len() > SYMLINK_SIZE_LIMIT_BYTES => {
                Err("the symbolic link's target is longer than 4095 bytes")
            }
            Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor }
                if *major >= MAJOR_LIMIT || *minor >= MINOR_LIMIT =>
            {
                Err("Linux has no device with such a number")
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, directory: NodeId, name: &[u8], reason: &str) -> Error {
        Error::Node {
            path: self.path(directory, name),
            reason: reason.into(),
        }
    }
}

fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if name.len() > NAME_SIZE_LIMIT_BYTES {
        return Err("its name is longer than 255 bytes");
    }
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') || name.contains(&0)
    {
        return Err("no file can have such a name");
    }
    Ok(())
}

fn entries(tree: &Tree, directory: NodeId) -> btree_map::Iter<'_, Vec<u8>, NodeId> {
    tree.entries(directory)
        .map_or_else(Default::default, |entries| entries.iter())
}
