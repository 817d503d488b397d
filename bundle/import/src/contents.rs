//! The second reading: the contents of the files that are left after merging, in the order in which they lie in the layers.
//!
//! The layers are decompressed again for it. For an image of 430 MB, 150 MB compressed by gzip, that takes 1 s of processor time,
//! beside a thread that compresses anyway; to keep what was decompressed would take 430 MB of memory or disk instead.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use bundle_image::{ContentId, Kind, NodeId, Tree};

use crate::archive::{Archive, EntryKind};
use crate::error::{Error, LayerError};
use crate::limits::Budget;
use crate::merge::content_id;
use crate::progress::{Progress, Step};
use crate::stream::{Stream, with_stream};
use crate::{Layer, merge};

/// The files whose contents are wanted: their sizes by entry, for each layer.
pub(crate) struct Wanted(Vec<BTreeMap<usize, u64>>);

/// Takes a content.
pub(crate) type Add<'a> =
    dyn FnMut(ContentId, u64, &mut dyn Read) -> Result<(), bundle_image::Error> + 'a;

impl Wanted {
    /// All files that have a name in the tree and are not empty.
    pub(crate) fn in_tree(tree: &Tree, layers: usize) -> Self {
        let mut wanted = vec![BTreeMap::new(); layers];
        for node in reachable(tree) {
            if let Kind::File {
                content,
                size_bytes,
            } = tree.node(node).kind
            {
                let (layer, entry) = merge::origin(content);
                // The rest are files that were made.
                if size_bytes > 0 && layer < layers {
                    wanted[layer].insert(entry, size_bytes);
                }
            }
        }
        Self(wanted)
    }

    /// The sum of the sizes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.0.iter().flat_map(BTreeMap::values).sum()
    }
}

/// All nodes that have a name, each once.
pub(crate) fn reachable(tree: &Tree) -> HashSet<NodeId> {
    let mut found = HashSet::from([tree.root()]);
    let mut waiting = vec![tree.root()];
    while let Some(directory) = waiting.pop() {
        for node in tree
            .entries(directory)
            .into_iter()
            .flat_map(BTreeMap::values)
        {
            if found.insert(*node) {
                waiting.push(*node);
            }
        }
    }
    found
}

/// Reads the layers again, as far as there is something wanted in them.
pub(crate) fn give(
    layers: &[Layer],
    wanted: &Wanted,
    budget: &Budget,
    progress: &dyn Progress,
    add: &mut Add,
) -> Result<(), Error> {
    let read = || layers.iter().zip(&wanted.0).enumerate();
    let sizes = read().filter(|(_, (_, wanted))| !wanted.is_empty());
    progress.begin(
        Step::Write,
        sizes.map(|(_, (layer, _))| layer.size_bytes).sum(),
    );
    for (index, (layer, wanted)) in read() {
        let Some((last, _)) = wanted.last_key_value() else {
            continue;
        };
        with_stream(layer, budget, progress, |stream| {
            give_layer(stream, layer, index, wanted, *last, add)
        })
        .map_err(|error| error.of(&layer.name))??;
    }
    Ok(())
}

fn give_layer(
    stream: &mut Stream,
    layer: &Layer,
    layer_index: usize,
    wanted: &BTreeMap<usize, u64>,
    last: usize,
    add: &mut Add,
) -> Result<Result<(), Error>, LayerError> {
    let changed = || Ok(Err(Error::Changed(layer.name.clone())));
    let mut archive = Archive::new(stream);
    for index in 0..=last {
        let Some(entry) = archive.next_entry()? else {
            return changed();
        };
        let Some(wanted_bytes) = wanted.get(&index) else {
            continue;
        };
        if (EntryKind::File {
            size_bytes: *wanted_bytes,
        }) != entry.kind
        {
            return changed();
        }
        let content = content_id(layer_index, index);
        match add(content, *wanted_bytes, &mut archive.contents()) {
            Ok(()) => {}
            Err(bundle_image::Error::Read(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.into())),
        }
    }
    Ok(Ok(()))
}
