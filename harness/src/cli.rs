//! The command line as it is typed. What it means is decided in `plan`.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::{Exit, Failure};
use crate::{output, software};

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
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The options of `bench run`, as typed.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Order of the matrices: test (100), tiny (5000), small (10000), large (20000), huge (40000), or any number;
    /// several separated by commas, also as ranges FIRST..LAST:STEP and FIRST..LAST*FACTOR
    #[arg(long, default_value = "small", value_name = "SIZE[,SIZE...]")]
    pub size: String,

    /// What to measure: matmul-norm, gemm, lu-solve, triad (memory bandwidth), fma-peak; several separated by commas
    #[arg(long, default_value = "matmul-norm", value_name = "NAME[,NAME...]")]
    pub kernel: String,

    /// Type of the elements: f64 or f32 (float64 and float32 mean the same), or both separated by a comma
    #[arg(long, default_value = "f64", value_name = "TYPE[,TYPE]")]
    pub dtype: String,

    /// Threads: a number, physical or logical (as many as cores or CPUs this process may use), or several separated by
    /// commas [default: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else physical]
    #[arg(long, value_name = "N[,N...]", allow_hyphen_values = true)]
    pub threads: Option<String>,

    /// What multiplies: bundled (the OpenBLAS in this program), newest (the newer one that bench.run carries), system
    /// (this host's), all (all that bench.run carries), or the path of any CBLAS library; several separated by commas
    #[arg(long, default_value = "bundled", value_name = "BLAS[,BLAS...]")]
    pub blas: String,

    /// Who shares a product out among the threads: team (one tile for each thread, the library uses one thread in each) or
    /// library (it is called once and uses its own threads, as numpy does)
    #[arg(long, default_value = "team", value_name = "DRIVER")]
    pub driver: String,

    /// Compute C in panels of 2048 rows, so that matmul-norm takes the memory of two matrices instead of three; a little
    /// slower, and recorded as such
    #[arg(long)]
    pub panels: bool,

    /// Timed repetitions of each case; with --until, the least number of them
    #[arg(
        long,
        default_value = "3",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub repeats: String,

    /// Repeat each case until the 95 % interval of its median is within this of the median, for example 1%
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// Begin no further repetition of a case after this time, for example 60s or 2m [default: 5m with --until]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub max_time: Option<String>,

    /// Untimed repetitions before them: a number, or auto (until three in a row take the same time)
    #[arg(
        long,
        default_value = "auto",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub warmup: String,

    /// Order of several cases: interleaved (rounds over all of them), sequential or random (rounds in orders drawn from
    /// the seed) [default: interleaved]
    #[arg(long, value_name = "ORDER")]
    pub order: Option<String>,

    /// Print what would be measured, with estimates of time and memory, and measure nothing
    #[arg(long)]
    pub plan: bool,

    /// Go on with an interrupted run of several cases: with this journal, or the only one in the output directory
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        conflicts_with_all = [
            "size", "dtype", "threads", "repeats", "until", "max_time", "warmup", "order", "plan", "seed", "energy",
        ]
    )]
    #[allow(
        clippy::option_option,
        reason = "clap's form of an option whose value may be left out"
    )]
    pub resume: Option<Option<PathBuf>>,

    /// Seed of the random matrices: the same seed gives the same matrices on every host
    #[arg(
        long,
        default_value = "1",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub seed: String,

    /// Directory for the record and its plot; - writes the record to standard output and no file
    #[arg(long, short, default_value = "bench-results", value_name = "DIR|-")]
    pub output: PathBuf,

    /// Measure the machine's own limits beside the cases (the default; takes half a second)
    #[arg(long, overrides_with = "no_peak")]
    pub peak: bool,

    /// Do not measure the machine's own limits
    #[arg(long, overrides_with = "peak")]
    pub no_peak: bool,

    /// Draw no plot beside the record
    #[arg(long)]
    pub no_plot: bool,

    /// Say why the energy of the processor (GFLOPS/W) cannot be told where it cannot; where it can, it always is
    #[arg(long)]
    pub energy: bool,

    /// Print the line of each repeat and nothing else
    #[arg(long, short)]
    pub quiet: bool,

    /// Print the record as JSON instead of lines
    #[arg(long)]
    pub json: bool,
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
  bench --size test --output -            the record on standard output, no file

Exit codes:
  0 measured and verified; 2 the request cannot be carried out; 4 a result failed its verification;
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
    let problem = first.trim_start_matches("error: ");
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(text) => Some(text.clone()),
            ContextValue::Strings(texts) => texts.first().cloned(),
            _ => None,
        });
    let remedy = suggested.unwrap_or_else(|| "bench --help".to_owned());
    anyhow::anyhow!("cannot read the command line: {problem} (try {remedy})")
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
