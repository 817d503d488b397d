//! Where figures of energy come from, and what they are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Sample;
use crate::statistics::median;

/// Samples shorter than this have no energy: the processor renews its counter about once in a millisecond.
pub const SAMPLE_MIN_S: f64 = 0.05;

/// What every figure of energy in a record is.
pub const MEANING: &str = "package energy as the processor estimates it, not wall power";

/// Where the energy of samples was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Energy {
    /// `RAPL` or `amd_energy`, with the number of processor packages that were read.
    pub source: String,
    /// What the figures are and what they are not.
    pub meaning: String,
}

/// The median over verified samples of 10^9 floating-point operations for each joule, which is GFLOPS for each watt; `None`
/// when no sample has an energy.
pub fn gflops_per_watt(samples: &[Sample]) -> Option<f64> {
    let figures: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.verification.passed)
        .filter_map(|sample| {
            let conditions = sample.conditions.as_ref()?;
            let power_w = conditions.energy_j? / conditions.observed_s;
            Some(sample.gflops / power_w)
        })
        .filter(|figure| figure.is_finite())
        .collect();
    median(&figures)
}
