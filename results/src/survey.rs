//! A folder of records, host by host: what the plots and the page of a report are made of.
//!
//! Figures are those of [`crate::compare`]; beside them stands what a reader wants to know of each host: what it is, what its limits
//! are, from when to when it was measured, and with what.

use std::borrow::{Borrow, Cow};
use std::collections::{HashMap, HashSet};
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

/// A machine with its states: the same host, whose software or settings changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its sides, the newest first; at least one.
    states: Vec<usize>,
}

impl Machine {
    /// The side that was measured last.
    pub fn newest(&self) -> usize {
        self.states[0]
    }

    /// The other sides, the newest first.
    pub fn earlier(&self) -> &[usize] {
        &self.states[1..]
    }

    /// Its sides, the newest first.
    pub fn states(&self) -> &[usize] {
        &self.states
    }

    /// Whether it has more than [`STATES_MAX`].
    pub fn has_many_states(&self) -> bool {
        self.states.len() > STATES_MAX
    }
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

    /// The machines that the sides are states of, in the order of their first sides. What has the same name and another processor
    /// is another machine.
    pub fn machines(&self) -> Vec<Machine> {
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut states: Vec<Vec<usize>> = Vec::new();
        for (side, host) in self.hosts.iter().enumerate() {
            let key = (self.hostname(side), host.newest.cpu_model.as_str());
            let place = *places.entry(key).or_insert(states.len());
            match states.get_mut(place) {
                Some(sides) => sides.push(side),
                None => states.push(vec![side]),
            }
        }
        let started = |side: &usize| self.hosts[*side].newest.started_utc.as_str();
        for sides in &mut states {
            // Of equal times the one that was named first.
            sides.sort_by(|a, b| started(b).cmp(started(a)));
        }
        states
            .into_iter()
            .map(|states| Machine { states })
            .collect()
    }

    /// Hosts with more than [`STATES_MAX`] states, with their number.
    pub fn hosts_of_many_states(&self) -> Vec<(&str, usize)> {
        let machines = self.machines().into_iter();
        let many = machines.filter(Machine::has_many_states);
        many.map(|machine| (self.hostname(machine.newest()), machine.states.len()))
            .collect()
    }

    /// The newest state of each host, in the order of the hosts' first states.
    pub fn newest_sides(&self) -> Vec<usize> {
        self.machines().iter().map(Machine::newest).collect()
    }

    /// The same without the figures and limits of all but the newest state of each host that has more than [`STATES_MAX`], as one that was
    /// measured at each of its commits; the reference keeps its figures. Where one state is all that is left of a
    /// host, it has the host's name, if there is one that no other machine has.
    pub fn newest_states(&self) -> Cow<'_, Self> {
        let reference = self.comparison.reference;
        let machines = self.machines();
        let many: Vec<&Machine> = machines.iter().filter(|it| it.has_many_states()).collect();
        let left_out: HashSet<usize> = many
            .iter()
            .flat_map(|machine| machine.earlier().iter().copied())
            .filter(|side| *side != reference)
            .collect();
        if left_out.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut kept = self.clone();
        for group in &mut kept.comparison.groups {
            group.rows.retain(|row| !left_out.contains(&row.side));
        }
        kept.comparison
            .groups
            .retain(|group| !group.rows.is_empty());
        let mut namesakes: HashMap<&str, usize> = HashMap::new();
        for machine in &machines {
            *namesakes
                .entry(self.hostname(machine.newest()))
                .or_default() += 1;
        }
        for machine in many {
            let name = self.hostname(machine.newest());
            let is_clear = !name.is_empty() && namesakes[name] == 1;
            if is_clear && !machine.earlier().contains(&reference) {
                name.clone_into(&mut kept.comparison.sides[machine.newest()].label);
            }
        }
        for side in left_out {
            kept.hosts[side].limits = None;
        }
        Cow::Owned(kept)
    }
}
