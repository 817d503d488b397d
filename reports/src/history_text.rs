//! A history in words: for each series its newest level and its change points with the commits that they lie between.

use std::fmt::Write;

use results::history::series::{Change, History, Point, Series};

use crate::markdown::escaped;
use crate::{clean, clean_lines, counted, figures};

/// A history and what is said above it.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Where the records are.
    pub place: &'a str,
    /// The series.
    pub history: &'a History,
    /// Runs that were read.
    pub runs: usize,
    /// Files that are no records.
    pub skipped: usize,
    /// Whether points are in the order of commits, rather than of time.
    pub by_commits: bool,
}

/// Characters of a commit that are shown: enough to be found again.
const COMMIT_CHARS: usize = 12;

/// The history as lines of text.
pub fn text(listing: Listing) -> String {
    let mut text = headline(listing);
    text.push('\n');
    for series in &listing.history.series {
        let _ = write!(text, "\n{}\n  {}\n", title(series), extent(series));
        for change in series.changes() {
            let _ = writeln!(text, "  {}", change_line(series, &change));
        }
        if series.segmentation.changes.is_empty() {
            text.push_str("  no change\n");
        }
    }
    for note in notes(listing) {
        let _ = write!(text, "\n{note}\n");
    }
    clean_lines(text.trim_end())
}

/// The history as Markdown, for the summary page of a CI job.
pub fn markdown(listing: Listing) -> String {
    let mut text = format!("### {}\n", escaped(&headline(listing)));
    for series in &listing.history.series {
        let _ = write!(
            text,
            "\n**{}**: {}\n",
            escaped(&title(series)),
            escaped(&extent(series))
        );
        if series.segmentation.changes.is_empty() {
            text.push_str("\nNo change.\n");
            continue;
        }
        text.push_str("\n| change | 95 % interval | from | to | between | p |\n");
        text.push_str("| ---: | :---: | ---: | ---: | --- | ---: |\n");
        for change in series.changes() {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                percent(&change),
                interval(&change),
                rate(series, change.from),
                rate(series, change.to),
                escaped(&format!("{}{}", between(&change), accepted(&change))),
                p_value(change.at.p_value),
            );
        }
    }
    for note in notes(listing) {
        let _ = write!(text, "\n{}\n", escaped(&note));
    }
    text.trim_end().to_owned()
}

fn headline(listing: Listing) -> String {
    let series = listing.history.series.len();
    let order = if listing.by_commits {
        "in the order of commits"
    } else {
        "in the order of time"
    };
    format!(
        "history of {}: {}, {series} series, {order}",
        listing.place,
        counted(listing.runs, "run")
    )
}

/// What was left out, one sentence each.
fn notes(listing: Listing) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            notes.push(format!("{} {what}", counted(count, "file")));
        }
    };
    note(
        listing.skipped,
        "left out: no record that this version knows (--json names them)",
    );
    note(
        listing.history.duplicates.len(),
        "left out: a record that is there already",
    );
    note(
        listing.history.not_in_order.len(),
        "left out: not of one of the repository's commits",
    );
    notes
}

/// A series in one line: what was measured on what.
pub fn title(series: &Series) -> String {
    let mut title = case_title(series);
    let machine = &series.machine;
    let _ = write!(title, " on {} ({} CPUs)", machine.cpu, machine.logical_cpus);
    match series.hostnames.as_slice() {
        [hostname] => {
            let _ = write!(title, ", {hostname}");
        }
        hostnames => {
            let _ = write!(title, ", {} hosts", hostnames.len());
        }
    }
    clean(&title)
}

/// What was measured.
pub(crate) fn case_title(series: &Series) -> String {
    let key = &series.key;
    let mut title = format!(
        "{} n={} {}, {}",
        key.kernel,
        key.n,
        key.dtype,
        counted(key.threads, "thread")
    );
    if let Some(blas) = &key.blas {
        let _ = write!(title, ", {blas}");
    }
    if key.driver != "team" {
        let _ = write!(title, ", driver {}", key.driver);
    }
    if let Some(rows) = key.panel_rows {
        let _ = write!(title, ", panels of {rows} rows");
    }
    title
}

/// `GFLOPS` or `GB/s`.
pub(crate) fn unit(series: &Series) -> &'static str {
    if series.is_bytes { "GB/s" } else { "GFLOPS" }
}

/// A rate with the digits that the series' noise leaves it.
pub(crate) fn figure(series: &Series, rate: f64) -> String {
    let level = series.level().unwrap_or(rate);
    figures::beside(rate, level, 0.01 * level)
}

pub(crate) fn rate(series: &Series, rate: f64) -> String {
    format!("{} {}", figure(series, rate), unit(series))
}

fn extent(series: &Series) -> String {
    let (Some(first), Some(last)) = (series.points.first(), series.points.last()) else {
        return "nothing".to_owned();
    };
    let runs: usize = series.points.iter().map(|point| point.runs).sum();
    let points = if runs == series.points.len() {
        counted(runs, "run")
    } else {
        format!(
            "{} of {}",
            counted(runs, "run"),
            counted(series.points.len(), "commit")
        )
    };
    format!(
        "{points}, {} to {}; newest {}, level {}",
        date(first),
        date(last),
        rate(series, last.rate),
        series
            .level()
            .map_or_else(|| "none".to_owned(), |level| rate(series, level))
    )
}

/// A change in one line.
pub fn change_line(series: &Series, change: &Change) -> String {
    format!(
        "{} ({}), {} -> {}, {}, p {}{}",
        percent(change),
        interval(change),
        figure(series, change.from),
        rate(series, change.to),
        between(change),
        p_value(change.at.p_value),
        accepted(change),
    )
}

/// Why it is intended, if it is.
fn accepted(change: &Change) -> String {
    change.accepted.map_or_else(String::new, |acceptance| {
        let day: String = acceptance.accepted_utc.chars().take(10).collect();
        format!(", accepted {day}: {}", acceptance.reason)
    })
}

/// By how much and which way.
pub(crate) fn percent(change: &Change) -> String {
    let share = 100.0 * (change.at.ratio - 1.0);
    let word = if share < 0.0 { "slower" } else { "faster" };
    format!("{} {word}", figures::percent(share.abs()))
}

pub(crate) fn interval(change: &Change) -> String {
    let share = |ratio: f64| figures::difference(100.0 * (ratio - 1.0));
    format!(
        "{} to {} %",
        share(change.at.ratio_low),
        share(change.at.ratio_high)
    )
}

/// Where it happened: commits as git takes them, and days.
pub(crate) fn between(change: &Change) -> String {
    let days = match (date(change.good), date(change.bad)) {
        (good, bad) if good == bad => good,
        (good, bad) => format!("{good} to {bad}"),
    };
    match range(change) {
        Some(range) => {
            let count = change
                .commits_between()
                .map(|count| format!(", {}", counted(count, "commit")))
                .unwrap_or_default();
            format!("{range} ({days}{count})")
        }
        None => format!("{} to {}", moment(change.good), moment(change.bad)),
    }
}

/// `good..bad`, when both are known and differ.
pub(crate) fn range(change: &Change) -> Option<String> {
    let good = short(change.good.commit.as_deref()?);
    let bad = short(change.bad.commit.as_deref()?);
    (good != bad).then(|| format!("{good}..{bad}"))
}

/// As much of a commit as finds it again.
pub(crate) fn short(commit: &str) -> String {
    match commit.strip_suffix("-dirty") {
        Some(clean) => format!("{}-dirty", short(clean)),
        None => commit.chars().take(COMMIT_CHARS).collect(),
    }
}

/// The day of a point's first run.
pub(crate) fn date(point: &Point) -> String {
    point.started_utc.chars().take(10).collect()
}

pub(crate) fn moment(point: &Point) -> String {
    let text: String = point.started_utc.chars().take(16).collect();
    text.replace('T', " ")
}

/// A probability: small ones by their power of ten.
fn p_value(p: f64) -> String {
    if p < 1e-9 {
        "< 1e-9".to_owned()
    } else if p < 0.001 {
        format!("{p:.0e}")
    } else {
        format!("{p:.3}")
    }
}
