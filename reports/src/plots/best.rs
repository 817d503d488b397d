//! Each host's best figure for a piece of work: what hosts are ranked by.

use std::collections::BTreeMap;

use results::comparability::Work;
use results::compare::{Basis, Group, Row};
use results::grade::Grade;
use results::survey::Survey;

use super::hint::Hint;
use crate::Rate;
use crate::figures::{beside, counted, grouped};

/// A host's fastest row of some work, with its figures in the unit that the work is told in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best<'a> {
    pub(super) row: &'a Row,
    pub(super) rate: Rate,
    /// The median.
    pub(super) value: f64,
}

/// All works of which there is a figure, each with its hosts: the fastest first, INVALID ones after all others.
pub(super) fn by_work(survey: &Survey) -> BTreeMap<&Work, Vec<Best<'_>>> {
    let mut best: BTreeMap<&Work, BTreeMap<usize, Best>> = BTreeMap::new();
    for group in &survey.comparison.groups {
        for row in &group.rows {
            let Some(found) = Best::of(group, row) else {
                continue;
            };
            let of_side = best.entry(&group.work).or_default();
            let place = of_side.entry(row.side).or_insert(found);
            if found.is_before(place) {
                *place = found;
            }
        }
    }
    best.into_iter()
        .map(|(work, of_side)| (work, ranked(of_side)))
        .collect()
}

fn ranked(of_side: BTreeMap<usize, Best>) -> Vec<Best> {
    let mut ranked: Vec<Best> = of_side.into_values().collect();
    ranked.sort_by(|a, b| {
        let invalid_last = a.is_invalid().cmp(&b.is_invalid());
        invalid_last.then(b.value.total_cmp(&a.value))
    });
    ranked
}

impl<'a> Best<'a> {
    fn of(group: &Group, row: &'a Row) -> Option<Best<'a>> {
        let rate = Rate::new(group.flop, group.bytes);
        let value = rate.value(row.median?);
        (value.is_finite() && value > 0.0).then_some(Best { row, rate, value })
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.row.grade == Grade::Invalid
    }

    fn is_before(&self, other: &Best) -> bool {
        match (self.is_invalid(), other.is_invalid()) {
            (false, true) => true,
            (true, false) => false,
            _ => self.value > other.value,
        }
    }

    /// How far the median is known.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        let interval = self.row.interval?;
        let ends = (
            self.rate.value(interval.low),
            self.rate.value(interval.high),
        );
        (ends.0.is_finite() && ends.1.is_finite() && ends.0 <= ends.1).then_some(ends)
    }

    /// The measured peak; none for what counts bytes, since that has no part of it.
    pub(super) fn peak(&self) -> Option<f64> {
        self.row.percent_of_peak?;
        let peak = self.rate.value(self.row.peak_gflops?);
        (peak.is_finite() && peak > 0.0).then_some(peak)
    }

    /// A figure with the digits that the interval leaves it.
    pub(super) fn figure(&self, value: f64) -> String {
        let width = self.interval().map_or(0.0, |(low, high)| high - low);
        grouped(&beside(value, self.value, width))
    }

    /// The figure with all that is known of it, of the point that is called so.
    pub(super) fn hint(&self, name: &[&str]) -> Hint {
        let ends = self.interval();
        let ends = ends.map(|(low, high)| (self.figure(low), self.figure(high)));
        Hint::of(name)
            .value(&self.figure(self.value), self.rate.unit, ends)
            .share(self.row.percent_of_peak, "of peak")
            .also(&counted(self.row.means.threads, "thread"))
            .also(&self.row.means.blas)
            .of_row(self.row)
    }

    /// The interval in words, for a table.
    pub(super) fn interval_words(&self) -> String {
        self.interval().map_or_else(String::new, |(low, high)| {
            format!("{} to {}", self.figure(low), self.figure(high))
        })
    }
}

/// What intervals say, a phrase for each kind that there is.
pub(super) fn interval_kinds(best: &[Best]) -> Vec<&'static str> {
    let has = |basis: Basis| {
        let mut intervals = best.iter().filter_map(|best| best.row.interval);
        intervals.any(|interval| interval.basis == basis)
    };
    let kinds = [
        (Basis::Runs, "95 % for the median of 6 runs and more"),
        (Basis::Range, "from lowest to highest of 2 to 5 runs"),
        (Basis::Samples, "95 % within a single run"),
    ];
    let present = kinds.into_iter().filter(|(basis, _)| has(*basis));
    present.map(|(_, words)| words).collect()
}

/// What was computed, for example `matmul-norm, n = 10,000, f64`.
pub(super) fn work_title(work: &Work) -> String {
    let n = grouped(&work.n.to_string());
    format!("{}, n = {n}, {}{}", work.kernel, work.dtype, variant(work))
}

/// What else tells works apart, for example `, version 2, panels of 512 rows`; mostly nothing.
pub(super) fn variant(work: &Work) -> String {
    let version = match work.kernel_version {
        1 => String::new(),
        version => format!(", version {version}"),
    };
    let panels = work
        .panel_rows
        .map_or_else(String::new, |rows| format!(", panels of {rows} rows"));
    version + &panels
}
