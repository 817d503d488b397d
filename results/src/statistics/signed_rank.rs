//! The centre of paired differences, by Wilcoxon's signed-rank test turned round.
//!
//! It assumes one thing: that a difference is as likely to be above the centre by some amount as below it. Where a coin decides
//! which side of a pair goes first, this is so by the coin, whatever the noise is like: heavy tails, drift and correlation from
//! pair to pair included. With eight pairs as with eighty the interval covers as often as it says, which a bootstrap over few
//! pairs does not (`bootstrap` has the comparison).
//!
//! Source: M. Hollander, D. A. Wolfe, E. Chicken, Nonparametric Statistical Methods, 3rd edition, sections 3.1 to 3.3;
//! for the coin R. A. Fisher, The Design of Experiments, section 21.

/// The centre of differences, and where it may lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centre {
    /// Hodges' and Lehmann's estimate: the median of the means of all pairs of differences, each with itself too.
    pub estimate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Centre {
    /// Half of the interval's width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// From so many differences on the test's distribution is taken as normal, which it then is to 1e-3.
const NORMAL_FROM: usize = 120;

/// The centre with an interval that covers it with at least this confidence (0.95 for example). `None` when there are too few
/// differences for one: fewer than 6 for 0.95, 8 for 0.99; or when one is not a number.
pub fn centre(differences: &[f64], confidence: f64) -> Option<Centre> {
    let means = walsh_means(differences)?;
    let left_out = ranks_left_out(differences.len(), (1.0 - confidence) / 2.0)?;
    Some(Centre {
        estimate: middle(&means),
        low: means[left_out],
        high: means[means.len() - 1 - left_out],
    })
}

/// Hodges' and Lehmann's estimate alone, which needs one difference only. `None` when there is none, or one is not a number.
pub fn estimate(differences: &[f64]) -> Option<f64> {
    walsh_means(differences).map(|means| middle(&means))
}

/// The probability of differences as low as these, or lower, if their centre were at `shift` or above: small when they lie below
/// it. 1 when there are none, or one is not a number.
///
/// It is at most `(1 - confidence) / 2` exactly when [`centre`]'s interval lies wholly below `shift`.
pub fn p_below(differences: &[f64], shift: f64) -> f64 {
    let Some(means) = walsh_means(differences) else {
        return 1.0;
    };
    // The statistic, counted by means at or above the shift; a tie counts against the finding.
    let statistic = means.len() - means.partition_point(|mean| *mean < shift);
    cumulative(differences.len(), statistic)
}

/// The means of all pairs, each with itself too, sorted.
fn walsh_means(differences: &[f64]) -> Option<Vec<f64>> {
    if differences.is_empty() || differences.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let count = differences.len();
    let mut means = Vec::with_capacity(count * (count + 1) / 2);
    for (index, one) in differences.iter().enumerate() {
        means.extend(
            differences[index..]
                .iter()
                .map(|other| f64::midpoint(*one, *other)),
        );
    }
    means.sort_by(f64::total_cmp);
    Some(means)
}

fn middle(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// How many means each end of the interval leaves out: the largest k with P(T < k) <= `tail`, less none. `None` when even the
/// outermost mean is missed more often.
fn ranks_left_out(count: usize, tail: f64) -> Option<usize> {
    if count >= NORMAL_FROM {
        let (mean, deviation) = moments(count);
        let rank = mean + deviation * normal_quantile(tail) - 0.5;
        return Some(rank.max(0.0).floor() as usize);
    }
    let probabilities = distribution(count);
    let mut sum = 0.0;
    let mut found = None;
    for (statistic, probability) in probabilities.iter().enumerate() {
        sum += probability;
        if sum > tail {
            break;
        }
        found = Some(statistic);
    }
    found
}

/// P(T <= statistic).
fn cumulative(count: usize, statistic: usize) -> f64 {
    if count >= NORMAL_FROM {
        let (mean, deviation) = moments(count);
        return normal_cumulative((statistic as f64 + 0.5 - mean) / deviation);
    }
    let probabilities = distribution(count);
    let sum: f64 = probabilities.iter().take(statistic + 1).sum();
    sum.min(1.0)
}

/// The statistic's distribution over 0 ... n(n+1)/2 when each rank from 1 to n counts or not by a fair coin.
fn distribution(count: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; count * (count + 1) / 2 + 1];
    probabilities[0] = 1.0;
    let mut highest = 0;
    for rank in 1..=count {
        highest += rank;
        for statistic in (0..=highest).rev() {
            let with = if statistic >= rank {
                probabilities[statistic - rank]
            } else {
                0.0
            };
            probabilities[statistic] = f64::midpoint(probabilities[statistic], with);
        }
    }
    probabilities
}

/// Mean and standard deviation of the statistic.
fn moments(count: usize) -> (f64, f64) {
    let n = count as f64;
    (
        n * (n + 1.0) / 4.0,
        (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt(),
    )
}

/// The normal distribution to 7.5e-8 absolute; below a probability of 1e-6 it should not be relied upon, nor is it.
///
/// Source: M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions, 26.2.17.
fn normal_cumulative(z: f64) -> f64 {
    if z > 0.0 {
        return 1.0 - normal_cumulative(-z);
    }
    let t = 1.0 / (1.0 - 0.231_641_9 * z);
    let series = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let sum = series
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}

/// Where [`normal_cumulative`] is `probability`, by halving.
fn normal_quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_cumulative(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::SplitMix64;
    use proptest::prelude::*;

    /// Hollander and Wolfe's example 3.1: nine patients' depression scores, p = 0.0195, estimate -0.46.
    #[test]
    fn the_textbook_s_example() {
        let differences = [
            -0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010,
        ];
        let p = p_below(&differences, 0.0);
        assert!((p - 0.0195).abs() < 5e-5, "{p}");
        let found = centre(&differences, 0.9).unwrap();
        assert!((found.estimate + 0.46).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn few_differences_have_no_interval() {
        for (count, confidence, has) in [
            (5, 0.95, false),
            (6, 0.95, true),
            (7, 0.99, false),
            (8, 0.99, true),
        ] {
            let differences: Vec<f64> = (0..count).map(f64::from).collect();
            assert_eq!(
                centre(&differences, confidence).is_some(),
                has,
                "{count} {confidence}"
            );
        }
        assert_eq!(centre(&[], 0.95), None);
        assert_eq!(centre(&[f64::NAN; 9], 0.95), None);
        assert!((p_below(&[], 0.0) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_normal_distribution_takes_over_smoothly() {
        for statistic in [2000, 2500, 3000, 3300] {
            let (mean, deviation) = moments(NORMAL_FROM - 1);
            let z = (f64::from(statistic) + 0.5 - mean) / deviation;
            let exact = cumulative(NORMAL_FROM - 1, statistic as usize);
            assert!(
                (exact - normal_cumulative(z)).abs() < 1e-3,
                "{statistic}: {exact}"
            );
        }
        let differences: Vec<f64> = (0..300).map(|index| f64::from(index % 17) - 8.0).collect();
        let found = centre(&differences, 0.95).unwrap();
        assert!(
            found.low < 0.0 && found.high > 0.0 && found.half_width() < 1.0,
            "{found:?}"
        );
    }

    /// Skewed and heavy-tailed noise in both members of each pair, a coin before each: what symmetry needs.
    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut random = SplitMix64::new(11);
        for count in [6, 8, 12, 30] {
            let tries = 4000;
            let covered = (0..tries).filter(|_| {
                let differences: Vec<f64> = (0..count)
                    .map(|_| {
                        let mut slowness = || (1.0 / (1.0 - random.uniform())).powf(0.7);
                        0.3 + slowness() - slowness()
                    })
                    .collect();
                let found = centre(&differences, 0.95).unwrap();
                (found.low..=found.high).contains(&0.3)
            });
            let share = covered.count() as f64 / f64::from(tries);
            // Four standard deviations below 0.95; above it is as good.
            assert!(share > 0.936, "{count}: {share}");
        }
    }

    proptest! {
        #[test]
        fn test_and_interval_agree(values in prop::collection::vec(-1e3..1e3f64, 6..40), shift in -1e3..1e3f64) {
            let found = centre(&values, 0.95).unwrap();
            prop_assert!(found.low <= found.estimate && found.estimate <= found.high);
            prop_assert_eq!(found.high < shift, p_below(&values, shift) <= 0.025);
        }

        #[test]
        fn the_centre_moves_with_the_differences(values in prop::collection::vec(-10.0..10.0f64, 6..30), by in -5.0..5.0f64) {
            let found = centre(&values, 0.95).unwrap();
            let moved: Vec<f64> = values.iter().map(|value| value + by).collect();
            let moved = centre(&moved, 0.95).unwrap();
            prop_assert!((moved.estimate - found.estimate - by).abs() < 1e-9);
            prop_assert!((moved.half_width() - found.half_width()).abs() < 1e-9);
            let turned: Vec<f64> = values.iter().map(|value| -value).collect();
            let turned = centre(&turned, 0.95).unwrap();
            prop_assert!((turned.low + found.high).abs() < 1e-12);
        }
    }
}
