//! The command line as it is typed, each command's options in a file of their own. What they mean is decided by the command.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

mod ab;
mod check;
mod compare;
mod export;
pub mod history;
mod import;
mod measured;
mod plot;
mod report;
mod run;
mod topology;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::{Exit, Failure};
use crate::{output, software};

pub use ab::AbArgs;
pub use check::{CheckArgs, Format as CheckFormat};
pub use compare::{By, CompareArgs, Format as CompareFormat, Sort};
pub use export::ExportArgs;
pub use history::HistoryArgs;
pub use import::ImportArgs;
pub use measured::{ComparingArgs, MeasuredArgs};
pub use plot::{Kind as PlotKind, PlotArgs};
pub use report::{MaterialArgs, ReportArgs};
pub use run::RunArgs;
pub use topology::TopologyArgs;

/// Measures matrix products, proves each result right, and records what it found.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version = software::VERSION,
    args_conflicts_with_subcommands = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// What to do; measuring when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The options of measuring, when no command is named.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands of `bench`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure (the default: `bench --size small` is `bench run --size small`)
    Run(Box<RunArgs>),
    /// Compare records of hosts and runs
    Compare(CompareArgs),
    /// Compare two bundles, programs or settings in turns on this host: which is faster, and by how much
    Ab(Box<AbArgs>),
    /// The gate for CI: whether the candidate is slower than a baseline, by exit code
    Check(Box<CheckArgs>),
    /// Show what this machine is made of and where threads would run
    Topology(TopologyArgs),
    /// Write records in the format of another program
    Export(ExportArgs),
    /// Make a record of another program's output
    Import(ImportArgs),
    /// Show one value a run over commits or time, and where it changed
    History(HistoryArgs),
    /// Make one HTML page of records, to be read in any browser
    Report(ReportArgs),
    /// Draw single plots of records as SVG or PNG
    Plot(PlotArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

const AFTER_HELP: &str = "\
Examples:
  bench --size small                      the article's benchmark: three products of 10000 by 10000 matrices
  bench --size 500,1000,2000 --dtype f32  three sizes, one record
  bench --size 500..5000:500 --threads 1,physical
                                          a sweep over sizes and threads, interrupted and resumed as you like
  bench --size 2000 --until 1%            as many repetitions as the median's precision takes
  bench --size 2000 --blas all            every library that bench.run carries, one case each
  OMP_NUM_THREADS=8 bench                 threads chosen by the environment
  bench compare bench-results 'lab/*.json'
                                          many hosts in one table
  bench report bench-results              the same and more as a page for a browser
  bench --size test --output -            the record on standard output, no file

Exit codes:
  0 measured and verified, or no regression; 1 a regression; 2 the request cannot be carried out; 3 inconclusive;
  4 a result failed its verification; 5 not comparable;
  70 a defect in bench; 71 the system refused something; 73 the output cannot be created; 74 writing failed";

/// Parses the words of the command line. Help and version are printed here and end the program.
///
/// # Errors
///
/// A usage failure in one line.
pub fn parse() -> Result<Cli, Failure> {
    let words: Vec<OsString> = std::env::args_os().collect();
    Cli::try_parse_from(&words).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => std::process::exit(Exit::Pass as i32),
            Err(error) => output::failure(&error),
        },
        ErrorKind::InvalidUtf8 => Failure::usage(not_utf8(&words)),
        _ => Failure::usage(one_line(&error)),
    })
}

/// clap explains over several lines; ours is the first of them, with what it would suggest.
fn one_line(error: &clap::Error) -> anyhow::Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let mut problem = first.trim_start_matches("error: ").to_owned();
    if problem.ends_with(':') {
        // What is missing is listed below.
        let listed = text.lines().skip(1);
        for line in listed.take_while(|line| line.starts_with("  ")) {
            problem = format!("{problem} {}", line.trim());
        }
    }
    let remedy = suggested(error)
        .or_else(|| valid_values(error))
        .unwrap_or_else(|| format!("{} --help", command_in(&text)));
    anyhow::anyhow!("cannot read the command line: {problem} (try {remedy})")
}

/// What was probably meant.
fn suggested(error: &clap::Error) -> Option<String> {
    use ContextKind::{SuggestedArg, SuggestedSubcommand, SuggestedValue};
    let kinds = [SuggestedArg, SuggestedSubcommand, SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    })
}

/// What there is to choose from.
fn valid_values(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(values) if !values.is_empty() => Some(values.join(", ")),
        _ => None,
    }
}

/// The command whose usage the explanation shows, else all of `bench`.
fn command_in(text: &str) -> String {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let words = usage.unwrap_or("bench").split(' ');
    let is_name = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
    words.take_while(is_name).collect::<Vec<_>>().join(" ")
}

fn not_utf8(words: &[OsString]) -> anyhow::Error {
    let word = words
        .iter()
        .find(|word| word.to_str().is_none())
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    anyhow::anyhow!(
        "cannot read the command line: the argument '{word}' is not UTF-8 (only the directory after --output may be)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use expect_test::{Expect, expect};

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    fn check_error(words: &[&str], expected: &Expect) {
        let words = std::iter::once("bench").chain(words.iter().copied());
        let error = Cli::try_parse_from(words).unwrap_err();
        expected.assert_eq(&one_line(&error).to_string());
    }

    #[test]
    fn errors_are_one_line_with_a_remedy() {
        check_error(
            &["--sise", "small"],
            &expect![
                "cannot read the command line: unexpected argument '--sise' found (try --size)"
            ],
        );
        check_error(
            &["--size"],
            &expect![
                "cannot read the command line: a value is required for '--size <SIZE[,SIZE...]>' but none was supplied (try bench --help)"
            ],
        );
        check_error(
            &["ab", "x"],
            &expect![
                "cannot read the command line: the following required arguments were not provided: <B> (try bench ab --help)"
            ],
        );
        check_error(
            &["plot", "sizes", "."],
            &expect![
                "cannot read the command line: invalid value 'sizes' for '<KIND>' (try hosts, heat-map, energy, by-size, scaling, roofline, samples, trace, history, ratios, all)"
            ],
        );
        check_error(
            &["plot", "by-sizes", "."],
            &expect![
                "cannot read the command line: invalid value 'by-sizes' for '<KIND>' (try by-size)"
            ],
        );
        check_error(
            &["report", "--colour", "."],
            &expect![
                "cannot read the command line: unexpected argument '--colour' found (try bench report --help)"
            ],
        );
        check_error(
            &["rum"],
            &expect!["cannot read the command line: unrecognized subcommand 'rum' (try run)"],
        );
        check_error(
            &["--quiet", "--quiet"],
            &expect![
                "cannot read the command line: the argument '--quiet' cannot be used multiple times (try bench --help)"
            ],
        );
    }

    #[test]
    fn run_is_the_default() {
        let bare = Cli::try_parse_from(["bench", "--size", "test"]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.run.size, "test");
        let named = Cli::try_parse_from(["bench", "run", "--size", "test"]).unwrap();
        assert!(matches!(named.command, Some(Command::Run(args)) if args.size == "test"));
    }
}
