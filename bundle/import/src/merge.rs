//! Laying layers over each other: entries become nodes of one tree, as if each layer were unpacked over the ones below it.
//!
//! The rules are OCI's (image-spec, layer.md); where that is silent, what is done is what umoci does. Paths are cleaned as
//! umoci and containerd clean them: a leading `/` is nothing, and `..` goes up as far as the root and no further.

mod resolve;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use bundle_image::{ContentId, Kind, Metadata, Node, NodeId, Tree};

use crate::archive::{Entry, EntryKind};
use crate::error::LayerError;
use resolve::Missing;
pub(crate) use resolve::clean;

const WHITEOUT: &[u8] = b".wh.";
const WHITEOUT_META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Where aufs kept files of several names: such a layer's hard links lead there, and nothing of it belongs to the image.
const AUFS_LINKS: &[u8] = b".wh..wh.plnk";
/// What a directory is that no entry describes.
const UNDESCRIBED: Metadata = Metadata {
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime_s: 0,
    xattrs: BTreeMap::new(),
};

/// The layers merged so far.
pub(crate) struct Merge {
    tree: Tree,
    /// Directories that were made without an entry of their own.
    undescribed: u64,
    undescribed_max: u64,
    /// The names that the present layer has touched, by directory: whiteouts in the same layer leave them alone.
    touched: HashMap<NodeId, HashMap<Vec<u8>, Touch>>,
}

/// How a layer has touched a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// It has put something into the directory of this name.
    Within,
    /// It has an entry of this name.
    Itself,
}

/// The number of a content: that of the entry that brings it, in its layer.
pub(crate) fn content_id(layer: usize, entry: usize) -> ContentId {
    ContentId((layer as u64) << 32 | entry as u64)
}

/// The layer and the entry that a content was numbered for.
pub(crate) fn origin(content: ContentId) -> (usize, usize) {
    (
        (content.0 >> 32) as usize,
        (content.0 & u64::from(u32::MAX)) as usize,
    )
}

impl Merge {
    /// Nothing but a root. Up to so many directories are made for entries whose parents have no entries.
    pub(crate) fn new(undescribed_max: u64) -> Self {
        Self {
            tree: Tree::new(UNDESCRIBED),
            undescribed: 0,
            undescribed_max,
            touched: HashMap::new(),
        }
    }

    /// Lays a layer's entries over what there is.
    pub(crate) fn add_layer(
        &mut self,
        layer: usize,
        entries: Vec<Entry>,
    ) -> Result<(), LayerError> {
        self.touched.clear();
        for (index, entry) in entries.into_iter().enumerate() {
            let path = entry.name.clone();
            self.add(entry, content_id(layer, index))
                .map_err(|reason| LayerError::Entry { path, reason })?;
        }
        self.tree.remove(self.tree.root(), AUFS_LINKS);
        Ok(())
    }

    pub(crate) fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    pub(crate) fn into_tree(self) -> Tree {
        self.tree
    }

    fn add(&mut self, entry: Entry, content: ContentId) -> Result<(), String> {
        let path = clean(&entry.name)?;
        let Some((name, parents)) = path.split_last() else {
            return self.describe_root(entry);
        };
        let is_aufs_link = path.first() == Some(&AUFS_LINKS);
        if !is_aufs_link && parents.iter().any(|name| name.starts_with(WHITEOUT_META)) {
            return Ok(());
        }
        if !is_aufs_link && name.starts_with(WHITEOUT) {
            return self.whiteout(parents, name);
        }
        let directory = self.directory(parents)?;
        match entry.kind {
            EntryKind::Directory => self.add_directory(directory, name, entry.metadata),
            EntryKind::HardLink(target) => {
                let target = self.link_target(&target)?;
                self.tree.link(directory, name, target);
            }
            kind => {
                let kind = node_kind(kind, content)?;
                let metadata = entry.metadata;
                self.tree.insert(directory, name, Node { metadata, kind });
            }
        }
        self.touch(directory, name, Touch::Itself);
        Ok(())
    }

    fn describe_root(&mut self, entry: Entry) -> Result<(), String> {
        if entry.kind != EntryKind::Directory {
            return Err("would take the root directory's place".into());
        }
        self.tree.node_mut(self.tree.root()).metadata = entry.metadata;
        Ok(())
    }

    /// A directory that is there already keeps what is in it.
    fn add_directory(&mut self, parent: NodeId, name: &[u8], metadata: Metadata) {
        let existing = self.tree.lookup(parent, name);
        match existing.filter(|node| self.tree.entries(*node).is_some()) {
            Some(node) => self.tree.node_mut(node).metadata = metadata,
            None => {
                let kind = Kind::Directory(BTreeMap::new());
                self.tree.insert(parent, name, Node { metadata, kind });
            }
        }
    }

    fn link_target(&self, target: &[u8]) -> Result<NodeId, String> {
        let missing = || {
            format!(
                "is a link to '{}', which is missing",
                crate::error::text(target)
            )
        };
        let path = clean(target)?;
        let Some((name, parents)) = path.split_last() else {
            return Err("is a link to the root directory".into());
        };
        let directory = self.find_directory(parents).map_err(|error| match error {
            Missing::Nothing => missing(),
            Missing::Refused(reason) => reason,
        })?;
        let node = self.tree.lookup(directory, name).ok_or_else(missing)?;
        if self.tree.entries(node).is_some() {
            return Err(format!(
                "is a link to '{}', which is a directory",
                crate::error::text(target)
            ));
        }
        Ok(node)
    }

    fn touch(&mut self, directory: NodeId, name: &[u8], touch: Touch) {
        let names = self.touched.entry(directory).or_default();
        match names.get_mut(name) {
            Some(Touch::Itself) => {}
            Some(before) => *before = touch,
            None => {
                names.insert(name.to_vec(), touch);
            }
        }
    }

    fn touched(&self, directory: NodeId, name: &[u8]) -> Option<Touch> {
        self.touched.get(&directory)?.get(name).copied()
    }

    /// Removes what lower layers have under a name; an opaque whiteout, what they have in the directory.
    fn whiteout(&mut self, parents: &[&[u8]], name: &[u8]) -> Result<(), String> {
        let hidden = &name[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err("is a whiteout of no name".into());
        }
        let is_opaque = name == OPAQUE;
        if name.starts_with(WHITEOUT_META) && !is_opaque {
            return Ok(());
        }
        let directory = match self.find_directory(parents) {
            Ok(directory) => directory,
            // Nothing is there to be hidden.
            Err(Missing::Nothing) => return Ok(()),
            Err(Missing::Refused(reason)) => return Err(reason),
        };
        if is_opaque {
            self.hide_lower(directory);
            return Ok(());
        }
        let touch = self.touched(directory, hidden);
        let Some(node) = self.tree.lookup(directory, hidden) else {
            return Ok(());
        };
        match touch {
            None => self.tree.remove(directory, hidden),
            Some(touch) => {
                // The directory itself is one that nobody describes, if this layer has only put something into it.
                if touch == Touch::Within {
                    self.tree.node_mut(node).metadata = UNDESCRIBED;
                }
                self.hide_lower(node);
            }
        }
        Ok(())
    }

    /// Removes what is beneath a node but what this layer has brought.
    fn hide_lower(&mut self, top: NodeId) {
        let mut waiting = vec![top];
        while let Some(directory) = waiting.pop() {
            let Some(entries) = self.tree.entries(directory) else {
                continue;
            };
            let entries: Vec<(Vec<u8>, NodeId)> = entries
                .iter()
                .map(|(name, node)| (name.clone(), *node))
                .collect();
            for (name, node) in entries {
                match self.touched(directory, &name) {
                    None => self.tree.remove(directory, &name),
                    Some(Touch::Within) => {
                        self.tree.node_mut(node).metadata = UNDESCRIBED;
                        waiting.push(node);
                    }
                    Some(Touch::Itself) => waiting.push(node),
                }
            }
        }
    }
}

fn node_kind(kind: EntryKind, content: ContentId) -> Result<Kind, String> {
    Ok(match kind {
        EntryKind::File { size_bytes } => Kind::File {
            content,
            size_bytes,
        },
        EntryKind::Symlink(target) => {
            resolve::check_symlink(&target)?;
            Kind::Symlink(target)
        }
        EntryKind::CharacterDevice { major, minor } => Kind::CharacterDevice { major, minor },
        EntryKind::BlockDevice { major, minor } => Kind::BlockDevice { major, minor },
        EntryKind::Fifo => Kind::Fifo,
        EntryKind::Directory | EntryKind::HardLink(_) => unreachable!("they have been dealt with"),
    })
}
