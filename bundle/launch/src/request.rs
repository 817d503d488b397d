//! From a manifest and the options to what the runtime is asked for.

use std::ffi::OsString;

use bundle_container::{ConfigurationFile, Settings};
use bundle_format::{ConfigurationText, ContainerInfo, Manifest, Payload};
use bundle_runtime::{Container, Error, Text};

use crate::options::Options;

/// The container that a bundle of an image starts; none for a program.
pub(crate) fn container(
    manifest: &Manifest,
    options: &Options,
) -> Result<Option<Container>, Error> {
    let Payload::Image {
        command,
        container: info,
    } = &manifest.payload
    else {
        return Ok(None);
    };
    let mut container = Container {
        name: manifest.name.clone(),
        command: command.iter().map(OsString::from).collect(),
        environments: info.environments.iter().map(text).collect(),
        fstabs: info.fstabs.iter().map(text).collect(),
        ..Container::default()
    };
    let packed = settings_file(info)?;
    let settings = match &options.configuration {
        Some(path) => container.add_script(path, &[packed])?,
        None => Settings::resolve(&[packed], &variable).map_err(|error| unusable(&error))?,
    };
    options.container.apply(&mut container, &settings)?;
    Ok(Some(container))
}

/// The variables that the options set for a program.
pub(crate) fn variables(options: &Options) -> Result<Vec<(String, OsString)>, Error> {
    let mut container = Container::default();
    let settings = Settings::resolve(&[], &|_| None).map_err(|error| unusable(&error))?;
    options.container.apply(&mut container, &settings)?;
    Ok(container.variables)
}

fn text(text: &ConfigurationText) -> Text {
    Text {
        origin: format!("{} (packed)", text.origin),
        text: text.text.clone(),
    }
}

/// What the packer had set, which counts less than the environment.
fn settings_file(info: &ContainerInfo) -> Result<ConfigurationFile, Error> {
    let lines = info
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"));
    let text: String = lines.collect();
    ConfigurationFile::parse("the bundle's settings".into(), text.as_bytes(), &variable)
        .map_err(|error| unusable(&error))
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn unusable(error: &dyn std::fmt::Display) -> Error {
    Error::Configuration(format!("cannot use the settings: {error}"))
}
