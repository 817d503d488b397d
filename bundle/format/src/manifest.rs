//! The manifest: what the bundle holds and what runs, as canonical JSON.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::{Digest, FORMAT_VERSION, FormatError};

/// How an image's blocks may be compressed.
const CODECS: [&str; 5] = ["gzip", "lz4", "lzo", "xz", "zstd"];

/// Sizes that a squashfs image's blocks may have, in bytes, if they are powers of two.
const BLOCK_SIZES: RangeInclusive<u32> = 4096..=1 << 20;

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

/// Size, hash tree and kind of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInfo {
    /// Size of the image in the file.
    pub size_bytes: u64,
    /// Root of the hash tree over the image.
    pub tree_blake3: Digest,
    /// How its blocks are compressed.
    pub codec: String,
    /// Size of its data blocks before compression.
    pub block_size_bytes: u32,
}

/// What a bundle starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Payload {
    /// A program and what it needs, beside the host's files.
    Program {
        /// Path of the program in the image.
        executable: String,
        /// Its dynamic loader; none for a static program.
        loader: Option<Loader>,
    },
    /// A root file system of its own.
    Image {
        /// The words that are executed unless the command line has others; may be empty.
        command: Vec<String>,
        /// What else is known of the container.
        #[serde(default, skip_serializing_if = "ContainerInfo::is_empty")]
        container: ContainerInfo,
    },
}

/// What a bundle of an image says about the container besides. A part that is empty has no key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerInfo {
    /// What the bundle is, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is unpacked if its user wants that, with `${VARIABLE}`s; empty for a directory named like the bundle.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Texts in the form of `/etc/environment` that the packer's host had for all containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<ConfigurationText>,
    /// The same in the form of `/etc/fstab`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fstabs: Vec<ConfigurationText>,
    /// Settings of the packer that hold unless the bundle's user has others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl ContainerInfo {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A text of configuration and its file's path where it was packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationText {
    /// The path, for messages.
    pub origin: String,
    /// The text.
    pub text: String,
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
        check_image(&self.image)?;
        match &self.payload {
            Payload::Program { executable, loader } => {
                check_path(executable)?;
                loader.as_ref().map_or(Ok(()), check_loader)?;
            }
            Payload::Image { command, container } => {
                check_container(container)?;
                if command.iter().any(|word| word.contains('\0')) {
                    return Err(bad("a word of its command has a NUL"));
                }
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
        Ok(())
    }
}

/// May a bundle call itself this?
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&name.len()) && !name.starts_with(['.', '-']) && name.chars().all(allowed)
}

fn check_name(name: &str) -> Result<(), FormatError> {
    if is_name(name) {
        return Ok(());
    }
    Err(bad(format!(
        "the name '{}' is not 1 to 64 of letters, digits, '.', '_', '-'",
        name.escape_default()
    )))
}

fn check_image(image: &ImageInfo) -> Result<(), FormatError> {
    if !CODECS.contains(&image.codec.as_str()) {
        return Err(bad(format!(
            "the codec '{}' is unknown",
            image.codec.escape_default()
        )));
    }
    if !image.block_size_bytes.is_power_of_two() || !BLOCK_SIZES.contains(&image.block_size_bytes) {
        return Err(bad(format!(
            "{} bytes are no block size",
            image.block_size_bytes
        )));
    }
    Ok(())
}

fn check_container(container: &ContainerInfo) -> Result<(), FormatError> {
    let texts = container.environments.iter().chain(&container.fstabs);
    let mut parts = texts
        .flat_map(|text| [&text.origin, &text.text])
        .chain([&container.description, &container.target])
        .chain(
            container
                .settings
                .iter()
                .flat_map(|(name, value)| [name, value]),
        );
    if parts.any(|part| part.contains('\0')) {
        return Err(bad("a text of its container has a NUL"));
    }
    Ok(())
}

fn check_loader(loader: &Loader) -> Result<(), FormatError> {
    check_path(&loader.path)?;
    for directory in &loader.library_dirs {
        check_path(directory)?;
        // The list is handed over joined by ':'; ld.so splits at ';' too.
        if directory.contains([':', ';']) {
            return Err(bad("a library directory has ':' or ';' in its name"));
        }
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
