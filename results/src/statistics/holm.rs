//! Several tests at once: Holm's correction, so that one false alarm among all of them is as rare as one test's would be.
//!
//! Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.

/// The p-values as if each had been the only one: compare each with the level that holds for all together. They need not be
/// independent.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        least = least.max(p_values[index] * factor).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_example_by_hand() {
        let found = adjusted(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert!(adjusted(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_becomes_more_significant(values in prop::collection::vec(0.0..=1.0f64, 1..20)) {
            let found = adjusted(&values);
            for (index, (before, after)) in values.iter().zip(&found).enumerate() {
                prop_assert!(after >= before && *after <= 1.0);
                // The order stays, and Bonferroni is never kinder.
                prop_assert!(*after <= (before * values.len() as f64).min(1.0) + 1e-12);
                for (other, other_after) in values.iter().zip(&found).skip(index) {
                    prop_assert!(before > other || after <= other_after);
                }
            }
        }
    }
}
