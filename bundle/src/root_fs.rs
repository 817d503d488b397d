//! What a user means by a sandbox's name or an image's path.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_container::{Settings, settings};

use crate::store::{SandboxName, Store};
use crate::text::escaped;

/// A root file system that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootFs {
    /// In a directory: a sandbox.
    Directory(PathBuf),
    /// In a squashfs image.
    Image(PathBuf),
}

impl RootFs {
    /// What a word means. One with a slash in it or the name of a file that is there is a path, any other the name of a sandbox.
    /// `purpose` is what is to be done with it, for messages.
    ///
    /// # Errors
    /// If it is not there.
    pub fn find(what: &OsStr, in_force: &Settings, purpose: &str) -> Result<Self> {
        let path = Path::new(what);
        // A word that is a path has a slash in it, or is the name of a file that is there.
        let is_path = what.as_encoded_bytes().contains(&b'/') || path.is_file();
        if !is_path {
            let name = SandboxName::parse(what).with_context(|| {
                format!("cannot {purpose} '{}'", escaped(&what.to_string_lossy()))
            })?;
            let root = Store::of(in_force)?.root_of(&name);
            if root
                .symlink_metadata()
                .is_ok_and(|metadata| metadata.is_dir())
            {
                return Ok(Self::Directory(root.canonicalize()?));
            }
            bail!(
                "cannot {purpose} '{name}': there is no sandbox of this name and no file (`bundle list` shows the sandboxes; the path of an image works too)"
            );
        }
        let found = match path.canonicalize() {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "cannot {purpose} '{}': there is no '{}' (`bundle list` shows the sandboxes; the path of an image works too)",
                escaped(&what.to_string_lossy()),
                escaped(&path.to_string_lossy()),
            ),
            Err(error) => {
                let shown = escaped(&path.to_string_lossy()).to_string();
                return Err(error).with_context(|| format!("cannot {purpose} '{shown}'"));
            }
        };
        let path = found;
        Ok(if path.is_dir() {
            Self::Directory(path)
        } else {
            Self::Image(path)
        })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Image(path) => path,
        }
    }

    /// The name in the data directory, if it is a sandbox there.
    pub(crate) fn sandbox_name(&self, in_force: &Settings) -> Option<SandboxName> {
        let Self::Directory(path) = self else {
            return None;
        };
        let data = in_force.path(&settings::DATA_PATH).canonicalize().ok()?;
        let is_there = path.parent() == Some(data.as_path());
        is_there.then(|| SandboxName::parse(path.file_name()?).ok())?
    }

    /// What a container that is made of it is called.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Directory(path) => path.file_name(),
            Self::Image(path) => path.file_stem(),
        };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }
}
