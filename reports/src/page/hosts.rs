//! The table of hosts: what each is, and how far it comes.

use results::compare::{Group, Row};
use results::grade::Grade;
use results::survey::Host;

use super::grid::{Cell, Grid, Line, More, heads, left_out};
use super::short;
use super::states::{Room, States};
use crate::Rate;
use crate::figures::{beside, counted, percent};
use crate::slugs::Slugs;

/// Hosts that a page lists.
const HOSTS_MAX: usize = 1000;

/// What a state is best at.
type Best<'a> = Option<(&'a Group, &'a Row)>;

/// One row for each host, in its newest state; the others are folded below it.
pub(super) fn table(states: &States, anchors: &mut Slugs) -> Grid {
    let survey = states.survey;
    let mut best: Vec<Best> = vec![None; survey.hosts.len()];
    for group in &survey.comparison.groups {
        for row in &group.rows {
            if let Some(best) = best.get_mut(row.side) {
                let is_better = best.is_none_or(|(of, other)| speed(group, row) > speed(of, other));
                if is_better {
                    *best = Some((group, row));
                }
            }
        }
    }
    let machines = states.machines.iter().enumerate().take(HOSTS_MAX);
    let mut room = Room::new();
    let rows = machines.map(|(index, machine)| {
        let side = machine.newest();
        let name = states.machine_name(index);
        let earlier = machine.earlier();
        let more = (!earlier.is_empty()).then(|| {
            let (shown, summary) = room.earlier(earlier.len(), "state");
            More {
                summary,
                whose: name.clone(),
                items: items(states, side, &earlier[..shown], &best),
                is_printed: true,
            }
        });
        Line {
            cells: cells(name, &survey.hosts[side], best[side]),
            more,
        }
    });
    Grid {
        id: anchors.take("table of hosts"),
        label: "Table of hosts".to_owned(),
        columns: heads(&[
            "host",
            "processor",
            "#cores",
            "#best GFLOPS",
            "at",
            "#of peak",
            "#memory GB/s",
            "#runs",
            "newest run",
        ]),
        rows: rows.collect(),
        is_filtered: true,
        notes: left_out(states.machines.len(), HOSTS_MAX, "hosts", ""),
    }
}

/// What a row is ranked by: rows of bytes after all others.
fn speed(group: &Group, row: &Row) -> f64 {
    match group.bytes {
        None => row.median.unwrap_or(-1.0),
        Some(_) => -2.0,
    }
}

/// What there is to say of earlier states, after a line that says which one the newest is.
fn items(states: &States, newest: usize, earlier: &[usize], best: &[Best]) -> Vec<String> {
    let of = |side: usize| {
        let host = &states.survey.hosts[side];
        let mut parts = vec![match runs(host) {
            (1, 0) => states.days(side),
            (1, _) => format!("{}, INVALID", states.days(side)),
            (runs, 0) => format!("{}, {}", states.days(side), counted(runs, "run")),
            (runs, invalid) => format!(
                "{}, {} ({invalid} INVALID)",
                states.days(side),
                counted(runs, "run")
            ),
        }];
        if let Some((median, at, share)) = figures(best[side]) {
            let share = share.map_or_else(String::new, |it| format!(" ({} of peak)", percent(it)));
            parts.push(format!("{} GFLOPS at {at}{share}", figure(median)));
        }
        parts.push(states.differences(side));
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    };
    let newest = super::label(states.survey, newest);
    std::iter::once(format!("above: {newest}"))
        .chain(earlier.iter().map(|side| of(*side)))
        .collect()
}

/// The best median, what it is of, and its share of the peak.
fn figures(best: Best) -> Option<(f64, String, Option<f64>)> {
    let (group, row) = best.filter(|(group, _)| group.bytes.is_none())?;
    let median = Rate::new(1.0, None).value(row.median?);
    let at = format!("n={} {}", group.work.n, short(&group.work.dtype));
    Some((median, at, row.percent_of_peak))
}

fn figure(value: f64) -> String {
    beside(value, value, 0.02 * value)
}

/// Runs of a state, and how many of these are INVALID.
fn runs(host: &Host) -> (usize, usize) {
    let invalid = host.runs.iter().filter(|run| run.grade == Grade::Invalid);
    (host.runs.len(), invalid.count())
}

fn cells(name: String, host: &Host, best: Best) -> Vec<Cell> {
    let topology = &host.newest.topology;
    let cores = topology.usable_physical_cores;
    let (median, of, share) = match figures(best) {
        Some((median, of, share)) => (Some(median), of, share),
        None => (None, String::new(), None),
    };
    let triad = host
        .limits
        .as_ref()
        .and_then(|limits| limits.triad.as_ref());
    let triad = triad.map(|triad| triad.gb_per_s);
    let number =
        |value: Option<f64>| Cell::number(value.map_or_else(|| "-".to_owned(), figure), value);
    let (runs, invalid) = runs(host);
    let newest: String = host.newest.started_utc.chars().take(10).collect();
    let runs_told = match invalid {
        0 => runs.to_string(),
        invalid => format!("{runs} ({invalid} INVALID)"),
    };
    vec![
        Cell::text(name).of_class("name"),
        Cell::text(short(&host.newest.cpu_model)).of_class("wide"),
        Cell::number(cores_text(host), (cores > 0).then_some(cores as f64)),
        number(median),
        Cell::text(of).of_class("brief"),
        Cell::number(share.map_or_else(|| "-".to_owned(), percent), share),
        number(triad),
        Cell::number(runs_told, Some(runs as f64)).of_class(if invalid > 0 { "bad" } else { "" }),
        Cell::text(short(&newest)).of_class("brief"),
    ]
}

/// For example `16 of 32, quota 1.5`.
fn cores_text(host: &Host) -> String {
    let topology = &host.newest.topology;
    let [usable, there] = [topology.usable_physical_cores, topology.physical_cores];
    let mut text = match usable {
        0 => "-".to_owned(),
        usable => usable.to_string(),
    };
    if usable < there {
        text = format!("{usable} of {there}");
    }
    if let Some(quota) = topology.cpu_quota {
        text = format!("{text}, quota {quota}");
    }
    text
}
