//! The options of the gate.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::measured::{ComparingArgs, MeasuredArgs};

/// The options of `bench check`, as typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    /// The baseline: a bundle, program, command line or options, run again in turns with the candidate; or a record (FILE.json) or a
    /// directory of records from this hardware, one value a run
    #[arg(long, value_name = "BASELINE", allow_hyphen_values = true)]
    pub against: String,

    /// The candidate, as the baseline [default: this bench]
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub candidate: Option<String>,

    /// The slowdown that counts, for example 5% [default: 1.5 times the noise that the blocks show, but 1% at the least and
    /// 5% at the most; against records 5% and 10%]
    #[arg(long, value_name = "PERCENT")]
    pub threshold: Option<String>,

    /// Accept what is found as intended, for this reason: from now on it is what is expected against this baseline
    #[arg(long, value_name = "REASON")]
    pub accept: Option<String>,

    /// Where accepted changes are kept
    #[arg(long, default_value = ".bench-accepted.json", value_name = "FILE.json")]
    pub accepted: PathBuf,

    /// How the verdict is printed
    #[arg(
        long,
        value_enum,
        default_value = "text",
        value_name = "FORMAT",
        conflicts_with = "json"
    )]
    pub format: Format,

    /// What both sides get.
    #[command(flatten)]
    pub measured: MeasuredArgs,

    /// How long, and what is told.
    #[command(flatten)]
    pub comparing: ComparingArgs,
}

/// How a verdict is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For the summary of a CI job.
    Markdown,
    /// For programs, as --json
    Json,
}

const AFTER_HELP: &str = "\
Examples:
  ./branch.run check --against main.run --size 1000                 the recommended way: last month's bundle, run again now
  bench check --against main.run --candidate branch.run --size 1000,2000 --threshold 5%
  bench check --against main.run --size 1000 --accept 'checks bounds now'
  bench check --against bench-results --size 1000                   records of this machine; what changed on it since counts too

A regression is a slowdown whose whole interval lies beyond the threshold and that as many fresh blocks show again. Half of
--max-time is for the first look and half for the second, which comes only where the first does not pass.

Exit codes:
  0 pass, or accepted; 1 regression; 3 inconclusive; 4 invalid: a result failed its verification, or the sides compute different
  norms; 5 not comparable: other hardware, or different things measured; others as of bench";
