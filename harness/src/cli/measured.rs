//! What both sides of a comparison measure: options of measuring that are handed on as they are.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;

/// Options that both sides get.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What both sides measure")]
pub struct MeasuredArgs {
    /// Order of the matrices, as in bench run; several separated by commas are several cases
    #[arg(long, value_name = "SIZE[,SIZE...]")]
    pub size: Option<String>,

    /// What to measure
    #[arg(long, value_name = "NAME[,NAME...]")]
    pub kernel: Option<String>,

    /// Type of the elements
    #[arg(long, value_name = "TYPE[,TYPE]")]
    pub dtype: Option<String>,

    /// Threads
    #[arg(long, value_name = "N[,N...]")]
    pub threads: Option<String>,

    /// CPUs that threads are bound to
    #[arg(long, value_name = "POLICY|LIST")]
    pub affinity: Option<String>,

    /// What multiplies
    #[arg(long, value_name = "BLAS[,BLAS...]")]
    pub blas: Option<String>,

    /// Who shares a product out among the threads
    #[arg(long, value_name = "DRIVER")]
    pub driver: Option<String>,

    /// Timed repetitions in each process [default: as many as let the time hold enough blocks, 3 to 20]
    #[arg(long, value_name = "N")]
    pub repeats: Option<usize>,

    /// Untimed repetitions before them
    #[arg(long, value_name = "N")]
    pub warmup: Option<String>,

    /// Seed of the random matrices
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
}

impl MeasuredArgs {
    /// The words that each side gets, but for the repetitions.
    pub fn words(&self) -> Vec<String> {
        let options = [
            ("--size", &self.size),
            ("--kernel", &self.kernel),
            ("--dtype", &self.dtype),
            ("--threads", &self.threads),
            ("--affinity", &self.affinity),
            ("--blas", &self.blas),
            ("--driver", &self.driver),
            ("--warmup", &self.warmup),
            ("--seed", &self.seed),
        ];
        options
            .into_iter()
            .filter_map(|(name, value)| Some([name.to_owned(), value.clone()?]))
            .flatten()
            .collect()
    }
}

/// How long to compare, and what is told.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Comparing")]
pub struct ComparingArgs {
    /// The time that all of it may take, for example 60s or 5m
    #[arg(long, default_value = "2m", value_name = "TIME")]
    pub max_time: String,

    /// The time that one process may take before it is ended
    #[arg(long, default_value = "10m", value_name = "TIME")]
    pub timeout: String,

    /// What stands for a process: its best repetition, which noise moves least, or the median of its repetitions
    #[arg(long, default_value = "best", value_name = "best|median")]
    pub statistic: String,

    /// Seed of the coin that decides which side begins a block
    #[arg(long, default_value = "1", value_name = "N")]
    pub order_seed: u64,

    /// Keep the comparison, with each process of it, in this file
    #[arg(long, short, value_name = "FILE.json")]
    pub output: Option<PathBuf>,

    /// Print the comparison as JSON
    #[arg(long)]
    pub json: bool,
}
