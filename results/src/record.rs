//! The schema of a record. Every field's name carries its unit; every change of meaning raises [`SCHEMA_VERSION`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::Conditions;
use crate::energy::Energy;
use crate::grade::Graded;
use crate::imported::Imported;
use crate::library::{LibraryFile, NamedLibrary};
use crate::limits::{FmaPeak, Limits};
use crate::number::nan_as_null;
use crate::sampling::{Sampling, StoppedBecause, WarmupEnd, WarmupSample};
use crate::stability::Stability;

/// The version of the record's schema that this crate writes.
pub const SCHEMA_VERSION: u32 = 1;

/// One run of `bench` (one process): what was measured, on what, with what, and whether it was right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The version of this schema, see [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// A random identifier of this run, eight hexadecimal digits, also part of the file's name.
    pub id: String,
    /// When the run began, RFC 3339 in UTC.
    pub started_utc: String,
    /// Wall-clock time from the start of the program to the end of measuring, set-up and verification included.
    pub elapsed_s: f64,
    /// The machine.
    pub host: Host,
    /// What ran on it.
    pub software: Software,
    /// What was asked for.
    pub settings: Settings,
    /// What was measured, in the order in which it was.
    pub cases: Vec<Case>,
    /// The machine's own limits, measured beside the cases; absent when they were not (`--no-peak`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// The host's state before and after measuring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// Where the energy of samples was read; absent when it cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
    /// How far the figures can be relied upon, by the rules of [`crate::grade`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Graded>,
    /// Where this was read from, when another program measured it; absent when `bench` did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// What a reader should know before trusting the figures; empty when there is nothing.
    pub warnings: Vec<String>,
    /// SHA-256, hexadecimal, over the cases and their samples as [`crate::samples_digest`] defines it; absent in records from
    /// before it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_sha256: Option<String>,
}

impl Record {
    /// Whether every sample of every case passed its verification.
    pub fn is_valid(&self) -> bool {
        self.cases
            .iter()
            .flat_map(|case| &case.samples)
            .all(|sample| sample.verification.passed)
    }

    /// The JSON Schema of a record, as committed in `results/record.schema.json`.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Record);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is always JSON");
        text.push('\n');
        text
    }
}

/// The machine that was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// The name the host gives itself.
    pub hostname: String,
    /// The processor.
    pub cpu: Cpu,
    /// How the processor is put together and what this process may use of it.
    pub topology: Topology,
    /// Main memory.
    pub memory: Memory,
    /// Kernel and distribution.
    pub os: Os,
    /// Containers and hypervisors between this process and the hardware.
    pub virtualization: Virtualization,
    /// Its cores, caches and NUMA nodes one by one; `null` in records of before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<crate::machine::Machine>,
}

/// The processor, as the kernel names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cpu {
    /// For example `AMD Ryzen 7 5800X 8-Core Processor`.
    pub model: String,
    /// For example `AuthenticAMD`.
    pub vendor: Option<String>,
    /// The instruction set of this program, for example `x86_64`.
    pub architecture: String,
    /// Family, model and stepping as the kernel prints them, for example `25/17/1`.
    pub family_model_stepping: Option<String>,
    /// The microcode's revision.
    pub microcode: Option<String>,
    /// The vector extensions that matter for matrix products and that this processor has, for example `avx2`, `fma`.
    pub vector_extensions: Vec<String>,
}

/// How the processor is put together and what this process may use of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topology {
    /// Where this was read: `hwloc`, or `affinity` when the host hides its topology (no `/sys`) and each CPU counts as a core.
    pub source: String,
    /// Sockets.
    pub packages: Option<usize>,
    /// NUMA nodes.
    pub numa_nodes: Option<usize>,
    /// Physical cores of the machine that the operating system shows.
    pub physical_cores: usize,
    /// Logical CPUs (hardware threads) of the machine that the operating system shows.
    pub logical_cpus: usize,
    /// Physical cores of which this process may use at least one logical CPU (affinity and cpuset).
    pub usable_physical_cores: usize,
    /// Logical CPUs this process may use (affinity and cpuset).
    pub usable_logical_cpus: usize,
    /// The CPU time that the control group allows, in CPUs; `null` when it is not limited.
    pub cpu_quota: Option<f64>,
    /// Data and unified caches, one entry for each level and size.
    pub caches: Vec<Cache>,
}

/// Caches of one level and size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    /// 1 for the cache nearest to the core.
    pub level: u32,
    /// Capacity of one such cache.
    pub size_bytes: u64,
    /// How many of them there are.
    pub count: usize,
}

/// Main memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// What the host has; `null` when it does not tell.
    pub total_bytes: Option<u64>,
    /// What this process could take when the run began: the least of what the host has free, what its control group
    /// leaves, and what its resource limits allow; `null` when none of them can be read.
    pub available_bytes: Option<u64>,
    /// The limit of the control group; `null` when there is none.
    pub cgroup_limit_bytes: Option<u64>,
}

/// Kernel and distribution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Os {
    /// The kernel's name and release, for example `Linux 6.18.44`.
    pub kernel: String,
    /// The distribution, for example `Debian GNU/Linux 12 (bookworm)`.
    pub distribution: Option<String>,
}

/// Containers and hypervisors between this process and the hardware.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Virtualization {
    /// The hypervisor's name, `unknown` when there is one that hides its name, `null` on bare metal or when nothing tells.
    pub hypervisor: Option<String>,
    /// The container engine, `null` when none is seen.
    pub container: Option<String>,
}

/// What ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Software {
    /// The version of `bench`.
    pub bench_version: String,
    /// The commit it was built from, with `-dirty` when the tree had changes; `null` when it was not built in a checkout.
    pub bench_commit: Option<String>,
    /// The bundle that carried it; `null` when the program was started on its own.
    pub bundle: Option<Bundle>,
    /// The library that computed the products; the first one when several were compared.
    pub blas: Blas,
    /// All libraries, when several were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<NamedLibrary>,
}

/// The bundle that carried the program, as its launcher told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// Its digest, hexadecimal: what identifies this build.
    pub digest: String,
    /// The file, as an absolute path.
    pub path: Option<String>,
    /// The rung of the launcher's ladder that started it.
    pub rung: Option<String>,
}

/// A BLAS library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blas {
    /// For example `OpenBLAS`.
    pub name: String,
    /// For example `0.3.21`.
    pub version: String,
    /// What it says of its own build.
    pub config: String,
    /// The core type whose kernels it chose on this processor, for example `Haswell`.
    pub core: String,
    /// `pthreads`, `openmp` or `sequential`.
    pub threading: String,
    /// The most threads its build can use.
    pub threads_max: usize,
    /// Where it was loaded from; absent when it is linked into `bench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LibraryFile>,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// The words of the command line, the program's name first.
    pub command_line: Vec<String>,
    /// Timed repetitions of each case; the least number of them when a precision was asked for.
    pub repeats: usize,
    /// Untimed repetitions before them; the most that there may be when warming up ended by itself.
    pub warmup: usize,
    /// The seed of the random matrices.
    pub seed: u64,
    /// Threads, and who chose their number.
    pub threads: Threads,
    /// The order of samples, and when there were enough; `null` in records from before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// The resolution of the clock that took the times: the shortest time between two readings one after the other.
    pub clock_resolution_s: f64,
}

/// Threads, and who chose their number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threads {
    /// How many the run was to use; the largest number when its cases differ.
    pub count: usize,
    /// `--threads`, the name of an environment variable, or `physical cores` / `cpu quota` when nothing was asked.
    pub source: String,
}

/// One thing measured: a kernel with its size, type and threads, and its samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// For example `matmul-norm`.
    pub kernel: String,
    /// The version of what the kernel times and counts; absent in records from before it was told: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<u32>,
    /// The matrices are n by n. What else it means, the kernel says (`triad` has arrays of n² elements, `fma-peak` runs n blocks
    /// in each thread).
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// The library, where another one was asked for than the linked one, or several: `bundled`, `newest`, `system`, or
    /// the name of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blas: Option<String>,
    /// The instruction set of the kernels that the library chose on this processor, for example `AVX2`; absent where it is not
    /// known, and in records from before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// Who shared the product out among the threads: `team` (bench: each thread multiplies a tile by itself) or `library`
    /// (the library's own threads). Absent in records from before there was a choice: `library`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Rows of the panels in which the product was computed; absent where it was computed whole. Not comparable with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel_rows: Option<usize>,
    /// The logical CPU that each thread was bound to, in the threads' order; absent where nothing was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Vec<usize>>,
    /// Threads that were to be used.
    pub threads_requested: usize,
    /// Threads that are used: members of the team, each with a library of which it was read back that it uses one thread; or
    /// what the library says that it uses.
    pub threads_used: usize,
    /// Memory of the matrices.
    pub matrix_bytes: u64,
    /// Floating-point operations that one sample counts.
    pub flop: f64,
    /// Bytes that one sample counts as moved to and from memory: then the kernel's rate is this over the run time, in GB/s.
    /// Absent where operations are the measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
    /// The timed repetitions, in order.
    pub samples: Vec<Sample>,
    /// The repetitions before them that were run to warm up, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warmup_samples: Vec<WarmupSample>,
    /// Why warming up before the first sample ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_ended: Option<WarmupEnd>,
    /// Why no more samples were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_because: Option<StoppedBecause>,
    /// Statistics over the samples that were verified; `null` when none was.
    pub summary: Option<Summary>,
    /// The measured limit that the summary is held against; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<FmaPeak>,
}

/// One timed repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// The seed of this repetition's matrices.
    pub seed: u64,
    /// Wall-clock time of the timed region.
    pub run_time_s: f64,
    /// CPU time of all threads of the process in the timed region (and the instant around it).
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub cpu_time_s: f64,
    /// 10^9 floating-point operations a second.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub gflops: f64,
    /// The Frobenius norm that was computed in the timed region; `null` for kernels that compute none.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub norm: f64,
    /// Whether the result was right.
    pub verification: Verification,
    /// What the machine did besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
}

/// The checks of one sample. The bounds are derived in `kernels::verify` and in each kernel's file. A check that a kernel does
/// not have is `null`, its bound too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Whether all checks passed. A sample that failed is INVALID and takes no part in any statistic.
    pub passed: bool,
    /// The largest scaled residual. For products that of a row of C·x − A·(B·x), in units of the rounding error; for `lu-solve`
    /// HPL's; for `triad` and `fma-peak` the largest relative error of a value, in units of the rounding error.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub scaled_residual: f64,
    /// The residual passes below this.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub scaled_residual_bound: f64,
    /// How far the norm is from one computed again from C with compensated sums, relative.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub norm_error: f64,
    /// The norm's error passes below this.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub norm_error_bound: f64,
    /// The expectation of the norm over all random matrices.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub norm_expected: f64,
    /// The norm passes within this distance of its expectation.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub norm_tolerance: f64,
}

/// Statistics over the verified samples of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many samples were verified.
    pub valid_samples: usize,
    /// The median.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub gflops_median: f64,
    /// The lower end of the interval in which the median of all possible samples lies with this `confidence`; `null` when
    /// there are too few samples for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops_median_low: Option<f64>,
    /// The upper end of that interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops_median_high: Option<f64>,
    /// The interval's coverage, 0.95 or the least above it that order statistics can have, were the samples independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The largest.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub gflops_best: f64,
    /// The smallest.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub gflops_worst: f64,
    /// The median absolute deviation from the median.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub gflops_mad: f64,
    /// The largest less the smallest, as a share of the median.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub spread_percent: f64,
    /// The median run time.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub run_time_s_median: f64,
    /// The median as a share of the measured peak, see the case's `peak`; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_of_peak: Option<f64>,
    /// 10^9 floating-point operations for each joule: the median over the samples that have an energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops_per_watt: Option<f64>,
}
