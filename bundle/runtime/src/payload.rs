//! The payload's command line and environment, and becoming it.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bundle_format::{Loader, Payload};
use nix::sys::signal::Signal;

use crate::child::Place;
use crate::ladder::FORCE_RUNG;
use crate::request::{Rung, StartRequest};
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
    let (program, words) = match &request.bundle.manifest().payload {
        Payload::Program { executable, loader } => {
            program_line(executable, loader.as_ref(), &place.root, request.words)
        }
        Payload::Image { command } => {
            let words = request.words.get(1..).unwrap_or_default();
            image_command::command_line(place, command, words)?
        }
    };
    let program_path = program.clone();
    let program = c_string(program.as_os_str())?;
    let words = words
        .iter()
        .map(|word| c_string(word))
        .collect::<Result<Vec<_>, _>>()?;
    let variables = environment(request, rung, &place.root);
    let variables = variables
        .iter()
        .map(|variable| c_string(variable))
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

fn environment(request: &StartRequest<'_>, rung: Rung, root: &Path) -> Vec<OsString> {
    let digest = request.bundle.digest().to_string();
    let rung = rung.number().to_string();
    let own: [(&str, &OsStr); 4] = [
        ("BENCHRUN_BUNDLE", request.bundle_path.as_os_str()),
        ("BENCHRUN_BUNDLE_DIGEST", digest.as_ref()),
        ("BENCHRUN_RUNG", rung.as_ref()),
        ("BENCHRUN_ROOT", root.as_os_str()),
    ];
    let is_ours =
        |name: &OsStr| name == FORCE_RUNG || own.iter().any(|(own_name, _)| name == *own_name);
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| !is_ours(name))
        .collect();
    for (name, value) in &request.bundle.manifest().environment {
        if !variables.iter().any(|(set, _)| set == name.as_str()) {
            variables.push((name.into(), value.into()));
        }
    }
    if matches!(request.bundle.manifest().payload, Payload::Image { .. })
        && !variables.iter().any(|(set, _)| set == "PATH")
    {
        variables.push(("PATH".into(), image_command::default_path().into()));
    }
    variables.extend(own.map(|(name, value)| (name.into(), value.to_owned())));
    let join = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        name
    };
    variables.into_iter().map(join).collect()
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
