//! A comparison as text for a terminal or a pipe.

use results::compare::{Comparison, Group};
use unicode_width::UnicodeWidthStr;

use super::rows::{COLUMNS, Column, bars_of, legend};
use super::sentences;
use crate::Rate;
use crate::bars::{self, Style};
use crate::narrow::shorten;

/// The narrowest that the column of hosts becomes before other columns are left out.
const HOST_WIDTH_MIN: usize = 14;

/// The narrowest that it becomes when there are no other columns to be left out.
const HOST_WIDTH_LEAST: usize = 8;

/// Columns that a narrow terminal does without, the first one first.
const EXPENDABLE: [Column; 3] = [Column::Interval, Column::Runs, Column::Peak];

/// The tables and what is to be said beside them. With a width, in columns, every line of a table fits into it as far as that is
/// possible, and sentences are broken; without one (in a pipe) nothing is cut. Ends without a newline.
pub fn text(comparison: &Comparison, width: Option<usize>) -> String {
    lines(comparison, width, &|_| Vec::new())
}

/// The same with bars below each table that has several figures, in lines of `bars_width` columns.
pub fn text_with_bars(
    comparison: &Comparison,
    width: Option<usize>,
    style: Style,
    bars_width: usize,
) -> String {
    lines(comparison, width, &|group| {
        let unit = Rate::new(group.flop, group.bytes).unit;
        bars::draw(&bars_of(comparison, group), unit, style, bars_width)
    })
}

fn lines(
    comparison: &Comparison,
    width: Option<usize>,
    drawn: &dyn Fn(&Group) -> Vec<String>,
) -> String {
    let mut lines = vec![sentences::scope(comparison)];
    for group in &comparison.groups {
        lines.push(String::new());
        wrap_at(&sentences::title(group), width, "", &mut lines);
        table(comparison, group, width, &mut lines);
        let rows = group.rows.iter();
        for row in rows.filter_map(|row| sentences::all_the_same(comparison, row)) {
            wrap(&row, width, &mut lines);
        }
        lines.extend(drawn(group));
    }
    if !comparison.groups.is_empty() {
        lines.push(String::new());
        for sentence in legend(comparison) {
            wrap_at(&sentence, width, "", &mut lines);
        }
    }
    for (heading, sentences) in sentences::sections(comparison) {
        lines.push(String::new());
        lines.push(format!("{heading}:"));
        for sentence in sentences {
            wrap(&sentence, width, &mut lines);
        }
    }
    lines.join("\n")
}

fn table(comparison: &Comparison, group: &Group, width: Option<usize>, lines: &mut Vec<String>) {
    let mut columns: Vec<(Column, Vec<String>)> = COLUMNS
        .into_iter()
        .map(|column| {
            let title = std::iter::once(column.title(group).to_owned());
            let rows = group.rows.iter();
            let cells = rows.map(|row| column.cell(comparison, group, row));
            (column, title.chain(cells).collect())
        })
        .collect();
    if let Some(width) = width {
        fit(&mut columns, width);
    }
    for line in 0..=group.rows.len() {
        let cells = columns.iter().map(|(column, cells)| {
            let padding = " ".repeat(width_of(cells) - cells[line].width());
            if column.is_text() {
                format!("{}{padding}", cells[line])
            } else {
                format!("{padding}{}", cells[line])
            }
        });
        let cells: Vec<String> = cells.collect();
        lines.push(format!("  {}", cells.join("  ")).trim_end().to_owned());
    }
}

fn width_of(cells: &[String]) -> usize {
    cells.iter().map(|cell| cell.width()).max().unwrap_or(0)
}

/// Cuts hosts' names and leaves out columns until the table fits.
fn fit(columns: &mut Vec<(Column, Vec<String>)>, width: usize) {
    let table_width = |columns: &[(Column, Vec<String>)]| -> usize {
        columns.iter().map(|(_, cells)| width_of(cells) + 2).sum()
    };
    let mut expendable = EXPENDABLE.into_iter();
    loop {
        let host_width = width_of(&columns[0].1);
        let others = table_width(columns) - host_width;
        let left = width.saturating_sub(others);
        if left >= host_width {
            return;
        }
        if left >= HOST_WIDTH_MIN.min(host_width) {
            shorten(&mut columns[0].1[1..], left);
            return;
        }
        let Some(column) = expendable.next() else {
            shorten(&mut columns[0].1[1..], left.max(HOST_WIDTH_LEAST));
            return;
        };
        columns.retain(|(other, _)| *other != column);
    }
}

/// Adds a sentence, indented, broken between words.
fn wrap(sentence: &str, width: Option<usize>, lines: &mut Vec<String>) {
    wrap_at(sentence, width, "  ", lines);
}

fn wrap_at(sentence: &str, width: Option<usize>, indent: &str, lines: &mut Vec<String>) {
    let width = width.unwrap_or(usize::MAX);
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for word in sentence.split(' ') {
        if !is_empty && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, format!("{indent}  ")));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
}
