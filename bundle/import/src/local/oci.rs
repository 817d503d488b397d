//! An OCI layout: `index.json` leads to manifests, those to a configuration and layers, all of them blobs under their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::store::{Parts, Store};
use crate::config::Config;
use crate::error::Error;
use crate::{Layered, Origin, Platform};

/// An index may hold indexes, but not without an end.
const NESTING_MAX: usize = 4;
/// No image has more layers.
const LAYERS_MAX: usize = 1024;
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Where containerd and Docker keep the whole reference, while the annotation above has the tag alone.
const IMAGE_NAME: &str = "io.containerd.image.name";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    platform: Option<DescriptorPlatform>,
}

#[derive(Debug, Clone, Deserialize)]
struct DescriptorPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// Opens an image of an OCI layout: the one of this tag, or the only one there is; of several platforms, the one that fits best.
///
/// # Errors
/// If it is no OCI layout; if there is no such image, or several; if a part is missing or not what its digest says.
pub fn open_oci(
    directory: &Path,
    tag: Option<&str>,
    platform: &Platform,
) -> Result<Layered, Error> {
    let store = Store {
        path: directory.to_owned(),
        parts: Parts::Directory,
    };
    if store.find("oci-layout")?.is_none() {
        return Err(store.wrong("it is no OCI layout: it has no file 'oci-layout'"));
    }
    let uri = match tag {
        Some(tag) => format!("oci:{}:{tag}", directory.display()),
        None => format!("oci:{}", directory.display()),
    };
    open(&store, tag, platform, uri)
}

/// Opens an image of an OCI layout that lies anywhere.
pub(super) fn open(
    store: &Store,
    tag: Option<&str>,
    platform: &Platform,
    uri: String,
) -> Result<Layered, Error> {
    let bytes = store.bytes("index.json")?;
    let index: Index = store.json("index.json", &bytes)?;
    let tagged = with_tag(store, index.manifests, tag)?;
    let descriptor = choose(store, tagged, platform, 0)?;
    let bytes = blob(store, &descriptor)?;
    let manifest: Manifest = store.json(&descriptor.digest, &bytes)?;
    if manifest.layers.len() > LAYERS_MAX {
        return Err(store.wrong(format!("it has more than {LAYERS_MAX} layers")));
    }
    let config_bytes = blob(store, &manifest.config)?;
    let config = Config::parse(&config_bytes)?;
    let diff_ids = config.diff_ids();
    if !diff_ids.is_empty() && diff_ids.len() != manifest.layers.len() {
        return Err(store.wrong(format!(
            "its manifest has {} layers, but its configuration {}",
            manifest.layers.len(),
            diff_ids.len()
        )));
    }
    let layers = manifest.layers.iter().enumerate().map(|(index, layer)| {
        if layer.media_type.ends_with("+encrypted") {
            return Err(store.wrong(format!("its layer '{}' is encrypted", layer.digest)));
        }
        store.layer(&layer.digest, layer.size, diff_ids.get(index))
    });
    Ok(Layered {
        layers: layers.collect::<Result<_, _>>()?,
        origin: Origin {
            uri,
            manifest_digest: Some(descriptor.digest),
            platform: config.platform(),
        },
        config: Some(config_bytes),
    })
}

/// A manifest, an index or a configuration, which must have the size and the digest that its descriptor gives.
fn blob(store: &Store, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
    let bytes = store.blob_bytes(&descriptor.digest)?;
    if bytes.len() as u64 != descriptor.size {
        return Err(store.wrong(format!(
            "its blob '{}' has {} bytes instead of {}",
            descriptor.digest,
            bytes.len(),
            descriptor.size
        )));
    }
    Ok(bytes)
}

/// The manifests of this tag, or all if there is no more than one tag.
fn with_tag(
    store: &Store,
    manifests: Vec<Descriptor>,
    tag: Option<&str>,
) -> Result<Vec<Descriptor>, Error> {
    let names = |descriptor: &Descriptor| -> Vec<String> {
        let annotations = descriptor.annotations.as_ref();
        let named = |key| annotations.and_then(|all| all.get(key)).cloned();
        [REF_NAME, IMAGE_NAME]
            .into_iter()
            .filter_map(named)
            .collect()
    };
    let tags: BTreeSet<String> = manifests
        .iter()
        .filter_map(|descriptor| names(descriptor).into_iter().next())
        .collect();
    let listed = || tags.iter().cloned().collect::<Vec<_>>().join(", ");
    let Some(tag) = tag else {
        if tags.len() > 1 {
            return Err(store.wrong(format!("it has several images (name one of: {})", listed())));
        }
        return Ok(manifests);
    };
    let found: Vec<Descriptor> = manifests
        .into_iter()
        .filter(|descriptor| names(descriptor).iter().any(|name| name == tag))
        .collect();
    if found.is_empty() {
        return Err(store.wrong(format!("it has no image '{tag}' (there is: {})", listed())));
    }
    Ok(found)
}

/// The manifest for a platform, also out of indexes in indexes.
fn choose(
    store: &Store,
    manifests: Vec<Descriptor>,
    platform: &Platform,
    depth: usize,
) -> Result<Descriptor, Error> {
    if depth > NESTING_MAX {
        return Err(store.wrong("its indexes hold indexes without an end"));
    }
    let mut offered = BTreeSet::new();
    let mut fitting = Vec::new();
    for descriptor in manifests {
        // Who says nothing may be anything: alone it is taken, beside others it comes last.
        let distance = descriptor.platform.as_ref().map_or(Some(u32::MAX), |it| {
            platform.distance(&it.os, &it.architecture, it.variant.as_deref())
        });
        match distance {
            Some(distance) => fitting.push((distance, descriptor)),
            None => {
                let it = descriptor.platform.expect("it does not fit");
                offered.insert(format!("{}/{}", it.os, it.architecture));
            }
        }
    }
    let Some(best) = fitting.iter().map(|(distance, _)| *distance).min() else {
        let offered: Vec<String> = offered.into_iter().collect();
        return Err(store.wrong(format!(
            "it has no image for {platform} (there is: {})",
            offered.join(", ")
        )));
    };
    fitting.retain(|(distance, _)| *distance == best);
    let digests: BTreeSet<&str> = fitting.iter().map(|(_, it)| it.digest.as_str()).collect();
    if digests.len() > 1 {
        return Err(store.wrong(format!("it has several images for {platform} (name a tag)")));
    }
    let (_, descriptor) = fitting.swap_remove(0);
    if !is_index(&descriptor) {
        return Ok(descriptor);
    }
    let bytes = blob(store, &descriptor)?;
    let index: Index = store.json(&descriptor.digest, &bytes)?;
    choose(store, index.manifests, platform, depth + 1)
}

fn is_index(descriptor: &Descriptor) -> bool {
    matches!(
        descriptor.media_type.as_str(),
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}
