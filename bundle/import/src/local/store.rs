//! Where the parts of a local image lie: files of a directory, or members of an archive.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::archive::Members;
use crate::Layer;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::limits::JSON_SIZE_MAX_BYTES;

/// An image's parts, by their names.
pub(super) struct Store {
    /// What the user named, for messages.
    pub(super) path: PathBuf,
    pub(super) parts: Parts,
}

pub(super) enum Parts {
    Directory,
    Archive(Members),
}

/// Part of an image, in a file of its own or within one.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    pub(super) offset_bytes: u64,
    pub(super) size_bytes: u64,
}

impl Store {
    /// Something is wrong with the image.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::Source {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }

    /// The part of this name, if there is one.
    pub(super) fn find(&self, name: &str) -> Result<Option<Part>, Error> {
        match &self.parts {
            Parts::Directory => {
                let path = self.path.join(name);
                if path
                    .try_exists()
                    .map_err(|error| open_error(&path, error))?
                {
                    open_file(&path).map(Some)
                } else {
                    Ok(None)
                }
            }
            Parts::Archive(members) => {
                let found = members.find(name).transpose();
                found.map_err(|error| open_error(&self.path, error))
            }
        }
    }

    pub(super) fn part(&self, name: &str) -> Result<Part, Error> {
        self.find(name)?
            .ok_or_else(|| self.wrong(format!("it has no '{name}'")))
    }

    /// A small part, whole.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let part = self.part(name)?;
        if part.size_bytes > JSON_SIZE_MAX_BYTES {
            return Err(self.wrong(format!(
                "its '{name}' is larger than {JSON_SIZE_MAX_BYTES} bytes"
            )));
        }
        let mut bytes = vec![0; part.size_bytes as usize];
        part.file
            .read_exact_at(&mut bytes, part.offset_bytes)
            .map_err(|error| open_error(&self.path, error))?;
        Ok(bytes)
    }

    /// A small blob, checked against its digest.
    pub(super) fn blob_bytes(&self, digest: &str) -> Result<Vec<u8>, Error> {
        let (name, mut checksum) = self.blob(digest)?;
        let bytes = self.bytes(&name)?;
        checksum.update(&bytes);
        self.check(digest, checksum)?;
        Ok(bytes)
    }

    /// A layer's blob. It must have the size that its manifest gives; its digest is checked here if its contents' is not known.
    pub(super) fn layer(
        &self,
        digest: &str,
        size_bytes: u64,
        diff_id: Option<&String>,
    ) -> Result<Layer, Error> {
        let (name, mut checksum) = self.blob(digest)?;
        let part = self.part(&name)?;
        if part.size_bytes != size_bytes {
            return Err(self.wrong(format!(
                "its layer '{digest}' has {} bytes instead of {size_bytes} (fetch it again)",
                part.size_bytes
            )));
        }
        if diff_id.is_none() {
            let read = each_piece(&part, |piece| checksum.update(piece));
            read.map_err(|error| open_error(&self.path, error))?;
            self.check(digest, checksum)?;
        }
        Ok(part.into_layer(digest.to_owned(), diff_id.cloned()))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes)
            .map_err(|error| self.wrong(format!("its '{name}' cannot be read: {error}")))
    }

    /// Where a blob lies. What is not a digest would be any path.
    fn blob(&self, digest: &str) -> Result<(String, Checksum), Error> {
        let checksum = Checksum::like(digest);
        let checksum = checksum.ok_or_else(|| self.wrong(format!("'{digest}' is no digest")))?;
        Ok((format!("blobs/{}", digest.replacen(':', "/", 1)), checksum))
    }

    pub(super) fn check(&self, digest: &str, checksum: Checksum) -> Result<(), Error> {
        let found = checksum.finish();
        if found != digest {
            return Err(self.wrong(format!(
                "its blob '{digest}' has the digest {found} (fetch it again)"
            )));
        }
        Ok(())
    }
}

impl Part {
    pub(super) fn into_layer(self, name: String, diff_id: Option<String>) -> Layer {
        Layer {
            file: self.file,
            offset_bytes: self.offset_bytes,
            size_bytes: self.size_bytes,
            name,
            diff_id,
        }
    }
}

/// Opens a regular file: anything else might never give a byte, or give others when it is read again.
pub(super) fn open_file(path: &Path) -> Result<Part, Error> {
    let open = || {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = File::open(path)?;
        let size_bytes = file.metadata()?.len();
        Ok(Part {
            file,
            offset_bytes: 0,
            size_bytes,
        })
    };
    open().map_err(|error| open_error(path, error))
}

pub(super) fn open_error(path: &Path, source: io::Error) -> Error {
    Error::Open {
        path: path.to_owned(),
        source,
    }
}

fn each_piece(part: &Part, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut position = 0;
    while position < part.size_bytes {
        let left = usize::try_from(part.size_bytes - position).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let piece = &mut buffer[..wanted];
        part.file
            .read_exact_at(piece, part.offset_bytes + position)?;
        take(piece);
        position += wanted as u64;
    }
    Ok(())
}

/// A part from its beginning.
pub(super) struct PartReader<'a> {
    part: &'a Part,
    position: u64,
}

impl<'a> PartReader<'a> {
    pub(super) fn new(part: &'a Part) -> Self {
        Self { part, position: 0 }
    }
}

impl Read for PartReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.part.size_bytes - self.position).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let place = self.part.offset_bytes + self.position;
        let read = self.part.file.read_at(&mut out[..wanted], place)?;
        self.position += read as u64;
        Ok(read)
    }
}
