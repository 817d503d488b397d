//! The validated plan of a run: everything is decided here, before anything is allocated, measured or written.

use std::env;
use std::path::PathBuf;

use kernels::{Dtype, matmul_norm};
use results::record;

use crate::cli::RunArgs;
use crate::exit::Failure;
use crate::libraries::{self, Selected};
use crate::memory::{self, Memory};
use crate::size::Size;
use crate::{cgroup, threads, topology};

/// What will be measured, and where the result goes.
#[derive(Debug)]
pub struct Plan {
    /// In the order of measuring.
    pub cases: Vec<CasePlan>,
    /// The libraries that are measured with.
    pub libraries: Vec<Selected>,
    /// Timed repetitions of each.
    pub repeats: usize,
    /// Untimed repetitions before them.
    pub warmup: usize,
    /// The seed of the first repetition's matrices; the next one's is one more.
    pub seed: u64,
    /// Threads, and who chose their number.
    pub threads: record::Threads,
    /// Where records go.
    pub destination: Destination,
    /// Whether a plot is drawn beside the record.
    pub plot: bool,
    /// What is printed.
    pub verbosity: Verbosity,
    /// The machine that the plan was made for.
    pub topology: record::Topology,
    /// Its memory.
    pub memory: Memory,
    /// What a reader of the record should know.
    pub warnings: Vec<String>,
    /// For testers: spoil each result, to see that it is found.
    pub inject_fault: bool,
}

/// One case to be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CasePlan {
    /// The matrices' order.
    pub size: Size,
    /// Their elements' type.
    pub dtype: Dtype,
    /// Which of the plan's libraries multiplies them.
    pub library: usize,
}

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file of its own in this directory.
    Directory(PathBuf),
    /// Standard output, and no file.
    Stdout,
}

/// What is printed on standard output while and after measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// A line for each repeat, then a summary.
    Normal,
    /// A line for each repeat.
    Quiet,
    /// The record as JSON, nothing else.
    Json,
}

/// The variable by which testers spoil results.
pub const INJECT_FAULT: &str = "BENCHRUN_INJECT_FAULT";

impl Plan {
    /// Checks a command line against this machine.
    ///
    /// # Errors
    ///
    /// A usage failure that names what cannot be done and what would do instead.
    pub fn new(args: &RunArgs) -> Result<Self, Failure> {
        let limits = cgroup::limits();
        let topology = topology::read(limits.cpu_quota);
        let memory = memory::available(&limits);
        let libraries = libraries::select(&args.blas)?;
        let library_max = libraries::callers_max(&libraries);
        let threads = threads::choose(args.threads.as_deref(), variable, &topology, library_max)
            .map_err(Failure::usage)?;
        let cases = cases(args, libraries.len())?;
        for case in &cases {
            check_memory(case, threads.count, &memory)?;
        }
        Ok(Self {
            cases,
            libraries,
            repeats: count("--repeats", &args.repeats, 1)?,
            warmup: count("--warmup", &args.warmup, 0)?,
            seed: seed(&args.seed)?,
            warnings: threads::warnings(&threads, &topology),
            threads,
            destination: if args.output.as_os_str() == "-" {
                Destination::Stdout
            } else {
                Destination::Directory(args.output.clone())
            },
            plot: !args.no_plot,
            verbosity: verbosity(args),
            topology,
            memory,
            inject_fault: env::var_os(INJECT_FAULT).is_some(),
        })
    }
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Every size by every library, those of one size together.
fn cases(args: &RunArgs, libraries: usize) -> Result<Vec<CasePlan>, Failure> {
    let dtype = dtype(&args.dtype)?;
    let sizes = Size::parse_list(&args.size).map_err(Failure::usage)?;
    Ok(sizes
        .into_iter()
        .flat_map(|size| (0..libraries).map(move |library| (size.clone(), library)))
        .map(|(size, library)| CasePlan {
            size,
            dtype,
            library,
        })
        .collect())
}

fn dtype(text: &str) -> Result<Dtype, Failure> {
    match text {
        "f64" | "float64" => Ok(Dtype::F64),
        "f32" | "float32" => Ok(Dtype::F32),
        other => Err(Failure::usage(anyhow::anyhow!(
            "cannot use the dtype '{other}': it is none of f64, float64, f32, float32 (try --dtype f64)"
        ))),
    }
}

/// Repetitions: a bound keeps a slip of the finger from asking for years.
const COUNT_MAX: usize = 1_000_000;

fn count(option: &str, text: &str, least: usize) -> Result<usize, Failure> {
    match text.parse::<usize>() {
        Ok(count) if (least..=COUNT_MAX).contains(&count) => Ok(count),
        _ => Err(Failure::usage(anyhow::anyhow!(
            "cannot use {option} {text}: it must be a whole number from {least} to {COUNT_MAX} (try {option} 3)"
        ))),
    }
}

fn seed(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(anyhow::anyhow!(
            "cannot use the seed '{text}': it must be a whole number from 0 to {} (try --seed 1)",
            u64::MAX
        ))
    })
}

fn verbosity(args: &RunArgs) -> Verbosity {
    if args.json || args.output.as_os_str() == "-" {
        Verbosity::Json
    } else if args.quiet {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    }
}

/// Refuses what would make the kernel kill this process, or another, minutes later.
fn check_memory(case: &CasePlan, threads: usize, memory: &Memory) -> Result<(), Failure> {
    let Some(available_bytes) = memory.available_bytes else {
        return Ok(());
    };
    let CasePlan { size, dtype, .. } = case;
    let matrices = matmul_norm::matrix_bytes(size.n, *dtype).unwrap_or(u64::MAX);
    let needed = memory::needed_bytes(matrices, threads);
    if needed <= available_bytes {
        return Ok(());
    }
    let remedy = match memory::largest_n(available_bytes, dtype.size_bytes(), threads) {
        0 => "free some memory".to_owned(),
        n => format!("the largest that fits is --size {n}"),
    };
    let single = match dtype {
        Dtype::F64 if memory::needed_bytes(matrices / 2, threads) <= available_bytes => {
            " or --dtype f32"
        }
        _ => "",
    };
    Err(Failure::usage(anyhow::anyhow!(
        "cannot run {size} in {dtype}: it needs {} and {} ({remedy}{single})",
        gigabytes(needed),
        memory.limited_by.describe(&gigabytes(available_bytes)),
    )))
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const MEMORY: Memory = Memory {
        total_bytes: Some(25_000_000_000),
        available_bytes: Some(24_000_000_000),
        cgroup_limit_bytes: None,
        limited_by: memory::LimitedBy::Host,
    };

    fn check(size: &str, dtype: Dtype, expected: &Expect) {
        let case = CasePlan {
            size: Size::parse(size).unwrap(),
            dtype,
            library: 0,
        };
        let message = match check_memory(&case, 2, &MEMORY) {
            Ok(()) => "fits".to_owned(),
            Err(failure) => failure.to_string(),
        };
        expected.assert_eq(&message);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        check("large", Dtype::F64, &expect!["fits"]);
        check(
            "huge",
            Dtype::F64,
            &expect![
                "cannot run huge (n = 40000) in f64: it needs 38.5 GB and this host has 24.0 GB free (the largest that fits is --size 31500 or --dtype f32)"
            ],
        );
        check(
            "50000",
            Dtype::F32,
            &expect![
                "cannot run n = 50000 in f32: it needs 30.1 GB and this host has 24.0 GB free (the largest that fits is --size 44600)"
            ],
        );
        check(
            "2147483647",
            Dtype::F64,
            &expect![
                "cannot run n = 2147483647 in f64: it needs 18446744073.7 GB and this host has 24.0 GB free (the largest that fits is --size 31500)"
            ],
        );
    }

    #[test]
    fn counts_and_seeds() {
        assert_eq!(count("--repeats", "3", 1).unwrap(), 3);
        assert_eq!(count("--warmup", "0", 0).unwrap(), 0);
        for text in ["0", "-1", "x", "1000001", ""] {
            assert!(count("--repeats", text, 1).is_err(), "{text}");
        }
        assert_eq!(seed("18446744073709551615").unwrap(), u64::MAX);
        assert!(seed("-1").is_err());
    }

    #[test]
    fn dtypes_under_both_names() {
        assert_eq!(dtype("float64").unwrap(), Dtype::F64);
        assert_eq!(dtype("f32").unwrap(), Dtype::F32);
        assert!(dtype("f16").is_err());
    }
}
