//! A table of the page: what stands in it, by which values it is sorted, and what is to be seen without colours, too.

use askama::Template;

use crate::figure::Table;
use crate::slugs::Slugs;

/// A table in a box of its own, which scrolls where the page is narrow.
#[derive(Debug, Template)]
#[template(path = "grid.html", whitespace = "minimize")]
pub(super) struct Grid {
    /// Its anchor, unique on the page.
    pub(super) id: String,
    /// What it is, for those who do not see it; unique on the page.
    pub(super) label: String,
    pub(super) columns: Vec<Head>,
    pub(super) rows: Vec<Line>,
    /// Whether the page's filter looks at its rows.
    pub(super) is_filtered: bool,
    /// What is said below it, for example that not all rows are shown.
    pub(super) notes: Vec<String>,
}

/// What stands above a column.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) title: String,
    pub(super) is_number: bool,
}

/// A row.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) cells: Vec<Cell>,
    /// What is folded below it, and goes with it wherever it is sorted to.
    pub(super) more: Option<More>,
}

/// What is folded below a row.
#[derive(Debug)]
pub(super) struct More {
    /// What is seen of it while it is folded.
    pub(super) summary: String,
    /// Whose it is, for those who hear the summary alone.
    pub(super) whose: String,
    pub(super) items: Vec<String>,
    /// Whether it is printed, folded or not.
    pub(super) is_printed: bool,
}

impl Line {
    /// A row with nothing below it.
    pub(super) fn of(cells: Vec<Cell>) -> Self {
        Self { cells, more: None }
    }
}

/// What stands in a row's column.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Whether it stands to the right, as numbers do.
    pub(super) is_number: bool,
    /// By what it is sorted; `None` for texts.
    pub(super) value: Option<f64>,
    /// How it is set off: `""`, or a class of the style sheet.
    pub(super) class: &'static str,
}

impl Cell {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A figure with what it is sorted by.
    pub(super) fn number(text: impl Into<String>, value: Option<f64>) -> Self {
        Self {
            text: text.into(),
            is_number: true,
            value: value.filter(|value| value.is_finite()),
            ..Self::default()
        }
    }

    /// The same among words, to the left.
    pub(super) fn among_words(self) -> Self {
        Self {
            is_number: false,
            ..self
        }
    }

    /// The same, set off.
    pub(super) fn of_class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }
}

/// Columns by their titles; those that begin with `#` hold numbers.
pub(super) fn heads(titles: &[&str]) -> Vec<Head> {
    let head = |title: &&str| match title.strip_prefix('#') {
        Some(title) => Head {
            title: title.to_owned(),
            is_number: true,
        },
        None => Head {
            title: (*title).to_owned(),
            is_number: false,
        },
    };
    titles.iter().map(head).collect()
}

/// The rows of a figure's table that a page holds.
const FIGURE_ROWS_MAX: usize = 400;

impl Grid {
    /// A figure's table.
    pub(super) fn of_table(table: &Table, name: &str, label: String, anchors: &mut Slugs) -> Self {
        let cell = |text: &String, is_number: bool| {
            let text = crate::clean(text);
            let value = is_number.then(|| leading_number(&text)).flatten();
            Cell {
                is_number,
                value: value.filter(|value| value.is_finite()),
                text,
                class: "",
            }
        };
        let is_number = |column: usize| table.columns.get(column).is_some_and(|it| it.1);
        let rows = table.rows.iter().take(FIGURE_ROWS_MAX).map(|row| {
            let cells = (0..).zip(row);
            Line::of(
                cells
                    .map(|(column, text)| cell(text, is_number(column)))
                    .collect(),
            )
        });
        let columns = table.columns.iter().map(|(title, is_number)| Head {
            title: crate::clean(title),
            is_number: *is_number,
        });
        Self {
            id: anchors.take(name),
            label,
            columns: columns.collect(),
            rows: rows.collect(),
            is_filtered: false,
            notes: left_out(table.rows.len(), FIGURE_ROWS_MAX, "rows", ""),
        }
    }
}

/// That not all are shown, where that is so.
pub(super) fn left_out(count: usize, shown_max: usize, what: &str, which: &str) -> Vec<String> {
    if count <= shown_max {
        return Vec::new();
    }
    let [shown, count] = [shown_max, count].map(|it| crate::figures::grouped(&it.to_string()));
    vec![format!(
        "Shown are {shown} of {count} {what}{which}; bench compare --format csv lists all."
    )]
}

/// The number that a cell begins with, without the commas between its thousands.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches(['~', '<', '±', '≥', '≤']);
    let word = text.split_whitespace().next()?.replace(',', "");
    word.trim_end_matches('%').parse().ok()
}

// It is a template by itself, which has escaped its parts already.
impl askama::filters::HtmlSafe for Grid {}
