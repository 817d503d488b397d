//! The tables of a comparison: one for each group of rows that are held against each other, and one of all rows that stand alone.

use std::collections::BTreeMap;

use results::compare::{Comparison, Group, Row};
use results::grade::Grade;
use results::survey::Survey;

use super::cut;
use super::grid::{Cell, Grid, Head, Line, left_out};
use crate::Rate;
use crate::compare::rows::{COLUMNS, Column, legend};
use crate::compare::sentences;
use crate::slugs::Slugs;

/// Rows of all tables together, groups, and rows of one group that a page holds.
const ROWS_MAX: usize = 4000;
const GROUPS_MAX: usize = 150;
const GROUP_ROWS_MAX: usize = 400;

/// What is said of rows that are compared all the same, for a group.
const NOTES_MAX: usize = 10;

/// One table.
pub(super) struct CaseTable {
    pub(super) title: String,
    /// What all of its rows are of; empty where each says it for itself.
    pub(super) case: String,
    pub(super) grid: Grid,
}

/// One table for each group of several rows; then, by unit, those of all groups that one host alone has.
pub(super) fn tables(survey: &Survey, anchors: &mut Slugs) -> Vec<CaseTable> {
    let comparison = &survey.comparison;
    let mut room = ROWS_MAX;
    let mut tables = Vec::new();
    let (alone, shared): (Vec<&Group>, Vec<&Group>) = comparison
        .groups
        .iter()
        .partition(|group| group.rows.len() == 1);
    for group in shared.into_iter().take(GROUPS_MAX) {
        let shown = group.rows.len().min(GROUP_ROWS_MAX).min(room);
        if shown == 0 {
            break;
        }
        room -= shown;
        let title = cut(&sentences::title(group), 300);
        let rows = group.rows[..shown].iter();
        tables.push(CaseTable {
            grid: Grid {
                id: anchors.take(&format!("case {title}")),
                label: format!("Case {}: {title}", tables.len() + 1),
                columns: COLUMNS.iter().map(|column| head(*column, group)).collect(),
                rows: rows
                    .map(|row| line(comparison, group, row, &COLUMNS))
                    .collect(),
                is_filtered: true,
                notes: notes_below(comparison, group, shown),
            },
            case: title.clone(),
            title,
        });
    }
    tables.extend(of_one_host(comparison, &alone, room, anchors));
    tables
}

/// What there is to say of a row that is held against nothing.
const ALONE: [Column; 6] = [
    Column::Host,
    Column::Median,
    Column::Interval,
    Column::Peak,
    Column::Runs,
    Column::Grade,
];

/// The cases that one host alone has, a table for each unit.
fn of_one_host(
    comparison: &Comparison,
    groups: &[&Group],
    mut room: usize,
    anchors: &mut Slugs,
) -> Vec<CaseTable> {
    let unit = |group: &Group| Rate::new(group.flop, group.bytes).unit;
    let mut by_unit: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        by_unit.entry(unit(group)).or_default().push(group);
    }
    // GFLOPS first.
    let by_unit = by_unit.into_iter().rev();
    by_unit
        .map(|(unit, groups)| {
            let shown = groups.len().min(GROUP_ROWS_MAX).min(room);
            room -= shown;
            let title = format!("Cases that one host alone has, in {unit}");
            let case = std::iter::once(Head {
                title: "case".to_owned(),
                is_number: false,
            });
            let rows = groups[..shown].iter().flat_map(|group| {
                let title = cut(&sentences::title(group), 300);
                group.rows.iter().map(move |row| {
                    let mut line = line(comparison, group, row, &ALONE);
                    line.cells.insert(0, Cell::text(title.clone()));
                    line
                })
            });
            CaseTable {
                grid: Grid {
                    id: anchors.take(&title),
                    label: title.clone(),
                    columns: case
                        .chain(ALONE.iter().map(|column| head(*column, groups[0])))
                        .collect(),
                    rows: rows.collect(),
                    is_filtered: true,
                    notes: left_out(groups.len(), shown, "cases", ""),
                },
                case: String::new(),
                title,
            }
        })
        .collect()
}

fn head(column: Column, group: &Group) -> Head {
    Head {
        title: column.title(group).to_owned(),
        is_number: !column.is_text(),
    }
}

fn line(comparison: &Comparison, group: &Group, row: &Row, columns: &[Column]) -> Line {
    let cells = columns.iter().map(|column| {
        let text = column.cell(comparison, group, row);
        let rate = Rate::new(group.flop, group.bytes);
        let value = match column {
            Column::Host => return Cell::text(cut(&text, super::NAME_MAX)).of_class("name"),
            Column::Median => row.median.map(|median| rate.value(median)),
            Column::Interval => row.interval.map(|interval| rate.value(interval.low)),
            Column::Ratio if row.side == comparison.reference => Some(1.0),
            Column::Ratio => row.ratio.map(|ratio| ratio.value),
            Column::Peak => row.percent_of_peak,
            Column::Runs => Some(row.runs as f64),
            Column::Grade => Some(
                f64::from(u8::from(row.grade != Grade::Valid))
                    + f64::from(u8::from(row.grade == Grade::Invalid)),
            ),
        };
        let is_bad = *column == Column::Grade && row.grade == Grade::Invalid;
        let cell = Cell::number(text.trim_end(), value).of_class(if is_bad { "bad" } else { "" });
        if column.is_text() {
            cell.among_words()
        } else {
            cell
        }
    });
    Line {
        cells: cells.collect(),
    }
}

fn notes_below(comparison: &Comparison, group: &Group, shown: usize) -> Vec<String> {
    let rows = group.rows.iter();
    let differing: Vec<String> = rows
        .filter_map(|row| sentences::all_the_same(comparison, row))
        .map(|sentence| cut(&sentence, 400))
        .take(NOTES_MAX)
        .collect();
    let mut notes = left_out(group.rows.len(), shown, "rows", ", the fastest");
    notes.extend(differing);
    notes
}

/// What the signs in the tables mean, and what is not shown.
pub(super) fn notes(survey: &Survey) -> Vec<String> {
    let comparison = &survey.comparison;
    if comparison.groups.is_empty() {
        return Vec::new();
    }
    let mut notes: Vec<String> = legend(comparison).iter().map(|it| cut(it, 400)).collect();
    let rows: usize = comparison.groups.iter().map(|group| group.rows.len()).sum();
    let shared = comparison.groups.iter().filter(|it| it.rows.len() > 1);
    let shared = shared.count();
    if rows > ROWS_MAX || shared > GROUPS_MAX {
        notes.push(format!(
            "{rows} rows in all and {shared} cases of several hosts are more than this page holds ({ROWS_MAX} and {GROUPS_MAX}); bench compare --format csv lists all"
        ));
    }
    notes
}
