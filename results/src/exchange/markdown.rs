//! Markdown for a step's summary on `GitHub`: append it to `$GITHUB_STEP_SUMMARY`.

use std::fmt::Write;

use super::escape::markdown;
use super::names::case_name;
use super::series::{figure, library, rate, unit, verified};
use crate::record::{Case, Record};

pub(super) fn export(records: &[&Record]) -> String {
    let sections: Vec<String> = records.iter().map(|record| section(record)).collect();
    sections.join("\n")
}

fn section(record: &Record) -> String {
    let host = &record.host;
    let mut text = format!("### bench on {}\n\n", markdown(&host.hostname));
    let _ = writeln!(
        text,
        "{}, {} cores; {}; started {}.",
        markdown(&host.cpu.model),
        host.topology.physical_cores,
        markdown(&host.os.kernel),
        markdown(&record.started_utc)
    );
    if let Some(graded) = &record.grade {
        let reasons: Vec<String> = graded
            .reasons
            .iter()
            .map(|reason| markdown(reason))
            .collect();
        let reasons = if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join("; "))
        };
        let _ = writeln!(text, "\n**{}**{reasons}", graded.grade);
    }
    text += "\n| case | median | 95 % interval | of measured peak | verified | blas |\n| :--- | ---: | ---: | ---: | ---: | :--- |\n";
    text.extend(record.cases.iter().map(|case| row(record, case)));
    if !record.warnings.is_empty() {
        text += "\n<details><summary>Warnings</summary>\n\n";
        for warning in &record.warnings {
            let _ = writeln!(text, "- {}", markdown(warning));
        }
        text += "\n</details>\n";
    }
    text
}

fn row(record: &Record, case: &Case) -> String {
    let samples = verified(case);
    let rates: Vec<f64> = samples.iter().map(|sample| rate(case, sample)).collect();
    let figure = figure(&rates);
    let (median, interval) = if rates.is_empty() {
        ("none".to_owned(), String::new())
    } else {
        let interval = figure.interval.map_or_else(String::new, |(low, high, _)| {
            format!("{} to {}", digits(low), digits(high))
        });
        (
            format!("{} {}", digits(figure.median), unit(case)),
            interval,
        )
    };
    let peak = case
        .summary
        .as_ref()
        .and_then(|summary| summary.percent_of_peak);
    let peak = peak.map_or_else(String::new, |percent| format!("{percent:.0} %"));
    let all = case.samples.len();
    let verified = match samples.len() {
        count if count == all => format!("{count} of {all}"),
        count => format!("**{count} of {all}**"),
    };
    format!(
        "| {} | {median} | {interval} | {peak} | {verified} | {} |\n",
        markdown(&case_name(case)),
        markdown(&library(record, case))
    )
}

/// Four significant digits, which is more than a benchmark has.
fn digits(value: f64) -> String {
    let exponent = value.abs().log10().floor();
    let decimals = (3.0 - exponent).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}
