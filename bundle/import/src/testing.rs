//! What the tests make layers with: archives by hand, since hostile ones cannot be had of an archiver.

use std::io::{Seek, Write};

use bundle_image::{Kind, NodeId, Tree};

use crate::limits::Budget;
use crate::merge::{Merge, origin};
use crate::{Error, Layer, Layered, Limits, Origin, scan};

/// An archive that grows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

/// A header to be changed before it is written.
pub(crate) struct RawHeader(pub(crate) [u8; 512]);

impl RawHeader {
    pub(crate) fn new(type_flag: u8, name: &[u8], size_bytes: usize) -> Self {
        let mut header = Self([0; 512]);
        header.set(0, &name[..name.len().min(100)]);
        header.set(100, b"0000644\0");
        header.set(108, b"0000000\0");
        header.set(116, b"0000000\0");
        header.set(124, format!("{size_bytes:011o}\0").as_bytes());
        header.set(136, b"00000000144\0");
        header.set(257, b"ustar\x0000");
        header.0[156] = type_flag;
        if type_flag == b'5' {
            header.set(100, b"0000755\0");
        }
        header
    }

    pub(crate) fn set(&mut self, start: usize, bytes: &[u8]) -> &mut Self {
        self.0[start..start + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn sum(&mut self) {
        self.set(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.set(148, format!("{sum:06o}\0 ").as_bytes());
    }
}

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Any entry, its checksum made right.
    pub(crate) fn raw(mut self, mut header: RawHeader, contents: &[u8]) -> Self {
        header.sum();
        self.0.extend(header.0);
        self.0.extend(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, contents: &str) -> Self {
        let header = RawHeader::new(b'0', name.as_bytes(), contents.len());
        self.raw(header, contents.as_bytes())
    }

    pub(crate) fn dir(self, name: &str) -> Self {
        self.raw(RawHeader::new(b'5', name.as_bytes(), 0), b"")
    }

    pub(crate) fn link(self, type_flag: u8, name: &str, target: &str) -> Self {
        let mut header = RawHeader::new(type_flag, name.as_bytes(), 0);
        header.set(157, target.as_bytes());
        self.raw(header, b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.link(b'2', name, target)
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.link(b'1', name, target)
    }

    /// Records for the entry that comes next.
    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut size = rest + 1;
            while size != rest + size.to_string().len() {
                size = rest + size.to_string().len();
            }
            text.extend(format!("{size} {key}=").into_bytes());
            text.extend(*value);
            text.push(b'\n');
        }
        self.raw(RawHeader::new(b'x', b"pax", text.len()), &text)
    }

    /// The bytes, the archive's end behind them.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub(crate) fn layer(bytes: &[u8]) -> Layer {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("space");
    file.rewind().expect("a file");
    Layer {
        file,
        offset_bytes: 0,
        size_bytes: bytes.len() as u64,
        name: "layer".into(),
        diff_id: None,
    }
}

pub(crate) fn layered(layers: &[Vec<u8>], config: Option<&str>) -> Layered {
    Layered {
        layers: layers.iter().map(|bytes| layer(bytes)).collect(),
        config: config.map(|json| json.as_bytes().to_vec()),
        origin: Origin::default(),
    }
}

/// The tree of these layers.
pub(crate) fn merge(layers: &[Vec<u8>]) -> Result<Tree, Error> {
    let layers = layered(layers, None).layers;
    let budget = Budget::new(Limits::default());
    let mut merge = Merge::new(5000);
    for (index, entries) in scan::all_entries(&layers, &budget, &())?
        .into_iter()
        .enumerate()
    {
        let added = merge.add_layer(index, entries);
        added.map_err(|error| error.of("layer"))?;
    }
    Ok(merge.into_tree())
}

/// A line for each name: `path/` for a directory, `path layer.entry` for a file's content, `path -> target`, and so on.
pub(crate) fn listing(tree: &Tree) -> String {
    let mut lines = String::new();
    list(tree, tree.root(), "", &mut lines);
    lines
}

fn list(tree: &Tree, directory: NodeId, path: &str, lines: &mut String) {
    for (name, node) in tree.entries(directory).expect("a directory") {
        let path = format!("{path}{}", name.escape_ascii());
        match &tree.node(*node).kind {
            Kind::Directory(_) => {
                *lines += &format!("{path}/\n");
                list(tree, *node, &format!("{path}/"), lines);
            }
            Kind::File { content, .. } => {
                let (layer, entry) = origin(*content);
                *lines += &format!("{path} {layer}.{entry}\n");
            }
            Kind::Symlink(target) => {
                *lines += &format!("{path} -> {}\n", target.escape_ascii());
            }
            Kind::CharacterDevice { major, minor } => {
                *lines += &format!("{path} c{major},{minor}\n")
            }
            Kind::BlockDevice { major, minor } => *lines += &format!("{path} b{major},{minor}\n"),
            Kind::Fifo => *lines += &format!("{path} |\n"),
            Kind::Socket => *lines += &format!("{path} =\n"),
        }
    }
}
