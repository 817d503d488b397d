//! The lines that a run prints.

use results::record::{Case, Sample, Summary, Verification};

use crate::figures::{beside, counted, of_check, percent};

/// The line of one repeat, byte for byte as the numpy script prints it, so that what reads the one reads the other:
///
/// ```python
/// f'norm: {result:.2f}\t Run time: {run_time:.5f} seconds\t GFLOPS: {gflops:.0f}'
/// ```
///
/// It has no newline at its end.
pub fn seed_line(sample: &Sample) -> String {
    let norm = python_fixed(sample.norm, 2);
    let run_time_s = python_fixed(sample.run_time_s, 5);
    let gflops = python_fixed(sample.gflops, 0);
    format!("norm: {norm}\t Run time: {run_time_s} seconds\t GFLOPS: {gflops}")
}

/// Python's `f'{value:.{decimals}f}'`. Both round the exact binary value half to even; only NaN is spelled otherwise.
fn python_fixed(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else {
        format!("{value:.decimals$}")
    }
}

/// One case in one line, for example
/// `matmul-norm n=10000 f64, 2 threads: median 108.2 GFLOPS (best 109.0, spread 1.3 %, 3 of 3 samples verified)`.
///
/// When samples failed their verification it says INVALID, how many, and which check failed with its worst figure.
pub fn case_summary(case: &Case) -> String {
    let label = case_label(case);
    let samples = case.samples.len();
    let failed: Vec<&Sample> = failed_samples(case).collect();
    let figures = case
        .summary
        .as_ref()
        .map(|summary| statistics(summary, samples));
    if samples == 0 {
        return format!("{label}: no samples");
    }
    if failed.is_empty() {
        let figures = figures.unwrap_or_else(|| "no summary".to_owned());
        return format!("{label}: {figures}");
    }
    let rest = figures.map_or_else(
        || "; no median".to_owned(),
        |figures| format!("; {figures}"),
    );
    format!(
        "{label}: INVALID, {} of {} failed: {}{rest}",
        failed.len(),
        counted(samples, "sample"),
        failed_checks(&failed)
    )
}

/// What was measured, for example `matmul-norm n=10000 f64, 2 threads`.
fn case_label(case: &Case) -> String {
    let blas = case.blas.as_ref();
    format!(
        "{} n={} {}, {}{}",
        case.kernel,
        case.n,
        case.dtype,
        threads(case),
        blas.map_or_else(String::new, |blas| format!(", {blas}"))
    )
}

/// The threads of a case; both figures when the library did not do as it was told.
pub(crate) fn threads(case: &Case) -> String {
    let requested = counted(case.threads_requested, "thread");
    if case.threads_used == case.threads_requested {
        requested
    } else {
        format!("{requested} requested, {} used", case.threads_used)
    }
}

/// The samples of a case that did not pass their verification.
pub(crate) fn failed_samples(case: &Case) -> impl Iterator<Item = &Sample> {
    case.samples
        .iter()
        .filter(|sample| !sample.verification.passed)
}

fn statistics(summary: &Summary, samples: usize) -> String {
    let median = median(summary);
    let verified = format!(
        "{} of {} verified",
        summary.valid_samples,
        counted(samples, "sample")
    );
    if summary.valid_samples < 2 {
        return format!("median {median} GFLOPS ({verified})");
    }
    format!(
        "median {median} GFLOPS (best {}, spread {}, {verified})",
        best(summary),
        percent(summary.spread_percent),
    )
}

/// A summary's median, with the digits that its spread leaves it.
pub(crate) fn median(summary: &Summary) -> String {
    let spread = summary.gflops_best - summary.gflops_worst;
    beside(summary.gflops_median, summary.gflops_median, spread)
}

/// A summary's best sample, with its median's digits.
pub(crate) fn best(summary: &Summary) -> String {
    let spread = summary.gflops_best - summary.gflops_worst;
    beside(summary.gflops_best, summary.gflops_median, spread)
}

/// Each check that failed, with its worst figure over the samples and the bound that this figure broke.
fn failed_checks(failed: &[&Sample]) -> String {
    let checks = [
        worst(failed, |v, _| (v.scaled_residual, v.scaled_residual_bound))
            .map(|(figure, bound)| format!("scaled residual {figure} (bound {bound})")),
        worst(failed, |v, _| (v.norm_error, v.norm_error_bound))
            .map(|(figure, bound)| format!("relative error of the norm {figure} (bound {bound})")),
        worst(failed, |v, norm| {
            ((norm - v.norm_expected).abs(), v.norm_tolerance)
        })
        .map(|(figure, bound)| format!("norm {figure} from its expectation (bound {bound})")),
    ];
    let checks: Vec<String> = checks.into_iter().flatten().collect();
    if checks.is_empty() {
        return "the record does not say which check".to_owned();
    }
    checks.join(", ")
}

/// The worst figure of one check with its bound, among the samples that fail it; NaN fails and is worse than any number.
fn worst(
    failed: &[&Sample],
    check: impl Fn(&Verification, f64) -> (f64, f64),
) -> Option<(String, String)> {
    failed
        .iter()
        .map(|sample| check(&sample.verification, sample.norm))
        .filter(|(figure, bound)| figure.is_nan() || figure >= bound)
        .max_by(|(a, _), (b, _)| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)))
        .map(|(figure, bound)| (of_check(figure), of_check(bound)))
}
