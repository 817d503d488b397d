//! Environments side by side, with what differs marked.

use std::collections::{HashMap, HashSet};

use results::environment::FACTS;

use super::cut;
use super::grid::{Cell, Grid, Head, Line, heads};
use super::states::States;
use crate::figures::counted;
use crate::slugs::Slugs;

/// Hosts that stand side by side; of more, only what differs is listed.
const MACHINES_MAX: usize = 10;

/// Letters of a value that are shown.
const VALUE_MAX: usize = 80;

/// How the hosts are set up.
pub(super) struct Environments {
    pub(super) grid: Grid,
    /// What is the same everywhere, where it is not in the table.
    pub(super) alike: Vec<String>,
}

/// The facts of all machines, each in its newest state, with what they were before.
pub(super) fn environments(states: &States, anchors: &mut Slugs) -> Environments {
    let facts: Vec<Told> = (0..FACTS.len()).map(|fact| told(states, fact)).collect();
    if states.machines.len() <= MACHINES_MAX {
        side_by_side(states, &facts, anchors)
    } else {
        differing(states, &facts, anchors)
    }
}

/// A fact of all machines.
struct Told {
    /// Its value on each machine now; empty where no record tells.
    now: Vec<String>,
    /// How many other values each machine had before.
    before: Vec<usize>,
}

impl Told {
    fn differs(&self) -> bool {
        self.before.iter().any(|count| *count > 0)
            || self.now.iter().any(|value| *value != self.now[0])
    }
}

fn told(states: &States, fact: usize) -> Told {
    let value = |side: usize| states.values(side, fact, VALUE_MAX);
    let machines = states.machines.iter().map(|machine| {
        let now = value(machine.newest());
        let earlier = machine.earlier().iter().map(|side| value(*side));
        let others: HashSet<String> = earlier.filter(|it| *it != now).collect();
        (now, others.len())
    });
    let (now, before) = machines.unzip();
    Told { now, before }
}

fn side_by_side(states: &States, facts: &[Told], anchors: &mut Slugs) -> Environments {
    let mut columns = heads(&["fact", "same everywhere"]);
    columns.extend((0..states.machines.len()).map(|machine| Head {
        title: states.machine_name(machine),
        is_number: false,
    }));
    let rows = FACTS.iter().zip(facts).filter_map(|(fact, told)| {
        if told.now.iter().all(String::is_empty) {
            return None;
        }
        let differs = told.differs();
        let class = if differs { "differs" } else { "" };
        let marks = [
            Cell::text(fact.name).of_class("name brief"),
            Cell::text(if differs { "≠ differs" } else { "yes" }).of_class(class),
        ];
        let values = told.now.iter().zip(&told.before).map(|(value, before)| {
            let value = if value.is_empty() { "not known" } else { value };
            let text = match before {
                0 => value.to_owned(),
                before => format!("{value} (before: {})", counted(*before, "other value")),
            };
            Cell::text(text).of_class(class)
        });
        Some(Line::of(marks.into_iter().chain(values).collect()))
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

fn differing(states: &States, facts: &[Told], anchors: &mut Slugs) -> Environments {
    let (differing, alike): (Vec<_>, Vec<_>) = FACTS
        .iter()
        .zip(facts)
        .partition(|(_, told)| told.differs());
    let rows = differing.into_iter().map(|(fact, told)| {
        let values = values(states, told);
        Line::of(vec![
            Cell::text(fact.name).of_class("name brief"),
            Cell::number(values.len().to_string(), Some(values.len() as f64)),
            Cell::text(cut(&sentence(states, told, &values), 1000)),
        ])
    });
    let rows = rows.collect();
    let alike = alike.into_iter().filter_map(|(fact, told)| {
        let value = told.now.first().filter(|value| !value.is_empty())?;
        Some(format!("{}: {value}", fact.name))
    });
    Environments {
        grid: Grid {
            id: anchors.take("table of environments"),
            label: "What differs between environments".to_owned(),
            columns: heads(&["fact", "#values", "values and who has them"]),
            rows,
            is_filtered: false,
            notes: Vec::new(),
        },
        alike: alike.collect(),
    }
}

/// A value, and the newest sides of the machines that have it.
type Value<'a> = (&'a str, Vec<usize>);

/// The values that a fact has now, the most frequent first and what is not known last.
fn values<'a>(states: &States, told: &'a Told) -> Vec<Value<'a>> {
    let mut values: Vec<Value> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (value, machine) in told.now.iter().zip(&states.machines) {
        let place = *places.entry(value).or_insert(values.len());
        match values.get_mut(place) {
            Some((_, sides)) => sides.push(machine.newest()),
            None => values.push((value, vec![machine.newest()])),
        }
    }
    values.sort_by_key(|(value, sides)| (value.is_empty(), std::cmp::Reverse(sides.len())));
    values
}

/// Values of a fact that are listed, and hosts of each.
const VALUES_MAX: usize = 8;
const NAMES_MAX: usize = 4;

/// For example `0x5003102: i9; 0x830107a: epyc1, epyc2 and 3 more; 19 other values before (ci-runner)`.
fn sentence(states: &States, told: &Told, values: &[Value]) -> String {
    let each = values.iter().take(VALUES_MAX).map(|(value, sides)| {
        let value = if value.is_empty() { "not known" } else { value };
        format!("{value}: {}", states.names(sides, NAMES_MAX))
    });
    let mut each: Vec<String> = each.collect();
    if values.len() > VALUES_MAX {
        each.push(counted(values.len() - VALUES_MAX, "more value"));
    }
    let changed = states.machines.iter().zip(&told.before);
    let changed: Vec<(usize, usize)> = changed
        .filter(|(_, before)| **before > 0)
        .map(|(machine, before)| (machine.newest(), *before))
        .collect();
    if !changed.is_empty() {
        let sides: Vec<usize> = changed.iter().map(|it| it.0).collect();
        let before: usize = changed.iter().map(|it| it.1).sum();
        each.push(format!(
            "{} before ({})",
            counted(before, "other value"),
            states.names(&sides, NAMES_MAX)
        ));
    }
    each.join("; ")
}
