//! A comparison as text for a terminal or a pipe.

use std::collections::HashSet;

use results::compare::{Comparison, Group};
use unicode_width::UnicodeWidthStr;

use super::rows::{COLUMNS, Column, legend};
use super::sentences;

/// The narrowest that the column of hosts becomes before other columns are left out.
const HOST_WIDTH_MIN: usize = 14;

/// The narrowest that it becomes when there are no other columns to be left out.
const HOST_WIDTH_LEAST: usize = 8;

/// Columns that a narrow terminal does without, the first one first.
const EXPENDABLE: [Column; 3] = [Column::Interval, Column::Runs, Column::Peak];

/// The tables and what is to be said beside them. With a width, in columns, every line of a table fits into it as far as that is
/// possible, and sentences are broken; without one (in a pipe) nothing is cut. Ends without a newline.
pub fn text(comparison: &Comparison, width: Option<usize>) -> String {
    let mut lines = vec![sentences::scope(comparison)];
    for group in &comparison.groups {
        lines.push(String::new());
        wrap_at(&sentences::title(group), width, "", &mut lines);
        table(comparison, group, width, &mut lines);
        let rows = group.rows.iter();
        for row in rows.filter_map(|row| sentences::all_the_same(comparison, row)) {
            wrap(&row, width, &mut lines);
        }
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

/// Cuts names so that they still tell who is meant: where that leaves several alike, as with files of one host, what all of them begin and
/// end with is cut first.
fn shorten(names: &mut [String], width: usize) {
    let cut_all =
        |names: &[String]| -> Vec<String> { names.iter().map(|name| cut(name, width)).collect() };
    let distinct = |names: &[String]| names.iter().collect::<HashSet<_>>().len();
    let mut short = cut_all(names);
    if distinct(&short) < distinct(names) {
        let before = common(names.iter().map(|name| name.chars()));
        let after = common(names.iter().map(|name| {
            name.chars()
                .skip(before)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
        }));
        let middles = names.iter().map(|name| {
            let length = name.chars().count() - before - after;
            let middle: String = name.chars().skip(before).take(length).collect();
            format!("…{middle}")
        });
        short = cut_all(&middles.collect::<Vec<_>>());
    }
    names.clone_from_slice(&short);
}

/// How many letters all of these begin with.
fn common<I: Iterator<Item = char>>(texts: impl Iterator<Item = I>) -> usize {
    let mut texts = texts.map(Iterator::collect::<Vec<char>>);
    let first = texts.next().unwrap_or_default();
    texts.fold(first.len(), |most, text| {
        let same = first
            .iter()
            .zip(&text)
            .take_while(|(one, other)| one == other);
        same.count().min(most)
    })
}

/// The beginning and the end of a text that is too wide: names of hosts often differ at their ends.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let take = |letters: &mut dyn Iterator<Item = char>, width: usize| {
        let mut taken = Vec::new();
        let mut used = 0;
        for letter in letters {
            used += letter.to_string().width();
            if used > width {
                break;
            }
            taken.push(letter);
        }
        taken
    };
    let space = width.saturating_sub(1);
    let head: String = take(&mut text.chars(), space.div_ceil(2))
        .into_iter()
        .collect();
    let tail = take(&mut text.chars().rev(), space / 2);
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
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
