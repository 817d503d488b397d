//! What a command line says about a container, the same for `bundle start` and for a bundle's own options, read and checked.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bundle_container::{
    ConfigurationFile, Settings, parse_env_argument, parse_mount, parse_script, settings,
};

use crate::furnish::host_variable;
use crate::{Container, Error, Namespaces, Text};

/// Largest script that is read.
const FILE_SIZE_LIMIT_BYTES: u64 = 16 << 20;

/// The options, as they were given.
#[derive(Debug, Clone, Default)]
pub struct ContainerOptions {
    /// `--env KEY=VALUE` or `--env KEY`.
    pub environment: Vec<OsString>,
    /// `--mount FSTAB`, with colons for blanks.
    pub mounts: Vec<OsString>,
    /// `--rc SCRIPT`.
    pub rc: Option<PathBuf>,
    /// `--root`.
    pub remap_root: bool,
    /// `--rw`.
    pub writable: bool,
    /// `--pid`, `--net`, `--ipc`, `--uts`.
    pub namespaces: Namespaces,
}

impl ContainerOptions {
    /// Adds to a container what the options and the settings say.
    ///
    /// # Errors
    /// An argument that makes no sense, or a script that cannot be read.
    pub fn apply(&self, container: &mut Container, in_force: &Settings) -> Result<(), Error> {
        for argument in &self.environment {
            let variable = parse_env_argument(argument.as_bytes(), &host_variable)
                .map_err(|error| Error::Configuration(format!("cannot use --env {error}")))?;
            container.variables.extend(variable);
        }
        for argument in &self.mounts {
            let mount = parse_mount(argument.as_bytes(), &host_variable)
                .map_err(|error| Error::Configuration(format!("cannot use --mount {error}")))?;
            container.mounts.extend(mount);
        }
        if let Some(path) = &self.rc {
            container.rc = Some(read(path, "--rc")?);
        }
        let is_on = |setting| in_force.is_on(setting);
        container.remap_root |= self.remap_root || is_on(&settings::REMAP_ROOT);
        container.writable |= self.writable || is_on(&settings::ROOTFS_WRITABLE);
        container.mount_home |= is_on(&settings::MOUNT_HOME);
        container.restrict_devices |= is_on(&settings::RESTRICT_DEV);
        let namespaces = &mut container.namespaces;
        namespaces.pid |= self.namespaces.pid || is_on(&settings::UNSHARE_PID);
        namespaces.net |= self.namespaces.net || is_on(&settings::UNSHARE_NET);
        namespaces.ipc |= self.namespaces.ipc || is_on(&settings::UNSHARE_IPC);
        namespaces.uts |= self.namespaces.uts || is_on(&settings::UNSHARE_UTS);
        Ok(())
    }
}

impl Container {
    /// Adds what a configuration script says (`--conf`, `batch`), and returns its settings; those in force before them count only
    /// where it has none.
    ///
    /// # Errors
    /// If it cannot be read, or would have to be run.
    pub fn add_script(
        &mut self,
        path: &Path,
        before: &[ConfigurationFile],
    ) -> Result<Settings, Error> {
        let shown = path.display();
        let failed = |error: &dyn std::fmt::Display| {
            Error::Configuration(format!("cannot use the configuration '{shown}': {error}"))
        };
        let text = String::from_utf8(read(path, "--conf")?).map_err(|error| failed(&error))?;
        let script = parse_script(&text).map_err(|error| failed(&error))?;
        let origin = shown.to_string();
        if !script.environment.is_empty() {
            self.environments.push(Text {
                origin: origin.clone(),
                text: script.environment,
            });
        }
        if !script.fstab.is_empty() {
            self.fstabs.push(Text {
                origin: origin.clone(),
                text: script.fstab,
            });
        }
        if let Some(rc) = script.rc {
            self.rc = Some(rc.into());
        }
        let file =
            ConfigurationFile::parse(path.into(), script.settings.as_bytes(), &host_variable)
                .map_err(|error| failed(&error))?;
        let files: Vec<_> = std::iter::once(file)
            .chain(before.iter().cloned())
            .collect();
        Settings::resolve(&files, &host_variable).map_err(|error| failed(&error))
    }
}

/// The bytes of a file that an option names.
fn read(path: &Path, option: &str) -> Result<Vec<u8>, Error> {
    let read = || -> std::io::Result<Vec<u8>> {
        let file = fs::File::open(path)?;
        let mut bytes = Vec::new();
        file.take(FILE_SIZE_LIMIT_BYTES + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_SIZE_LIMIT_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    };
    read().map_err(|error| {
        let path = path.display();
        Error::Configuration(format!(
            "cannot read '{path}' for {option}: {error} (give the path of a file)"
        ))
    })
}

/// The configuration texts with this ending in a directory, in the order of their names. A directory that is not there has none.
///
/// # Errors
/// If one cannot be read.
pub fn texts_in(directory: &Path, ending: &str) -> Result<Vec<Text>, Error> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| {
            let path = path.display();
            Error::Configuration(format!("cannot read '{path}': {error} (mend or remove it)"))
        })?;
        let origin = path.to_string_lossy().into_owned();
        Ok(Text { origin, text })
    };
    files_in(directory, ending).into_iter().map(read).collect()
}

/// The files with this ending in a directory, in the order of their names.
pub fn files_in(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let has_ending =
        |path: &PathBuf| path.extension() == Some(OsStr::new(ending)) && path.is_file();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(has_ending)
        .collect();
    files.sort();
    files
}
