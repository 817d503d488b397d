//! `JUnit` XML: a suite for each record, a test for each case. A case passes when all of its samples were verified.
//!
//! Source: jenkinsci/xunit-plugin, `junit-10.xsd`: the order of elements, and times of at most three decimals; `GitLab` reads the
//! same fields.

use std::fmt::Write;

use super::escape::xml;
use super::names::case_name;
use super::series::{figure, library, rate, unit, verified};
use super::utc;
use crate::record::{Case, Record};

pub(super) fn export(records: &[&Record]) -> String {
    let suites: String = records.iter().map(|record| suite(record)).collect();
    let cases = || records.iter().flat_map(|record| &record.cases);
    let failures = cases().filter(|case| failure(case).is_some()).count();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bench\" tests=\"{}\" failures=\"{failures}\" errors=\"0\">\n{suites}</testsuites>\n",
        cases().count()
    )
}

fn suite(record: &Record) -> String {
    let failures = record.cases.iter().filter(|case| failure(case).is_some());
    let timestamp = utc::parse(&record.started_utc).map_or_else(String::new, |time| {
        format!(" timestamp=\"{}\"", utc::to_seconds(time, 'T'))
    });
    let elapsed_s = if record.elapsed_s.is_finite() {
        record.elapsed_s
    } else {
        0.0
    };
    let mut text = format!(
        "  <testsuite name=\"bench {}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"{elapsed_s:.3}\"{timestamp} hostname=\"{}\" id=\"{}\">\n",
        xml(&record.host.hostname),
        record.cases.len(),
        failures.count(),
        xml(&record.host.hostname),
        xml(&record.id),
    );
    text += "    <properties>\n";
    for (name, value) in properties(record) {
        let _ = writeln!(
            text,
            "      <property name=\"{name}\" value=\"{}\"/>",
            xml(&value)
        );
    }
    text += "    </properties>\n";
    text.extend(record.cases.iter().map(|case| test(record, case)));
    text += "  </testsuite>\n";
    text
}

fn properties(record: &Record) -> Vec<(&'static str, String)> {
    let host = &record.host;
    let mut properties = vec![
        ("cpu", host.cpu.model.clone()),
        ("kernel", host.os.kernel.clone()),
        ("bench_version", record.software.bench_version.clone()),
    ];
    if let Some(commit) = &record.software.bench_commit {
        properties.push(("bench_commit", commit.clone()));
    }
    if let Some(graded) = &record.grade {
        properties.push(("grade", graded.grade.to_string()));
        properties.extend(
            graded
                .reasons
                .iter()
                .map(|reason| ("grade_reason", reason.clone())),
        );
    }
    properties.extend(
        record
            .warnings
            .iter()
            .map(|warning| ("warning", warning.clone())),
    );
    properties
}

/// The time of a test is the median run time in seconds, what a reader draws over builds; all its digits stand in the output.
fn test(record: &Record, case: &Case) -> String {
    let times_s: Vec<f64> = verified(case)
        .iter()
        .map(|sample| sample.run_time_s)
        .collect();
    let time = if times_s.is_empty() {
        String::new()
    } else {
        format!(" time=\"{:.3}\"", figure(&times_s).median)
    };
    let failure = failure(case).map_or_else(String::new, |reason| {
        format!(
            "      <failure message=\"{}\" type=\"verification\">{}</failure>\n",
            xml(&reason),
            xml(&failed_samples(case))
        )
    });
    format!(
        "    <testcase name=\"{}\" classname=\"bench.{}\"{time}>\n{failure}      <system-out>{}</system-out>\n    </testcase>\n",
        xml(&case_name(case)),
        xml(&super::names::safe(&case.kernel)),
        // Inside an element a line break stays one.
        xml(&output(record, case)).replace("&#10;", "\n")
    )
}

/// Why a case fails.
fn failure(case: &Case) -> Option<String> {
    let failed = case
        .samples
        .iter()
        .filter(|sample| !sample.verification.passed);
    let failed = failed.count();
    match (case.samples.len(), failed) {
        (0, _) => Some("there are no samples".to_owned()),
        (_, 0) => None,
        (all, _) => Some(format!(
            "{failed} of {all} samples failed their verification"
        )),
    }
}

fn failed_samples(case: &Case) -> String {
    let mut text = String::new();
    let samples = case.samples.iter().enumerate();
    for (index, sample) in samples.filter(|(_, sample)| !sample.verification.passed) {
        let check = &sample.verification;
        let _ = write!(
            text,
            "sample {}: scaled residual {} (bound {}), error of the norm {} (bound {}), norm {} (expected {} within {}); ",
            index + 1,
            check.scaled_residual,
            check.scaled_residual_bound,
            check.norm_error,
            check.norm_error_bound,
            sample.norm,
            check.norm_expected,
            check.norm_tolerance
        );
    }
    text
}

fn output(record: &Record, case: &Case) -> String {
    let unit = unit(case);
    let samples = verified(case);
    let rates: Vec<f64> = samples.iter().map(|sample| rate(case, sample)).collect();
    let mut text = String::new();
    if !rates.is_empty() {
        let figure = figure(&rates);
        let times_s: Vec<f64> = samples.iter().map(|sample| sample.run_time_s).collect();
        let median_s = self::figure(&times_s).median;
        let _ = write!(text, "median {median_s} s, {} {unit}", figure.median);
        if let Some((low, high, confidence)) = figure.interval {
            let percent = 100.0 * confidence;
            let _ = write!(text, ", {percent:.1} % interval {low} to {high}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "blas {}", library(record, case));
    for (sample, rate) in samples.iter().zip(rates) {
        let _ = writeln!(text, "{} s, {rate} {unit}", sample.run_time_s);
    }
    text
}
