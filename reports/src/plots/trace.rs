//! Samples in the order in which they were taken, and below them on the same axis what the machine did: its clock, its temperature, and the CPU
//! time that others took. What slows a machine down in the midst of a run is seen in both.
//!
//! There is a panel only for what was read; what was not is said.

mod events;
mod hints;
mod panels;

use results::Record;
use results::record::Case;

use self::events::{Event, Trace};
use super::names::brief;
use super::sheet::{SMALL_SIZE, Sheet};
use crate::Rate;
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{beside, counted, grouped};
use crate::plot::labels::Labels;
use crate::plot::{font, palette};
use crate::run_plot::caption;
use crate::slugs::named_apart;

/// Pictures in all, and of one record.
const FIGURES_MAX: usize = 24;
const OF_RECORD_MAX: usize = 4;
/// Fewer samples have no course.
const SAMPLES_MIN: usize = 3;

/// Pictures of the cases with the most samples, four for each record at the most.
///
/// # Errors
///
/// [`Missing`] when no case has three samples.
pub fn figures(records: &[Record]) -> Figures {
    let figures = records.iter().flat_map(of_record).take(FIGURES_MAX);
    let figures: Vec<Figure> = figures.collect();
    if figures.is_empty() {
        return Err(Missing("no case has three samples or more".to_owned()));
    }
    Ok(named_apart(figures))
}

fn of_record(record: &Record) -> Vec<Figure> {
    let mut cases: Vec<&Case> = record
        .cases
        .iter()
        .filter(|case| case.samples.len() >= SAMPLES_MIN)
        .collect();
    // Stable: of cases with as many samples the first ones.
    cases.sort_by_key(|case| std::cmp::Reverse(case.samples.len()));
    let left_out = cases.len().saturating_sub(OF_RECORD_MAX);
    cases.truncate(OF_RECORD_MAX);
    let last = cases.len().saturating_sub(1);
    let figures = cases.iter().enumerate().map(|(index, case)| {
        let left_out = if index == last { left_out } else { 0 };
        figure(record, case, left_out)
    });
    figures.collect()
}

fn figure(record: &Record, case: &Case, cases_left_out: usize) -> Figure {
    let trace = Trace::of(case);
    let title = Labels::of_cases(std::slice::from_ref(case)).title;
    let host = font::shortened(&font::clean(&record.host.hostname), SMALL_SIZE, 300);
    let subtitle = format!("Samples on {host} in their order");
    let mut sheet = Sheet::titled(&format!("Trace of {title}"), &subtitle);
    panels::draw(&mut sheet, &trace);
    for line in notes(&trace) {
        sheet.caption(&line);
    }
    if let Some(line) = trace.throttled() {
        sheet.words(&line, SMALL_SIZE, palette::VERMILLION_TEXT, 3);
    }
    if cases_left_out > 0 {
        let more = counted(cases_left_out, "case");
        sheet.caption(&format!("{more} with fewer samples not drawn."));
    }
    for line in caption::lines(record).into_iter().skip(1) {
        sheet.words(&line, SMALL_SIZE, palette::GREY, 2);
    }
    sheet.finish(
        [
            "trace",
            &record.host.hostname,
            &record.id,
            &case.kernel,
            &case.n.to_string(),
            &case.dtype,
        ]
        .join(" "),
        &description(record, case, &trace),
        table(&trace),
    )
}

/// What the marks mean and what there is no panel of.
fn notes(trace: &Trace) -> Vec<String> {
    let is_dense = trace.events.len() > panels::DOTS_MAX;
    let mut marks = if is_dense {
        "Blue: from the slowest to the fastest sample of each place; black line: the median"
    } else {
        "Dots: samples; black line: their median"
    }
    .to_owned();
    if trace.warmups() > 0 && is_dense {
        marks.push_str("; pale blue: warm-up, which counts for nothing");
    } else if trace.warmups() > 0 {
        marks.push_str("; rings on pale blue: warm-up, which counts for nothing");
    }
    if trace.failed() > 0 {
        marks.push_str("; x: INVALID");
    }
    marks.push('.');
    if trace.has_others() {
        marks.push_str(" CPU time of others: means over half a second and more.");
    }
    let mut lines = vec![marks];
    let missing = trace.not_read();
    if !missing.is_empty() {
        lines.push(format!(
            "Not read beside these samples: {}.",
            missing.join(", ")
        ));
    }
    let unseen = trace.not_seen();
    if !unseen.is_empty() {
        lines.push(format!("Read, and nothing seen: {}.", unseen.join(", ")));
    }
    lines
}

fn description(record: &Record, case: &Case, trace: &Trace) -> String {
    let samples = counted(case.samples.len(), "sample");
    let mut text = format!(
        "{samples} of {} on {} in their order",
        brief(&Labels::of_cases(std::slice::from_ref(case)).title),
        brief(&record.host.hostname)
    );
    if let Some((low, high)) = trace.range(Event::verified_rate) {
        text = format!(
            "{text}: from {} to {} {}",
            trace.figure(low),
            trace.figure(high),
            trace.rate.unit
        );
    }
    if let Some(median) = trace.median {
        text = format!("{text}, median {}", trace.figure(median));
    }
    if let Some((low, high)) = trace.range(Event::clock_ghz) {
        text = format!("{text}; clock from {low:.2} to {high:.2} GHz");
    }
    if let Some((low, high)) = trace.range(Event::temperature_c) {
        text = format!("{text}; temperature from {low:.0} to {high:.0} °C");
    }
    if trace.failed() > 0 {
        text = format!("{text}; {} INVALID", trace.failed());
    }
    for line in notes(trace).into_iter().skip(1).chain(trace.throttled()) {
        text = format!("{text}. {}", line.trim_end_matches('.'));
    }
    text + "."
}

fn table(trace: &Trace) -> Table {
    const ROWS_MAX: usize = 500;
    let unit = trace.rate.unit;
    let mut table = Table::new(&[
        "sample",
        &format!("#rate ({unit})"),
        "#run time (s)",
        "#clock (GHz)",
        "#temperature (°C)",
        "#steal (CPU s)",
        "#others (CPU s)",
        "verified",
    ]);
    let optional = |value: Option<f64>, decimals: usize| {
        value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
    };
    for event in trace.events.iter().take(ROWS_MAX) {
        let conditions = event.conditions();
        table.row([
            event.label(),
            event
                .rate
                .map_or_else(String::new, |rate| trace.figure(rate)),
            format!("{:.6}", event.run_time_s),
            optional(event.clock_ghz(), 3),
            optional(event.temperature_c(), 1),
            optional(conditions.and_then(|it| it.steal_s), 2),
            optional(conditions.and_then(|it| it.foreign_cpu_s), 2),
            match event.sample {
                None => String::new(),
                Some((_, sample)) if sample.verification.passed => "yes".to_owned(),
                Some(_) => "INVALID".to_owned(),
            },
        ]);
    }
    table
}

/// A rate with the digits that the samples' spread leaves it.
fn figure_beside(rate: f64, median: f64, spread: f64) -> String {
    grouped(&beside(rate, median, spread))
}

/// The rate of a run time.
fn rate_of(case: &Case, run_time_s: f64) -> Option<f64> {
    let rate = Rate::of(case).value(1e-9 * case.flop / run_time_s);
    (rate.is_finite() && rate > 0.0).then_some(rate)
}
