//! The payload's command line and environment, and becoming it.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bundle_format::Loader;
use nix::sys::signal::Signal;

use crate::child::Place;
use crate::ladder::FORCE_RUNG;
use crate::request::{Files, Payload, Rung, StartRequest};
use crate::{Error, ffi, image_command};

/// Becomes the payload, whose image is in its place.
///
/// # Errors
/// If the kernel cannot execute it; this process then goes on.
pub(crate) fn exec(
    request: &StartRequest<'_>,
    rung: Rung,
    place: &Place,
) -> Result<Infallible, Error> {
    let variables = environment(request, rung, place);
    let (program, words) = match request.payload {
        Payload::Program {
            executable, loader, ..
        } => program_line(executable, loader, &place.root, request.words),
        Payload::Container(container) => {
            let words = request.words.get(1..).unwrap_or_default();
            image_command::command_line(place, container, words, &variables)?
        }
    };
    let program_path = program.clone();
    let program = c_string(program.as_os_str())?;
    let words = words
        .iter()
        .map(|word| c_string(word))
        .collect::<Result<Vec<_>, _>>()?;
    let variables = variables
        .into_iter()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(&name)
        })
        .collect::<Result<Vec<_>, _>>()?;
    nix::unistd::execve(&program, &words, &variables).map_err(|errno| Error::Exec {
        path: program_path,
        errno,
    })
}

/// The launcher ignores SIGPIPE, so that nobody's closed pipe ends it before it has cleaned up; the payload decides for itself.
pub(crate) fn restore_sigpipe(request: &StartRequest<'_>) {
    ffi::set_disposition(Signal::SIGPIPE, request.sigpipe_was_ignored);
}

/// All variables, each once. A program inherits the user's; a container has its own.
fn environment(request: &StartRequest<'_>, rung: Rung, place: &Place) -> Vec<(OsString, OsString)> {
    let rung = rung.number().to_string();
    let mut own: Vec<(&str, OsString)> = vec![
        ("BENCHRUN_RUNG", rung.into()),
        ("BENCHRUN_ROOT", place.root.clone().into()),
    ];
    if let Files::Bundle { bundle, path, .. } = request.files {
        own.push(("BENCHRUN_BUNDLE", path.into()));
        own.push(("BENCHRUN_BUNDLE_DIGEST", bundle.digest().to_string().into()));
    }
    if let Some(container) = request.container() {
        own.push(("BENCHRUN_CONTAINER", container.name.clone().into()));
        // What shares a name with something else is told from it by its place.
        own.push(("BENCHRUN_CONTAINER_ROOT", request.files.path().into()));
    }
    let given: Vec<(OsString, OsString)> = match &place.environment {
        Some(environment) => environment.clone(),
        None => std::env::vars_os().collect(),
    };
    let asked = match request.payload {
        Payload::Program { variables, .. } => variables,
        Payload::Container(_) => &[],
    };
    let asked = asked
        .iter()
        .map(|(name, value)| (name.into(), value.clone()));
    let defaults = request.environment.iter();
    let defaults = defaults.map(|(name, value)| (name.into(), value.into()));
    let own = own.into_iter().map(|(name, value)| (name.into(), value));
    // The last one that was given counts.
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    for (name, value) in defaults.chain(given).chain(asked).chain(own) {
        match variables.iter_mut().find(|(set, _)| *set == name) {
            Some((_, old)) => *old = value,
            None => variables.push((name, value)),
        }
    }
    variables.retain(|(name, _)| name != FORCE_RUNG);
    variables
}

/// The packed program to execute and its words. A dynamic program is started by its own loader, with its own libraries: given as
/// options, not as `LD_LIBRARY_PATH`, which the payload's children would inherit and the host's programs would break on.
fn program_line(
    executable: &str,
    loader: Option<&Loader>,
    root: &Path,
    words: &[OsString],
) -> (PathBuf, Vec<OsString>) {
    let executable = root.join(executable);
    let own_name = words
        .first()
        .cloned()
        .unwrap_or_else(|| executable.clone().into());
    let arguments = words.iter().skip(1).cloned();
    let Some(loader) = loader else {
        return (
            executable,
            std::iter::once(own_name).chain(arguments).collect(),
        );
    };
    let program = root.join(&loader.path);
    let mut line: Vec<OsString> = vec![program.clone().into()];
    if loader.inhibit_cache {
        // The host's cache names the host's libraries.
        line.push("--inhibit-cache".into());
    }
    if loader.argv0 {
        line.extend(["--argv0".into(), own_name]);
    }
    if !loader.library_dirs.is_empty() {
        let directories: Vec<_> = loader
            .library_dirs
            .iter()
            .map(|dir| root.join(dir).into_os_string())
            .collect();
        line.extend(["--library-path".into(), directories.join(OsStr::new(":"))]);
    }
    line.push(executable.into());
    line.extend(arguments);
    (program, line)
}

fn c_string(word: &OsStr) -> Result<CString, Error> {
    CString::new(word.as_bytes())
        .map_err(|_| Error::Nul(word.to_string_lossy().escape_debug().to_string()))
}
