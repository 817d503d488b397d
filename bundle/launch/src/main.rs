//! The launcher: the static program at the head of every bundle. It opens its own file, finds a way to start what is in it, and
//! checks every byte before it is used.
//!
//! Own options come first (options.rs); the first word that is none of them begins the payload's command line, and `--` ends ours.
//! Exit codes: the payload's own; 125 the launcher failed; 126 the payload cannot be executed; 127 it is not there;
//! 128 + N, as the shell shows it, if signal N ended it.
#![no_main]

mod ffi;
mod options;
mod trust;
mod verify;

use std::io::Write;

use bundle_format::Bundle;
use bundle_runtime::{
    Arguments, Ended, Error, ImageSource, OwnFile, StartRequest, Trace, open_missing_standard_fds,
    start,
};
use bundle_squashfs::Image;

use crate::options::{Action, HELP, Options};
use crate::verify::{Findings, apparmor_profile};

fn main(arguments: Arguments, sigpipe_was_ignored: bool) -> u8 {
    let trace = Trace::from_environment();
    open_missing_standard_fds();
    let outcome = options::parse(arguments)
        .map_err(Failure::Own)
        .and_then(|options| run(&options, sigpipe_was_ignored, trace));
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

fn run(options: &Options, sigpipe_was_ignored: bool, trace: Trace) -> Result<u8, Failure> {
    if options.action == Action::Help {
        return print(HELP);
    }
    let file = OwnFile::open()?;
    let bundle = Bundle::open(file.file(), file.size_bytes()).map_err(Error::from)?;
    trace.done("read trailer and manifest");
    match options.action {
        Action::Info => {
            return print(&serde_json::to_string_pretty(bundle.manifest()).unwrap_or_default());
        }
        Action::ApparmorProfile => return print(apparmor_profile(file.path()).trim_end()),
        _ => {}
    }
    let signature = trust::check(&bundle, &options.trust).map_err(Failure::Own)?;
    let bytes = bundle.image();
    let source = ImageSource::new(&bytes);
    let image = Image::open(&source).map_err(Error::from)?;
    trace.done("opened the image");
    let request = StartRequest {
        bundle: &bundle,
        image: &image,
        file: file.file(),
        bundle_path: file.path(),
        words: &options.words,
        sigpipe_was_ignored,
        keep_cache: options.keep_cache,
        trace,
    };
    match options.action {
        Action::Verify | Action::VerifyJson => {
            let findings = Findings::collect(&request, signature);
            let text = if options.action == Action::VerifyJson {
                format!("{:#}", findings.to_json(&request))
            } else {
                findings.to_text(&request)
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
