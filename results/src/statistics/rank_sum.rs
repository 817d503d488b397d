//! The shift between two independent sets of values, by Wilcoxon's rank-sum test turned round (Hodges and Lehmann).
//!
//! It assumes that the sets differ by a shift only and that all values are independent. Runs of other hours are not quite that: what the
//! machine did between the sets looks like a shift, and no test over two sets can tell.
//!
//! Source: M. Hollander, D. A. Wolfe, E. Chicken, Nonparametric Statistical Methods, 3rd edition, sections 4.1 to 4.3.

use super::median;
use super::signed_rank::Centre;

/// The shift from `from` to `to` with an interval that covers it with at least this confidence. `None` when there are too few
/// values for one (4 and 4 for 0.95), or one is not a number.
pub fn shift(from: &[f64], to: &[f64], confidence: f64) -> Option<Centre> {
    let differences = differences(from, to)?;
    let tail = (1.0 - confidence) / 2.0;
    let mut sum = 0.0;
    let mut left_out = None;
    for (statistic, probability) in distribution(from.len(), to.len()).iter().enumerate() {
        sum += probability;
        if sum > tail {
            break;
        }
        left_out = Some(statistic);
    }
    let left_out = left_out?;
    Some(Centre {
        estimate: median(&differences)?,
        low: differences[left_out],
        high: differences[differences.len() - 1 - left_out],
    })
}

/// The probability of values `to` so low against `from`, or lower, if they were shifted by `shift` or more. 1 when there are none, or one is
/// not a number.
pub fn p_below(from: &[f64], to: &[f64], shift: f64) -> f64 {
    let Some(differences) = differences(from, to) else {
        return 1.0;
    };
    let statistic = differences.len() - differences.partition_point(|value| *value < shift);
    let probabilities = distribution(from.len(), to.len());
    let sum: f64 = probabilities.iter().take(statistic + 1).sum();
    sum.min(1.0)
}

/// All differences, sorted.
fn differences(from: &[f64], to: &[f64]) -> Option<Vec<f64>> {
    let is_number =
        |values: &[f64]| !values.is_empty() && values.iter().all(|value| value.is_finite());
    if !is_number(from) || !is_number(to) {
        return None;
    }
    let pairs = from
        .iter()
        .flat_map(|from| to.iter().map(move |to| to - from));
    let mut differences: Vec<f64> = pairs.collect();
    differences.sort_by(f64::total_cmp);
    Some(differences)
}

/// The distribution over 0 ... m·n of how many of all pairs have the second one larger, when all orders are equally likely:
/// f(m, n) counts m/(m+n) of the orders that end with one of the m, which is then larger than all n, and the others.
fn distribution(m: usize, n: usize) -> Vec<f64> {
    // One row for each number of the first kind, for as many of the second kind as the outer loop has come to.
    let mut rows: Vec<Vec<f64>> = (0..=m).map(|_| vec![1.0]).collect();
    for second in 1..=n {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for first in 1..=m {
            let all = (first + second) as f64;
            let mut row = vec![0.0; first * second + 1];
            for (statistic, probability) in next[first - 1].iter().enumerate() {
                // The last one is of the first kind: larger than all of the second.
                row[statistic + second] += probability * first as f64 / all;
            }
            for (statistic, probability) in rows[first].iter().enumerate() {
                row[statistic] += probability * second as f64 / all;
            }
            next.push(row);
        }
        rows = next;
    }
    rows.swap_remove(m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::SplitMix64;
    use proptest::prelude::*;

    /// Of 252 orders of five and five, one has all of the one kind below all of the other.
    #[test]
    fn small_tables() {
        let probabilities = distribution(5, 5);
        assert!((probabilities[0] - 1.0 / 252.0).abs() < 1e-12);
        assert!((probabilities[1] - 1.0 / 252.0).abs() < 1e-12);
        assert!((probabilities[2] - 2.0 / 252.0).abs() < 1e-12);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(distribution(3, 7).len(), 22);
        let p = p_below(
            &[10.0, 11.0, 12.0, 13.0, 14.0],
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            0.0,
        );
        assert!((p - 1.0 / 252.0).abs() < 1e-12, "{p}");
        assert_eq!(shift(&[1.0; 3], &[2.0; 4], 0.95), None);
        assert_eq!(shift(&[f64::NAN; 9], &[2.0; 9], 0.95), None);
    }

    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut random = SplitMix64::new(17);
        for (m, n) in [(5, 5), (5, 12), (20, 20)] {
            let tries = 2000;
            let mut draw = |count, by: f64| -> Vec<f64> {
                (0..count)
                    .map(|_| by - (1.0 - random.uniform()).ln())
                    .collect()
            };
            let covered = (0..tries).filter(|_| {
                let found = shift(&draw(m, 0.0), &draw(n, 0.4), 0.95).unwrap();
                (found.low..=found.high).contains(&0.4)
            });
            let share = covered.count() as f64 / f64::from(tries);
            assert!(share > 0.93, "{m} {n}: {share}");
        }
    }

    proptest! {
        #[test]
        fn test_and_interval_agree(
            from in prop::collection::vec(-1e3..1e3f64, 4..20),
            to in prop::collection::vec(-1e3..1e3f64, 4..20),
            by in -1e3..1e3f64
        ) {
            let found = shift(&from, &to, 0.95).unwrap();
            prop_assert!(found.low <= found.estimate && found.estimate <= found.high);
            prop_assert_eq!(found.high < by, p_below(&from, &to, by) <= 0.025);
        }
    }
}
