//! Which runs are one side, and what it is called.

use std::borrow::Borrow;
use std::collections::HashMap;

use super::{By, CompareError, Reference, Request, Run, Side};
use crate::environment::{Environment, FACTS};
use crate::grade::Grade;
use crate::load::LoadedRecord;

/// The sides, in the order of their first runs, and for each run the index of its side.
pub(super) fn sides<R: Borrow<Run>>(
    runs: &[LoadedRecord<R>],
    request: &Request,
) -> (Vec<Side>, Vec<usize>) {
    let mut sides: Vec<Side> = Vec::new();
    let mut places: HashMap<Vec<&str>, usize> = HashMap::new();
    let mut side_of = Vec::with_capacity(runs.len());
    for (index, loaded) in runs.iter().enumerate() {
        let run = loaded.record.borrow();
        let environment = &run.environment;
        let is_alone = request.by == By::File || (index == 0 && has_own_side(request));
        let next = sides.len();
        let side = if is_alone {
            next
        } else {
            *places.entry(environment.identity()).or_insert(next)
        };
        if side == next {
            sides.push(Side {
                label: String::new(),
                paths: Vec::new(),
                invalid_runs: 0,
                environments: Vec::new(),
            });
        }
        let place = &mut sides[side];
        place.paths.push(loaded.path.clone());
        place.invalid_runs += usize::from(run.grade == Grade::Invalid);
        if !place.environments.contains(environment) {
            place.environments.push(environment.clone());
        }
        side_of.push(side);
    }
    label(&mut sides, request);
    (sides, side_of)
}

fn has_own_side(request: &Request) -> bool {
    request.reference == Reference::FirstRecord
}

/// The side that the others are held against; `first` is the one when nothing is asked for.
pub(super) fn reference(
    sides: &[Side],
    first: usize,
    request: &Request,
) -> Result<usize, CompareError> {
    let name = match &request.reference {
        Reference::First => return Ok(first),
        Reference::FirstRecord => return Ok(0),
        Reference::Named(name) => name,
    };
    if let Some(index) = sides.iter().position(|side| side.label == *name) {
        return Ok(index);
    }
    let of_host: Vec<usize> = (0..sides.len())
        .filter(|index| hostname(&sides[*index]) == name)
        .collect();
    let list = |indices: &mut dyn Iterator<Item = usize>| {
        let labels: Vec<&str> = indices.map(|index| sides[index].label.as_str()).collect();
        let shown = labels.iter().take(LISTED_MAX).copied().collect::<Vec<_>>();
        match labels.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    match of_host[..] {
        [index] => Ok(index),
        [] => Err(CompareError::NoReference {
            name: name.clone(),
            there: list(&mut (0..sides.len())),
        }),
        _ => Err(CompareError::Ambiguous {
            name: name.clone(),
            there: list(&mut of_host.into_iter()),
        }),
    }
}

/// Sides that a message lists.
const LISTED_MAX: usize = 8;

fn hostname(side: &Side) -> &str {
    let first = side.environments.first();
    first.map_or("", |environment| environment.hostname.as_str())
}

/// Gives each side a name of its own: its host's, with what tells it from others of the same host.
fn label(sides: &mut [Side], request: &Request) {
    let mut of_host: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, side) in sides.iter().enumerate() {
        let hostname = match hostname(side) {
            "" => "unnamed host",
            name => name,
        };
        of_host.entry(hostname.to_owned()).or_default().push(index);
    }
    for (hostname, same) in of_host {
        let telling = telling_facts(sides, &same);
        for &index in &same {
            let is_file = request.by == By::File || (index == 0 && has_own_side(request));
            let side = &sides[index];
            let detail = if is_file {
                side.paths[0]
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            } else if same.len() > 1 {
                describe(&side.environments[0], &telling)
            } else {
                None
            };
            sides[index].label = match detail {
                Some(detail) => format!("{hostname} ({detail})"),
                None => hostname.clone(),
            };
        }
    }
    make_unique(sides);
}

/// What tells sides of one host apart, the gravest first.
fn telling_facts(sides: &[Side], same: &[usize]) -> Vec<usize> {
    let differs = |fact: &usize| {
        let mut values = same
            .iter()
            .map(|side| sides[*side].environments[0].values[*fact].as_str());
        let first = values.next();
        FACTS[*fact].identifies && values.any(|value| Some(value) != first)
    };
    (0..FACTS.len()).filter(differs).collect()
}

fn describe(environment: &Environment, facts: &[usize]) -> Option<String> {
    let told: Vec<String> = facts
        .iter()
        .take(TOLD_MAX)
        .map(|fact| {
            let value: String = environment.values[*fact].chars().take(VALUE_MAX).collect();
            format!("{} {value}", FACTS[*fact].name)
        })
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Facts that a label tells, and characters of each: a label has to fit into a column. The facts themselves are told in full.
const TOLD_MAX: usize = 2;
const VALUE_MAX: usize = 24;

/// Labels that are the same after all get numbers.
fn make_unique(sides: &mut [Side]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for side in sides.iter_mut() {
        let count = seen.entry(side.label.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            side.label = format!("{} #{count}", side.label);
        }
    }
}
