//! The options of exporting records.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use results::exchange::Format;

/// The options of `bench export`, as typed.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// The format: bmf (Bencher), github-action-benchmark (its tool customBiggerIsBetter), google-benchmark, hyperfine,
    /// asv (a results directory: --output DIR), pyperf, junit, markdown (for $GITHUB_STEP_SUMMARY), csv (one row for each sample)
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    pub to: String,

    /// Records: files, directories (all records below them), patterns, or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|GLOB")]
    pub records: Vec<PathBuf>,

    /// The file that is written, whole or not at all; for asv the results directory [default: - (standard output)]
    #[arg(long, short, value_name = "FILE|-")]
    pub output: Option<PathBuf>,

    /// The commit that was measured, for asv, which files results by it [default: the commit of bench that a record names]
    #[arg(long, value_name = "HASH")]
    pub commit: Option<String>,
}
