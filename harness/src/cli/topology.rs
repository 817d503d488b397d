//! The options of showing the machine.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;

/// The options of `bench topology`, as typed.
#[derive(Args, Clone, Debug)]
pub struct TopologyArgs {
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,

    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Show a recorded machine instead: an XML file that lstopo (hwloc) has written
    #[arg(long, value_name = "FILE.xml")]
    pub from: Option<PathBuf>,

    /// Threads to place: a number, physical or logical [default: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else physical; of a
    /// recorded machine physical]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub threads: Option<String>,

    /// CPUs that threads are bound to: compact, scatter, none, or a list like 0,2,4-7
    #[arg(
        long,
        default_value = "compact",
        value_name = "POLICY|LIST",
        allow_hyphen_values = true
    )]
    pub affinity: String,
}
