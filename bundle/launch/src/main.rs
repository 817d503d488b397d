//! The launcher: the static program at the head of every bundle. It opens its own file, finds a way to start what is in it, and
//! checks every byte before it is used.
//!
//! Own options come first (options.rs); the first word that is none of them begins the payload's command line, and `--` ends ours.
//! Exit codes: the payload's own; 125 the launcher failed; 126 the payload cannot be executed; 127 it is not there;
//! 128 + N, as the shell shows it, if signal N ended it.
#![no_main]

mod extract;
mod ffi;
mod options;
mod request;
mod trust;
mod verify;

use std::fs::File;
use std::io::Write;

use bundle_format::Bundle;
use bundle_runtime::{
    Arguments, Ended, Error, Files, ImageSource, OwnFile, Payload, StartRequest, Trace,
    open_missing_standard_fds, start,
};
use bundle_squashfs::Image;

use crate::options::{Action, Kind, Options, help};
use crate::verify::{Findings, apparmor_profile};

fn main(arguments: Arguments, sigpipe_was_ignored: bool) -> u8 {
    let trace = Trace::from_environment();
    open_missing_standard_fds();
    let outcome = open_and_run(arguments, sigpipe_was_ignored, trace);
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let (text, code) = match failure {
                Failure::Own(text) => (text, 125),
                Failure::Start(error) => (error.to_string(), error.exit_code()),
            };
            for line in text.lines() {
                let _ = writeln!(std::io::stderr(), "bundle: {line}");
            }
            code
        }
    }
}

/// Why nothing was run.
enum Failure {
    /// The launcher's own affair.
    Own(String),
    /// The bundle could not be read or started.
    Start(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Start(error.into())
    }
}

fn open_and_run(
    arguments: Arguments,
    sigpipe_was_ignored: bool,
    trace: Trace,
) -> Result<u8, Failure> {
    let file = OwnFile::open()?;
    let bundle = Bundle::open(file.file(), file.size_bytes()).map_err(Error::from)?;
    trace.done("read trailer and manifest");
    let kind = match bundle.manifest().payload {
        bundle_format::Payload::Program { .. } => Kind::Program,
        bundle_format::Payload::Image { .. } => Kind::Image,
    };
    let options = options::parse(arguments, kind).map_err(Failure::Own)?;
    match options.action {
        Action::Help => print(&help(kind)),
        Action::Info => print(&serde_json::to_string_pretty(bundle.manifest()).unwrap_or_default()),
        Action::ApparmorProfile => print(apparmor_profile(file.path()).trim_end()),
        _ => run(&file, &bundle, &options, sigpipe_was_ignored, trace),
    }
}

fn run(
    file: &OwnFile,
    bundle: &Bundle<&File>,
    options: &Options,
    sigpipe_was_ignored: bool,
    trace: Trace,
) -> Result<u8, Failure> {
    let signature = trust::check(bundle, &options.trust).map_err(Failure::Own)?;
    let bytes = bundle.image();
    let source = ImageSource::new(&bytes);
    let image = Image::open(&source).map_err(Error::from)?;
    trace.done("opened the image");
    let manifest = bundle.manifest();
    let unpacked = match options.action {
        Action::Start if !options.keep => None,
        Action::Start | Action::Extract => Some(extract::run(options, manifest, &image)?),
        _ => None,
    };
    if options.action == Action::Extract {
        return Ok(0);
    }
    let container = request::container(manifest, options)?;
    let variables = match &container {
        Some(_) => Vec::new(),
        None => request::variables(options)?,
    };
    let request = StartRequest {
        files: match &unpacked {
            Some(directory) => Files::Directory(directory),
            None => Files::Bundle {
                bundle,
                image: &image,
                file: file.file(),
                path: file.path(),
            },
        },
        payload: match (&container, &manifest.payload) {
            (Some(container), _) => Payload::Container(container),
            (None, bundle_format::Payload::Program { executable, loader }) => Payload::Program {
                executable,
                loader: loader.as_ref(),
                variables: &variables,
            },
            (None, bundle_format::Payload::Image { .. }) => unreachable!("it has a container"),
        },
        environment: &manifest.environment,
        words: &options.words,
        sigpipe_was_ignored,
        keep_cache: options.keep_cache,
        quiet: options.quiet,
        trace,
    };
    match options.action {
        Action::Verify | Action::VerifyJson => {
            let findings = Findings::collect(bundle, file.path(), &request, signature);
            let text = if options.action == Action::VerifyJson {
                format!("{:#}", findings.to_json())
            } else {
                findings.to_text()
            };
            print(&text).map(|code| if findings.is_good() { code } else { 125 })
        }
        _ => match start(&request)? {
            Ended::Exited(code) => Ok(code),
            // Dying by the same signal did not work; the shell's number for it is the next best.
            Ended::Killed(signal) => Ok(128 + signal as u8),
        },
    }
}

fn print(text: &str) -> Result<u8, Failure> {
    writeln!(std::io::stdout(), "{text}")
        .map(|()| 0)
        .map_err(|error| Failure::Own(format!("cannot print: {error}")))
}
