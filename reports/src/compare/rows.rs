//! The cells of a comparison's tables, the same for text and Markdown.

use results::compare::{Basis, Comparison, Group, Ratio, Row};

use crate::Rate;
use crate::bars::Bar;
use crate::clean;
use crate::figures::{beside, percent};

/// What a table's columns are, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Host,
    Median,
    Interval,
    Ratio,
    Peak,
    Runs,
    Grade,
}

/// All columns, in order.
pub(crate) const COLUMNS: [Column; 7] = [
    Column::Host,
    Column::Median,
    Column::Interval,
    Column::Ratio,
    Column::Peak,
    Column::Runs,
    Column::Grade,
];

impl Column {
    /// What stands above it.
    pub(crate) fn title(self, group: &Group) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Median => Rate::new(group.flop, group.bytes).unit,
            Self::Interval => "interval",
            Self::Ratio => "ratio",
            Self::Peak => "of peak",
            Self::Runs => "runs",
            Self::Grade => "grade",
        }
    }

    /// Whether it holds words.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Host | Self::Grade)
    }

    /// What stands in it.
    pub(crate) fn cell(self, comparison: &Comparison, group: &Group, row: &Row) -> String {
        match self {
            Self::Host => clean(&comparison.sides[row.side].label),
            Self::Median => figure(group, row, row.median),
            Self::Interval => match row.interval {
                Some(interval) => {
                    let [low, high] =
                        [interval.low, interval.high].map(|end| figure(group, row, Some(end)));
                    format!("{low} to {high}{}", mark(interval.basis))
                }
                None => NONE.to_owned(),
            },
            Self::Ratio if row.side == comparison.reference => "reference".to_owned(),
            Self::Ratio => row.ratio.as_ref().map_or_else(|| NONE.to_owned(), ratio),
            Self::Peak => row.percent_of_peak.map_or_else(|| NONE.to_owned(), percent),
            Self::Runs => match row.runs_left_out {
                0 => row.runs.to_string(),
                more => format!("{} of {}", row.runs, row.runs + more),
            },
            Self::Grade => row.grade.to_string(),
        }
    }
}

/// A bar for each row, with the row's own peak where operations are the measure.
pub(super) fn bars_of(comparison: &Comparison, group: &Group) -> Vec<Bar> {
    let rate = Rate::new(group.flop, group.bytes);
    let rows = group.rows.iter();
    rows.map(|row| Bar {
        label: clean(&comparison.sides[row.side].label),
        value: row.median.map(|median| rate.value(median)),
        end: row.peak_gflops.filter(|_| group.bytes.is_none()),
        figure: figure(group, row, row.median),
    })
    .collect()
}

/// What stands where there is no figure.
const NONE: &str = "-";

/// A figure of a row in the group's unit, with the digits that its interval leaves it.
fn figure(group: &Group, row: &Row, gflops: Option<f64>) -> String {
    let (Some(gflops), Some(median)) = (gflops, row.median) else {
        return NONE.to_owned();
    };
    let rate = Rate::new(group.flop, group.bytes);
    let width = row
        .interval
        .map_or(0.0, |interval| interval.high - interval.low);
    beside(rate.value(gflops), rate.value(median), rate.value(width))
}

/// Tells the kinds of intervals apart, see [`legend`]: in brackets, so that nobody takes `s` for seconds.
fn mark(basis: Basis) -> &'static str {
    match basis {
        Basis::Samples => " (s)",
        Basis::Range => " (r)",
        Basis::Runs => "    ",
    }
}

/// For example `1.283`, or `~1.012` where the intervals leave it open which is faster.
fn ratio(ratio: &Ratio) -> String {
    let open = if ratio.is_open() == Some(true) {
        "~"
    } else {
        ""
    };
    format!("{open}{:.3}", ratio.value)
}

/// What the signs in these groups mean, a sentence each.
pub(crate) fn legend(comparison: &Comparison) -> Vec<String> {
    let rows = || comparison.groups.iter().flat_map(|group| &group.rows);
    let has = |basis: Basis| {
        rows().any(|row| row.interval.is_some_and(|interval| interval.basis == basis))
    };
    let reference = &comparison.sides[comparison.reference].label;
    let mut sentences = vec![format!(
        "ratio: the median to that of {}, above 1 is faster",
        clean(reference)
    )];
    if rows().any(|row| row.ratio.and_then(|ratio| ratio.is_open()) == Some(true)) {
        sentences.push("~: the intervals overlap, so which one is faster is open".to_owned());
    }
    if has(Basis::Runs) {
        sentences.push("interval: 95 % and more for the median of runs".to_owned());
    }
    if has(Basis::Range) {
        sentences.push("interval (r): from the lowest run to the highest (6 runs are needed for a 95 % interval)".to_owned());
    }
    if has(Basis::Samples) {
        sentences.push(
            "interval (s): 95 % for the samples of one run; other runs may lie outside of it"
                .to_owned(),
        );
    }
    if rows().any(|row| row.runs_left_out > 0) {
        sentences.push(
            "runs m of n: the others are graded INVALID or have no verified sample".to_owned(),
        );
    }
    sentences
}
