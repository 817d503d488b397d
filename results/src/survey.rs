//! A folder of records, host by host: what the plots and the page of a report are made of.
//!
//! Figures are those of [`crate::compare`]; beside them stands what a reader wants to know of each host: what it is, what its limits
//! are, from when to when it was measured, and with what.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use crate::compare::{self, CompareError, Comparison, Request, Row, Run};
use crate::grade::Grade;
use crate::limits::Limits;
use crate::load::LoadedRecord;
use crate::record::{Record, Topology};
use crate::samples_digest::Seal;

/// States of a host that pictures show side by side.
pub const STATES_MAX: usize = 3;

/// One record, reduced to what a survey needs.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyRun {
    /// What comparing needs.
    pub run: Run,
    /// The record's id.
    pub id: String,
    /// When it began, RFC 3339 in UTC.
    pub started_utc: String,
    /// The processors' model.
    pub cpu_model: String,
    /// What the host is made of.
    pub topology: Topology,
    /// The limits that were measured beside it.
    pub limits: Option<Limits>,
    /// The version of `bench`.
    pub bench_version: String,
    /// The digest of the bundle that ran.
    pub bundle_digest: Option<String>,
    /// The digest of the samples.
    pub samples_sha256: Option<String>,
    /// The command that measured.
    pub command_line: Vec<String>,
    /// What the record warns of.
    pub warnings: Vec<String>,
    /// Whether its kernels' energy was measured.
    pub energy_meaning: Option<String>,
}

impl SurveyRun {
    /// Reduces a record.
    pub fn of(record: Record) -> Self {
        Self {
            run: Run::of(&record),
            id: record.id,
            started_utc: record.started_utc,
            cpu_model: record.host.cpu.model,
            topology: record.host.topology,
            limits: record.limits,
            bench_version: record.software.bench_version,
            bundle_digest: record.software.bundle.map(|bundle| bundle.digest),
            samples_sha256: record.samples_sha256,
            command_line: record.settings.command_line,
            warnings: record.warnings,
            energy_meaning: record.energy.map(|energy| energy.meaning),
        }
    }
}

impl Borrow<Run> for SurveyRun {
    fn borrow(&self) -> &Run {
        &self.run
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The figures: a side is a host in one state.
    pub comparison: Comparison,
    /// What there is to know of each side, in the order of `comparison.sides`.
    pub hosts: Vec<Host>,
    /// How many records there are.
    pub records: usize,
}

/// One host in one state.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Its runs, the oldest first.
    pub runs: Vec<HostRun>,
    /// The newest run, in full.
    pub newest: SurveyRun,
    /// The limits that were measured last.
    pub limits: Option<Limits>,
}

/// One run of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRun {
    /// The record's file.
    pub path: PathBuf,
    /// Whether it has a digest of its samples.
    pub seal: Seal,
    /// The record's id.
    pub id: String,
    /// When it began, RFC 3339 in UTC.
    pub started_utc: String,
    /// Its grade.
    pub grade: Grade,
    /// The digest of its samples.
    pub samples_sha256: Option<String>,
    /// What it warns of.
    pub warnings: Vec<String>,
}

/// Takes records together by host.
///
/// # Errors
///
/// When the reference that is asked for is not among them.
pub fn survey(
    records: Vec<LoadedRecord<SurveyRun>>,
    request: &Request,
) -> Result<Survey, CompareError> {
    let count = records.len();
    let (comparison, side_of) = compare::compare_with_sides(&records, request)?;
    let mut of_side: Vec<Vec<LoadedRecord<SurveyRun>>> =
        comparison.sides.iter().map(|_| Vec::new()).collect();
    for (side, run) in side_of.into_iter().zip(records) {
        of_side[side].push(run);
    }
    Ok(Survey {
        hosts: of_side.into_iter().filter_map(host).collect(),
        comparison,
        records: count,
    })
}

/// `None` for no runs; no side is without.
fn host(mut runs: Vec<LoadedRecord<SurveyRun>>) -> Option<Host> {
    runs.sort_by(|a, b| {
        let (a, b) = (&a.record, &b.record);
        (&a.started_utc, &a.id).cmp(&(&b.started_utc, &b.id))
    });
    let mut newest_first = runs.iter().rev();
    let limits = newest_first.find_map(|loaded| loaded.record.limits.clone());
    let newest = runs.last()?.record.clone();
    let runs = runs.into_iter().map(|loaded| HostRun {
        path: loaded.path,
        seal: loaded.seal,
        id: loaded.record.id,
        started_utc: loaded.record.started_utc,
        grade: loaded.record.run.grade,
        samples_sha256: loaded.record.samples_sha256,
        warnings: loaded.record.warnings,
    });
    Some(Host {
        runs: runs.collect(),
        newest,
        limits,
    })
}

impl Survey {
    /// The name that the host of a side gives itself; empty for a side that there is not.
    pub fn hostname(&self, side: usize) -> &str {
        let side = self.comparison.sides.get(side);
        let first = side.and_then(|side| side.environments.first());
        first.map_or("", |environment| environment.hostname.as_str())
    }

    /// The rows of a side with their groups.
    pub fn rows_of(&self, side: usize) -> impl Iterator<Item = (&compare::Group, &Row)> {
        self.comparison.groups.iter().flat_map(move |group| {
            let rows = group.rows.iter().filter(move |row| row.side == side);
            rows.map(move |row| (group, row))
        })
    }

    /// Hosts with more than [`STATES_MAX`] states, with their number.
    pub fn hosts_of_many_states(&self) -> Vec<(&str, usize)> {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for side in 0..self.hosts.len() {
            *states.entry(self.hostname(side)).or_insert(0) += 1;
        }
        let many = states.into_iter().filter(|(_, count)| *count > STATES_MAX);
        many.collect()
    }

    /// The newest state of each host, in the order of the hosts' first states.
    pub fn newest_sides(&self) -> Vec<usize> {
        let started = |side: usize| &self.hosts[side].newest.started_utc;
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut newest: Vec<usize> = Vec::new();
        for side in 0..self.hosts.len() {
            let place = *places.entry(self.hostname(side)).or_insert(newest.len());
            match newest.get_mut(place) {
                Some(other) if started(side) > started(*other) => *other = side,
                Some(_) => {}
                None => newest.push(side),
            }
        }
        newest
    }

    /// The same without the figures of all but the newest state of each host that has more than [`STATES_MAX`], as one that was
    /// measured at each of its commits; the reference keeps its figures.
    pub fn newest_states(&self) -> Cow<'_, Self> {
        let many: HashSet<&str> = self.hosts_of_many_states().iter().map(|it| it.0).collect();
        if many.is_empty() {
            return Cow::Borrowed(self);
        }
        let newest: HashSet<usize> = self.newest_sides().into_iter().collect();
        let reference = self.comparison.reference;
        let is_kept = |row: &Row| {
            let name = self.hostname(row.side);
            row.side == reference || !many.contains(name) || newest.contains(&row.side)
        };
        let mut kept = self.clone();
        for group in &mut kept.comparison.groups {
            group.rows.retain(is_kept);
        }
        kept.comparison
            .groups
            .retain(|group| !group.rows.is_empty());
        Cow::Owned(kept)
    }
}
