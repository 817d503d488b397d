//! Statistics as pure functions over samples. The caller keeps all samples; nothing is thrown away here.

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
    Some(Summary {
        valid_samples: valid.len(),
        gflops_median,
        gflops_best: best,
        gflops_worst: worst,
        gflops_mad: median_absolute_deviation(&gflops)?,
        spread_percent: 100.0 * (best - worst) / gflops_median,
        run_time_s_median: median(&run_times_s)?,
        percent_of_peak: None,
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

    proptest! {
        #[test]
        fn median_lies_within_and_ignores_order(mut values in prop::collection::vec(-1e12..1e12f64, 1..40)) {
            let before = median(&values).unwrap();
            values.reverse();
            prop_assert_eq!(before.to_bits(), median(&values).unwrap().to_bits());
            prop_assert!(values.iter().any(|v| *v <= before) && values.iter().any(|v| *v >= before));
        }
    }
}
