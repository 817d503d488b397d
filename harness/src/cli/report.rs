//! The options of reports and plots.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;

/// What reports and plots are made of, as typed.
#[derive(Args, Clone, Debug)]
pub struct MaterialArgs {
    /// Records and kept comparisons (bench ab --output), directories of them, or patterns in quotes; - reads a record from standard input
    #[arg(required = true, value_name = "DIR|FILE|GLOB")]
    pub records: Vec<PathBuf>,

    /// What the others are held against: a host of the records, or a record's file [default: the first]
    #[arg(long, value_name = "HOST|FILE")]
    pub reference: Option<PathBuf>,

    /// Compare also what differs in threads, driver, instruction set or BLAS, and say in what
    #[arg(long)]
    pub anyway: bool,

    /// Where bench check keeps accepted changes: they are marked
    #[arg(long, default_value = ".bench-accepted.json", value_name = "FILE.json")]
    pub accepted: PathBuf,
}

/// The options of `bench report`, as typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ReportArgs {
    /// What it is made of.
    #[command(flatten)]
    pub material: MaterialArgs,

    /// Where the page goes; - is standard output
    #[arg(short, long, default_value = "report.html", value_name = "FILE.html")]
    pub output: PathBuf,

    /// What stands at the head of the page
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,

    /// Write over a file that is no report
    #[arg(long)]
    pub force: bool,
}

const AFTER_HELP: &str = "\
Examples:
  bench report bench-results                       report.html, to be opened in any browser
  bench report 'lab/*.json' -o lab.html --title 'Lab, March'
  bench report bench-results ab.json --reference node1

The page is one file and needs no network. A report that is there already is written anew; another file is left alone.

Exit codes:
  0 written; 2 a file that was named is no record, nothing was found, or a file is in the way; 4 hosts computed different norms
  (the page is written and says so), or a record was edited by hand; 73 the page cannot be created; 74 a file could not be read";
