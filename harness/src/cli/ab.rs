//! The options of comparing two sides.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use clap::Args;

use super::measured::{ComparingArgs, MeasuredArgs};

/// The options of `bench ab`, as typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct AbArgs {
    /// The baseline: a bundle or program that emits our record, a command line in one word, or options for this very bench in one
    /// word ('--blas newest')
    #[arg(value_name = "A", allow_hyphen_values = true)]
    pub baseline: String,

    /// The candidate, as A
    #[arg(value_name = "B", allow_hyphen_values = true)]
    pub candidate: String,

    /// The difference that matters: an interval inside of it is no difference, one beyond it is faster or slower, one across its edge is
    /// inconclusive
    #[arg(long, default_value = "1%", value_name = "PERCENT")]
    pub within: String,

    /// Go on until noise is lower than this (half of the interval that equals would have) [default: half of --within]
    #[arg(long, value_name = "PERCENT")]
    pub until: Option<String>,

    /// What both sides get.
    #[command(flatten)]
    pub measured: MeasuredArgs,

    /// How long, and what is told.
    #[command(flatten)]
    pub comparing: ComparingArgs,
}

const AFTER_HELP: &str = "\
Examples:
  bench ab ./main.run ./branch.run --size 1000            two bundles
  bench ab '--blas newest' '--blas bundled' --size 2000   two settings of this bench
  bench ab './main.run --driver library' ./main.run       two command lines

Exit codes:
  0 told: faster or slower by more than --within, or no difference beyond it; 3 inconclusive; 4 a result failed its verification, or the sides compute
  different norms; 5 the sides measured different things; others as of bench";
