//! The scale of a series' noise, from the differences of neighbours.

use std::ops::Range;

use crate::statistics::median;

/// Differences around a run from which its scale is taken: enough that the estimate's own error (a tenth) matters little,
/// few enough that a machine may become noisier.
const WINDOW: usize = 100;

/// As many runs' residuals as the local scale counts for beside those of a comparison itself.
pub(super) const WORTH: f64 = 10.0;

/// Half of all values of a normal distribution are nearer to the mean than one over this, in standard deviations.
const NORMAL_CONSISTENT: f64 = 1.4826;

/// Differences further out than this many scales are changes or outliers, not noise.
const FAR: f64 = 3.0;

/// The variance of a normal distribution without what is further out than [`FAR`].
const VARIANCE_WITHIN: f64 = 0.973_3;

/// Noise below this (a hundredth of a percent) is the resolution of a clock: a series of equal values has some, too.
const SCALE_MIN: f64 = 1e-4;

/// The noise's standard deviation at every run.
pub(super) fn local(logs: &[f64]) -> Vec<f64> {
    // Values that are none are stepped over: differences are between neighbours that are there.
    let present: Vec<f64> = logs.iter().copied().filter(|log| !log.is_nan()).collect();
    let differences: Vec<f64> = present
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .collect();
    let mut scales = Vec::with_capacity(logs.len());
    let mut before = 0_usize;
    for log in logs {
        let last_start = differences.len().saturating_sub(WINDOW);
        let start = before.saturating_sub(WINDOW / 2).min(last_start);
        let end = (start + WINDOW).min(differences.len());
        // In the long clamped stretches at both ends the window is the same.
        let same = start == 0 && before > 0 && before <= WINDOW / 2
            || start == last_start && before > start + WINDOW / 2;
        let scale = match scales.last() {
            Some(last) if same => *last,
            _ => of_differences(&differences[start..end]),
        };
        scales.push(scale);
        before += usize::from(!log.is_nan());
    }
    scales
}

/// The standard deviation of values from the absolute differences of neighbours: a first guess by the median, then the
/// mean square of those that are not far out. The root of two is because a difference has the noise of two values.
fn of_differences(differences: &[f64]) -> f64 {
    let guess = median(differences).unwrap_or(0.0) * NORMAL_CONSISTENT;
    let near: Vec<f64> = differences
        .iter()
        .filter(|difference| **difference <= FAR * guess)
        .map(|difference| difference * difference)
        .collect();
    let variance = near.iter().sum::<f64>() / near.len().max(1) as f64 / VARIANCE_WITHIN;
    (variance / 2.0).sqrt().max(SCALE_MIN)
}

/// Fewer residuals than this say nothing of how noise depends on its past.
const CORRELATED_MIN: usize = 20;

/// By how much the variance of a mean is larger than noise that is independent from run to run, and of the same
/// differences, would make it. 1 for independent noise.
///
/// For noise in which each run keeps the share r of the one before, differences have the variance 2 s² (1 − r), and means of
/// k runs tend to s² (1 + r) / (1 − r) / k: the factor is (1 + r) / (1 − r)².
pub(super) fn inflation(logs: &[f64], cuts: &[usize]) -> f64 {
    let mut residuals: Vec<Vec<f64>> = Vec::new();
    for runs in segments(logs.len(), cuts) {
        let present: Vec<f64> = logs[runs]
            .iter()
            .copied()
            .filter(|log| !log.is_nan())
            .collect();
        let Some(center) = median(&present) else {
            continue;
        };
        residuals.push(present.iter().map(|log| log - center).collect());
    }
    let all: Vec<f64> = residuals
        .iter()
        .flatten()
        .map(|residual| residual.abs())
        .collect();
    if all.len() < CORRELATED_MIN {
        return 1.0;
    }
    // Bounded, so that one outlier says as little here as anywhere.
    let bound = 2.0 * NORMAL_CONSISTENT * median(&all).unwrap_or(0.0);
    let bounded = |residual: f64| residual.clamp(-bound, bound);
    let squares: f64 = all.iter().map(|residual| bounded(*residual).powi(2)).sum();
    let products: f64 = residuals
        .iter()
        .flat_map(|segment| segment.windows(2))
        .map(|pair| bounded(pair[0]) * bounded(pair[1]))
        .sum();
    if squares <= 0.0 {
        return 1.0;
    }
    // What independent noise shows by chance, and a level in each segment that was fitted to it, is not held against it.
    let by_chance = CHANCE / (all.len() as f64).sqrt();
    let kept = (products / squares - by_chance).clamp(0.0, KEPT_MAX);
    (1.0 + kept) / (1.0 - kept).powi(2)
}

/// Standard errors of a correlation that are put down to chance.
const CHANCE: f64 = 1.3;

/// Noise that keeps more than this of its past is a level that wanders: no test can tell it from changes.
const KEPT_MAX: f64 = 0.7;

fn segments(len: usize, cuts: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain(std::iter::once(len));
    starts.zip(ends).map(|(start, end)| start..end)
}
