//! A container image as it comes from its source: layers in files, and a configuration.

use std::fs::File;

/// A container image whose layers lie in files, checked against their digests.
#[derive(Debug)]
pub struct Layered {
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// The OCI or Docker image configuration: JSON, as it came. None for a source that has none, such as a tar file.
    pub config: Option<Vec<u8>>,
    /// Where it came from, for the image's provenance.
    pub origin: Origin,
}

/// One layer: a tar archive, perhaps compressed by gzip or zstd, which its first bytes tell.
#[derive(Debug)]
pub struct Layer {
    /// The archive. It is read several times, by offset.
    pub file: File,
    /// Where in the file it begins.
    pub offset_bytes: u64,
    /// Its size as it lies in the file.
    pub size_bytes: u64,
    /// What it is called in messages: its digest or its path.
    pub name: String,
    /// What the decompressed archive's digest must be (the configuration's `diff_id`), such as `sha256:…`; none if nobody says.
    pub diff_id: Option<String>,
}

/// Where an image came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// What the user asked for.
    pub uri: String,
    /// The manifest's digest, where there is a manifest.
    pub manifest_digest: Option<String>,
    /// The platform that was chosen, such as `linux/amd64`.
    pub platform: Option<String>,
}
