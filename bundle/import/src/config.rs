//! An image's configuration, as OCI and Docker write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// What is used of a configuration.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) architecture: Option<String>,
    #[serde(default)]
    pub(crate) os: Option<String>,
    #[serde(default)]
    pub(crate) variant: Option<String>,
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default)]
    config: Option<Process>,
    #[serde(default)]
    rootfs: Option<RootFs>,
}

/// How a container of the image runs.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Process {
    #[serde(default)]
    pub(crate) env: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) entrypoint: Words,
    #[serde(default)]
    pub(crate) cmd: Words,
    #[serde(default)]
    pub(crate) working_dir: Option<String>,
    #[serde(default)]
    pub(crate) labels: Option<BTreeMap<String, Option<String>>>,
    /// User, `ExposedPorts`, Volumes, `StopSignal` and whatever else there is: kept as it came.
    #[serde(flatten)]
    pub(crate) other: BTreeMap<String, Value>,
}

/// A command line. Very old images give it as one string.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Words {
    List(Vec<String>),
    One(String),
    #[default]
    None,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

impl Words {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::List(words) => words,
            Self::One(word) => std::slice::from_ref(word),
            Self::None => &[],
        }
    }
}

impl Config {
    /// Parses a configuration.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(json).map_err(|error| Error::Config(error.to_string()))
    }

    /// How a container of the image runs, by default if nothing is said.
    pub(crate) fn process(&self) -> Process {
        self.config.clone().unwrap_or_default()
    }

    /// The digests of the decompressed layers, lowest first.
    pub(crate) fn diff_ids(&self) -> &[String] {
        self.rootfs.as_ref().map_or(&[], |rootfs| &rootfs.diff_ids)
    }

    /// The platform, such as `linux/arm64/v8`.
    pub(crate) fn platform(&self) -> Option<String> {
        let os = self.os.as_deref().unwrap_or("linux");
        let architecture = self.architecture.as_deref()?;
        Some(match self.variant.as_deref().filter(|it| !it.is_empty()) {
            Some(variant) => format!("{os}/{architecture}/{variant}"),
            None => format!("{os}/{architecture}"),
        })
    }
}
