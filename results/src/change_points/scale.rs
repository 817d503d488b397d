//! The noise of a series: its scale, from the differences of neighbours, and how much it depends on its past.

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

/// Standard deviations from a level at which the loss stops growing: 1 of 370 values of a normal distribution is further out.
const CAP: f64 = 3.0;

/// The same while only clear changes are looked for: five runs far out are worth a segment then, however short it is.
const CLEAR_CAP: f64 = 6.0;

/// Degrees of freedom of noise whose outliers are to be expected.
const TAIL: f64 = 4.0;

/// What is known of the noise.
#[derive(Clone, Copy)]
pub(super) struct Noise<'a> {
    /// The standard deviation at each run as the differences tell it: the true one for noise that is independent.
    scales: &'a [f64],
    /// The share of its deviation that each run keeps of the one before, an autoregressive process of the first order.
    kept: f64,
    /// Where the loss stops growing, in standard deviations.
    cap: f64,
}

impl<'a> Noise<'a> {
    /// Independent noise, to look for clear changes.
    pub(super) fn clear(scales: &'a [f64]) -> Self {
        Self {
            scales,
            kept: 0.0,
            cap: CLEAR_CAP,
        }
    }

    /// Noise as it is between clear changes.
    pub(super) fn between(scales: &'a [f64], logs: &[f64], cuts: &[usize]) -> Self {
        Self {
            scales,
            kept: kept(logs, cuts),
            cap: CAP,
        }
    }

    /// The variance at a run: differences have the variance 2 s² (1 − kept), so what they tell is s² (1 − kept).
    pub(super) fn variance(self, run: usize) -> f64 {
        self.scales[run] * self.scales[run] / (1.0 - self.kept)
    }

    /// By how much the variance of a mean of many runs is larger than if they were independent.
    pub(super) fn inflation(self) -> f64 {
        (1.0 + self.kept) / (1.0 - self.kept)
    }

    /// How far from a level a run may be and still be of it.
    pub(super) fn cap(self, run: usize) -> f64 {
        self.cap * self.variance(run).sqrt()
    }

    /// The square of a distance from a level, at most that of the cap. Not a number has no weight.
    pub(super) fn capped_square(self, run: usize, distance: f64) -> f64 {
        let cap_square = self.cap * self.cap * self.variance(run);
        let square = distance * distance;
        if square <= cap_square {
            square
        } else if square.is_nan() {
            0.0
        } else {
            cap_square
        }
    }

    /// The same in units of the noise.
    pub(super) fn loss(self, run: usize, distance: f64) -> f64 {
        self.capped_square(run, distance) / (self.variance(run) * self.inflation())
    }

    /// Twice the negative logarithm of a run's likelihood at a level, but for a constant, by Student's distribution with
    /// [`TAIL`] degrees of freedom: outliers tell little, as with the capped loss, but of two levels that are both far the
    /// nearer one is still the likelier.
    pub(super) fn surprise(self, run: usize, distance: f64) -> f64 {
        let square = distance * distance / self.variance(run);
        if square.is_nan() {
            return 0.0;
        }
        (TAIL + 1.0) * (square / TAIL).ln_1p() / self.inflation()
    }

    /// The least of the scales.
    pub(super) fn least_scale(self) -> f64 {
        self.scales.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

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

/// The share of its deviation that each run keeps of the one before; 0 where chance explains it.
fn kept(logs: &[f64], cuts: &[usize]) -> f64 {
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
        return 0.0;
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
        return 0.0;
    }
    // What independent noise shows by chance, and a level in each segment that was fitted to it, is not held against it.
    let by_chance = CHANCE / (all.len() as f64).sqrt();
    (products / squares - by_chance).clamp(0.0, KEPT_MAX)
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
