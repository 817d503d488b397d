//! The options of measuring.
#![allow(
    clippy::doc_markdown,
    reason = "the comments on options are their help texts"
)]

use std::path::PathBuf;

use clap::Args;

use crate::bars::Bars;

/// The options of `bench run`, as typed.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Order of the matrices: test (100), tiny (5000), small (10000), large (20000), huge (40000), or any number;
    /// several separated by commas, also as ranges FIRST..LAST:STEP and FIRST..LAST*FACTOR
    #[arg(long, default_value = "small", value_name = "SIZE[,SIZE...]")]
    pub size: String,

    /// What to measure: matmul-norm, gemm, lu-solve, triad (memory bandwidth), fma-peak; several separated by commas
    #[arg(long, default_value = "matmul-norm", value_name = "NAME[,NAME...]")]
    pub kernel: String,

    /// Type of the elements: f64 or f32 (float64 and float32 mean the same), or both separated by a comma
    #[arg(long, default_value = "f64", value_name = "TYPE[,TYPE]")]
    pub dtype: String,

    /// Threads: a number, physical or logical (as many as cores or CPUs this process may use), or several separated by
    /// commas [default: OPENBLAS_NUM_THREADS or OMP_NUM_THREADS, else physical]
    #[arg(long, value_name = "N[,N...]", allow_hyphen_values = true)]
    pub threads: Option<String>,

    /// CPUs that threads are bound to: compact (neighbours first), scatter (packages, NUMA nodes and L3 caches in turn),
    /// none, or a list like 0,2,4-7
    #[arg(
        long,
        default_value = "compact",
        value_name = "POLICY|LIST",
        allow_hyphen_values = true
    )]
    pub affinity: String,

    /// What multiplies: bundled (the OpenBLAS in this program), newest (the newer one that bench.run carries), system
    /// (this host's), all (all that bench.run carries), or the path of any CBLAS library; several separated by commas
    #[arg(long, default_value = "bundled", value_name = "BLAS[,BLAS...]")]
    pub blas: String,

    /// Who shares a product out among the threads: team (one tile for each thread, the library uses one thread in each) or
    /// library (it is called once and uses its own threads, as numpy does; nothing is bound then)
    #[arg(long, default_value = "team", value_name = "DRIVER")]
    pub driver: String,

    /// Compute C in panels of 2048 rows, so that matmul-norm takes the memory of two matrices instead of three; a little
    /// slower, and recorded as such
    #[arg(long)]
    pub panels: bool,

    /// Timed repetitions of each case; with --until, the least number of them
    #[arg(
        long,
        default_value = "3",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub repeats: String,

    /// Repeat each case until the 95 % interval of its median is within this of the median, for example 1%
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// Begin no further repetition of a case after this time, for example 60s or 2m [default: 5m with --until]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub max_time: Option<String>,

    /// Untimed repetitions before them: a number, or auto (until three in a row take the same time)
    #[arg(
        long,
        default_value = "auto",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub warmup: String,

    /// Order of several cases: interleaved (rounds over all of them), sequential or random (rounds in orders drawn from
    /// the seed) [default: interleaved]
    #[arg(long, value_name = "ORDER")]
    pub order: Option<String>,

    /// Print what would be measured, with estimates of time and memory, and measure nothing
    #[arg(long)]
    pub plan: bool,

    /// Go on with an interrupted run of several cases: with this journal, or the only one in the output directory
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        conflicts_with_all = [
            "size", "kernel", "dtype", "threads", "affinity", "blas", "driver", "panels", "repeats", "until", "max_time",
            "warmup", "order", "plan", "seed", "energy",
        ]
    )]
    #[allow(
        clippy::option_option,
        reason = "clap's form of an option whose value may be left out"
    )]
    pub resume: Option<Option<PathBuf>>,

    /// Seed of the random matrices: the same seed gives the same matrices on every host
    #[arg(
        long,
        default_value = "1",
        value_name = "N",
        allow_hyphen_values = true
    )]
    pub seed: String,

    /// Directory for the record and its plot; - writes the record to standard output and no file
    #[arg(long, short, default_value = "bench-results", value_name = "DIR|-")]
    pub output: PathBuf,

    /// Measure the machine's own limits beside the cases (the default; takes half a second)
    #[arg(long, overrides_with = "no_peak")]
    pub peak: bool,

    /// Do not measure the machine's own limits
    #[arg(long, overrides_with = "peak")]
    pub no_peak: bool,

    /// Draw no plot beside the record
    #[arg(long)]
    pub no_plot: bool,

    /// Say why the energy of the processor (GFLOPS/W) cannot be told where it cannot; where it can, it always is
    #[arg(long)]
    pub energy: bool,

    /// Draw bars of the medians at the end [default: auto: in a terminal, plain ASCII if it has no UTF-8 or NO_COLOR is set]
    #[arg(long, value_enum, default_value_t, hide_default_value = true)]
    pub bars: Bars,

    /// Print the line of each repeat and nothing else
    #[arg(long, short)]
    pub quiet: bool,

    /// Print the record as JSON instead of lines
    #[arg(long)]
    pub json: bool,
}
