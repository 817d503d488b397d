//! The figures of each side for each case, and how they stand to the reference's.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::{Basis, Group, Interval, Ratio, Refused, Request, Row, Run, RunCase, Side, Sort};
use crate::comparability::{Key, Work};
use crate::grade::Grade;
use crate::load::LoadedRecord;
use crate::statistics::{INTERVAL_MIN, median, median_interval};

/// The cases of one side with one key, each with its run's index.
type Cases<'a> = Vec<(usize, &'a RunCase)>;

/// All groups, and what is not compared.
pub(super) fn groups<R: Borrow<Run>>(
    runs: &[LoadedRecord<R>],
    side_of: &[usize],
    sides: &[Side],
    reference: usize,
    request: &Request,
) -> (Vec<Group>, Vec<Refused>) {
    let mut by_key: BTreeMap<&Key, BTreeMap<usize, Cases>> = BTreeMap::new();
    for (run, loaded) in runs.iter().enumerate() {
        for case in &loaded.record.borrow().cases {
            let of_key = by_key.entry(&case.key).or_default();
            of_key.entry(side_of[run]).or_default().push((run, case));
        }
    }
    let grade_of = |run: usize| runs[run].record.borrow().grade;
    let mut groups: Vec<Group> = Vec::new();
    for (key, by_side) in by_key {
        let rows = by_side
            .iter()
            .map(|(side, cases)| row(*side, key, cases, &grade_of));
        match groups.last_mut() {
            // The keys are in order: those of the same work follow each other.
            Some(group) if request.anyway && group.work == key.work => {
                group.means = None;
                group.rows.extend(rows);
            }
            _ => groups.push(Group {
                work: key.work.clone(),
                means: Some(key.means.clone()),
                flop: by_side.values().next().map_or(0.0, |cases| cases[0].1.flop),
                bytes: by_side.values().next().and_then(|cases| cases[0].1.bytes),
                rows: rows.collect(),
            }),
        }
    }
    for group in &mut groups {
        relate(&mut group.rows, reference);
    }
    let refused = refused(&groups, reference);
    for group in &mut groups {
        sort(&mut group.rows, sides, request.sort);
    }
    (groups, refused)
}

/// The figures of a side's runs for one key.
fn row(side: usize, key: &Key, cases: &Cases, grade_of: &impl Fn(usize) -> Grade) -> Row {
    // A run that has several cases of one key counts as one all the same.
    let by_run: Vec<&[(usize, &RunCase)]> = cases.chunk_by(|(a, _), (b, _)| a == b).collect();
    let has_median =
        |cases: &&&[(usize, &RunCase)]| cases.iter().any(|(_, case)| case.median.is_some());
    let is_sound = |cases: &&[(usize, &RunCase)]| grade_of(cases[0].0) != Grade::Invalid;
    let measured: Vec<&[(usize, &RunCase)]> = by_run.iter().filter(has_median).copied().collect();
    let sound: Vec<_> = measured.iter().copied().filter(|it| is_sound(it)).collect();
    let used = if sound.is_empty() { measured } else { sound };
    let over_cases = |figure: fn(&RunCase) -> Option<f64>| {
        let of_run = |cases: &&[(usize, &RunCase)]| {
            let figures: Vec<f64> = cases.iter().filter_map(|(_, case)| figure(case)).collect();
            median(&figures)
        };
        used.iter().filter_map(of_run).collect::<Vec<f64>>()
    };
    let medians = over_cases(|case| case.median);
    let grades = used.iter().map(|cases| grade_of(cases[0].0));
    Row {
        side,
        means: key.means.clone(),
        runs: used.len(),
        runs_left_out: by_run.len() - used.len(),
        samples_failed: cases.iter().map(|(_, case)| case.samples_failed).sum(),
        median: median(&medians),
        interval: interval(&medians, used.first().copied()),
        peak_gflops: median(&over_cases(|case| case.peak_gflops)),
        percent_of_peak: median(&over_cases(|case| case.percent_of_peak)),
        gflops_per_watt: median(&over_cases(|case| case.gflops_per_watt)),
        grade: grades.max().unwrap_or(Grade::Invalid),
        ratio: None,
        differences: Vec::new(),
    }
}

fn interval(medians: &[f64], first: Option<&[(usize, &RunCase)]>) -> Option<Interval> {
    match medians.len() {
        0 => None,
        1 => match first {
            Some([(_, case)]) => case.interval.map(|(low, high)| Interval {
                low,
                high,
                basis: Basis::Samples,
            }),
            _ => None,
        },
        2..INTERVAL_MIN => Some(Interval {
            low: medians.iter().copied().fold(f64::INFINITY, f64::min),
            high: medians.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            basis: Basis::Range,
        }),
        _ => median_interval(medians).map(|interval| Interval {
            low: interval.low,
            high: interval.high,
            basis: Basis::Runs,
        }),
    }
}

/// Holds each row against the reference's row that is nearest to it in its means.
fn relate(rows: &mut [Row], reference: usize) {
    let references: Vec<Row> = rows
        .iter()
        .filter(|row| row.side == reference)
        .cloned()
        .collect();
    for row in rows.iter_mut().filter(|row| row.side != reference) {
        let nearest = references
            .iter()
            .map(|reference| (row.means.differences(&reference.means), reference))
            .min_by_key(|(differences, _)| differences.len());
        if let Some((differences, reference)) = nearest {
            row.ratio = ratio(row, reference);
            row.differences = differences;
        }
    }
}

fn ratio(row: &Row, reference: &Row) -> Option<Ratio> {
    let value = row.median? / reference.median?;
    let interval = row
        .interval
        .zip(reference.interval)
        .map(|(row, reference)| (row.low / reference.high, row.high / reference.low));
    value.is_finite().then_some(Ratio {
        value,
        interval: interval.filter(|(low, high)| low.is_finite() && high.is_finite()),
    })
}

/// What has the reference's work but other means, each set of differences of a side once.
fn refused(groups: &[Group], reference: usize) -> Vec<Refused> {
    let mut means_of: BTreeMap<&Work, Vec<&Row>> = BTreeMap::new();
    for group in groups {
        let rows = group.rows.iter().filter(|row| row.side == reference);
        means_of.entry(&group.work).or_default().extend(rows);
    }
    let mut refused: Vec<Refused> = Vec::new();
    for group in groups {
        if group.rows.iter().any(|row| row.side == reference) {
            continue;
        }
        let references = means_of.get(&group.work).map_or(&[][..], Vec::as_slice);
        for row in &group.rows {
            let differences = references
                .iter()
                .map(|reference| row.means.differences(&reference.means))
                .min_by_key(Vec::len);
            let Some(differences) = differences else {
                continue;
            };
            let known = refused
                .iter_mut()
                .find(|it| it.side == row.side && it.differences == differences);
            match known {
                Some(known) => known.works += 1,
                None => refused.push(Refused {
                    side: row.side,
                    work: group.work.clone(),
                    works: 1,
                    differences,
                }),
            }
        }
    }
    refused
}

fn sort(rows: &mut [Row], sides: &[Side], order: Sort) {
    let descending = |one: Option<f64>, other: Option<f64>| {
        let known = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
        known(other).total_cmp(&known(one))
    };
    // Stable: what is equal stays in the order in which it was named.
    rows.sort_by_key(|row| row.side);
    match order {
        Sort::Speed => rows.sort_by(|a, b| descending(a.median, b.median)),
        Sort::Peak => rows.sort_by(|a, b| descending(a.percent_of_peak, b.percent_of_peak)),
        Sort::Host => rows.sort_by(|a, b| sides[a.side].label.cmp(&sides[b.side].label)),
        Sort::Named => {}
    }
}
