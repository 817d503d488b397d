//! The lines that a run prints.

use results::limits::{FmaPeak, Limits};
use results::record::{Case, Sample, Summary, Verification};

use crate::Rate;
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

/// The line of one repeat of a kernel that computes no norm: the residual of its proof, the time, and the speed in its unit.
///
/// It has no newline at its end.
pub fn residual_line(sample: &Sample, rate: Rate) -> String {
    let residual = of_check(sample.verification.scaled_residual);
    let run_time_s = python_fixed(sample.run_time_s, 5);
    let speed = python_fixed(rate.of_sample(sample), 1);
    format!(
        "residual: {residual}\t Run time: {run_time_s} seconds\t {}: {speed}",
        rate.unit
    )
}

/// The machine's limits in one line, for example `measured limits: 57.2 GFLOPS on 1 thread, 114.6 GFLOPS on 2 threads (f64, AVX2,
/// 3.58 GHz by calibrated loop); memory 38.1 GB/s`. `None` when none was measured.
pub fn limits_line(limits: &Limits) -> Option<String> {
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for peak in &limits.fma_peaks {
        let kind = (peak.dtype.as_str(), peak.isa.as_str());
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut parts: Vec<String> = kinds
        .into_iter()
        .filter_map(|kind| peaks(limits, kind))
        .collect();
    if let Some(triad) = limits.triad.as_ref().filter(|triad| triad.verified) {
        parts.push(format!("memory {} GB/s", three_digits(triad.gb_per_s)));
    }
    (!parts.is_empty()).then(|| format!("measured limits: {}", parts.join("; ")))
}

/// The peaks of one type and instruction set, by threads.
fn peaks(limits: &Limits, kind: (&str, &str)) -> Option<String> {
    let mut best: Vec<&FmaPeak> = Vec::new();
    for peak in &limits.fma_peaks {
        if (peak.dtype.as_str(), peak.isa.as_str()) != kind || !peak.verified {
            continue;
        }
        match best.iter_mut().find(|other| other.threads == peak.threads) {
            Some(other) if other.gflops < peak.gflops => *other = peak,
            Some(_) => {}
            None => best.push(peak),
        }
    }
    let clock = best.last()?.clock.as_ref();
    let clock = clock.map_or_else(String::new, |clock| {
        format!(", {} by {}", gigahertz(clock.clock_mhz), clock.source)
    });
    let figures: Vec<String> = best
        .iter()
        .map(|peak| {
            let gflops = three_digits(peak.gflops);
            format!("{gflops} GFLOPS on {}", counted(peak.threads, "thread"))
        })
        .collect();
    Some(format!(
        "{} ({}, {}{clock})",
        figures.join(", "),
        kind.0,
        kind.1
    ))
}

/// A figure of about three digits, which is what a measured limit is good for.
pub(crate) fn three_digits(value: f64) -> String {
    beside(value, value, value / 10.0)
}

fn gigahertz(clock_mhz: f64) -> String {
    format!("{:.2} GHz", clock_mhz * 1e-3)
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
/// From six samples on it also has the interval of the median: `(95 % interval 107.5 to 108.6, best 109.0, ...)`.
/// When samples failed their verification it says INVALID, how many, and which check failed with its worst figure.
pub fn case_summary(case: &Case) -> String {
    let label = case_label(case);
    let samples = case.samples.len();
    let failed: Vec<&Sample> = failed_samples(case).collect();
    let figures = case
        .summary
        .as_ref()
        .map(|summary| statistics(case, summary, samples));
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
    let mut label = format!(
        "{} n={} {}, {}",
        case.kernel,
        case.n,
        case.dtype,
        threads(case)
    );
    for part in [case.blas.clone().unwrap_or_default(), panels(case)] {
        if !part.is_empty() {
            label.push_str(", ");
            label.push_str(&part);
        }
    }
    label
}

/// For example `panels of 2048 rows`; nothing for a product that was computed whole.
pub(crate) fn panels(case: &Case) -> String {
    let rows = case.panel_rows;
    rows.map_or_else(String::new, |rows| format!("panels of {rows} rows"))
}

/// The threads of a case, and whether they were the library's own; both figures when the library did not do as it was told.
pub(crate) fn threads(case: &Case) -> String {
    let own = match case.driver.as_deref() {
        Some("library") => "library ",
        _ => "",
    };
    let requested = counted(case.threads_requested, &format!("{own}thread"));
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

fn statistics(case: &Case, summary: &Summary, samples: usize) -> String {
    let rate = Rate::of(case);
    let median = format!("{} {}", median(summary, rate), rate.unit);
    let share = share_of_peak(case, summary).map_or_else(String::new, |share| format!(", {share}"));
    let verified = format!(
        "{} of {} verified",
        summary.valid_samples,
        counted(samples, "sample")
    );
    if summary.valid_samples < 2 {
        return format!("median {median}{share} ({verified})");
    }
    format!(
        "median {median}{share} ({}best {}, spread {}, {verified})",
        interval(summary, rate).map_or_else(String::new, |interval| format!("{interval}, ")),
        best(summary, rate),
        percent(summary.spread_percent),
    )
}

/// The interval of a summary's median, with its own width's digits, for example `95 % interval 107.5 to 108.6`; `None` when
/// there were too few samples for one.
fn interval(summary: &Summary, rate: Rate) -> Option<String> {
    let finite = |end: Option<f64>| end.filter(|value| value.is_finite());
    let low = finite(summary.gflops_median_low)?;
    let high = finite(summary.gflops_median_high)?;
    let [low, high, median] = [low, high, summary.gflops_median].map(|gflops| rate.value(gflops));
    let end = |value| beside(value, median, high - low);
    // The coverage is the least possible above 95 %: nobody asks for its decimals.
    Some(format!("95 % interval {} to {}", end(low), end(high)))
}

/// For example `94 % of the measured peak 115 GFLOPS at 3.58 GHz`.
fn share_of_peak(case: &Case, summary: &Summary) -> Option<String> {
    let share = percent(summary.percent_of_peak?);
    let peak = case.peak.as_ref()?;
    let clock = peak.clock.as_ref().map_or_else(String::new, |clock| {
        format!(" at {}", gigahertz(clock.clock_mhz))
    });
    let gflops = three_digits(peak.gflops);
    Some(format!(
        "{share} of the measured peak {gflops} GFLOPS{clock}"
    ))
}

/// A summary's median in its unit, with the digits that its spread leaves it.
pub(crate) fn median(summary: &Summary, rate: Rate) -> String {
    beside_median(summary.gflops_median, summary, rate)
}

/// A summary's best sample in its unit, with its median's digits.
pub(crate) fn best(summary: &Summary, rate: Rate) -> String {
    beside_median(summary.gflops_best, summary, rate)
}

fn beside_median(gflops: f64, summary: &Summary, rate: Rate) -> String {
    let spread = summary.gflops_best - summary.gflops_worst;
    let [value, median, spread] =
        [gflops, summary.gflops_median, spread].map(|gflops| rate.value(gflops));
    beside(value, median, spread)
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

/// The worst figure of one check with its bound, among the samples that fail it; NaN fails and is worse than any number. A
/// check without a bound is one that the kernel does not have.
fn worst(
    failed: &[&Sample],
    check: impl Fn(&Verification, f64) -> (f64, f64),
) -> Option<(String, String)> {
    failed
        .iter()
        .map(|sample| check(&sample.verification, sample.norm))
        .filter(|(figure, bound)| !bound.is_nan() && (figure.is_nan() || figure >= bound))
        .max_by(|(a, _), (b, _)| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)))
        .map(|(figure, bound)| (of_check(figure), of_check(bound)))
}
