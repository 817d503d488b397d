//! Images that lie in files: an OCI layout, what `docker save` writes, a tar file with a root file system.

mod archive;
mod docker;
mod oci;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use docker::open_docker_archive;
pub use oci::open_oci;

use crate::error::Error;
use crate::{Layer, Layered, Origin};

/// Opens a tar file that holds a root file system, plain or compressed by gzip or zstd.
///
/// # Errors
/// If it is no file or cannot be opened.
pub fn open_tar(path: &Path) -> Result<Layered, Error> {
    let part = store::open_file(path)?;
    Ok(Layered {
        layers: vec![Layer {
            file: part.file,
            offset_bytes: part.offset_bytes,
            size_bytes: part.size_bytes,
            name: path.display().to_string(),
            diff_id: None,
        }],
        config: None,
        origin: Origin {
            uri: format!("tar:{}", path.display()),
            manifest_digest: None,
            platform: None,
        },
    })
}

/// A local image as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalSource {
    /// `oci:DIRECTORY[:TAG]`
    Oci(PathBuf, Option<String>),
    /// `docker-archive:FILE[:NAME]`
    DockerArchive(PathBuf, Option<String>),
    /// `tar:FILE`
    Tar(PathBuf),
    /// `dir:DIRECTORY`
    Directory(PathBuf),
}

impl LocalSource {
    /// Parses a name; none if it names no local image. A path may hold colons: it ends where something lies under it, as late
    /// as possible, and if nothing does, at the first.
    pub fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        match scheme {
            "oci" => {
                let (path, tag) = split_tag(rest);
                Some(Self::Oci(path, tag))
            }
            "docker-archive" => {
                let (path, tag) = split_tag(rest);
                Some(Self::DockerArchive(path, tag))
            }
            "tar" => Some(Self::Tar(rest.into())),
            "dir" => Some(Self::Directory(rest.into())),
            _ => None,
        }
    }
}

fn split_tag(text: &str) -> (PathBuf, Option<String>) {
    let split = |index: usize| {
        (
            PathBuf::from(&text[..index]),
            Some(text[index + 1..].to_owned()),
        )
    };
    if Path::new(text).exists() {
        return (text.into(), None);
    }
    let colons = text.match_indices(':').map(|(index, _)| index);
    let found = colons
        .clone()
        .rev()
        .find(|index| Path::new(&text[..*index]).exists());
    match found.or_else(|| colons.clone().next()) {
        Some(index) => split(index),
        None => (text.into(), None),
    }
}
