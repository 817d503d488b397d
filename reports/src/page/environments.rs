//! Environments side by side, with what differs marked.

use results::environment::FACTS;
use results::survey::Survey;

use super::grid::{Cell, Grid, Head, Line, heads};
use super::{cut, label};
use crate::compare::sentences;
use crate::slugs::Slugs;

/// Hosts that stand side by side; of more, only what differs is listed.
const SIDES_MAX: usize = 10;

/// Letters of a value that are shown.
const VALUE_MAX: usize = 80;

/// How the hosts are set up.
pub(super) struct Environments {
    pub(super) grid: Grid,
    /// What is the same everywhere, where it is not in the table.
    pub(super) alike: Vec<String>,
}

/// The facts of all sides.
pub(super) fn environments(survey: &Survey, anchors: &mut Slugs) -> Environments {
    if survey.comparison.sides.len() <= SIDES_MAX {
        side_by_side(survey, anchors)
    } else {
        differing(survey, anchors)
    }
}

fn side_by_side(survey: &Survey, anchors: &mut Slugs) -> Environments {
    let comparison = &survey.comparison;
    let sides = 0..comparison.sides.len();
    let mut columns = heads(&["fact", "same everywhere"]);
    columns.extend(sides.clone().map(|side| Head {
        title: label(survey, side),
        is_number: false,
    }));
    let rows = FACTS.iter().enumerate().filter_map(|(index, fact)| {
        let values: Vec<String> = sides
            .clone()
            .map(|side| values_of(survey, side, index))
            .collect();
        if values.iter().all(String::is_empty) {
            return None;
        }
        let differs = comparison.facts.iter().any(|it| it.name == fact.name);
        let class = if differs { "differs" } else { "" };
        let marks = [
            Cell::text(fact.name).of_class("name"),
            Cell::text(if differs { "≠ differs" } else { "yes" }).of_class(class),
        ];
        let values = values.iter().map(|value| {
            let text = if value.is_empty() { "not known" } else { value };
            Cell::text(text).of_class(class)
        });
        Some(Line {
            cells: marks.into_iter().chain(values).collect(),
        })
    });
    Environments {
        grid: Grid {
            id: anchors.take("table of environments"),
            label: "Environments side by side".to_owned(),
            rows: rows.collect(),
            columns,
            is_filtered: false,
            notes: Vec::new(),
        },
        alike: Vec::new(),
    }
}

/// The different values that a side's runs have of a fact.
fn values_of(survey: &Survey, side: usize, fact: usize) -> String {
    let mut values: Vec<String> = Vec::new();
    for environment in &survey.comparison.sides[side].environments {
        let value = environment.values.get(fact).map_or("", String::as_str);
        let value = cut(value, VALUE_MAX);
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    values.join("; ")
}

fn differing(survey: &Survey, anchors: &mut Slugs) -> Environments {
    let comparison = &survey.comparison;
    let rows = comparison.facts.iter().map(|fact| Line {
        cells: vec![
            Cell::text(fact.name).of_class("name"),
            Cell::number(
                fact.values.len().to_string(),
                Some(fact.values.len() as f64),
            ),
            Cell::text(cut(&sentences::values(comparison, fact), 1000)),
        ],
    });
    let alike = FACTS.iter().enumerate().filter_map(|(index, fact)| {
        let differs = comparison.facts.iter().any(|it| it.name == fact.name);
        let value = (!differs).then(|| values_of(survey, 0, index))?;
        (!value.is_empty()).then(|| format!("{}: {value}", fact.name))
    });
    Environments {
        grid: Grid {
            id: anchors.take("table of environments"),
            label: "What differs between environments".to_owned(),
            columns: heads(&["fact", "#values", "values and who has them"]),
            rows: rows.collect(),
            is_filtered: false,
            notes: Vec::new(),
        },
        alike: alike.collect(),
    }
}
