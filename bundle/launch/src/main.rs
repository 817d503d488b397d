//! The launcher: the static program at the head of every bundle. It reads its own file, checks every byte of it, and starts
//! what is in it.
//!
//! Own options come first; the first word that is none of them begins the payload's command line, and `--` ends ours.
//! Exit codes: the payload's own; 125 the launcher failed; 126 the payload cannot be executed; 127 it is not there;
//! 128 + N, as the shell shows it, if signal N ended it.
#![no_main]

mod ffi;

use std::ffi::OsString;
use std::io::Write;

use bundle_format::{Bundle, Manifest};
use bundle_runtime::{
    Arguments, Ended, Error, OwnFile, StartRequest, Trace, open_missing_standard_fds, start,
};

/// What the command line asks for.
enum Asked {
    /// Start the payload with these words.
    Start(Vec<OsString>),
    /// Show the manifest.
    Info,
}

fn main(arguments: Arguments, sigpipe_was_ignored: bool) -> u8 {
    let trace = Trace::from_environment();
    open_missing_standard_fds();
    match run(arguments, sigpipe_was_ignored, trace) {
        Ok(code) => code,
        Err(error) => {
            for line in error.to_string().lines() {
                let _ = writeln!(std::io::stderr(), "bundle: {line}");
            }
            error.exit_code()
        }
    }
}

fn run(arguments: Arguments, sigpipe_was_ignored: bool, trace: Trace) -> Result<u8, Error> {
    let asked = parse(arguments);
    let file = OwnFile::open()?;
    trace.done("mapped the bundle");
    let bundle = Bundle::parse(file.bytes())?;
    trace.done("read trailer and manifest");
    let words = match asked {
        Asked::Info => return Ok(info(bundle.manifest())),
        Asked::Start(words) => words,
    };
    let request = StartRequest {
        bundle: &bundle,
        bundle_path: file.path(),
        words: &words,
        sigpipe_was_ignored,
        trace,
    };
    Ok(match start(&request)? {
        Ended::Exited(code) => code,
        // Dying by the same signal did not work; the shell's number for it is the next best.
        Ended::Killed(signal) => 128 + signal as u8,
    })
}

fn parse(mut words: Arguments) -> Asked {
    match words.get(1) {
        Some(word) if word == "--info" => return Asked::Info,
        Some(word) if word == "--" => drop(words.remove(1)),
        _ => {}
    }
    Asked::Start(words)
}

fn info(manifest: &Manifest) -> u8 {
    let text = serde_json::to_string_pretty(manifest).unwrap_or_default();
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "bundle: cannot print the manifest: {error}"
            );
            125
        }
    }
}
