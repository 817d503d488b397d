//! What records warn of. Warnings of one kind differ in their figures only: they are taken together.

use std::collections::HashMap;

use results::survey::Survey;

use super::cut;
use super::grid::{Cell, Grid, Line, heads, left_out};
use super::states::States;
use crate::slugs::Slugs;

/// Kinds that a page lists, and hosts that it names for each.
const KINDS_MAX: usize = 200;
const HOSTS_MAX: usize = 4;

/// Letters of a warning that are shown.
const LENGTH_MAX: usize = 500;

/// Warnings that are the same but for their figures.
pub(super) struct Kind<'a> {
    /// The newest of them.
    pub(super) newest: &'a str,
    newest_utc: &'a str,
    /// Runs that have one, the last of which is of this id.
    pub(super) runs: usize,
    last_id: &'a str,
    /// Sides with such runs.
    pub(super) sides: Vec<usize>,
}

/// All kinds, the most frequent first.
pub(super) fn kinds(survey: &Survey) -> Vec<Kind<'_>> {
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for (side, host) in survey.hosts.iter().enumerate() {
        for run in &host.runs {
            for warning in &run.warnings {
                let next = kinds.len();
                let at = *place.entry(without_figures(warning)).or_insert(next);
                if at == next {
                    kinds.push(Kind {
                        newest: warning,
                        newest_utc: &run.started_utc,
                        runs: 0,
                        last_id: "",
                        sides: Vec::new(),
                    });
                }
                let kind = &mut kinds[at];
                if kind.runs == 0 || kind.last_id != run.id {
                    kind.runs += 1;
                    kind.last_id = &run.id;
                }
                if kind.sides.last() != Some(&side) {
                    kind.sides.push(side);
                }
                if run.started_utc.as_str() > kind.newest_utc {
                    kind.newest_utc = &run.started_utc;
                    kind.newest = warning;
                }
            }
        }
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.runs));
    kinds
}

/// What stays of a warning when its figures are left out.
fn without_figures(warning: &str) -> String {
    let mut text = String::new();
    for c in warning.chars().take(LENGTH_MAX) {
        if c.is_ascii_digit() || c == '.' {
            if !text.ends_with('#') {
                text.push('#');
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// For example `node1, node2 and 3 more`.
pub(super) fn names(states: &States, sides: &[usize]) -> String {
    states.names(sides, HOSTS_MAX)
}

/// One row for each kind.
pub(super) fn table(states: &States, anchors: &mut Slugs) -> Grid {
    let kinds = kinds(states.survey);
    let rows = kinds.iter().take(KINDS_MAX).map(|kind| {
        Line::of(vec![
            Cell::text(cut(kind.newest, LENGTH_MAX)),
            Cell::number(kind.runs.to_string(), Some(kind.runs as f64)),
            Cell::text(names(states, &kind.sides)),
        ])
    });
    Grid {
        id: anchors.take("table of warnings"),
        label: "Table of warnings".to_owned(),
        columns: heads(&["warning (the newest of its kind)", "#runs", "hosts"]),
        rows: rows.collect(),
        is_filtered: true,
        notes: left_out(
            kinds.len(),
            KINDS_MAX,
            "kinds of warnings",
            ", the most frequent",
        ),
    }
}
