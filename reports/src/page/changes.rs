//! What changed over time, and what comparisons in turns found.

use results::comparison::{CaseOutcome, Comparison};
use results::history::series::{Change, History, Series};

use super::grid::{Cell, Grid, Line, heads, left_out};
use super::{PageData, cut};
use crate::comparison_text;
use crate::history_text;
use crate::slugs::Slugs;

/// Changes and comparisons that a page lists.
const CHANGES_MAX: usize = 300;
const COMPARISONS_MAX: usize = 50;

/// What changed.
pub(super) struct Changes {
    pub(super) history: Option<Grid>,
    /// What is said of the history in a sentence.
    pub(super) extent: String,
    pub(super) comparisons: Vec<Turns>,
    pub(super) comparisons_left_out: Vec<String>,
}

/// One comparison in turns.
pub(super) struct Turns {
    pub(super) title: String,
    pub(super) grid: Grid,
    pub(super) remarks: Vec<String>,
}

/// All changes of a history, the newest first.
pub(super) fn newest_first(history: &History) -> Vec<(&Series, Change<'_>)> {
    let mut changes: Vec<(&Series, Change)> = history
        .series
        .iter()
        .flat_map(|series| series.changes().map(move |change| (series, change)))
        .collect();
    changes.sort_by(|(_, a), (_, b)| b.bad.started_utc.cmp(&a.bad.started_utc));
    changes
}

/// Tables of both.
pub(super) fn changes(data: &PageData, anchors: &mut Slugs) -> Changes {
    let comparisons = data.comparisons.iter().take(COMPARISONS_MAX);
    Changes {
        history: data.history.and_then(|history| table(history, anchors)),
        extent: data.history.map_or_else(
            || "No case was measured in two runs of one kind of machine, so there is no history.".to_owned(),
            |history| {
                let points: usize = history.series.iter().map(|it| it.points.len()).sum();
                format!(
                    "{points} points in {} series, each of one case on one kind of machine; a change is told when enough runs lie on both sides of it.",
                    history.series.len()
                )
            },
        ),
        comparisons: comparisons
            .map(|(path, comparison)| turns(&path.to_string_lossy(), comparison, anchors))
            .collect(),
        comparisons_left_out: left_out(
            data.comparisons.len(),
            COMPARISONS_MAX,
            "comparisons",
            ", the newest",
        ),
    }
}

fn table(history: &History, anchors: &mut Slugs) -> Option<Grid> {
    let changes = newest_first(history);
    if changes.is_empty() {
        return None;
    }
    let rows = changes.iter().take(CHANGES_MAX).map(|(series, change)| {
        let slower = change.at.ratio < 1.0;
        let accepted = change.accepted.map_or("", |it| it.reason.as_str());
        let class = match (slower, accepted) {
            (true, "") => "bad",
            (false, _) => "good",
            _ => "",
        };
        let [from, to] = [change.from, change.to];
        Line::of(vec![
            Cell::text(cut(&history_text::moment(change.bad), 40)),
            Cell::text(cut(&history_text::title(series), 300)).of_class("name"),
            Cell::number(history_text::percent(change), Some(change.at.ratio)).of_class(class),
            Cell::number(history_text::interval(change), Some(change.at.ratio_low)),
            Cell::number(history_text::figure(series, from), Some(from)),
            Cell::number(history_text::rate(series, to), Some(to)),
            Cell::text(cut(&history_text::between(change), 200)),
            Cell::text(cut(accepted, 300)),
        ])
    });
    Some(Grid {
        id: anchors.take("table of changes"),
        label: "Changes over time".to_owned(),
        columns: heads(&[
            "new level from (UTC)",
            "series",
            "#change",
            "#95 % interval",
            "#from",
            "#to",
            "between",
            "accepted because",
        ]),
        rows: rows.collect(),
        is_filtered: true,
        notes: left_out(changes.len(), CHANGES_MAX, "changes", ", the newest"),
    })
}

fn turns(path: &str, comparison: &Comparison, anchors: &mut Slugs) -> Turns {
    let begun: String = comparison.started_utc.chars().take(16).collect();
    let title = format!(
        "bench {}, {}: {}",
        comparison.command,
        begun.replace('T', " "),
        comparison_text::outcome(comparison)
    );
    let title = cut(&title, 300);
    let rows = comparison.cases.iter().map(|case| row(comparison, case));
    let sides = [
        ("A, the baseline", &comparison.baseline),
        ("B, the candidate", &comparison.candidate),
    ];
    let sides = sides.map(|(what, side)| format!("{what}: {}", comparison_text::side(side)));
    let remarks = sides
        .into_iter()
        .chain(comparison_text::remarks(comparison))
        .chain([comparison_text::effort(comparison), format!("file: {path}")])
        .map(|remark| cut(&remark, 400));
    Turns {
        grid: Grid {
            id: anchors.take(&format!("comparison {begun}")),
            label: format!("{title} ({})", cut(path, 200)),
            columns: heads(&["case", "verdict", "#B over A", "#95 % from", "#to"]),
            rows: rows.collect(),
            is_filtered: true,
            notes: Vec::new(),
        },
        remarks: remarks.collect(),
        title,
    }
}

fn row(comparison: &Comparison, case: &CaseOutcome) -> Line {
    let number = |value: Option<f64>| {
        let text = match (&case.ratio, value) {
            (Some(ratio), Some(value)) => comparison_text::times(ratio, value),
            _ => "-".to_owned(),
        };
        Cell::number(text, value)
    };
    let ratio = case.ratio.as_ref();
    Line::of(vec![
        Cell::text(cut(&comparison_text::label(case), 200)).of_class("name"),
        Cell::text(cut(&comparison_text::verdict(comparison, case), 200)),
        number(ratio.map(|ratio| ratio.estimate)),
        number(ratio.map(|ratio| ratio.low)),
        number(ratio.map(|ratio| ratio.high)),
    ])
}
