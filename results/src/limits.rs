//! The machine's own limits, measured beside the cases: what no program can exceed on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Case;

/// What the machine could do at best while the run lasted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// The instruction set that the BLAS (the first of several) uses for products, for example `AVX2`. Its cases are held against it.
    pub blas_isa: String,
    /// The instruction set of each library, and who says so; empty in records from before this was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub library_isas: Vec<LibraryIsa>,
    /// The best instruction set that the processor has.
    pub best_isa: String,
    /// Multiply-adds in registers.
    pub fma_peaks: Vec<FmaPeak>,
    /// Memory bandwidth; `null` when it could not be measured.
    pub triad: Option<Triad>,
    /// What data sheets would promise, one entry for each type; empty where the highest clock cannot be read.
    pub nominal_peaks: Vec<NominalPeak>,
    /// What measuring all this took.
    pub elapsed_s: f64,
}

/// The instruction set that a library's cases are held against.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LibraryIsa {
    /// The library by the name that its cases have in `blas`; absent for the linked one when no other was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blas: Option<String>,
    /// The instruction set.
    pub isa: String,
    /// The core type by which the library says so, for example `Haswell`; absent where it names none that is known: the
    /// processor's best instruction set stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
}

/// How fast multiply-adds on values in registers were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FmaPeak {
    /// `before` the cases, or `after` them.
    pub when: String,
    /// `f64` or `f32`.
    pub dtype: String,
    /// The instruction set, for example `AVX2`.
    pub isa: String,
    /// Threads at work.
    pub threads: usize,
    /// 10^9 floating-point operations a second of all threads together: the best of several short bursts.
    pub gflops: f64,
    /// Whether the values were exactly those that plain arithmetic gives.
    pub verified: bool,
    /// The processor's clock under this load; `null` when it cannot be told.
    pub clock: Option<Clock>,
}

/// A clock as it was observed, the mean over the threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// 10^6 cycles a second.
    pub clock_mhz: f64,
    /// How it was observed: `APERF/MPERF` (counted during the load), `cpufreq` (what the kernel said right after it), or
    /// `calibrated loop` (a chain of instructions of known latency right after it).
    pub source: String,
}

/// STREAM's triad, a = b + 3c.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Triad {
    /// Threads at work.
    pub threads: usize,
    /// 10^9 bytes a second by STREAM's count, 24 for each element: two loads and a store, without what the cache fetches
    /// before it overwrites it. The best of several runs without the first.
    pub gb_per_s: f64,
    /// The three arrays together; at least four times the last-level caches unless memory or time did not allow it.
    pub array_bytes: u64,
    /// All last-level caches together; `null` when they are not known.
    pub cache_bytes: Option<u64>,
    /// Whether every element was right.
    pub verified: bool,
}

/// Cores times operations a cycle times the highest clock: a bound that may be beyond what the machine can hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NominalPeak {
    /// `f64` or `f32`.
    pub dtype: String,
    /// Cores: the run's threads.
    pub cores: usize,
    /// Floating-point operations a cycle and core: measured, to the nearest power of two.
    pub flop_per_cycle: f64,
    /// The highest clock that the kernel says the processor has.
    pub clock_mhz_max: f64,
    /// The product of the three, in 10^9 operations a second.
    pub gflops: f64,
}

impl Limits {
    /// The best peak of this type, instruction set and number of threads, since disturbances only ever make it smaller.
    pub fn peak(&self, dtype: &str, isa: &str, threads: usize) -> Option<&FmaPeak> {
        self.fma_peaks
            .iter()
            .filter(|peak| {
                (peak.dtype.as_str(), peak.isa.as_str(), peak.threads) == (dtype, isa, threads)
                    && peak.verified
                    && peak.gflops > 0.0
            })
            .max_by(|a, b| a.gflops.total_cmp(&b.gflops))
    }

    /// The instruction set of a case's library.
    pub fn isa_of(&self, case: &Case) -> &str {
        let of_case = |library: &&LibraryIsa| library.blas == case.blas;
        let library = self.library_isas.iter().find(of_case);
        library.map_or(&self.blas_isa, |library| &library.isa)
    }

    /// Says in a case what part of the peak its median is. Cases that count bytes have no such part.
    pub fn rate(&self, case: &mut Case) {
        let isa = self.isa_of(case);
        let peak = self.peak(&case.dtype, isa, case.threads_used).cloned();
        case.peak = peak.filter(|_| case.bytes.is_none());
        if let (Some(summary), Some(peak)) = (&mut case.summary, &case.peak) {
            summary.percent_of_peak = Some(100.0 * summary.gflops_median / peak.gflops);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(when: &str, dtype: &str, isa: &str, threads: usize, gflops: f64) -> FmaPeak {
        FmaPeak {
            when: when.to_owned(),
            dtype: dtype.to_owned(),
            isa: isa.to_owned(),
            threads,
            gflops,
            verified: true,
            clock: None,
        }
    }

    fn limits() -> Limits {
        Limits {
            blas_isa: "AVX2".to_owned(),
            best_isa: "AVX-512".to_owned(),
            fma_peaks: vec![
                peak("before", "f64", "AVX2", 1, 57.0),
                peak("before", "f64", "AVX2", 2, 110.0),
                peak("before", "f64", "AVX-512", 2, 190.0),
                peak("after", "f64", "AVX2", 2, 114.0),
                peak("before", "f32", "AVX2", 2, 228.0),
            ],
            ..Limits::default()
        }
    }

    #[test]
    fn the_peak_is_the_best_of_the_same_kind() {
        let gflops = |dtype, threads| Some(limits().peak(dtype, "AVX2", threads)?.gflops);
        assert_eq!(gflops("f64", 2), Some(114.0));
        assert_eq!(gflops("f64", 1), Some(57.0));
        assert_eq!(gflops("f32", 2), Some(228.0));
        assert_eq!(gflops("f32", 1), None);
    }

    #[test]
    fn a_peak_that_was_computed_wrongly_counts_for_nothing() {
        let mut limits = limits();
        for peak in &mut limits.fma_peaks {
            peak.verified = false;
        }
        assert_eq!(limits.peak("f64", "AVX2", 2), None);
    }

    #[test]
    fn a_case_is_held_against_its_peak_unless_it_counts_bytes() {
        let sample = |gflops| crate::record::Sample {
            seed: 1,
            run_time_s: 1.0,
            cpu_time_s: 1.0,
            gflops,
            norm: f64::NAN,
            conditions: None,
            verification: crate::record::Verification {
                passed: true,
                scaled_residual: 0.0,
                scaled_residual_bound: 1.0,
                norm_error: f64::NAN,
                norm_error_bound: f64::NAN,
                norm_expected: f64::NAN,
                norm_tolerance: f64::NAN,
            },
        };
        let samples = vec![sample(57.0)];
        let mut case = Case {
            blas: None,
            kernel: "gemm".to_owned(),
            kernel_version: None,
            isa: None,
            n: 10,
            dtype: "f64".to_owned(),
            driver: None,
            panel_rows: None,
            cpus: None,
            threads_requested: 2,
            threads_used: 2,
            matrix_bytes: 2400,
            flop: 2000.0,
            bytes: None,
            summary: crate::statistics::summarize(&samples),
            samples,
            warmup_samples: Vec::new(),
            warmup_ended: None,
            stopped_because: None,
            peak: None,
        };
        limits().rate(&mut case);
        let percent = case.summary.as_ref().unwrap().percent_of_peak.unwrap();
        assert!((percent - 50.0).abs() < 1e-9, "{percent}");
        assert_eq!(case.peak.as_ref().unwrap().when, "after");
        // Another library, which has told of wider vectors.
        let mut several = limits();
        several.library_isas = vec![LibraryIsa {
            blas: Some("libblis.so.4".to_owned()),
            isa: "AVX-512".to_owned(),
            core: Some("zen4".to_owned()),
        }];
        case.blas = Some("libblis.so.4".to_owned());
        several.rate(&mut case);
        let percent = case.summary.as_ref().unwrap().percent_of_peak.unwrap();
        assert!((percent - 30.0).abs() < 1e-9, "{percent}");
        case.blas = None;
        case.bytes = Some(2400.0);
        case.summary = crate::statistics::summarize(&case.samples);
        limits().rate(&mut case);
        assert_eq!(case.summary.unwrap().percent_of_peak, None);
        assert_eq!(case.peak, None);
    }
}
