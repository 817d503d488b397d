//! The table of hosts: what each is, and how far it comes.

use results::compare::{Group, Row};
use results::grade::Grade;
use results::survey::{Host, Survey};

use super::grid::{Cell, Grid, Line, heads, left_out};
use super::{label, short};
use crate::Rate;
use crate::figures::{beside, percent};
use crate::slugs::Slugs;

/// Hosts that a page lists.
const HOSTS_MAX: usize = 1000;

/// One row for each host in one state.
pub(super) fn table(survey: &Survey, anchors: &mut Slugs) -> Grid {
    let mut best: Vec<Option<(&Group, &Row)>> = vec![None; survey.hosts.len()];
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
    let rows = survey.hosts.iter().zip(best).enumerate().take(HOSTS_MAX);
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
        rows: rows
            .map(|(side, (host, best))| line(survey, side, host, best))
            .collect(),
        is_filtered: true,
        notes: left_out(survey.hosts.len(), HOSTS_MAX, "hosts", ""),
    }
}

/// What a row is ranked by: rows of bytes after all others.
fn speed(group: &Group, row: &Row) -> f64 {
    match group.bytes {
        None => row.median.unwrap_or(-1.0),
        Some(_) => -2.0,
    }
}

fn line(survey: &Survey, side: usize, host: &Host, best: Option<(&Group, &Row)>) -> Line {
    let topology = &host.newest.topology;
    let cores = topology.usable_physical_cores;
    let best = best.filter(|(group, row)| group.bytes.is_none() && row.median.is_some());
    let (median, of, share) = match best {
        Some((group, row)) => (
            row.median,
            format!("n={} {}", group.work.n, short(&group.work.dtype)),
            row.percent_of_peak,
        ),
        None => (None, String::new(), None),
    };
    let rate = Rate::new(1.0, None);
    let triad = host
        .limits
        .as_ref()
        .and_then(|limits| limits.triad.as_ref());
    let triad = triad.map(|triad| triad.gb_per_s);
    let figure = |value: Option<f64>| {
        let text = value.map_or_else(|| "-".to_owned(), |it| beside(it, it, 0.02 * it));
        Cell::number(text, value)
    };
    let invalid = host.runs.iter().filter(|run| run.grade == Grade::Invalid);
    let invalid = invalid.count();
    let newest: String = host.newest.started_utc.chars().take(10).collect();
    let runs = match invalid {
        0 => host.runs.len().to_string(),
        invalid => format!("{} ({invalid} INVALID)", host.runs.len()),
    };
    let cells = vec![
        Cell::text(label(survey, side)).of_class("name"),
        Cell::text(short(&host.newest.cpu_model)).of_class("wide"),
        Cell::number(cores_text(host), (cores > 0).then_some(cores as f64)),
        figure(median.map(|median| rate.value(median))),
        Cell::text(of),
        Cell::number(share.map_or_else(|| "-".to_owned(), percent), share),
        figure(triad),
        Cell::number(runs, Some(host.runs.len() as f64)).of_class(if invalid > 0 {
            "bad"
        } else {
            ""
        }),
        Cell::text(short(&newest)).of_class("date"),
    ];
    Line { cells }
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
