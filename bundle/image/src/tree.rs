//! A file system's metadata in memory.

use std::collections::BTreeMap;

/// A file system: directories, what is in them, and what is known of each but the contents of files.
///
/// A hard link is a second name for the same node. Nodes that have lost their last name stay in memory and are not written.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A node's number, as long as its tree lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Its number, from 0: less than [`Tree::node_count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a file's content, given by whoever makes the tree; the writer is told the content under the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub u64);

/// One file, directory, link or device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Owner, mode, time, attributes.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
}

/// What all kinds have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Permissions with set-user-id, set-group-id and sticky: the lowest 12 bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When it was changed, in seconds since 1970.
    pub mtime_s: u32,
    /// Extended attributes by their whole names, such as `security.capability`.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Names, in the order of their bytes, which is squashfs's too.
    Directory(BTreeMap<Vec<u8>, NodeId>),
    /// A regular file.
    File {
        /// Its content.
        content: ContentId,
        /// Size.
        size_bytes: u64,
    },
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// A character device.
    CharacterDevice {
        /// The device's major number.
        major: u32,
        /// The device's minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The device's major number.
        major: u32,
        /// The device's minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Tree {
    /// A tree with an empty root directory.
    pub fn new(root: Metadata) -> Self {
        Self {
            nodes: vec![Node {
                metadata: root,
                kind: Kind::Directory(BTreeMap::new()),
            }],
        }
    }

    /// How many nodes there are, with those that have lost their names.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// A node, to be changed.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    /// The names in a directory; none if it is something else.
    pub fn entries(&self, directory: NodeId) -> Option<&BTreeMap<Vec<u8>, NodeId>> {
        match &self.node(directory).kind {
            Kind::Directory(entries) => Some(entries),
            _ => None,
        }
    }

    /// What has this name in a directory.
    pub fn lookup(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.entries(directory)?.get(name).copied()
    }

    /// Gives a new node a name; what had that name loses it.
    ///
    /// # Panics
    /// If `directory` is none, or there are more than 4 billion nodes.
    pub fn insert(&mut self, directory: NodeId, name: &[u8], node: Node) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        self.nodes.push(node);
        self.link(directory, name, id);
        id
    }

    /// Gives a node that exists one more name; what had that name loses it.
    ///
    /// # Panics
    /// If `directory` is none.
    pub fn link(&mut self, directory: NodeId, name: &[u8], node: NodeId) {
        match &mut self.node_mut(directory).kind {
            Kind::Directory(entries) => entries.insert(name.to_vec(), node),
            _ => panic!("a name outside of a directory"),
        };
    }

    /// Takes a name away.
    pub fn remove(&mut self, directory: NodeId, name: &[u8]) {
        if let Kind::Directory(entries) = &mut self.node_mut(directory).kind {
            entries.remove(name);
        }
    }

    /// Takes all names in a directory away.
    pub fn clear(&mut self, directory: NodeId) {
        if let Kind::Directory(entries) = &mut self.node_mut(directory).kind {
            entries.clear();
        }
    }
}
