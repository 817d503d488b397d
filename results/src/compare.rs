//! Records of many hosts and runs, laid side by side.
//!
//! A **side** is what is compared: a host in one state (the same processor, kernel, `bench`, bundle and settings, see
//! [`crate::environment::FACTS`]) with all of its runs, or one record. Runs of a host are taken together as runs: their figure is the
//! median of the runs' medians. Samples of different runs are never thrown together, since what makes runs differ (memory's place,
//! temperature, the hour) is the same for all samples of one run, so that they are not independent.
//!
//! The interval beside a median is
//! - of six runs and more: that of the median of the runs' medians ([`crate::statistics::median_interval`], at least 95 %);
//! - of two to five: from the lowest to the highest run, which has no stated coverage;
//! - of one run: that of its own samples. What another run would give is not in it.
//!
//! Runs that are graded INVALID take no part in a figure as long as their side has others.
//!
//! What may be compared is decided by [`crate::comparability`]; norms are compared by [`norms`].

pub mod norms;
mod rows;
mod run;
mod sides;

use std::borrow::Borrow;
use std::path::PathBuf;

pub use run::{Norm, Run, RunCase};

use crate::comparability::{Difference, Means, Work};
use crate::environment::{self, DifferingFact, Environment};
use crate::grade::Grade;
use crate::load::LoadedRecord;

/// What is to be compared and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What one side is.
    pub by: By,
    /// What the others are held against.
    pub reference: Reference,
    /// Whether cases of different means are compared, too.
    pub anyway: bool,
    /// The order of the rows of a group.
    pub sort: Sort,
}

/// What one side is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// A host in one state, with all of its runs.
    #[default]
    Host,
    /// One record.
    File,
}

/// What the others are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// The first side that has a figure.
    #[default]
    First,
    /// The side of this label, or the host of this name.
    Named(String),
    /// The first record, as a side of its own.
    FirstRecord,
}

/// The order of the rows of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The fastest first.
    #[default]
    Speed,
    /// By label.
    Host,
    /// The largest share of the measured peak first.
    Peak,
    /// As the records were named.
    Named,
}

/// Everything that a comparison has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The sides, in the order in which their records were named.
    pub sides: Vec<Side>,
    /// The index of the side that the others are held against.
    pub reference: usize,
    /// What was compared, by work and means.
    pub groups: Vec<Group>,
    /// What was not, although the reference has the same work.
    pub refused: Vec<Refused>,
    /// What differs between the sides' environments.
    pub facts: Vec<DifferingFact>,
    /// Sides that computed something else.
    pub mismatches: Vec<norms::Mismatch>,
}

/// One side.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// What it is called: no two sides are called the same.
    pub label: String,
    /// Its records' files.
    pub paths: Vec<PathBuf>,
    /// How many of its runs are graded INVALID.
    pub invalid_runs: usize,
    /// Its different environments.
    pub environments: Vec<Environment>,
}

/// Rows that are compared with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What all of them computed.
    pub work: Work,
    /// By what all of them computed it; `None` when they differ.
    pub means: Option<Means>,
    /// Operations of one sample.
    pub flop: f64,
    /// Bytes of one sample, where they are the measure.
    pub bytes: Option<f64>,
    /// One for each side and means.
    pub rows: Vec<Row>,
}

/// One side's figures for one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The index of the side.
    pub side: usize,
    /// By what it was computed.
    pub means: Means,
    /// Runs that the figures are of.
    pub runs: usize,
    /// Runs that were left out as INVALID, or without a sample that was verified.
    pub runs_left_out: usize,
    /// Samples that were not verified, of all runs.
    pub samples_failed: usize,
    /// 10⁹ operations a second: the median of the runs' medians; `None` when no run has one.
    pub median: Option<f64>,
    /// How far the median is known.
    pub interval: Option<Interval>,
    /// The median over the runs of the peak that was measured beside them, in 10⁹ operations a second.
    pub peak_gflops: Option<f64>,
    /// The median over the runs of their share of the peak that was measured beside them, in percent.
    pub percent_of_peak: Option<f64>,
    /// The median over the runs of their rate for each watt, where energy was measured.
    pub gflops_per_watt: Option<f64>,
    /// The worst grade of the runs that the figures are of.
    pub grade: Grade,
    /// The median against the reference's; `None` for the reference itself and where it has no such case.
    pub ratio: Option<Ratio>,
    /// In what the means differ from those of the reference's row that the ratio is against.
    pub differences: Vec<Difference>,
}

/// How far a median is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end, in 10⁹ operations a second.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// What it says.
    pub basis: Basis,
}

/// What an interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// With at least 95 % the median of all possible samples of this one run.
    Samples,
    /// From the lowest run to the highest.
    Range,
    /// With at least 95 % the median of all possible runs.
    Runs,
}

/// A median against the reference's: above 1 is faster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio of the medians.
    pub value: f64,
    /// What it may be as far as both medians are known: from one's lower end over the other's upper end to the reverse. `None`
    /// when either has no interval.
    pub interval: Option<(f64, f64)>,
}

/// Rows of a side that are not compared with the reference, for one set of differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The index of the side.
    pub side: usize,
    /// A work that is concerned.
    pub work: Work,
    /// How many are, for the same differences.
    pub works: usize,
    /// In what it differs from what is nearest to it of the reference.
    pub differences: Vec<Difference>,
}

/// Why there is no comparison.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// The reference is none of the sides.
    #[error(
        "cannot compare with '{name}': no record is of such a host, and there is no such file (there are {there})"
    )]
    NoReference {
        /// What was named.
        name: String,
        /// The sides that there are.
        there: String,
    },
    /// The reference may be several sides.
    #[error(
        "cannot compare with '{name}': it may be any of {there} (name one of these, or a file)"
    )]
    Ambiguous {
        /// What was named.
        name: String,
        /// The sides that it may be.
        there: String,
    },
}

/// Lays runs side by side.
///
/// # Errors
///
/// When the reference is not among them.
pub fn compare(runs: &[LoadedRecord<Run>], request: &Request) -> Result<Comparison, CompareError> {
    compare_with_sides(runs, request).map(|(comparison, _)| comparison)
}

/// The same, with the index of the side of each run.
pub(crate) fn compare_with_sides<R: Borrow<Run>>(
    runs: &[LoadedRecord<R>],
    request: &Request,
) -> Result<(Comparison, Vec<usize>), CompareError> {
    let (sides, side_of) = sides::sides(runs, request);
    let has_figure = |run: &LoadedRecord<R>| {
        let mut cases = run.record.borrow().cases.iter();
        cases.any(|case| case.median.is_some())
    };
    let first = runs.iter().position(has_figure).unwrap_or(0);
    let first_side = side_of.get(first).copied().unwrap_or(0);
    let reference = sides::reference(&sides, first_side, request)?;
    let (groups, refused) = rows::groups(runs, &side_of, &sides, reference, request);
    let environments: Vec<Vec<&Environment>> = sides
        .iter()
        .map(|side| side.environments.iter().collect())
        .collect();
    let facts = environment::differing(&environments);
    let mismatches = norms::mismatches(runs, &side_of);
    let comparison = Comparison {
        sides,
        reference,
        groups,
        refused,
        facts,
        mismatches,
    };
    Ok((comparison, side_of))
}

impl Comparison {
    /// How many figures are held against another one.
    pub fn compared(&self) -> usize {
        let rows = self.groups.iter().flat_map(|group| &group.rows);
        rows.filter(|row| row.ratio.is_some()).count()
    }
}

impl Ratio {
    /// Whether both sides may be equally fast as far as their medians are known; `None` when that cannot be told.
    pub fn is_open(&self) -> Option<bool> {
        self.interval.map(|(low, high)| low <= 1.0 && 1.0 <= high)
    }
}
