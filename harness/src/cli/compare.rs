//! The options of comparing records.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::bars::Bars;

/// The options of `bench compare`, as typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct CompareArgs {
    /// Records, directories of them, or patterns in quotes; - reads standard input
    #[arg(required = true, value_name = "FILE|DIR|GLOB")]
    pub records: Vec<PathBuf>,

    /// What the others are held against: a host of the records, or a record's file [default: the first]
    #[arg(long, value_name = "HOST|FILE")]
    pub reference: Option<PathBuf>,

    /// What a line of the tables is: a host with all its runs, or one record
    #[arg(long, value_enum, default_value_t = By::Host)]
    pub by: By,

    /// Compare also what differs in threads, driver, instruction set or BLAS, and say in what
    #[arg(long)]
    pub anyway: bool,

    /// The order of the lines
    #[arg(long, value_enum, default_value_t = Sort::Speed)]
    pub sort: Sort,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Draw bars below the tables of the text [default: auto: in a terminal, plain ASCII if it has no UTF-8 or NO_COLOR is set]
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    pub bars: Bars,
}

/// What a line of the tables is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// A host in one state, with all its runs
    Host,
    /// One record
    File,
}

/// The order of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// The fastest first
    Speed,
    /// By the host's name
    Host,
    /// The largest share of the measured peak first
    Peak,
    /// As the records were named
    Named,
}

/// How to print a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables, as wide as the terminal
    Text,
    /// Tables for a pull request
    Markdown,
    /// One line for each host and case
    Csv,
    /// Everything
    Json,
}

const AFTER_HELP: &str = "\
Compared is what has the same kernel, size, type, threads, driver, instruction set and BLAS build.
Several runs of a host in the same state are taken together by their medians.

Exit codes:
  0 compared; 2 a file that was named is no record, or nothing was found; 4 hosts computed different norms, or a record was
  edited by hand; 5 nothing could be compared; 74 a file could not be read";
