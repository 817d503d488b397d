//! What somebody reads who has ten seconds: who is fastest, what limits each, what changed, and what looks wrong.

use std::collections::BTreeMap;

use results::comparability::Work;
use results::compare::{Group, Row};
use results::grade::Grade;
use results::load::Refusal;
use results::samples_digest::Seal;
use results::survey::Host;

use super::states::States;
use super::{PageData, changes, cut, warnings};
use crate::Rate;
use crate::compare::sentences;
use crate::comparison_text;
use crate::figures::{beside, counted, percent};
use crate::history_text;

/// Entries of each list.
const LISTED_MAX: usize = 6;

/// Letters of an entry.
const LENGTH_MAX: usize = 420;

/// From this share of the measured peak on, the arithmetic units are what limits.
const AT_PEAK_PERCENT: f64 = 85.0;

/// The four answers.
pub(super) struct Summary {
    pub(super) fastest: Vec<Fastest>,
    pub(super) limits: Vec<Limit>,
    pub(super) changed: Vec<String>,
    pub(super) suspicious: Vec<String>,
}

/// The fastest host for one case.
pub(super) struct Fastest {
    pub(super) case: String,
    pub(super) host: String,
    pub(super) figure: String,
    pub(super) unit: &'static str,
    /// With what, and how far from the next.
    pub(super) remarks: Vec<String>,
}

/// What limits a host.
pub(super) struct Limit {
    pub(super) host: String,
    pub(super) by: String,
}

/// A row with what it is of.
type Place<'a> = (&'a Group, &'a Row);

/// The page's summary.
pub(super) fn summary(data: &PageData, states: &States) -> Summary {
    let main = main_works(states);
    let ranked: Vec<Vec<Place>> = main.iter().map(|work| ranked(states, work)).collect();
    Summary {
        fastest: ranked
            .iter()
            .filter_map(|rows| fastest(states, rows))
            .collect(),
        limits: limits(states, &ranked),
        changed: changed(data),
        suspicious: suspicious(data, states),
    }
}

/// For each kernel and type the work that most hosts have, the largest of these.
fn main_works<'a>(states: &States<'a>) -> Vec<&'a Work> {
    let mut hosts_of: BTreeMap<&Work, usize> = BTreeMap::new();
    for group in &states.survey.comparison.groups {
        let rows = group.rows.iter().filter(|row| !states.is_folded(row.side));
        let measured = rows.filter(|row| row.median.is_some());
        *hosts_of.entry(&group.work).or_default() += measured.count();
    }
    let mut main: BTreeMap<(&str, &str), (&Work, usize)> = BTreeMap::new();
    for (work, hosts) in hosts_of.into_iter().filter(|(_, hosts)| *hosts > 0) {
        let best = main
            .entry((&work.kernel, &work.dtype))
            .or_insert((work, hosts));
        if (hosts, work.n) > (best.1, best.0.n) {
            *best = (work, hosts);
        }
    }
    let mut works: Vec<(&Work, usize)> = main.into_values().collect();
    works.sort_by_key(|(_, hosts)| std::cmp::Reverse(*hosts));
    works
        .into_iter()
        .take(LISTED_MAX)
        .map(|(work, _)| work)
        .collect()
}

/// All rows of a work by whatever means, the fastest first; of hosts in many states what they do now.
fn ranked<'a>(states: &States<'a>, work: &Work) -> Vec<Place<'a>> {
    let groups = states.survey.comparison.groups.iter();
    let mut rows: Vec<Place> = groups
        .filter(|group| group.work == *work)
        .flat_map(|group| group.rows.iter().map(move |row| (group, row)))
        .filter(|(_, row)| row.median.is_some_and(f64::is_finite))
        .filter(|(_, row)| !states.is_folded(row.side))
        .collect();
    let median = |place: &Place| place.1.median.unwrap_or(0.0);
    // Runs that are not what the machine does are never the fastest while there are others.
    let is_invalid = |place: &Place| place.1.grade == Grade::Invalid;
    rows.sort_by(|a, b| {
        is_invalid(a)
            .cmp(&is_invalid(b))
            .then(median(b).total_cmp(&median(a)))
    });
    rows
}

fn fastest(states: &States, rows: &[Place]) -> Option<Fastest> {
    let (group, row) = *rows
        .first()
        .filter(|(_, row)| row.grade != Grade::Invalid)?;
    let rate = Rate::new(group.flop, group.bytes);
    let median = rate.value(row.median?);
    let width = row.interval.map_or(0.02 * median, |interval| {
        rate.value(interval.high - interval.low)
    });
    let mut remarks = vec![sentences::by(&row.means)];
    if let Some(share) = row.percent_of_peak {
        remarks.push(format!("{} of its measured peak", percent(share)));
    }
    if row.grade != Grade::Valid {
        remarks.push(format!("graded {}", row.grade));
    }
    remarks.push(before_the_next(states, row, rows));
    Some(Fastest {
        case: cut(&sentences::work(&group.work), LENGTH_MAX),
        host: states.name(row.side),
        figure: beside(median, median, width),
        unit: rate.unit,
        remarks: remarks.iter().map(|it| cut(it, LENGTH_MAX)).collect(),
    })
}

/// How far it is ahead of the next host.
fn before_the_next(states: &States, row: &Row, rows: &[Place]) -> String {
    let machine = states.machine_of(row.side);
    let next = rows
        .iter()
        .find(|(_, other)| states.machine_of(other.side) != machine);
    let Some((_, next)) = next else {
        return "the only host with this case".to_owned();
    };
    let name = states.name(next.side);
    let overlap = row.interval.zip(next.interval);
    match (row.median, next.median) {
        _ if overlap.is_some_and(|(a, b)| a.low <= b.high && b.low <= a.high) => {
            format!("as fast, as far as is known: {name}")
        }
        (Some(median), Some(other)) if other > 0.0 => {
            format!("{:.2} times as fast as the next, {name}", median / other)
        }
        _ => format!("the next is {name}"),
    }
}

/// The hosts of the main cases, the fastest first, with what keeps each from being faster.
fn limits(states: &States, ranked: &[Vec<Place>]) -> Vec<Limit> {
    // A host in a few states is told of once, in its fastest one.
    let mut told: Vec<usize> = Vec::new();
    let mut limits = Vec::new();
    for (group, row) in ranked.iter().flatten() {
        let Some(host) = states.survey.hosts.get(row.side) else {
            continue;
        };
        let machine = states.machine_of(row.side);
        if told.contains(&machine) {
            continue;
        }
        if told.len() == LISTED_MAX {
            break;
        }
        told.push(machine);
        limits.push(Limit {
            host: states.name(row.side),
            by: cut(&limit(host, group, row), LENGTH_MAX),
        });
    }
    limits
}

fn limit(host: &Host, group: &Group, row: &Row) -> String {
    let mut parts = Vec::new();
    let share = row.percent_of_peak;
    parts.push(match share {
        _ if group.bytes.is_some() => {
            "memory bandwidth, which is what this case measures".to_owned()
        }
        Some(share) if share >= AT_PEAK_PERCENT => {
            format!(
                "its arithmetic units: {} of the measured peak",
                percent(share)
            )
        }
        Some(share) => format!("{} of the measured peak", percent(share)),
        None => "no peak was measured beside it (--peak does)".to_owned(),
    });
    if let Some(quota) = host.newest.topology.cpu_quota {
        parts.push(format!("a quota of {quota} CPUs"));
    }
    let topology = &host.newest.topology;
    let [usable, there] = [topology.usable_physical_cores, topology.physical_cores];
    if usable < there {
        parts.push(format!("{usable} of {there} cores may be used"));
    }
    match &host.newest.warnings[..] {
        [] => {}
        [warning] => parts.push(format!("its newest run warns: {warning}")),
        [warning, rest @ ..] => parts.push(format!(
            "its newest run warns: {warning} (and {} more)",
            rest.len()
        )),
    }
    if parts.len() == 1 && share.is_some_and(|share| share < AT_PEAK_PERCENT) {
        parts.push("nothing in its records says why not more".to_owned());
    }
    parts.join("; ")
}

/// The newest changes of the history, and what the newest comparisons found.
fn changed(data: &PageData) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(history) = data.history {
        for (series, change) in changes::newest_first(history)
            .into_iter()
            .take(LISTED_MAX / 2)
        {
            lines.push(format!(
                "{}: {} since {}{}",
                history_text::title(series),
                history_text::percent(&change),
                history_text::moment(change.bad),
                change
                    .accepted
                    .map_or_else(String::new, |it| format!(", accepted: {}", it.reason))
            ));
        }
    }
    for (path, comparison) in data.comparisons.iter().take(LISTED_MAX / 2) {
        lines.push(format!(
            "bench {} of {}: {} ({})",
            comparison.command,
            comparison.started_utc.chars().take(10).collect::<String>(),
            comparison_text::outcome(comparison),
            path.display()
        ));
    }
    lines.iter().map(|line| cut(line, LENGTH_MAX)).collect()
}

/// What somebody should look at before believing the figures, the gravest first.
fn suspicious(data: &PageData, states: &States) -> Vec<String> {
    let survey = states.survey;
    let comparison = &survey.comparison;
    let mut lines: Vec<String> = Vec::new();
    let mismatches = &comparison.mismatches;
    lines.extend(mismatches.iter().take(2).map(|it| {
        format!(
            "possible silent data corruption: {}",
            sentences::mismatch(comparison, it)
        )
    }));
    if mismatches.len() > 2 {
        lines.push(format!("{} more norms differ", mismatches.len() - 2));
    }
    let mut edited = data
        .skipped
        .iter()
        .filter(|it| it.refusal == Refusal::Edited);
    if let Some(first) = edited.next() {
        let more = match edited.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push(format!(
            "left out, since it was edited by hand: {}{more}",
            first.path.display()
        ));
    }
    lines.extend(invalid_runs(states));
    lines.extend(failed_samples(states));
    lines.extend(unsealed(states));
    for kind in warnings::kinds(survey).iter().take(LISTED_MAX / 2) {
        lines.push(format!(
            "{} of {} ({}): {}",
            counted(kind.runs, "run"),
            survey.records,
            warnings::names(states, &kind.sides),
            kind.newest
        ));
    }
    lines.iter().map(|line| cut(line, LENGTH_MAX)).collect()
}

fn invalid_runs(states: &States) -> Option<String> {
    let survey = states.survey;
    let of_sides: Vec<(usize, usize)> = (0..)
        .zip(&survey.comparison.sides)
        .map(|(index, side)| (index, side.invalid_runs))
        .filter(|(_, count)| *count > 0)
        .collect();
    let count: usize = of_sides.iter().map(|(_, count)| count).sum();
    let sides: Vec<usize> = of_sides.iter().map(|(side, _)| *side).collect();
    (count > 0).then(|| {
        format!(
            "{} of {} graded INVALID: {}",
            counted(count, "run"),
            survey.records,
            warnings::names(states, &sides)
        )
    })
}

fn failed_samples(states: &States) -> Option<String> {
    let groups = &states.survey.comparison.groups;
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let count: usize = rows().map(|row| row.samples_failed).sum();
    let mut sides: Vec<usize> = rows()
        .filter(|row| row.samples_failed > 0)
        .map(|row| row.side)
        .collect();
    sides.sort_unstable();
    sides.dedup();
    (count > 0).then(|| {
        format!(
            "{} not verified: {}",
            counted(count, "sample"),
            warnings::names(states, &sides)
        )
    })
}

/// Records that do not keep the digest of their samples. Which build measured is no matter of trust: provenance tells it.
fn unsealed(states: &States) -> Option<String> {
    let survey = states.survey;
    let without = |host: &Host| {
        let runs = host.runs.iter();
        runs.filter(|run| run.seal == Seal::Absent).count()
    };
    let of_sides = survey.hosts.iter().map(without).enumerate();
    let of_sides: Vec<(usize, usize)> = of_sides.filter(|(_, count)| *count > 0).collect();
    let count: usize = of_sides.iter().map(|(_, count)| count).sum();
    let sides: Vec<usize> = of_sides.iter().map(|(side, _)| *side).collect();
    (count > 0).then(|| {
        format!(
            "{} of {} without a digest of the samples, so that an edit by hand would go unnoticed: {}",
            counted(count, "record"),
            survey.records,
            warnings::names(states, &sides)
        )
    })
}
