//! A history as JSON, for other programs. Field names carry their units, as in records.

use reports::history_text::{Listing, title};
use results::history::series::{Change, Point, Series};
use serde_json::{Value, json};

/// The version of this form; a change of meaning raises it.
const VERSION: u32 = 1;

/// Everything that is known.
pub(super) fn value(listing: Listing, skipped: &[(String, String)]) -> Value {
    let history = listing.history;
    json!({
        "history_version": VERSION,
        "directory": listing.place,
        "runs": listing.runs,
        "order": if listing.by_commits { "commits" } else { "time" },
        "series": history.series.iter().map(series).collect::<Vec<_>>(),
        "skipped": skipped.iter().map(|(file, reason)| json!({ "file": file, "reason": reason })).collect::<Vec<_>>(),
        "duplicates": history.duplicates,
        "not_in_order": history.not_in_order,
    })
}

fn series(series: &Series) -> Value {
    json!({
        "title": title(series),
        "machine": series.machine,
        "hostnames": series.hostnames,
        "case": series.key,
        "unit": unit(series),
        "level": series.level(),
        "ends_in_a_regression": series.ends_in_a_regression(),
        "changes": series.changes().map(|change| self::change(&change)).collect::<Vec<_>>(),
        "points": series.points.iter().map(point).collect::<Vec<_>>(),
    })
}

fn unit(series: &Series) -> &'static str {
    if series.is_bytes { "GB/s" } else { "GFLOPS" }
}

fn change(change: &Change) -> Value {
    json!({
        "first_point": change.at.index,
        "first_point_earliest": change.at.plausible.start,
        "first_point_latest": change.at.plausible.end - 1,
        "ratio": change.at.ratio,
        "ratio_low": change.at.ratio_low,
        "ratio_high": change.at.ratio_high,
        "confidence": 0.95,
        "p_value": change.at.p_value,
        "level_before": change.from,
        "level_after": change.to,
        "good_commit": change.good.commit,
        "bad_commit": change.bad.commit,
        "good_started_utc": change.good.started_utc,
        "bad_started_utc": change.bad.started_utc,
        "commits_between": change.commits_between(),
        "is_regression": change.is_regression(),
        "accepted": change.accepted.map(|it| json!({ "reason": it.reason, "accepted_utc": it.accepted_utc })),
    })
}

fn point(point: &Point) -> Value {
    json!({
        "rate": point.rate,
        "rate_low": point.interval.map(|interval| interval.0),
        "rate_high": point.interval.map(|interval| interval.1),
        "runs": point.runs,
        "started_utc": point.started_utc,
        "commit": point.commit,
        "files": point.files,
    })
}
