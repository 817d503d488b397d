//! Whether two runs have computed the same: the same seed gives the same matrices, so their norms may differ by rounding only.

use crate::record::{Case, Sample};

/// The first samples of two cases with the same seed whose norms differ by more than rounding explains: the seed and both norms.
/// `None` when there are none.
pub fn disagreement(one: &Case, other: &Case) -> Option<(u64, [f64; 2])> {
    let verified = |case: &Case| -> Vec<Sample> {
        let samples = case.samples.iter();
        let samples =
            samples.filter(|sample| sample.verification.passed && sample.norm.is_finite());
        samples.cloned().collect()
    };
    let others = verified(other);
    verified(one).into_iter().find_map(|sample| {
        let same = others.iter().find(|other| other.seed == sample.seed)?;
        let tolerance = share(one, &sample) + share(other, same);
        let differ =
            (sample.norm - same.norm).abs() > tolerance * sample.norm.abs().max(same.norm.abs());
        differ.then_some((sample.seed, [sample.norm, same.norm]))
    })
}

/// Whether there are results of the same matrices in both cases, so that there is something to compare.
pub fn share_a_seed(one: &Case, other: &Case) -> bool {
    let seeds = |case: &Case| -> Vec<u64> {
        let samples = case.samples.iter();
        let verified = samples.filter(|sample| sample.verification.passed);
        verified.map(|sample| sample.seed).collect()
    };
    let others = seeds(other);
    seeds(one).iter().any(|seed| others.contains(seed))
}

/// How far the norm of a verified product may be from the exact one, as a share of it.
///
/// Verification lets each row be wrong by bound·u·√(n+2)·‖Aᵢ‖₂·‖B‖_F (see `kernels::verify`), so all of C by that with ‖A‖_F. For
/// elements uniform on [0, 1) ‖A‖_F·‖B‖_F is n²/3 and ‖C‖_F is n²/4, hence the 4/3. The norm's own arithmetic comes on top.
fn share(case: &Case, sample: &Sample) -> f64 {
    let unit = if case.dtype == "f32" {
        0.5f64.powi(24)
    } else {
        0.5f64.powi(53)
    };
    let checks = &sample.verification;
    let of_product = checks.scaled_residual_bound * unit * (case.n as f64 + 2.0).sqrt() * 4.0 / 3.0;
    of_product + checks.norm_error_bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(dtype: &str, norm: f64, seed: u64) -> Case {
        let text = format!(
            r#"{{"kernel": "matmul-norm", "n": 1000, "dtype": "{dtype}", "threads_requested": 1, "threads_used": 1,
            "matrix_bytes": 1, "flop": 1.0, "summary": null, "samples": [{{"seed": {seed}, "run_time_s": 1.0,
            "cpu_time_s": 1.0, "gflops": 1.0, "norm": {norm}, "verification": {{"passed": true, "scaled_residual": 0.1,
            "scaled_residual_bound": 4.0, "norm_error": 0.0, "norm_error_bound": 1e-13, "norm_expected": 250000.0,
            "norm_tolerance": 1000.0}}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn rounding_is_no_disagreement_and_more_is() {
        let norm = 250_097.0;
        let check = |dtype, by: f64, agree: bool| {
            let found = disagreement(&case(dtype, norm, 1), &case(dtype, norm * (1.0 + by), 1));
            assert_eq!(found.is_none(), agree, "{dtype} {by}");
        };
        check("f64", 0.0, true);
        check("f64", 1e-13, true);
        check("f64", 1e-11, false);
        check("f32", 1e-6, true);
        check("f32", 1e-3, false);
        // Other matrices have other norms.
        assert_eq!(
            disagreement(&case("f64", norm, 1), &case("f64", 2.0 * norm, 2)),
            None
        );
    }
}
