//! The unit in which a kernel's speed is told: operations for most, bytes for those that move memory.

use results::record::{Case, Sample};

/// How a sample's `gflops` become the figure that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// `GFLOPS` or `GB/s`.
    pub unit: &'static str,
    /// What the figure is for each operation.
    factor: f64,
}

impl Rate {
    /// The rate of a kernel that counts these operations and, where they are the measure, these bytes.
    pub fn new(flop: f64, bytes: Option<f64>) -> Self {
        match bytes {
            Some(bytes) if flop > 0.0 => Self {
                unit: "GB/s",
                factor: bytes / flop,
            },
            _ => Self {
                unit: "GFLOPS",
                factor: 1.0,
            },
        }
    }

    /// The rate of a case.
    pub fn of(case: &Case) -> Self {
        Self::new(case.flop, case.bytes)
    }

    /// The figure for so many 10⁹ operations a second.
    pub fn value(self, gflops: f64) -> f64 {
        self.factor * gflops
    }

    /// The figure of a sample.
    pub fn of_sample(self, sample: &Sample) -> f64 {
        self.value(sample.gflops)
    }

    /// The unit in full, for an axis.
    pub(crate) fn axis_title(cases: &[Case]) -> &'static str {
        let count = cases.iter().filter(|case| case.bytes.is_some()).count();
        match count {
            0 => "GFLOPS (10⁹ floating-point operations per second)",
            _ if count == cases.len() => "GB/s (10⁹ bytes per second)",
            _ => "GFLOPS, or GB/s where it says so",
        }
    }
}
