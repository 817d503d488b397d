//! `bench`: parses, runs, and maps the outcome to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::exit::die_quietly_on_a_closed_pipe();
    let outcome = harness::cli::parse().and_then(harness::command::dispatch);
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("bench: {failure}");
            failure.exit.into()
        }
    }
}
