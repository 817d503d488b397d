//! The gate against records: one value a run, runs of other hours against runs of now.
//!
//! This is the lesser way. What the machine did between the two sets cannot be told from what the software does, so the least threshold is wider,
//! and samples of one run are never taken for several. `crate::verdict` has the way in turns.

use crate::paired::{CONFIDENCE, Ratio};
use crate::statistics::{bootstrap, holm, median, rank_sum};
use crate::verdict::{Judgement, THRESHOLD_FLOORS, decide};

/// The least number of runs on either side: with five and five, chance alone leaves one below the other once in 252 times.
pub const RUNS_MIN: usize = 5;

/// The least slowdown that counts when the threshold is left to the noise: medians of the same program vary by 3 to 6 % within an hour on
/// shared machines, and a set of runs is of one hour.
pub const THRESHOLD_MIN: f64 = 0.05;

/// The largest threshold that noise leads to: beyond it there is no verdict unless a threshold is asked for.
pub const THRESHOLD_MAX: f64 = 0.1;

/// One case before the gate: rates of runs, all above 0 and in the same unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCase {
    /// The baseline's runs.
    pub baseline: Vec<f64>,
    /// The candidate's runs of the first look.
    pub first: Vec<f64>,
    /// Its runs after that; empty when the first look was enough.
    pub fresh: Vec<f64>,
    /// The ratio that is expected: 1, or what was accepted.
    pub expected: f64,
    /// The slowdown that counts, as a share, from [`RunCase::threshold`].
    pub threshold: Option<f64>,
}

impl RunCase {
    /// The threshold: what was asked for, or what the spread of both sets allows. `None` when they are too few to tell.
    pub fn threshold(&self, asked: Option<f64>) -> Option<f64> {
        asked.or_else(|| {
            let shift = rank_sum::shift(
                &logarithms(&self.baseline),
                &logarithms(&self.first),
                CONFIDENCE,
            )?;
            let of_noise = THRESHOLD_FLOORS * shift.half_width().exp_m1();
            Some(of_noise.clamp(THRESHOLD_MIN, THRESHOLD_MAX))
        })
    }

    /// Whether the first look is enough to pass.
    pub fn is_clear(&self) -> bool {
        self.is_above(&self.first)
    }

    /// The ratio over all runs; `None` when there are too few. Its noise floor is half of its interval, for want of something that
    /// does not see the sides.
    pub fn ratio(&self) -> Option<Ratio> {
        let all = self.all();
        let shift = rank_sum::shift(&logarithms(&self.baseline), &logarithms(&all), CONFIDENCE)?;
        let of_medians = |runs: &[(bool, f64)]| {
            let of = |is_candidate: bool| -> Vec<f64> {
                let runs = runs.iter().filter(|run| run.0 == is_candidate);
                runs.map(|run| run.1).collect()
            };
            // A resample may have left out one side.
            median(&of(true))
                .zip(median(&of(false)))
                .map_or(1.0, |(candidate, baseline)| candidate / baseline)
        };
        let tagged = |runs: &[f64], is_candidate| -> Vec<(bool, f64)> {
            runs.iter().map(|rate| (is_candidate, *rate)).collect()
        };
        let runs = [tagged(&self.baseline, false), tagged(&all, true)].concat();
        let (low, high) = bootstrap::percentile_interval(&runs, of_medians, CONFIDENCE, 2000, 1)?;
        Some(Ratio {
            blocks: all.len().min(self.baseline.len()),
            estimate: shift.estimate.exp(),
            low: shift.low.exp(),
            high: shift.high.exp(),
            confidence: CONFIDENCE,
            of_medians: of_medians(&runs),
            of_medians_low: low,
            of_medians_high: high,
            noise_floor: shift.half_width().exp_m1(),
        })
    }

    fn all(&self) -> Vec<f64> {
        [&self.first[..], &self.fresh].concat()
    }

    fn lowest(&self) -> Option<f64> {
        self.threshold
            .map(|threshold| (self.expected * (1.0 - threshold)).ln())
    }

    /// Two runs against eighteen would be told apart by the test, and say nothing of other hours.
    fn has_enough(&self, runs: &[f64]) -> bool {
        self.baseline.len().min(runs.len()) >= RUNS_MIN
    }

    fn is_above(&self, runs: &[f64]) -> bool {
        let shift = rank_sum::shift(&logarithms(&self.baseline), &logarithms(runs), CONFIDENCE);
        let is_above = self
            .lowest()
            .zip(shift)
            .is_some_and(|(lowest, shift)| shift.low > lowest);
        self.has_enough(runs) && is_above
    }

    fn p_below(&self, runs: &[f64], shift: f64) -> f64 {
        if !self.has_enough(runs) {
            return 1.0;
        }
        rank_sum::p_below(&logarithms(&self.baseline), &logarithms(runs), shift)
    }
}

/// Judges all cases of a gate.
pub fn judge(cases: &[RunCase]) -> Vec<Judgement> {
    let regression = cases.iter().map(|case| {
        case.lowest()
            .map_or(1.0, |lowest| case.p_below(&case.all(), lowest))
    });
    let confirmation = cases
        .iter()
        .map(|case| case.p_below(&case.fresh, case.expected.ln()));
    let regression = holm::adjusted(&regression.collect::<Vec<_>>());
    let confirmation = holm::adjusted(&confirmation.collect::<Vec<_>>());
    let judged = cases.iter().zip(regression.into_iter().zip(confirmation));
    judged
        .map(|(case, (p_regression, p_confirmation))| Judgement {
            verdict: decide([p_regression, p_confirmation], case.is_above(&case.all())),
            p_regression,
            p_confirmation: (!case.fresh.is_empty()).then_some(p_confirmation),
        })
        .collect()
}

fn logarithms(rates: &[f64]) -> Vec<f64> {
    rates.iter().map(|rate| rate.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::GateVerdict;

    fn runs(rate: f64) -> Vec<f64> {
        [0.99, 1.0, 1.01, 1.005, 0.995, 1.002]
            .map(|factor| rate * factor)
            .to_vec()
    }

    fn verdict(first: f64, fresh: Option<f64>) -> GateVerdict {
        let mut case = RunCase {
            baseline: runs(100.0),
            first: runs(first),
            fresh: fresh.map(runs).unwrap_or_default(),
            expected: 1.0,
            threshold: None,
        };
        case.threshold = case.threshold(None);
        assert_eq!(case.threshold, Some(THRESHOLD_MIN));
        assert!(case.ratio().is_some());
        judge(&[case])[0].verdict
    }

    #[test]
    fn a_regression_takes_both_looks() {
        assert_eq!(verdict(100.0, None), GateVerdict::Pass);
        assert_eq!(verdict(98.0, None), GateVerdict::Pass);
        assert_eq!(verdict(90.0, Some(90.0)), GateVerdict::Regression);
        assert_eq!(verdict(90.0, Some(100.0)), GateVerdict::Inconclusive);
        assert_eq!(verdict(90.0, None), GateVerdict::Inconclusive);
        assert_eq!(verdict(120.0, None), GateVerdict::Pass);
    }

    #[test]
    fn few_runs_tell_nothing() {
        let case = RunCase {
            baseline: vec![100.0; 2],
            first: vec![50.0; 9],
            fresh: vec![50.0; 9],
            expected: 1.0,
            threshold: Some(0.05),
        };
        assert_eq!(judge(&[case])[0].verdict, GateVerdict::Inconclusive);
    }
}
