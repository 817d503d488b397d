//! `bundle exec`: a command in a container that runs.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use anyhow::{Context, Result};
use bundle_container::parse_env_argument;
use bundle_runtime::{Ended, Error};
use clap::Args;

use crate::configuration::variable;

/// What `bundle exec` is to do.
#[derive(Debug, Clone, Args)]
pub struct ExecPlan {
    /// Set a variable for the command, or pass on the host's (may be repeated)
    #[arg(short, long = "env", value_name = "KEY[=VALUE]")]
    environment: Vec<OsString>,
    /// A process of the container, as `bundle list --fancy` shows it
    #[arg(value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: i32,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// Executes the command, and ends as it ends.
pub fn exec(plan: &ExecPlan) -> ExitCode {
    match try_exec(plan) {
        Ok(Ended::Exited(code)) => ExitCode::from(code),
        Ok(Ended::Killed(signal)) => ExitCode::from(128_u8.saturating_add(signal as u8)),
        Err(error) => {
            eprintln!("bundle: {error:#}");
            let code = error.downcast_ref::<Error>().map_or(125, Error::exit_code);
            ExitCode::from(code)
        }
    }
}

fn try_exec(plan: &ExecPlan) -> Result<Ended> {
    let mut variables = Vec::new();
    for argument in &plan.environment {
        let parsed =
            parse_env_argument(argument.as_bytes(), &variable).context("cannot use --env")?;
        variables.extend(parsed);
    }
    Ok(bundle_runtime::exec(plan.pid, &plan.words, &variables)?)
}
