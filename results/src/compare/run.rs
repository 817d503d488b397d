//! What comparing needs of one record.

use crate::comparability::{self, Key};
use crate::energy;
use crate::environment::Environment;
use crate::grade::{self, Grade};
use crate::record::{Case, Record, Sample};
use crate::statistics::{median, median_interval};

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What surrounded it.
    pub environment: Environment,
    /// Its grade by this program's rules, whatever the record says: all are judged alike.
    pub grade: Grade,
    /// What it measured.
    pub cases: Vec<RunCase>,
}

/// One case of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCase {
    /// What it may be compared with.
    pub key: Key,
    /// Operations of one sample.
    pub flop: f64,
    /// Bytes of one sample, where they are the measure.
    pub bytes: Option<f64>,
    /// 10⁹ operations a second, the median over the samples that were verified; `None` when there is none.
    pub median: Option<f64>,
    /// The median's interval within this run.
    pub interval: Option<(f64, f64)>,
    /// The peak that was measured beside it, in 10⁹ operations a second.
    pub peak_gflops: Option<f64>,
    /// The median as a share of that peak.
    pub percent_of_peak: Option<f64>,
    /// The median over the samples of their rate for each watt ([`crate::energy`]), where energy was measured.
    pub gflops_per_watt: Option<f64>,
    /// Samples that were not verified.
    pub samples_failed: usize,
    /// The norms that were computed, one for each seed.
    pub norms: Vec<Norm>,
}

/// A norm that passed its verification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Of the random matrices.
    pub seed: u64,
    /// What was computed.
    pub norm: f64,
    /// How far it may be, relative, from the norm of the exact product.
    pub tolerance: f64,
}

impl Run {
    /// Reduces a record. Statistics are computed from the samples: what the record says of them is not believed.
    pub fn of(record: &Record) -> Self {
        Self {
            environment: Environment::of(record),
            grade: grade::grade(record).grade,
            cases: record
                .cases
                .iter()
                .map(|case| RunCase::of(record, case))
                .collect(),
        }
    }
}

impl RunCase {
    fn of(record: &Record, case: &Case) -> Self {
        // A rate that is no positive number is none, whatever its verification says.
        let is_usable = |sample: &&Sample| {
            sample.verification.passed && sample.gflops.is_normal() && sample.gflops > 0.0
        };
        let usable: Vec<f64> = case
            .samples
            .iter()
            .filter(is_usable)
            .map(|sample| sample.gflops)
            .collect();
        let median = median(&usable);
        let peak = case.peak.as_ref().map(|peak| peak.gflops);
        let share = median.zip(peak).map(|(median, peak)| 100.0 * median / peak);
        let interval = median_interval(&usable);
        let norms = case.samples.iter().filter(is_usable);
        Self {
            key: comparability::key(record, case),
            flop: case.flop,
            bytes: case.bytes,
            median,
            interval: interval.map(|interval| (interval.low, interval.high)),
            peak_gflops: peak.filter(|peak| peak.is_normal() && *peak > 0.0),
            percent_of_peak: share.filter(|share| share.is_finite()),
            gflops_per_watt: energy::gflops_per_watt(&case.samples),
            samples_failed: case.samples.len() - usable.len(),
            norms: norms.filter_map(|sample| norm(case, sample)).collect(),
        }
    }
}

/// The norm of a sample, if its kernel computes one; see [`super::norms`] for the tolerance.
fn norm(case: &Case, sample: &Sample) -> Option<Norm> {
    let unit_roundoff = match case.dtype.as_str() {
        "f64" => f64::EPSILON / 2.0,
        "f32" => f64::from(f32::EPSILON) / 2.0,
        _ => return None,
    };
    let check = &sample.verification;
    let of_product =
        check.scaled_residual_bound * unit_roundoff * ((case.n as f64 + 2.0).sqrt() * 4.0 / 3.0);
    let tolerance = of_product + check.norm_error_bound;
    (sample.norm.is_finite() && tolerance.is_finite() && tolerance > 0.0).then_some(Norm {
        seed: sample.seed,
        norm: sample.norm,
        tolerance,
    })
}
