//! The points of a series as a table.

use results::history::series::Series;

use crate::figure::Table;
use crate::figures::grouped;
use crate::history_text::{change_line, date, figure, unit};
use crate::plots::names::told;

/// Rows: the newest points.
const ROWS_MAX: usize = 500;

/// A row for each point, and with the first point of each level what had changed.
pub(super) fn table(series: &Series) -> Table {
    let unit = unit(series);
    let mut table = Table::new(&[
        "first run",
        "commit",
        &format!("#median ({unit})"),
        &format!("interval ({unit})"),
        "#runs",
        &format!("#level ({unit})"),
        "change",
    ]);
    let rate = |rate: f64| grouped(&figure(series, rate));
    let left_out = series.points.len().saturating_sub(ROWS_MAX);
    let mut segments = series.segmentation.segments.iter().peekable();
    for (index, point) in series.points.iter().enumerate() {
        while segments
            .next_if(|segment| segment.runs.end <= index)
            .is_some()
        {}
        if index < left_out {
            continue;
        }
        let change = series.changes().find(|change| change.at.index == index);
        table.row([
            told(&date(point)),
            point.commit.as_deref().map_or_else(String::new, told),
            rate(point.rate),
            point.interval.map_or_else(String::new, |(low, high)| {
                format!("{} to {}", rate(low), rate(high))
            }),
            point.runs.to_string(),
            segments
                .peek()
                .map_or_else(String::new, |segment| rate(segment.level)),
            change.map_or_else(String::new, |change| told(&change_line(series, &change))),
        ]);
    }
    table
}
