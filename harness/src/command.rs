//! From the command line to the command that it names.

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::{
    ab, check, compare, export, history, import, output, plot, report, run, topology_command,
};

/// Does what the command line asks for.
///
/// # Errors
///
/// Whatever the command reports, with its exit code.
pub fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Compare(args)) => compare::run(&args),
        Some(Command::Ab(args)) => ab::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Topology(args)) => topology_command::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::History(args)) => history::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Plot(args)) => plot::run(&args),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "bench", &mut script);
            output::print_line(String::from_utf8_lossy(&script).trim_end())?;
            Ok(Exit::Pass)
        }
    }
}
