//! Making a squashfs image of a container image.

#[cfg(test)]
mod tests;

use std::fs::Metadata;
use std::io::{self, Seek, Write};
use std::time::SystemTime;

use bundle_image::{ImageWriter, Tree};

use crate::config::Config;
use crate::configure::{MadeFile, configure};
use crate::contents::{self, Wanted, reachable};
use crate::error::Error;
use crate::limits::Budget;
use crate::merge::Merge;
use crate::progress::{Progress, Step};
use crate::{Layer, Layered, Limits, scan};

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How the squashfs is written. Its time is also that of the files that are made.
    pub image: bundle_image::Options,
    /// How much the container image may ask for.
    pub limits: Limits,
}

/// What has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The image's size. What its file holds behind that is none of the image and to be cut off.
    pub size_bytes: u64,
    /// Files, directories, links and devices in the image.
    pub nodes: u64,
    /// The size of all files in the image, each counted once.
    pub contents_size_bytes: u64,
    /// Extended attributes that were left out since squashfs has no place for them: access control lists.
    pub xattrs_left_out: u64,
}

/// Makes a squashfs image of a container image: lists and merges its layers, adds the files that say how it runs, and writes what is
/// left. The layers are read twice, and nothing is unpacked.
///
/// # Errors
/// If a layer is not what its digests say, breaks a rule or asks for too much; if the configuration cannot be read; if the
/// image cannot be written. Then what has been written is of no use.
pub fn make_image<W: Write + Seek>(
    image: &Layered,
    out: W,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Summary, Error> {
    let stamps = stamps(&image.layers)?;
    let (mut tree, made) = merged(image, options, progress)?;
    let xattrs_left_out = leave_out_xattrs(&mut tree);
    let wanted = Wanted::in_tree(&tree, image.layers.len());
    let mut writer = ImageWriter::new(out, options.image)?;
    let budget = Budget::new(options.limits);
    contents::give(
        &image.layers,
        &wanted,
        &budget,
        progress,
        &mut |content, size_bytes, data| writer.add(content, size_bytes, data),
    )?;
    for MadeFile { content, bytes } in made.iter().filter(|file| !file.bytes.is_empty()) {
        writer.add(*content, bytes.len() as u64, &mut bytes.as_slice())?;
    }
    let size_bytes = writer.finish(&tree)?;
    check_stamps(&image.layers, &stamps)?;
    Ok(Summary {
        size_bytes,
        nodes: reachable(&tree).len() as u64,
        contents_size_bytes: wanted.size_bytes(),
        xattrs_left_out,
    })
}

/// The first reading: one tree of all layers and of the files that are made.
fn merged(
    image: &Layered,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(Tree, Vec<MadeFile>), Error> {
    let config = image.config.as_deref().map(Config::parse).transpose()?;
    let budget = Budget::new(options.limits);
    progress.begin(
        Step::Merge,
        image.layers.iter().map(|it| it.size_bytes).sum(),
    );
    let entries = scan::all_entries(&image.layers, &budget, progress)?;
    let mut merge = Merge::new(options.limits.entries);
    for (index, (layer, entries)) in image.layers.iter().zip(entries).enumerate() {
        let added = merge.add_layer(index, entries);
        added.map_err(|error| error.of(&layer.name))?;
    }
    let made = configure(&mut merge, image, config.as_ref(), options.image.time_s)?;
    Ok((merge.into_tree(), made))
}

fn leave_out_xattrs(tree: &mut Tree) -> u64 {
    let mut left_out = 0;
    for node in reachable(tree) {
        tree.node_mut(node).metadata.xattrs.retain(|name, _| {
            let is_kept = bundle_image::is_storable(name);
            left_out += u64::from(!is_kept);
            is_kept
        });
    }
    left_out
}

/// What changes when somebody writes to a layer's file. The digests are checked in the first reading only.
type Stamp = (u64, Option<SystemTime>);

fn stamps(layers: &[Layer]) -> Result<Vec<Stamp>, Error> {
    let stamp = |metadata: Metadata| (metadata.len(), metadata.modified().ok());
    let read = |layer: &Layer| layer.file.metadata().map(stamp);
    let failed = |layer: &Layer, error: io::Error| crate::LayerError::Read(error).of(&layer.name);
    layers
        .iter()
        .map(|layer| read(layer).map_err(|error| failed(layer, error)))
        .collect()
}

fn check_stamps(layers: &[Layer], before: &[Stamp]) -> Result<(), Error> {
    let after = stamps(layers)?;
    let mut pairs = layers.iter().zip(before.iter().zip(&after));
    match pairs.find(|(_, (before, after))| before != after) {
        Some((layer, _)) => Err(Error::Changed(layer.name.clone())),
        None => Ok(()),
    }
}
