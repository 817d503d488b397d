//! Who somebody is to a registry.
//!
//! Looked for in this order: the password in `$BENCHRUN_PASSWORD`, for a user whom the URI names; Enroot's file and our own in
//! netrc's form; Docker's and Podman's files in JSON, and the helpers that they name; whoever sits at the terminal.

mod docker;
mod helper;
mod netrc;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::reference::Reference;
use crate::settings::Variables;

/// No file with credentials is larger.
const FILE_SIZE_BYTES_MAX: u64 = 4 << 20;

/// Proof of identity. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// A user and a password.
    Password { user: String, password: String },
    /// What the token server takes instead.
    IdentityToken(String),
}

/// Why credentials cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file cannot be read.
    #[error("cannot read '{path}': {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },

    /// A file is not as it must be.
    #[error("cannot use '{path}': {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// A program that keeps passwords does not give one.
    #[error("cannot get a password from '{program}': {reason}")]
    Helper {
        /// The program.
        program: String,
        /// What is wrong.
        reason: String,
    },

    /// A user, but no password.
    #[error(
        "cannot log in as '{user}' at '{registry}': no password is known and nobody can be asked for it: {reason} (set \
         $BENCHRUN_PASSWORD, or put it into ~/.config/benchrun/.credentials)"
    )]
    NoPassword {
        /// The user.
        user: String,
        /// Where.
        registry: String,
        /// Why nobody can be asked.
        reason: io::Error,
    },
}

/// Asks whoever sits at the terminal for a password, given the question.
pub type AskPassword<'a> = &'a (dyn Fn(&str) -> io::Result<String> + Sync);

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Login::Password { .. } => "Password",
            Login::IdentityToken(_) => "IdentityToken",
        })
    }
}

/// The credentials for an image, or none if there are none: many images are for everybody.
pub(crate) fn find(
    reference: &Reference,
    variables: Variables<'_>,
    ask: AskPassword<'_>,
) -> Result<Option<Login>, CredentialError> {
    let user = reference.user.as_deref();
    if let (Some(user), Some(password)) = (user, variables("BENCHRUN_PASSWORD")) {
        let user = user.to_owned();
        return Ok(Some(Login::Password { user, password }));
    }
    for path in netrc_files(variables) {
        let Some(text) = read(&path)? else { continue };
        let found = netrc::find(&text, &reference.registry, user, variables);
        let found = found.map_err(|reason| CredentialError::File { path, reason })?;
        if let Some((user, password)) = found {
            return Ok(Some(Login::Password { user, password }));
        }
    }
    for path in docker_files(variables) {
        let Some(text) = read(&path)? else { continue };
        let file = docker::parse(&text).map_err(|reason| CredentialError::File {
            path: path.clone(),
            reason,
        })?;
        let found = docker::find(&file, &reference.registry, &reference.repository);
        let login = match found {
            None => continue,
            Some(docker::Found::Login(login)) => login,
            Some(docker::Found::Helper { program, server }) => helper::get(&program, &server)?,
        };
        let login = login.filter(|login| match (login, user) {
            (Login::Password { user: found, .. }, Some(user)) => found == user,
            _ => true,
        });
        if login.is_some() {
            return Ok(login);
        }
    }
    let Some(user) = user else {
        return Ok(None);
    };
    let registry = reference.registry.clone();
    match ask(&format!("Password of {user} at {registry}: ")) {
        Ok(password) => Ok(Some(Login::Password {
            user: user.to_owned(),
            password,
        })),
        Err(reason) => Err(CredentialError::NoPassword {
            user: user.to_owned(),
            registry,
            reason,
        }),
    }
}

/// Enroot's file and ours.
fn netrc_files(variables: Variables<'_>) -> Vec<PathBuf> {
    let config = config_home(variables);
    let of = |variable: &str, name: &str| {
        variables(variable)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| Some(config.as_ref()?.join(name)))
            .map(|directory| directory.join(".credentials"))
    };
    let enroots = of("ENROOT_CONFIG_PATH", "enroot");
    let ours = of("BENCHRUN_CONFIG_PATH", "benchrun");
    enroots.into_iter().chain(ours).collect()
}

/// Those of Docker and of containers/image (Podman, Skopeo, Buildah).
fn docker_files(variables: Variables<'_>) -> Vec<PathBuf> {
    let path = |name: &str| {
        variables(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = path("HOME");
    let docker = path("DOCKER_CONFIG").or_else(|| Some(home?.join(".docker")));
    let named = path("REGISTRY_AUTH_FILE");
    let running = path("XDG_RUNTIME_DIR").map(|path| path.join("containers/auth.json"));
    let kept = config_home(variables).map(|path| path.join("containers/auth.json"));
    let docker = docker.map(|path| path.join("config.json"));
    [named, docker, running, kept]
        .into_iter()
        .flatten()
        .collect()
}

fn config_home(variables: Variables<'_>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        variables(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

/// A file's text. None if there is no such file.
fn read(path: &Path) -> Result<Option<String>, CredentialError> {
    let failed = |reason| CredentialError::Read {
        path: path.to_owned(),
        reason,
    };
    let metadata = match fs::metadata(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.is_file() || metadata.len() > FILE_SIZE_BYTES_MAX {
        return Err(CredentialError::File {
            path: path.to_owned(),
            reason: format!("it is no file of at most {FILE_SIZE_BYTES_MAX} bytes"),
        });
    }
    fs::read_to_string(path).map(Some).map_err(failed)
}

#[cfg(test)]
mod tests;
