//! CSV (RFC 4180): one row for each sample, failed ones too, with its case, its record and its host. What is not known is empty.

use super::escape::csv;
use super::names::case_name;
use super::series::{figure, library, rate, unit, verified};
use crate::record::{Case, Record, Sample};

const COLUMNS: [&str; 26] = [
    "record",
    "started_utc",
    "hostname",
    "cpu",
    "kernel_release",
    "bench_version",
    "bench_commit",
    "grade",
    "case",
    "kernel",
    "n",
    "dtype",
    "threads",
    "blas",
    "rate_unit",
    "rate_median",
    "rate_median_low",
    "rate_median_high",
    "percent_of_peak",
    "sample",
    "verified",
    "run_time_s",
    "cpu_time_s",
    "rate",
    "norm",
    "clock_mhz",
];

pub(super) fn export(records: &[&Record]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for record in records {
        for case in &record.cases {
            let of_case = of_case(record, case);
            let samples = case.samples.iter().enumerate();
            let rows = samples.map(|(index, sample)| row(&of_case, index, case, sample));
            text.extend(rows);
        }
    }
    text
}

/// The fields that all samples of a case have in common.
fn of_case(record: &Record, case: &Case) -> String {
    let rates: Vec<f64> = verified(case)
        .iter()
        .map(|sample| rate(case, sample))
        .collect();
    let figure = figure(&rates);
    let (low, high) = figure
        .interval
        .map_or((f64::NAN, f64::NAN), |(low, high, _)| (low, high));
    let summary = case.summary.as_ref();
    let percent = summary.and_then(|summary| summary.percent_of_peak);
    let grade = record.grade.as_ref();
    [
        csv(&record.id),
        csv(&record.started_utc),
        csv(&record.host.hostname),
        csv(&record.host.cpu.model),
        csv(&record.host.os.kernel),
        csv(&record.software.bench_version),
        csv(record.software.bench_commit.as_deref().unwrap_or_default()),
        grade.map_or_else(String::new, |graded| graded.grade.to_string()),
        csv(&case_name(case)),
        csv(&case.kernel),
        case.n.to_string(),
        csv(&case.dtype),
        case.threads_used.to_string(),
        csv(&library(record, case)),
        unit(case).to_owned(),
        number(figure.median),
        number(low),
        number(high),
        number(percent.unwrap_or(f64::NAN)),
    ]
    .join(",")
}

fn row(of_case: &str, index: usize, case: &Case, sample: &Sample) -> String {
    let conditions = sample.conditions.as_ref();
    let clock_mhz = conditions.and_then(|conditions| conditions.clock_mhz);
    let fields = [
        (index + 1).to_string(),
        sample.verification.passed.to_string(),
        number(sample.run_time_s),
        number(sample.cpu_time_s),
        number(rate(case, sample)),
        number(sample.norm),
        number(clock_mhz.unwrap_or(f64::NAN)),
    ];
    format!("{of_case},{}\r\n", fields.join(","))
}

/// All digits of a number; nothing for what is none.
fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}
