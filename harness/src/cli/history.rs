//! The options of showing a history.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The options of `bench history`, as typed.
#[derive(Args, Clone, Debug)]
pub struct HistoryArgs {
    /// Directory of records, as `bench run --output DIR` writes them
    #[arg(default_value = "bench-results", value_name = "DIR")]
    pub directory: PathBuf,

    /// Order points by the commits of this git repository (first parents of HEAD) instead of by time
    #[arg(long, value_name = "REPOSITORY")]
    pub git: Option<PathBuf>,

    /// What a point is: all runs of a commit, or each run; auto takes commits where a series has several
    #[arg(long, default_value = "auto", value_name = "WHAT")]
    pub by: By,

    /// Keep hosts with the same kind of processor apart by their names
    #[arg(long)]
    pub split_hosts: bool,

    /// Show only series whose title contains this text, for example n=1000
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// The fewest runs that make a level: a change is seen that many runs after it happened
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=1000))]
    pub min_segment: u32,

    /// Print as text or markdown
    #[arg(
        long,
        default_value = "text",
        value_name = "FORMAT",
        conflicts_with = "json"
    )]
    pub format: Format,

    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,

    /// Draw the series into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Draw the series into this file
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,

    /// Where bench check keeps accepted changes: they are marked, and fail nothing
    #[arg(long, default_value = ".bench-accepted.json", value_name = "FILE.json")]
    pub accepted: PathBuf,

    /// Exit with 1 when the newest level of a series is lower than the one before, and that was not accepted
    #[arg(long)]
    pub fail_on_change: bool,
}

/// What a point of a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Commits where a series has several, else runs
    Auto,
    /// All runs of one commit
    Commit,
    /// Each run
    Run,
}

/// How a history is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people
    Text,
    /// Tables for a page
    Markdown,
}
