//! The tables behind an image's contents, in the order in which the kernel wants them: inodes, directories, fragments, export,
//! ids, attributes.

use std::collections::HashMap;
use std::io::{Seek, Write};

use crate::compress::{Compression, Compressor};
use crate::contents::{Contents, Output, Stored};
use crate::listing::{self, Entry, Listing};
use crate::metadata::{Place, Table};
use crate::plan::Plan;
use crate::superblock::NO_TABLE;
use crate::xattrs::Xattrs;
use crate::{Error, ID_COUNT_LIMIT, Kind, NodeId, Tree, inodes};

/// Where the tables begin, for the superblock.
pub(crate) struct Tables {
    pub(crate) inode_count: u32,
    pub(crate) fragment_count: u32,
    pub(crate) id_count: u16,
    pub(crate) root: u64,
    pub(crate) inode_start: u64,
    pub(crate) directory_start: u64,
    pub(crate) fragment_start: u64,
    pub(crate) export_start: u64,
    pub(crate) id_start: u64,
    pub(crate) xattr_start: u64,
}

/// Writes the tables of everything that the tree's root leads to.
pub(crate) fn write<W: Write + Seek>(
    contents: &mut Contents<W>,
    tree: &Tree,
    compression: Compression,
) -> Result<Tables, Error> {
    let plan = Plan::new(tree)?;
    let table = || Ok::<_, Error>(Table::new(Compressor::new(compression)?));
    let mut nodes = Nodes {
        tree,
        plan: &plan,
        contents,
        inodes: table()?,
        listings: table()?,
        ids: Ids::default(),
        xattrs: Xattrs::new(table()?),
        places: vec![None; tree.node_count()],
        written: HashMap::new(),
    };
    for directory in &plan.directories {
        nodes.write_directory(*directory)?;
    }
    let root = nodes.write_node(tree.root(), (tree.root(), b"/"))?;
    let Nodes {
        inodes,
        listings,
        ids,
        xattrs,
        places,
        ..
    } = nodes;

    let (fragments, fragment_count) = contents.fragment_records();
    let output = &mut contents.output;
    let inode_start = output.position;
    output.write(&inodes.finish()?.0)?;
    let directory_start = output.position;
    output.write(&listings.finish()?.0)?;
    let lookup = |output: &mut _, records: &[u8]| write_lookup(output, table()?, records);
    let fragment_start = lookup(output, &fragments)?;
    let export_start = lookup(output, &export_records(&plan, tree, &places))?;
    let id_start = lookup(output, &ids.records)?;
    let xattr_start = write_xattrs(output, xattrs, table()?)?;
    Ok(Tables {
        inode_count: plan.inode_count,
        fragment_count,
        id_count: ids.indexes.len() as u16,
        root: root.to_number(),
        inode_start,
        directory_start,
        fragment_start,
        export_start,
        id_start,
        xattr_start,
    })
}

/// What is written of nodes.
struct Nodes<'a, W> {
    tree: &'a Tree,
    plan: &'a Plan<'a>,
    contents: &'a Contents<W>,
    inodes: Table,
    listings: Table,
    ids: Ids,
    xattrs: Xattrs,
    /// By node: where its inode lies.
    places: Vec<Option<Place>>,
    /// The listings of directories whose inodes are not written yet.
    written: HashMap<NodeId, Listing>,
}

impl<W: Write + Seek> Nodes<'_, W> {
    /// Writes the inodes of all that is in a directory, then its listing.
    fn write_directory(&mut self, directory: NodeId) -> Result<(), Error> {
        let names = self.tree.entries(directory).into_iter().flatten();
        let mut entries = Vec::new();
        for (name, child) in names {
            let inode = match self.places[child.index()] {
                Some(place) => place,
                None => self.write_node(*child, (directory, name))?,
            };
            entries.push(Entry {
                name,
                inode,
                number: self.plan.number_of(*child),
                kind: inodes::kind_number(&self.tree.node(*child).kind),
            });
        }
        let listing = listing::write(&mut self.listings, &entries)?;
        self.written.insert(directory, listing);
        Ok(())
    }

    /// Writes a node's inode; its first name is for errors.
    fn write_node(&mut self, id: NodeId, named: (NodeId, &[u8])) -> Result<Place, Error> {
        let node = self.tree.node(id);
        let path = || self.plan.path(named.0, named.1);
        let xattrs = self.xattrs.add(&node.metadata.xattrs)?;
        let xattrs = xattrs.map_err(|reason| Error::Node {
            path: path(),
            reason,
        })?;
        let head = inodes::Head {
            metadata: &node.metadata,
            ids: (
                self.ids.index(node.metadata.uid)?,
                self.ids.index(node.metadata.gid)?,
            ),
            number: self.plan.number_of(id),
            link_count: self.plan.link_count(id),
            xattrs,
        };
        let bytes = match &node.kind {
            Kind::Directory(_) => {
                let listing = self.written.remove(&id).unwrap_or_default();
                inodes::directory(&head, &listing, self.plan.parent_number(id))
            }
            Kind::File { size_bytes: 0, .. } => inodes::file(&head, &Stored::default()),
            Kind::File {
                content,
                size_bytes,
            } => {
                let wrong = |reason| Error::Content {
                    path: path(),
                    reason,
                };
                let stored = self.contents.get(*content);
                let stored = stored.ok_or_else(|| wrong("its content is missing"))?;
                if stored.size_bytes != *size_bytes {
                    return Err(wrong("its content has another size"));
                }
                inodes::file(&head, stored)
            }
            kind => inodes::small(&head, kind),
        };
        let place = self.inodes.place();
        self.places[id.index()] = Some(place);
        self.inodes.write(&bytes)?;
        Ok(place)
    }
}

/// The table of owners and groups.
#[derive(Default)]
struct Ids {
    indexes: HashMap<u32, u16>,
    records: Vec<u8>,
}

impl Ids {
    fn index(&mut self, id: u32) -> Result<u16, Error> {
        if let Some(index) = self.indexes.get(&id) {
            return Ok(*index);
        }
        let index = self.indexes.len();
        if index >= ID_COUNT_LIMIT {
            return Err(Error::LimitExceeded {
                what: "different owners and groups",
                limit: ID_COUNT_LIMIT as u64,
            });
        }
        self.indexes.insert(id, index as u16);
        self.records.extend(id.to_le_bytes());
        Ok(index as u16)
    }
}

/// Where each inode lies, in the order of their numbers: for whoever knows an inode by its number, such as NFS and overlayfs.
fn export_records(plan: &Plan<'_>, tree: &Tree, places: &[Option<Place>]) -> Vec<u8> {
    let mut records = vec![0; plan.inode_count as usize * 8];
    let mut put = |node: NodeId| {
        let start = (plan.number_of(node) as usize - 1) * 8;
        let place = places[node.index()].unwrap_or_default();
        records[start..start + 8].copy_from_slice(&place.to_number().to_le_bytes());
    };
    put(tree.root());
    for directory in &plan.directories {
        let entries = tree.entries(*directory).into_iter().flatten();
        entries.for_each(|(_, child)| put(*child));
    }
    records
}

/// Writes a table of records and behind it the list of where its blocks begin. Returns where the list begins.
fn write_lookup<W: Write + Seek>(
    output: &mut Output<W>,
    mut table: Table,
    records: &[u8],
) -> Result<u64, Error> {
    table.write(records)?;
    let (stored, starts) = table.finish()?;
    let base = output.position;
    output.write(&stored)?;
    let list_start = output.position;
    output.write(&list(base, &starts))?;
    Ok(list_start)
}

/// Writes attributes and the table of their sets. Returns where its head begins.
fn write_xattrs<W: Write + Seek>(
    output: &mut Output<W>,
    xattrs: Xattrs,
    mut sets: Table,
) -> Result<u64, Error> {
    let Some(xattrs) = xattrs.finish()? else {
        return Ok(NO_TABLE);
    };
    let attributes_start = output.position;
    output.write(&xattrs.stored)?;
    sets.write(&xattrs.records)?;
    let (stored, starts) = sets.finish()?;
    let base = output.position;
    output.write(&stored)?;
    let head_start = output.position;
    output.write(&attributes_start.to_le_bytes())?;
    output.write(&xattrs.count.to_le_bytes())?;
    output.write(&[0; 4])?;
    output.write(&list(base, &starts))?;
    Ok(head_start)
}

fn list(base: u64, starts: &[u32]) -> Vec<u8> {
    let places = starts.iter().map(|start| base + u64::from(*start));
    places.flat_map(u64::to_le_bytes).collect()
}
