//! `bundle`: makes one self-running file out of a program and everything that it needs to run.
//!
//! Exit codes: 0 done; 2 the command line is wrong; 1 anything else. What runs a container ends as that does, with 125, 126 or 127
//! where it could not be run.

use std::process::ExitCode;

use bundle::cli::{Cli, Command};
use clap::Parser;

fn main() -> ExitCode {
    bundle_runtime::open_missing_standard_fds();
    let outcome = match Cli::parse().command {
        Command::Pack(flags) => flags.plan().and_then(|plan| bundle::pack(&plan)),
        Command::Start(plan) => return bundle::start(&plan),
        Command::Batch(plan) => return bundle::batch(&plan),
        Command::Exec(plan) => return bundle::exec(&plan),
        Command::Import(plan) => bundle::import(&plan),
        Command::Digest(plan) => bundle::digest(&plan),
        Command::Inspect(plan) => bundle::inspect(&plan),
        Command::Verify(plan) => bundle::verify(&plan),
        Command::Keygen(plan) => bundle::keygen(&plan),
        Command::Sign(plan) => bundle::sign(&plan),
        Command::Create(plan) => bundle::create(&plan),
        Command::List(plan) => bundle::list(&plan),
        Command::Remove(plan) => bundle::remove(&plan),
        Command::Export(plan) => bundle::export(&plan),
        Command::Config(plan) => bundle::config(&plan),
        Command::Completions { shell } => bundle::cli::completions(shell),
        Command::Man { directory } => bundle::cli::man(directory.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bundle: {error:#}");
            ExitCode::FAILURE
        }
    }
}
