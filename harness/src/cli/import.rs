//! The options of importing another program's output.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;

/// The options of `bench import`, as typed.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The format: seed (lines "norm: ... Run time: ... seconds GFLOPS: ...", as the numpy script and bench print them), or auto
    #[arg(value_name = "FORMAT", value_parser = ["seed", "auto"], hide_possible_values = true)]
    pub format: String,

    /// What the program printed; - reads standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,

    /// Order of the matrices: test, tiny, small, large, huge, or any number [default: derived from GFLOPS and run time]
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,

    /// Type of the elements: f64 or f32
    #[arg(long, value_name = "TYPE")]
    pub dtype: String,

    /// Threads that were used
    #[arg(long, value_name = "N")]
    pub threads: usize,

    /// The name of the host that it ran on; this describes the present one, with processor and memory
    #[arg(long, value_name = "NAME|this")]
    pub host: String,

    /// That host's processor, where it is not the present one
    #[arg(long, value_name = "MODEL", default_value = "unknown")]
    pub cpu: String,

    /// What measured
    #[arg(long, value_name = "TEXT", default_value = "numpy script")]
    pub program: String,

    /// The BLAS library that it used
    #[arg(long, value_name = "TEXT", default_value = "unknown")]
    pub blas: String,

    /// When it ran, as 2021-10-01T17:03:58Z [default: the file's time, or now]
    #[arg(long, value_name = "TIME")]
    pub started: Option<String>,

    /// Directory that the record is written into [default: - (standard output)]
    #[arg(long, short, value_name = "DIR|-")]
    pub output: Option<PathBuf>,
}
