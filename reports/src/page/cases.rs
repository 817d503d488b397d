//! The tables of a comparison: one for each group of rows that are held against each other, and one of all rows that stand alone.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use results::compare::{Comparison, Group, Row};
use results::grade::Grade;
use results::survey::Survey;

use super::cut;
use super::grid::{Cell, Grid, Head, Line, More, left_out};
use super::states::{Room, States};
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
pub(super) fn tables(states: &States, anchors: &mut Slugs) -> Vec<CaseTable> {
    let mut room = ROWS_MAX;
    let mut lines = Room::new();
    let mut tables = Vec::new();
    let groups = states.survey.comparison.groups.iter();
    let (alone, shared): (Vec<Folded>, Vec<Folded>) = groups
        .map(|group| folded(states, group))
        .partition(|folded| folded.rows.len() == 1);
    for Folded { group, rows } in shared.into_iter().take(GROUPS_MAX) {
        let shown = rows.len().min(GROUP_ROWS_MAX).min(room);
        if shown == 0 {
            break;
        }
        room -= shown;
        let title = cut(&sentences::title(group), 300);
        let notes = notes_below(&states.survey.comparison, group, rows.len(), shown);
        let rows = rows[..shown].iter();
        tables.push(CaseTable {
            grid: Grid {
                id: anchors.take(&format!("case {title}")),
                label: format!("Case {}: {title}", tables.len() + 1),
                columns: COLUMNS.iter().map(|column| head(*column, group)).collect(),
                rows: rows
                    .map(|row| line(states, group, row, &COLUMNS, &mut lines))
                    .collect(),
                is_filtered: true,
                notes,
            },
            case: title.clone(),
            title,
        });
    }
    tables.extend(of_one_host(states, &alone, (room, lines), anchors));
    tables
}

/// A group as it is shown: of a host in many states the newest that has the case, with the others below it.
struct Folded<'a> {
    group: &'a Group,
    rows: Vec<FoldedRow<'a>>,
}

struct FoldedRow<'a> {
    row: &'a Row,
    /// Rows of earlier states, the newest first.
    earlier: Vec<&'a Row>,
}

fn folded<'a>(states: &States, group: &'a Group) -> Folded<'a> {
    let machine = |row: &Row| states.machine_of(row.side);
    let is_of_several = group
        .rows
        .windows(2)
        .any(|it| machine(&it[0]) != machine(&it[1]));
    let mut newest: HashMap<usize, usize> = HashMap::new();
    for row in &group.rows {
        let age = newest.entry(machine(row)).or_insert(usize::MAX);
        *age = states.age(row.side).min(*age);
    }
    let (shown, mut earlier): (Vec<&Row>, Vec<&Row>) = group.rows.iter().partition(|row| {
        let is_reference = row.side == states.survey.comparison.reference;
        !states.machines[machine(row)].has_many_states()
            || newest.get(&machine(row)) == Some(&states.age(row.side))
            // Other hosts are held against it.
            || (is_reference && is_of_several)
    });
    earlier.sort_by_key(|row| states.age(row.side));
    let mut of_machine: HashMap<usize, Vec<&Row>> = HashMap::new();
    for row in earlier {
        of_machine.entry(machine(row)).or_default().push(row);
    }
    let rows = shown.into_iter().map(|row| {
        let is_newest = newest.get(&machine(row)) == Some(&states.age(row.side));
        let earlier = is_newest.then(|| of_machine.remove(&machine(row)));
        FoldedRow {
            row,
            earlier: earlier.flatten().unwrap_or_default(),
        }
    });
    Folded {
        rows: rows.collect(),
        group,
    }
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
    states: &States,
    groups: &[Folded],
    (mut room, mut lines): (usize, Room),
    anchors: &mut Slugs,
) -> Vec<CaseTable> {
    let unit = |group: &Group| Rate::new(group.flop, group.bytes).unit;
    let mut by_unit: BTreeMap<&str, Vec<&Folded>> = BTreeMap::new();
    for folded in groups {
        by_unit.entry(unit(folded.group)).or_default().push(folded);
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
            // Each of them has one row.
            let rows = groups[..shown].iter().filter_map(|folded| {
                let title = cut(&sentences::title(folded.group), 300);
                let row = folded.rows.first()?;
                let mut line = line(states, folded.group, row, &ALONE, &mut lines);
                line.cells.insert(0, Cell::text(title).of_class("case"));
                Some(line)
            });
            let rows = rows.collect();
            CaseTable {
                grid: Grid {
                    id: anchors.take(&title),
                    label: title.clone(),
                    columns: case
                        .chain(ALONE.iter().map(|column| head(*column, groups[0].group)))
                        .collect(),
                    rows,
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

fn line(
    states: &States,
    group: &Group,
    folded: &FoldedRow,
    columns: &[Column],
    lines: &mut Room,
) -> Line {
    let comparison = &states.survey.comparison;
    let row = folded.row;
    let cells = columns.iter().map(|column| {
        let text = column.cell(comparison, group, row);
        let rate = Rate::new(group.flop, group.bytes);
        let value = match column {
            Column::Host => return Cell::text(states.name(row.side)).of_class("name"),
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
        more: (!folded.earlier.is_empty()).then(|| earlier_states(states, group, folded, lines)),
    }
}

/// What the earlier states did.
fn earlier_states(states: &States, group: &Group, folded: &FoldedRow, lines: &mut Room) -> More {
    let comparison = &states.survey.comparison;
    let cell =
        |row: &Row, column: Column| column.cell(comparison, group, row).trim_end().to_owned();
    let unit = Rate::new(group.flop, group.bytes).unit;
    let median = |row: &&&Row| row.median.filter(|it| it.is_finite());
    let rows = || folded.earlier.iter();
    let ordered =
        |a: &&&Row, b: &&&Row| median(a).partial_cmp(&median(b)).unwrap_or(Ordering::Equal);
    let measured = || rows().filter(|row| median(row).is_some());
    let range = match (measured().min_by(ordered), measured().max_by(ordered)) {
        (Some(least), Some(most)) => {
            let [least, most] = [least, most].map(|row| cell(row, Column::Median));
            format!(": {least} to {most} {unit}")
        }
        _ => String::new(),
    };
    let (shown, said) = lines.earlier(folded.earlier.len(), "state");
    let items = rows().take(shown).map(|row| {
        let mut parts = vec![
            states.days(row.side),
            format!("{} {unit}", cell(row, Column::Median)),
            cell(row, Column::Grade),
            states.differences(row.side),
        ];
        if row.interval.is_some() {
            parts[1] = format!("{} ({})", parts[1], cell(row, Column::Interval));
        }
        if row.percent_of_peak.is_some() {
            parts.insert(2, format!("{} of peak", cell(row, Column::Peak)));
        }
        parts.retain(|part| !part.is_empty());
        cut(&parts.join(" · "), 400)
    });
    More {
        summary: format!("{said}{range}"),
        whose: format!(
            "{}, {}",
            states.name(folded.row.side),
            cut(&sentences::title(group), 300)
        ),
        items: items.collect(),
        is_printed: false,
    }
}

fn notes_below(comparison: &Comparison, group: &Group, count: usize, shown: usize) -> Vec<String> {
    let rows = group.rows.iter();
    let differing: Vec<String> = rows
        .filter_map(|row| sentences::all_the_same(comparison, row))
        .map(|sentence| cut(&sentence, 400))
        .take(NOTES_MAX)
        .collect();
    let mut notes = left_out(count, shown, "rows", ", the fastest");
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
