//! What the host's administrator and the user give to every container, and what of it a bundle carries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use bundle_container::settings::{self, Kind};
use bundle_container::{Origin, Settings};
use bundle_format::{ConfigurationText, ContainerInfo};
use bundle_runtime::{Container, Text, files_in, texts_in};

/// A container with what the host and the user give to all of them.
///
/// # Errors
/// If a file of theirs cannot be read.
pub(crate) fn container(in_force: &Settings) -> Result<Container> {
    let directories = directories(in_force);
    Ok(Container {
        environments: texts(&directories, "environ.d", "env")?,
        fstabs: texts(&directories, "mounts.d", "fstab")?,
        hooks: directories
            .iter()
            .flat_map(|directory| files_in(&directory.join("hooks.d"), "sh"))
            .collect(),
        ..Container::default()
    })
}

/// The system's directory and the user's.
fn directories(in_force: &Settings) -> [PathBuf; 2] {
    [&settings::SYSCONF_PATH, &settings::CONFIG_PATH].map(|setting| in_force.path(setting))
}

fn texts(directories: &[PathBuf], name: &str, ending: &str) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    for directory in directories {
        texts.extend(texts_in(&directory.join(name), ending)?);
    }
    Ok(texts)
}

/// What a bundle carries of the configuration: the system's texts, and the user's with the settings that are not the default if
/// `all` is wanted. Paths are this host's affair and stay here, and so do hooks, which are programs of this host.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn packed(in_force: &Settings, all: bool) -> Result<ContainerInfo> {
    let directories = directories(in_force);
    let wanted = if all {
        &directories[..]
    } else {
        &directories[..1]
    };
    let pack = |texts: Vec<Text>| {
        let pack = |text: Text| ConfigurationText {
            origin: text.origin,
            text: text.text,
        };
        texts.into_iter().map(pack).collect()
    };
    let mut settings = BTreeMap::new();
    if all {
        for value in in_force.values() {
            let is_set = !matches!(value.origin, Origin::Default);
            if is_set && matches!(value.setting.kind, Kind::Switch) {
                let text = value.value.to_string_lossy().into_owned();
                settings.insert(value.setting.name.to_owned(), text);
            }
        }
    }
    Ok(ContainerInfo {
        environments: pack(texts(wanted, "environ.d", "env")?),
        fstabs: pack(texts(wanted, "mounts.d", "fstab")?),
        settings,
        ..ContainerInfo::default()
    })
}
