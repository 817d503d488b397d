//! The validated plan of a run: everything is decided here, before anything is allocated, measured or written.

use std::env;
use std::fmt;
use std::path::PathBuf;

use kernels::{Blas, Definition, Driver, Dtype, panels, registry};
use reports::counted;
use results::machine::Machine;
use results::record;

use crate::bars::Bars;
use crate::cli::RunArgs;
use crate::exit::Failure;
use crate::libraries::{self, Selected};
use crate::memory::{self, Memory};
use crate::order::Order;
use crate::placement::{self, Affinity, Placement};
use crate::precision::Target;
use crate::size::Size;
use crate::warmup::Warmup;
use crate::{cgroup, grid, host, limit, threads, topology};

/// What will be measured, and where the result goes.
#[derive(Debug)]
pub struct Plan {
    /// In the order of the record.
    pub cases: Vec<CasePlan>,
    /// In which order they are visited.
    pub order: Order,
    /// The libraries that are measured with.
    pub libraries: Vec<Selected>,
    /// Who shares products out.
    pub driver: Driver,
    /// How often each is repeated.
    pub target: Target,
    /// Untimed repetitions before that.
    pub warmup: Warmup,
    /// The seed of the first repetition's matrices; the next one's is one more.
    pub seed: u64,
    /// Threads, and who chose their number; the largest number where cases differ.
    pub threads: record::Threads,
    /// Where records go.
    pub destination: Destination,
    /// Whether the machine's own limits are measured.
    pub peak: bool,
    /// Whether a plot is drawn beside the record.
    pub plot: bool,
    /// What is printed.
    pub verbosity: Verbosity,
    /// Whether bars are drawn at the end.
    pub bars: Bars,
    /// The machine that the plan was made for, in numbers.
    pub topology: record::Topology,
    /// The same in full.
    pub machine: Machine,
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
    /// What is measured.
    pub kernel: &'static Definition,
    /// The matrices' order.
    pub size: Size,
    /// Their elements' type.
    pub dtype: Dtype,
    /// How many threads compute.
    pub threads: usize,
    /// The library that multiplies.
    pub blas: Blas,
    /// What it is called, where another one was asked for than the linked one, or several.
    pub blas_name: Option<String>,
    /// Where they run.
    pub placement: Placement,
}

impl CasePlan {
    /// Memory that measuring it takes in all.
    pub fn needed_bytes(&self) -> u64 {
        let matrices = (self.kernel.matrix_bytes)(self.size.n, self.dtype).unwrap_or(u64::MAX);
        memory::needed_bytes(matrices, self.threads)
    }
}

impl fmt::Display for CasePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The usual kernel needs no mention.
        let kernel = match self.kernel.name {
            usual if usual == registry::KERNELS[0].name => String::new(),
            other => format!("{other}, "),
        };
        write!(
            f,
            "{kernel}{}, {}, {}",
            self.size,
            self.dtype,
            counted(self.threads, "thread")
        )?;
        match &self.blas_name {
            Some(name) => write!(f, ", {name}"),
            None => Ok(()),
        }
    }
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
        let machine = topology::machine(limits.cpu_quota, host::hypervisor());
        let topology = topology::summary(&machine);
        let driver = driver(&args.driver)?;
        let affinity = affinity(&args.affinity, driver)?;
        let memory = memory::available(&limits);
        let libraries = libraries::select(&args.blas)?;
        let library_max = libraries::callers_max(&libraries);
        let threads = grid::threads(args.threads.as_deref(), variable, &topology, library_max)
            .map_err(Failure::usage)?;
        let threads: Vec<record::Threads> = threads
            .into_iter()
            .map(|threads| placement::default_threads(&machine, &affinity, threads))
            .collect();
        let mut cases = grid::cases(
            &grid::kernels(&args.kernel, args.panels)?,
            &Size::parse_list(&args.size).map_err(Failure::usage)?,
            &grid::dtypes(&args.dtype)?,
            &threads,
        )?;
        for case in &mut cases {
            check_memory(case, &memory)?;
            case.placement = placement::place(&machine, Some(case.threads), &affinity)
                .map_err(Failure::usage)?;
        }
        let cases = libraries::by_each(cases, &libraries)?;
        let seed = seed(&args.seed)?;
        let repeats = count("--repeats", &args.repeats, 1)?;
        Ok(Self {
            warnings: [
                warnings(&threads, &topology),
                cache_warnings(&cases, limit::last_level_bytes(&topology.caches)),
            ]
            .concat(),
            order: order(args.order.as_deref(), cases.len(), seed)?,
            cases,
            libraries,
            driver,
            target: Target::new(repeats, args.until.as_deref(), args.max_time.as_deref())
                .map_err(Failure::usage)?,
            warmup: warmup(&args.warmup)?,
            seed,
            threads: most(threads),
            destination: if args.output.as_os_str() == "-" {
                Destination::Stdout
            } else {
                Destination::Directory(args.output.clone())
            },
            peak: !args.no_peak,
            plot: !args.no_plot,
            verbosity: verbosity(args),
            bars: args.bars,
            topology,
            machine,
            memory,
            inject_fault: env::var_os(INJECT_FAULT).is_some(),
        })
    }
}

/// A variable of this process's environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// What a reader should know about any of the numbers of threads.
fn warnings(threads: &[record::Threads], topology: &record::Topology) -> Vec<String> {
    threads
        .iter()
        .flat_map(|threads| threads::warnings(threads, topology))
        .collect()
}

fn most(threads: Vec<record::Threads>) -> record::Threads {
    let most = threads.into_iter().max_by_key(|threads| threads.count);
    most.unwrap_or_default()
}

/// One case has no order; several are interleaved unless something else is asked for.
fn order(text: Option<&str>, cases: usize, seed: u64) -> Result<Order, Failure> {
    match text {
        None if cases > 1 => Ok(Order::Interleaved),
        None | Some("sequential") => Ok(Order::Sequential),
        Some("interleaved") => Ok(Order::Interleaved),
        Some("random") => Ok(Order::Random(seed)),
        Some(other) => Err(Failure::usage(anyhow::anyhow!(
            "cannot use the order '{other}': it is none of interleaved, sequential, random (try --order interleaved)"
        ))),
    }
}

/// The library's own threads run where it likes, and take over what the calling thread is bound to: so nothing is.
fn affinity(text: &str, driver: Driver) -> Result<Affinity, Failure> {
    let affinity: Affinity = text.parse().map_err(Failure::usage)?;
    match (driver, affinity) {
        (Driver::Team, affinity) => Ok(affinity),
        (Driver::Library, Affinity::None | Affinity::Compact) => Ok(Affinity::None),
        (Driver::Library, _) => Err(Failure::usage(anyhow::anyhow!(
            "cannot bind threads to '{text}' with --driver library: they are the library's own (leave out one of the two)"
        ))),
    }
}

fn driver(text: &str) -> Result<Driver, Failure> {
    match text {
        "team" => Ok(Driver::Team),
        "library" => Ok(Driver::Library),
        other => Err(Failure::usage(anyhow::anyhow!(
            "cannot use the driver '{other}': it is neither team nor library (try --driver team)"
        ))),
    }
}

fn warmup(text: &str) -> Result<Warmup, Failure> {
    match text {
        "auto" => Ok(Warmup::Auto),
        number => Ok(Warmup::Fixed(count("--warmup", number, 0)?)),
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
fn check_memory(case: &CasePlan, memory: &Memory) -> Result<(), Failure> {
    let Some(available_bytes) = memory.available_bytes else {
        return Ok(());
    };
    let CasePlan {
        kernel,
        size,
        dtype,
        threads,
        ..
    } = case;
    let threads = *threads;
    let matrix_bytes = |n| (kernel.matrix_bytes)(n, *dtype).unwrap_or(u64::MAX);
    let matrices = matrix_bytes(size.n);
    let needed = case.needed_bytes();
    if needed <= available_bytes {
        return Ok(());
    }
    let remedy = match memory::largest_n(available_bytes, threads, matrix_bytes) {
        0 => "free some memory".to_owned(),
        n => format!("the largest that fits is --size {n}"),
    };
    let single = match dtype {
        Dtype::F64 if memory::needed_bytes(matrices / 2, threads) <= available_bytes => {
            " or --dtype f32"
        }
        _ => "",
    };
    let in_panels = (panels::DEFINITION.matrix_bytes)(size.n, *dtype).unwrap_or(u64::MAX);
    let panels = if kernel.name == panels::DEFINITION.name
        && memory::needed_bytes(in_panels, threads) <= available_bytes
    {
        " or --panels"
    } else {
        ""
    };
    let what = if *kernel == registry::KERNELS[0] {
        String::new()
    } else {
        format!("{} of ", kernel.name)
    };
    Err(Failure::usage(anyhow::anyhow!(
        "cannot run {what}{size} in {dtype}: it needs {} and {} ({remedy}{single}{panels})",
        gigabytes(needed),
        memory.limited_by.describe(&gigabytes(available_bytes)),
    )))
}

/// Kernels that measure memory measure caches when their arrays fit there: STREAM's rule is four times all last-level caches.
fn cache_warnings(cases: &[CasePlan], cache_bytes: Option<u64>) -> Vec<String> {
    let Some(cache_bytes) = cache_bytes else {
        return Vec::new();
    };
    let bytes = |case: &CasePlan| (case.kernel.matrix_bytes)(case.size.n, case.dtype);
    cases
        .iter()
        .filter(|case| case.kernel.bytes.is_some())
        .filter(|case| bytes(case).is_some_and(|bytes| bytes < 4 * cache_bytes))
        .map(|case| {
            format!(
                "{} of {} takes less than four times the last-level caches ({:.1} MB): it measures caches",
                case.kernel.name,
                case.size,
                cache_bytes as f64 * 1e-6
            )
        })
        .collect()
}

pub(crate) fn gigabytes(bytes: u64) -> String {
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
        check_kernel("matmul-norm", size, dtype, expected);
    }

    fn check_kernel(kernel: &str, size: &str, dtype: Dtype, expected: &Expect) {
        let case = CasePlan {
            kernel: registry::find(kernel).unwrap(),
            size: Size::parse(size).unwrap(),
            dtype,
            threads: 2,
            blas: Blas::bundled(),
            blas_name: None,
            placement: Placement::default(),
        };
        let message = match check_memory(&case, &MEMORY) {
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
                "cannot run n = 50000 in f32: it needs 30.1 GB and this host has 24.0 GB free (the largest that fits is --size 44600 or --panels)"
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
    fn each_kernel_takes_its_own_memory() {
        check_kernel("lu-solve", "38000", Dtype::F64, &expect![["fits"]]);
        check_kernel(
            "lu-solve",
            "huge",
            Dtype::F64,
            &expect![
                "cannot run lu-solve of huge (n = 40000) in f64: it needs 25.7 GB and this host has 24.0 GB free (the largest that fits is --size 38600 or --dtype f32)"
            ],
        );
        check_kernel("triad", "huge", Dtype::F32, &expect![["fits"]]);
        check_kernel(
            "gemm",
            "huge",
            Dtype::F64,
            &expect![
                "cannot run gemm of huge (n = 40000) in f64: it needs 38.5 GB and this host has 24.0 GB free (the largest that fits is --size 31500 or --dtype f32)"
            ],
        );
        check_kernel("fma-peak", "2147483647", Dtype::F64, &expect![["fits"]]);
    }

    #[test]
    fn panels_are_proposed_where_they_fit() {
        check(
            "35000",
            Dtype::F64,
            &expect![
                "cannot run n = 35000 in f64: it needs 29.5 GB and this host has 24.0 GB free (the largest that fits is --size 31500 or --dtype f32 or --panels)"
            ],
        );
    }

    #[test]
    fn memory_measured_in_a_cache_is_warned_of() {
        let case = |kernel, size| CasePlan {
            kernel: registry::find(kernel).unwrap(),
            size: Size::parse(size).unwrap(),
            dtype: Dtype::F64,
            threads: 2,
            blas: Blas::bundled(),
            blas_name: None,
            placement: Placement::default(),
        };
        let cases = [
            case("triad", "1000"),
            case("triad", "small"),
            case("gemm", "10"),
        ];
        expect![[r#"
            [
                "triad of n = 1000 takes less than four times the last-level caches (33.6 MB): it measures caches",
            ]
        "#]]
        .assert_debug_eq(&cache_warnings(&cases, Some(32 << 20)));
        assert!(cache_warnings(&cases, None).is_empty());
    }

    #[test]
    fn limits_are_measured_unless_they_are_not_wanted() {
        for (words, expected) in [
            (&[][..], true),
            (&["--no-peak"], false),
            (&["--no-peak", "--peak"], true),
            (&["--peak", "--no-peak"], false),
        ] {
            let args = parsed(words);
            assert_eq!(!args.no_peak, expected, "{words:?}");
        }
    }

    fn parsed(words: &[&str]) -> RunArgs {
        use clap::Parser;
        let words = std::iter::once("bench").chain(words.iter().copied());
        crate::cli::Cli::try_parse_from(words).unwrap().run
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
    fn several_cases_are_interleaved_unless_asked_otherwise() {
        assert_eq!(order(None, 1, 5).unwrap(), Order::Sequential);
        assert_eq!(order(None, 2, 5).unwrap(), Order::Interleaved);
        assert_eq!(order(Some("random"), 2, 5).unwrap(), Order::Random(5));
        assert!(order(Some("sorted"), 2, 5).is_err());
    }
}
