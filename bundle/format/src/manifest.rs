//! The manifest: what the bundle holds and what runs, as canonical JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, FORMAT_VERSION, FormatError};

/// What a bundle holds and what it runs. Unknown keys are refused: see `FORMAT.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The trailer's format version once more.
    pub format_version: u32,
    /// What the bundle calls itself in messages.
    pub name: String,
    /// Seconds since 1970 at which the bundle says that it was made.
    pub created_s: u64,
    /// Name and version of the program that made it.
    pub packer: String,
    /// The static program at the head of the file.
    pub launcher: LauncherInfo,
    /// The squashfs image.
    pub image: ImageInfo,
    /// What is started.
    pub payload: Payload,
    /// Variables that are set for the payload unless the user has set them.
    pub environment: BTreeMap<String, String>,
    /// The regular files in the image, in path order.
    pub files: Vec<FileEntry>,
}

/// Size and digest of the launcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LauncherInfo {
    /// Size of the launcher.
    pub size_bytes: u64,
    /// Digest of the launcher.
    pub blake3: Digest,
}

/// Size, digest and kind of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInfo {
    /// Size of the image in the file.
    pub size_bytes: u64,
    /// Digest of the image.
    pub blake3: Digest,
    /// How its blocks are compressed.
    pub codec: String,
    /// Size of its data blocks before compression.
    pub block_size_bytes: u32,
}

/// The program that a bundle starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Path of the program in the image.
    pub executable: String,
    /// Its dynamic loader; none for a static program.
    pub loader: Option<Loader>,
}

/// The dynamic loader that starts the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loader {
    /// Path of the loader in the image.
    pub path: String,
    /// Directories of the image in which it looks for libraries, in order.
    pub library_dirs: Vec<String>,
    /// It knows `--argv0` (glibc 2.33 and later).
    pub argv0: bool,
    /// It knows `--inhibit-cache` (every glibc, no musl).
    pub inhibit_cache: bool,
}

/// A regular file in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path in the image.
    pub path: String,
    /// Size of the unpacked file.
    pub size_bytes: u64,
    /// Digest of the unpacked file.
    pub blake3: Digest,
}

impl Manifest {
    /// Reads a manifest and checks every rule that does not need the rest of the file.
    ///
    /// # Errors
    /// [`FormatError::BadManifest`] with the rule that it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        manifest.check()?;
        if manifest.encode()? != bytes {
            return Err(bad("it is not in its canonical spelling"));
        }
        Ok(manifest)
    }

    /// The manifest's canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::BadManifest`] if a reader would refuse it.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        serde_json::to_vec(self).map_err(|error| bad(error.to_string()))
    }

    fn check(&self) -> Result<(), FormatError> {
        if self.format_version != FORMAT_VERSION {
            return Err(bad("its format version is not the trailer's"));
        }
        check_name(&self.name)?;
        if self.image.codec != "zstd" {
            return Err(bad(format!(
                "the codec '{}' is unknown",
                self.image.codec.escape_default()
            )));
        }
        check_path(&self.payload.executable)?;
        if let Some(loader) = &self.payload.loader {
            check_path(&loader.path)?;
            loader
                .library_dirs
                .iter()
                .try_for_each(|dir| check_path(dir))?;
            // The list is handed over joined by ':'; ld.so splits at ';' too.
            if loader
                .library_dirs
                .iter()
                .any(|dir| dir.contains([':', ';']))
            {
                return Err(bad("a library directory has ':' or ';' in its name"));
            }
        }
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(bad(format!(
                    "'{}' is not a variable",
                    name.escape_default()
                )));
            }
        }
        self.files
            .iter()
            .try_for_each(|file| check_path(&file.path))?;
        if !self.files.is_sorted_by(|a, b| a.path < b.path) {
            return Err(bad("its files are not in path order"));
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), FormatError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty()
        || name.len() > 64
        || name.starts_with(['.', '-'])
        || !name.chars().all(allowed)
    {
        return Err(bad(format!(
            "the name '{}' is not 1 to 64 of letters, digits, '.', '_', '-'",
            name.escape_default()
        )));
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), FormatError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if !path.split('/').all(plain) {
        return Err(bad(format!(
            "'{}' is not a plain path in the image",
            path.escape_default()
        )));
    }
    Ok(())
}

fn bad(reason: impl Into<String>) -> FormatError {
    FormatError::BadManifest(reason.into())
}
