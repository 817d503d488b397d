//! The history of a directory of records: one value a run and case, in an order, cut at its change points.
//!
//! The records are the history. [`index`] is a copy of what is needed of them beside them, so that a hundred thousand need not
//! be read again; [`series`] makes series of runs that may be compared.

mod acceptance;
pub mod index;
pub mod series;

use serde::{Deserialize, Serialize};

use crate::record::{Case, Record};
use crate::statistics::summarize;

/// What a history keeps of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The record's file, below the directory of the history.
    pub file: String,
    /// The record's identifier.
    pub id: String,
    /// When the run began, RFC 3339 in UTC.
    pub started_utc: String,
    /// The commit of what was measured; `None` when the record does not know.
    pub commit: Option<String>,
    /// The name that the host gave itself.
    pub hostname: String,
    /// The hardware.
    pub machine: Machine,
    /// Its cases that have a verified result.
    pub cases: Vec<RunCase>,
}

/// What makes two hosts the same kind of machine: what is built in and every run reads alike. What may be hidden from one run
/// and not from the next (caches, NUMA, memory that is left) would make two machines of one; software, microcode and settings
/// change on one machine, which a history is to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model, for example `AMD EPYC 9R14`.
    pub cpu: String,
    /// Family, model and stepping; `None` where the kernel does not print them.
    pub family_model_stepping: Option<String>,
    /// For example `x86_64`.
    pub architecture: String,
    /// Logical CPUs that the operating system shows.
    pub logical_cpus: usize,
    /// The hypervisor's name; `None` on bare metal.
    pub hypervisor: Option<String>,
}

/// What makes two cases of one machine the same series: the same work ([`crate::comparability::Work`]), and of the means what is
/// asked for. The library's version and kernels are no part of it, nor is the bundle: what another version does is what a history
/// is to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CaseKey {
    /// For example `matmul-norm`.
    pub kernel: String,
    /// The version of what it times and counts.
    pub kernel_version: u32,
    /// The order of the matrices.
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// Threads that were used.
    pub threads: usize,
    /// The library by the name it was asked for; `None` for the linked one.
    pub blas: Option<String>,
    /// Who shared the product out: `team` or `library`.
    pub driver: String,
    /// Rows of the panels; `None` where the product was computed whole.
    pub panel_rows: Option<usize>,
}

/// A case of a run: the median of its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCase {
    /// What was measured.
    pub key: CaseKey,
    /// The median, in 10⁹ operations a second; for kernels that count bytes in 10⁹ bytes a second.
    pub rate: f64,
    /// The lower end of the median's interval; `None` when there were too few samples.
    pub low: Option<f64>,
    /// The upper end of it.
    pub high: Option<f64>,
    /// Verified samples.
    pub samples: usize,
    /// Whether `rate` counts bytes.
    pub is_bytes: bool,
}

impl Run {
    /// What a history keeps of this record.
    pub fn of(file: &str, record: &Record) -> Self {
        let cpu = &record.host.cpu;
        Self {
            file: file.to_owned(),
            id: record.id.clone(),
            started_utc: record.started_utc.clone(),
            commit: record.software.bench_commit.clone(),
            hostname: record.host.hostname.clone(),
            machine: Machine {
                cpu: cpu.model.split_whitespace().collect::<Vec<_>>().join(" "),
                family_model_stepping: cpu.family_model_stepping.clone(),
                architecture: cpu.architecture.clone(),
                logical_cpus: record.host.topology.logical_cpus,
                hypervisor: record.host.virtualization.hypervisor.clone(),
            },
            cases: record.cases.iter().filter_map(RunCase::of).collect(),
        }
    }
}

impl RunCase {
    /// The case's median; `None` when there is none that could be drawn.
    fn of(case: &Case) -> Option<Self> {
        // From the samples, which the record's digest covers, and not from the summary, which it does not.
        let summary = summarize(&case.samples)?;
        let bytes = case.bytes.filter(|_| case.flop > 0.0);
        let factor = bytes.map_or(1.0, |bytes| bytes / case.flop);
        let rate = summary.gflops_median * factor;
        (rate.is_finite() && rate > 0.0).then(|| Self {
            key: CaseKey {
                kernel: case.kernel.clone(),
                kernel_version: case.kernel_version.unwrap_or(1),
                n: case.n,
                dtype: case.dtype.clone(),
                threads: case.threads_used,
                blas: case.blas.clone(),
                driver: case.driver.clone().unwrap_or_else(|| "library".to_owned()),
                panel_rows: case.panel_rows,
            },
            rate,
            low: summary.gflops_median_low.map(|low| low * factor),
            high: summary.gflops_median_high.map(|high| high * factor),
            samples: summary.valid_samples,
            is_bytes: bytes.is_some(),
        })
    }
}
