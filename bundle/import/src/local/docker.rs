//! What `docker save` writes: an archive with `manifest.json`, configurations and layers. Newer Dockers make it an OCI layout
//! besides, and some other tools an OCI layout only.

use std::path::Path;

use serde::Deserialize;

use super::archive::Members;
use super::oci;
use super::store::{Parts, Store};
use crate::checksum::Checksum;
use crate::config::Config;
use crate::error::Error;
use crate::{Layer, Layered, Origin, Platform};

/// One image of `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

/// Opens an image that `docker save` has written: the one of this name or tag, or the only one there is. An archive that
/// is compressed as a whole is decompressed first, to a file without a name in `spool_directory`.
///
/// # Errors
/// If it is no such archive; if there is no such image, or several; if a part is missing or not what its digest says.
pub fn open_docker_archive(
    path: &Path,
    tag: Option<&str>,
    platform: &Platform,
    spool_directory: &Path,
) -> Result<Layered, Error> {
    let store = Store {
        path: path.to_owned(),
        parts: Parts::Archive(Members::open(path, spool_directory)?),
    };
    let uri = match tag {
        Some(tag) => format!("docker-archive:{}:{tag}", path.display()),
        None => format!("docker-archive:{}", path.display()),
    };
    if store.find("manifest.json")?.is_none() {
        if store.find("index.json")?.is_none() {
            return Err(store.wrong("it is no saved image: it has no 'manifest.json'"));
        }
        return oci::open(&store, tag, platform, uri);
    }
    let bytes = store.bytes("manifest.json")?;
    let images: Vec<Saved> = store.json("manifest.json", &bytes)?;
    let (image, config_bytes, config) = choose(&store, &images, tag, platform)?;
    let layers = layers(&store, &image, &config)?;
    Ok(Layered {
        layers,
        origin: Origin {
            uri,
            manifest_digest: None,
            platform: config.platform(),
        },
        config: Some(config_bytes),
    })
}

fn choose(
    store: &Store,
    images: &[Saved],
    tag: Option<&str>,
    platform: &Platform,
) -> Result<(Saved, Vec<u8>, Config), Error> {
    let tags: Vec<&str> = images
        .iter()
        .flat_map(|it| it.repo_tags.iter().flatten())
        .map(String::as_str)
        .collect();
    let named = |image: &&Saved| {
        tag.is_none_or(|tag| {
            image
                .repo_tags
                .iter()
                .flatten()
                .any(|it| is_called(it, tag))
        })
    };
    let mut found = Vec::new();
    for image in images.iter().filter(named) {
        let (bytes, config) = configuration(store, &image.config)?;
        let distance = config.architecture.as_deref().map_or(Some(0), |it| {
            let os = config.os.as_deref().unwrap_or("linux");
            platform.distance(os, it, config.variant.as_deref())
        });
        found.push((distance, image, bytes, config));
    }
    // The only one there is is taken for whatever platform it be: the user has named it.
    if found.len() > 1 {
        let best = found.iter().filter_map(|(distance, ..)| *distance).min();
        found.retain(|(distance, ..)| *distance == best);
    }
    match (found.pop(), found.is_empty()) {
        (Some((_, image, bytes, config)), true) => Ok((image.clone(), bytes, config)),
        (Some(_), false) => {
            let tags = tags.join(", ");
            Err(store.wrong(format!("it has several images (name one of: {tags})")))
        }
        (None, _) => {
            let tag = tag.unwrap_or_default();
            let tags = tags.join(", ");
            Err(store.wrong(format!("it has no image '{tag}' (there is: {tags})")))
        }
    }
}

/// Whether an image's name is the wanted one: the same, or the same with what Docker leaves out, or the wanted one is its tag.
fn is_called(name: &str, wanted: &str) -> bool {
    let short = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        let name = name.strip_prefix("library/").unwrap_or(name).to_owned();
        let has_tag = name.rsplit('/').next().is_some_and(|it| it.contains(':'));
        if has_tag { name } else { name + ":latest" }
    };
    let tag = name.rsplit_once(':').map(|(_, tag)| tag);
    short(name) == short(wanted) || (tag == Some(wanted) && !wanted.contains('/'))
}

/// A configuration, checked against the digest in its name.
fn configuration(store: &Store, name: &str) -> Result<(Vec<u8>, Config), Error> {
    let bytes = store.bytes(name)?;
    let base = name.rsplit('/').next().unwrap_or(name);
    let digest = format!("sha256:{}", base.strip_suffix(".json").unwrap_or(base));
    if let Some(mut checksum) = Checksum::like(&digest) {
        checksum.update(&bytes);
        store.check(&digest, checksum)?;
    }
    let config = Config::parse(&bytes)?;
    Ok((bytes, config))
}

fn layers(store: &Store, image: &Saved, config: &Config) -> Result<Vec<Layer>, Error> {
    let diff_ids = config.diff_ids();
    if diff_ids.len() != image.layers.len() {
        return Err(store.wrong(format!(
            "it has {} layers, but its configuration {}",
            image.layers.len(),
            diff_ids.len()
        )));
    }
    image
        .layers
        .iter()
        .zip(diff_ids)
        .map(|(name, diff_id)| {
            let part = store.part(name)?;
            Ok(part.into_layer(diff_id.clone(), Some(diff_id.clone())))
        })
        .collect()
}
