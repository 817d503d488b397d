//! The options of plots.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::report::MaterialArgs;

/// The options of `bench plot`, as typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct PlotArgs {
    /// What the plots show
    #[arg(value_enum, value_name = "KIND")]
    pub kind: Kind,

    /// What they are made of.
    #[command(flatten)]
    pub material: MaterialArgs,

    /// Where a plot goes, as SVG or PNG by the name's ending; several plots get numbers before it; - is standard output (SVG) [default:
    /// KIND.svg]
    #[arg(short, long, value_name = "FILE.svg|FILE.png")]
    pub output: Option<PathBuf>,

    /// Draw only plots whose name or title contains this text, for example n=1000
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// Draw nothing; say which plots there are, and why others are not
    #[arg(long, conflicts_with = "output")]
    pub list: bool,
}

/// What plots show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Hosts ranked, each with its interval
    Hosts,
    /// Hosts by sizes, with the figures in the cells
    HeatMap,
    /// GFLOPS per watt, where energy was measured
    Energy,
    /// Speed by size, with the measured peak
    BySize,
    /// Speed and efficiency by threads
    Scaling,
    /// Speed by operations per byte, below the machine's roof
    Roofline,
    /// The samples of the newest runs
    Samples,
    /// The samples in their order, with clock and temperature
    Trace,
    /// One value a run over time, with change points
    History,
    /// Comparisons in turns: ratios with their intervals
    Ratios,
    /// All of these
    All,
}

const AFTER_HELP: &str = "\
Examples:
  bench plot all bench-results --list                     which plots these records make
  bench plot by-size bench-results -o by-size.png
  bench plot hosts 'lab/*.json' --only n=2000 -o lab.svg
  bench plot ratios ab.json                               of bench ab --output ab.json

A plot that is there already is written anew, as any file of its name.

Exit codes:
  0 drawn; 2 a file that was named is no record, or there is no such plot; 73 a file cannot be created; 74 one could not be read";
