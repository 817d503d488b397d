//! Statistics as pure functions over samples. The caller keeps all samples; nothing is thrown away here.

pub mod bootstrap;
pub mod holm;
pub mod random;
pub mod rank_sum;
pub mod signed_rank;

use crate::energy;
use crate::record::{Sample, Summary};

/// The middle value; the mean of the two middle ones for an even count. `None` when there are no values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The median absolute deviation from the median, in the unit of the values: a spread that one outlier cannot move.
/// `None` when there are no values.
pub fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    median(&deviations)
}

/// The least coverage of [`median_interval`].
pub const CONFIDENCE: f64 = 0.95;

/// The least number of values that have a [`median_interval`]: with five, even the interval from the smallest to the
/// largest misses the median once in sixteen times.
pub const INTERVAL_MIN: usize = 6;

/// An interval for the median of what the values were drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianInterval {
    /// The lower end: one of the values.
    pub low: f64,
    /// The upper end: one of the values.
    pub high: f64,
    /// The probability that it covers the median, when the values are independent: [`CONFIDENCE`] or more.
    pub confidence: f64,
}

/// The narrowest interval between two values, equally far from the smallest and the largest, that covers the median of
/// what they were drawn from with a probability of at least [`CONFIDENCE`]. It assumes no distribution, only independence:
/// how many values lie below the median is binomial with a probability of one half.
///
/// `None` for fewer than [`INTERVAL_MIN`] values.
///
/// Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1.
pub fn median_interval(values: &[f64]) -> Option<MedianInterval> {
    let (left_out, confidence) = interval_ranks(values.len())?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(MedianInterval {
        low: sorted[left_out],
        high: sorted[sorted.len() - 1 - left_out],
        confidence,
    })
}

/// How many values the interval leaves out at each end, and its coverage.
fn interval_ranks(count: usize) -> Option<(usize, f64)> {
    let may_miss = 1.0 - CONFIDENCE;
    // The binomial's terms for 0, 1, ... as logarithms: 2^-count is below the smallest number from 1075 on.
    let mut log_term = -(count as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    let mut found = None;
    for left_out in 0..count / 2 {
        tail += log_term.exp();
        if 2.0 * tail > may_miss {
            break;
        }
        found = Some((left_out, 1.0 - 2.0 * tail));
        log_term += ((count - left_out) as f64 / (left_out + 1) as f64).ln();
    }
    found
}

/// Half of the width of the median's interval, relative to the median. `None` when there is no interval, or no median
/// that it could be related to.
pub fn relative_half_width(values: &[f64]) -> Option<f64> {
    let interval = median_interval(values)?;
    let share = (interval.high - interval.low) / 2.0 / median(values)?.abs();
    share.is_finite().then_some(share)
}

/// Sums up the samples of one case over those that were verified. `None` when none was.
pub fn summarize(samples: &[Sample]) -> Option<Summary> {
    let valid: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.verification.passed)
        .collect();
    let gflops: Vec<f64> = valid.iter().map(|sample| sample.gflops).collect();
    let run_times_s: Vec<f64> = valid.iter().map(|sample| sample.run_time_s).collect();
    let gflops_median = median(&gflops)?;
    let best = gflops.iter().copied().fold(f64::MIN, f64::max);
    let worst = gflops.iter().copied().fold(f64::MAX, f64::min);
    let interval = median_interval(&gflops);
    Some(Summary {
        valid_samples: valid.len(),
        gflops_median,
        gflops_median_low: interval.map(|interval| interval.low),
        gflops_median_high: interval.map(|interval| interval.high),
        confidence: interval.map(|interval| interval.confidence),
        gflops_best: best,
        gflops_worst: worst,
        gflops_mad: median_absolute_deviation(&gflops)?,
        spread_percent: 100.0 * (best - worst) / gflops_median,
        run_time_s_median: median(&run_times_s)?,
        percent_of_peak: None,
        gflops_per_watt: energy::gflops_per_watt(samples),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn an_outlier_does_not_move_the_deviation() {
        assert_eq!(
            median_absolute_deviation(&[10.0, 11.0, 12.0, 13.0, 1e9]),
            Some(1.0)
        );
    }

    /// Ranks from the table of David and Nagaraja's binomial bounds, counted from 0.
    #[test]
    fn the_interval_s_ranks_are_the_table_s() {
        for (count, left_out, confidence) in [
            (6, 0, 0.9688),
            (8, 0, 0.9922),
            (9, 1, 0.9609),
            (20, 5, 0.9586),
            (100, 39, 0.9648),
        ] {
            let (found, coverage) = interval_ranks(count).unwrap();
            assert_eq!(found, left_out, "{count}");
            assert!((coverage - confidence).abs() < 5e-5, "{count}: {coverage}");
        }
        assert_eq!(interval_ranks(INTERVAL_MIN - 1), None);
        // Many: near 1.96 standard deviations of sqrt(n) / 2.
        let (left_out, _) = interval_ranks(1_000_000).unwrap();
        assert!(
            (left_out as f64 - (500_000.0 - 980.0)).abs() < 2.0,
            "{left_out}"
        );
    }

    /// Numbers in [0, 1) that are the same in every run.
    fn uniform(state: &mut u64) -> f64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn the_interval_covers_the_median_as_often_as_it_says() {
        let mut state = 5;
        for count in [6, 9, 25, 60] {
            let tries = 4000;
            let mut covered = 0;
            let mut promised = 0.0;
            for _ in 0..tries {
                // Skewed, as run times are; the median is where -ln(1 - u) is for u = 1/2.
                let values: Vec<f64> = (0..count)
                    .map(|_| 1.0 - (1.0 - uniform(&mut state)).ln())
                    .collect();
                let interval = median_interval(&values).unwrap();
                let true_median = 1.0 + std::f64::consts::LN_2;
                covered += usize::from((interval.low..=interval.high).contains(&true_median));
                promised = interval.confidence;
            }
            let share = f64::from(u32::try_from(covered).unwrap()) / f64::from(tries);
            // Four standard deviations of the simulation.
            assert!(
                (share - promised).abs() < 4.0 * (0.05 * 0.95 / f64::from(tries)).sqrt(),
                "{count}: {share} for {promised}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median_and_ignores_order(mut values in prop::collection::vec(-1e12..1e12f64, 1..60)) {
            let interval = median_interval(&values);
            prop_assert_eq!(interval.is_some(), values.len() >= INTERVAL_MIN);
            let middle = median(&values).unwrap();
            values.reverse();
            prop_assert_eq!(median_interval(&values), interval);
            if let Some(interval) = interval {
                prop_assert!(interval.low <= middle && middle <= interval.high);
                prop_assert!(interval.confidence >= CONFIDENCE);
            }
        }

        #[test]
        fn median_lies_within_and_ignores_order(mut values in prop::collection::vec(-1e12..1e12f64, 1..40)) {
            let before = median(&values).unwrap();
            values.reverse();
            prop_assert_eq!(before.to_bits(), median(&values).unwrap().to_bits());
            prop_assert!(values.iter().any(|v| *v <= before) && values.iter().any(|v| *v >= before));
        }
    }
}
