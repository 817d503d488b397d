//! Manifests, indexes and configurations: Docker's version 2, schema 2, and the OCI's. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::digest::Sha256;
use crate::platform::Platform;

/// No manifest, index or configuration is larger.
pub(crate) const DOCUMENT_SIZE_BYTES_MAX: u64 = 4 << 20;

/// No image has more layers, and no index more manifests.
const LAYER_COUNT_MAX: usize = 512;
const MANIFEST_COUNT_MAX: usize = 4096;

/// All that is understood. A registry may say that there is nothing rather than send what was not asked for.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

const INDEX_TYPES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFEST_TYPES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIG_TYPES: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// What a manifest or an index points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) digest: Sha256,
    pub(crate) size_bytes: u64,
    /// Where else it can be had.
    pub(crate) urls: Vec<String>,
}

/// What a registry has under a tag or a digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// One image for several platforms.
    Index(Vec<Entry>),
    /// One image.
    Manifest(Manifest),
}

/// One image of an index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    descriptor: Descriptor,
    platform: Option<RawPlatform>,
}

/// One image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    /// Lowest first.
    pub(crate) layers: Vec<Descriptor>,
}

/// What of a configuration is needed here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The digests of the unpacked layers, lowest first.
    pub(crate) diff_ids: Vec<String>,
    /// For which platform it is, if it says so.
    pub(crate) platform: Option<Platform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDocument {
    schema_version: u64,
    media_type: Option<String>,
    manifests: Option<Vec<RawEntry>>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize)]
struct RawEntry {
    #[serde(flatten)]
    descriptor: RawDescriptor,
    platform: Option<RawPlatform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: Option<String>,
    digest: String,
    size: u64,
    urls: Option<Vec<String>>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct RawConfig {
    rootfs: Option<RawRootfs>,
    #[serde(flatten)]
    platform: Option<RawPlatform>,
}

#[derive(Deserialize)]
struct RawRootfs {
    diff_ids: Vec<String>,
}

/// Reads a manifest or an index. `content_type` is what the server calls it, which counts only if it does not say so itself.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn parse_document(bytes: &[u8], content_type: &str) -> Result<Document, String> {
    let is_signed_schema_1 = |media_type: &str| media_type.contains("manifest.v1+");
    let schema_1 = "it is of Docker's old schema 1, which says too little to be trusted (push the image again with a newer \
                    program)";
    let raw: RawDocument =
        serde_json::from_slice(bytes).map_err(|error| format!("it is not as expected: {error}"))?;
    if raw.schema_version == 1 {
        return Err(schema_1.to_owned());
    }
    if raw.schema_version != 2 {
        return Err(format!(
            "schema version {} is not known",
            raw.schema_version
        ));
    }
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = raw.media_type.as_deref().unwrap_or(content_type);
    if is_signed_schema_1(media_type) && media_type.contains("docker") {
        return Err(schema_1.to_owned());
    }
    match (raw.manifests, raw.config, raw.layers) {
        // What could be read as both has two meanings under one digest.
        (Some(_), _, Some(_)) | (Some(_), Some(_), _) => {
            Err("it is an index and a manifest at once".to_owned())
        }
        (Some(_), None, None) if MANIFEST_TYPES.contains(&media_type) => {
            Err("it calls itself a manifest and is an index".to_owned())
        }
        (Some(manifests), None, None) => index(manifests),
        (None, Some(_), Some(_)) if INDEX_TYPES.contains(&media_type) => {
            Err("it calls itself an index and is a manifest".to_owned())
        }
        (None, Some(config), Some(layers)) => manifest(&config, &layers),
        _ => Err("it is neither a manifest nor an index".to_owned()),
    }
}

fn index(manifests: Vec<RawEntry>) -> Result<Document, String> {
    if manifests.len() > MANIFEST_COUNT_MAX {
        return Err(format!("it has more than {MANIFEST_COUNT_MAX} manifests"));
    }
    let is_known = |entry: &RawEntry| {
        let media_type = entry.descriptor.media_type.as_deref();
        media_type.is_none_or(|media_type| {
            MANIFEST_TYPES.contains(&media_type) || INDEX_TYPES.contains(&media_type)
        })
    };
    let entries = manifests.into_iter().filter(is_known).map(|raw| {
        Ok(Entry {
            descriptor: descriptor(&raw.descriptor)?,
            platform: raw.platform,
        })
    });
    Ok(Document::Index(entries.collect::<Result<_, String>>()?))
}

fn manifest(config: &RawDescriptor, layers: &[RawDescriptor]) -> Result<Document, String> {
    if let Some(media_type) = config.media_type.as_deref()
        && !CONFIG_TYPES.contains(&media_type)
    {
        return Err(format!(
            "it is no container image but something else, of the type '{}'",
            media_type.escape_default()
        ));
    }
    if layers.len() > LAYER_COUNT_MAX {
        return Err(format!("it has more than {LAYER_COUNT_MAX} layers"));
    }
    let config = descriptor(config)?;
    if config.size_bytes > DOCUMENT_SIZE_BYTES_MAX {
        return Err(format!(
            "its configuration is larger than {DOCUMENT_SIZE_BYTES_MAX} bytes"
        ));
    }
    let layer = |raw: &RawDescriptor| {
        check_layer_type(raw.media_type.as_deref().unwrap_or_default())?;
        descriptor(raw)
    };
    Ok(Document::Manifest(Manifest {
        config,
        layers: layers.iter().map(layer).collect::<Result<_, String>>()?,
    }))
}

/// Whether it is a tar archive, compressed or not, is told by its first bytes later. Here only what is surely none is refused.
fn check_layer_type(media_type: &str) -> Result<(), String> {
    let is_archive =
        media_type.is_empty() || media_type.contains(".tar") || media_type.contains("/x-tar");
    if is_archive && !media_type.contains("encrypted") {
        return Ok(());
    }
    Err(format!(
        "it has a layer of the type '{}', which is no plain archive of files",
        media_type.escape_default()
    ))
}

fn descriptor(raw: &RawDescriptor) -> Result<Descriptor, String> {
    let digest = Sha256::parse(&raw.digest).ok_or_else(|| {
        format!(
            "'{}' is no sha256 digest",
            raw.digest
                .chars()
                .take(80)
                .collect::<String>()
                .escape_default()
        )
    })?;
    Ok(Descriptor {
        digest,
        size_bytes: raw.size,
        urls: raw.urls.clone().unwrap_or_default(),
    })
}

/// The image of an index that is best for a platform.
///
/// # Errors
/// If there is none, says for which there are.
pub(crate) fn choose<'a>(
    entries: &'a [Entry],
    platform: &Platform,
) -> Result<&'a Descriptor, String> {
    let distance = |entry: &Entry| match &entry.platform {
        Some(offered) => platform.distance(
            &offered.os,
            &offered.architecture,
            offered.variant.as_deref(),
        ),
        // Somebody has put one image into an index and not said for what.
        None if entries.len() == 1 => Some(0),
        None => None,
    };
    let best = entries
        .iter()
        .filter_map(|entry| Some((distance(entry)?, entry)))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, entry)) = best {
        return Ok(&entry.descriptor);
    }
    let offered: BTreeSet<String> = entries
        .iter()
        .filter_map(|entry| entry.platform.as_ref())
        .filter(|platform| platform.os != "unknown")
        .map(|platform| {
            let name = match &platform.variant {
                Some(variant) => format!("{}/{}/{variant}", platform.os, platform.architecture),
                None => format!("{}/{}", platform.os, platform.architecture),
            };
            name.escape_default().to_string()
        })
        .collect();
    let offered = offered.into_iter().take(20).collect::<Vec<_>>().join(", ");
    Err(if offered.is_empty() {
        format!("there is none for {platform}, nor for any other platform")
    } else {
        format!("there is none for {platform}, only for {offered} (choose with --arch)")
    })
}

/// Reads a configuration for an image of so many layers.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn parse_config(bytes: &[u8], layer_count: usize) -> Result<Config, String> {
    let raw: RawConfig =
        serde_json::from_slice(bytes).map_err(|error| format!("it is not as expected: {error}"))?;
    let diff_ids = raw.rootfs.map(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if diff_ids.len() != layer_count {
        return Err(format!(
            "it speaks of {} layers, but the manifest of {layer_count}",
            diff_ids.len()
        ));
    }
    if let Some(wrong) = diff_ids.iter().find(|text| Sha256::parse(text).is_none()) {
        return Err(format!(
            "'{}' is no sha256 digest",
            wrong.chars().take(80).collect::<String>().escape_default()
        ));
    }
    if let Some(platform) = &raw.platform
        && !matches!(platform.os.as_str(), "" | "linux")
    {
        return Err(format!(
            "it is for {}, not for Linux",
            platform.os.escape_default()
        ));
    }
    let platform = raw
        .platform
        .filter(|platform| !platform.architecture.is_empty());
    let platform = platform.and_then(|platform| {
        let name = match &platform.variant {
            Some(variant) if !variant.is_empty() => format!("{}/{variant}", platform.architecture),
            _ => platform.architecture,
        };
        Platform::parse(&name).ok()
    });
    Ok(Config { diff_ids, platform })
}

#[cfg(test)]
mod tests;
