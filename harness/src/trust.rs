//! How far a run's figures can be relied upon: the host's state before and after, what is watched around each sample, the
//! energy, and the grade in the end.

use std::path::{Path, PathBuf};

use results::Record;
use results::grade::grade;
use results::stability::{Finding, Severity, Stability};

use crate::conditions::Watch;
use crate::energy::{self, EnergyError};
use crate::stability::{State, When, changes, findings};
use crate::topology;

/// What is known of the host before the first sample.
#[derive(Debug)]
pub struct Trust {
    root: PathBuf,
    state: State,
    energy: Result<results::energy::Energy, EnergyError>,
    is_energy_wanted: bool,
}

impl Trust {
    /// Reads the host's state and opens what is watched around samples, below `root`, which is `/` but in tests.
    pub fn begin(root: &Path, is_energy_wanted: bool) -> (Self, Watch) {
        let (packages, energy) = match energy::open(root) {
            Ok(packages) => {
                let label = packages.describe();
                (Some(packages), Ok(label))
            }
            Err(error) => (None, Err(error)),
        };
        let cpus = topology::affinity().unwrap_or_default();
        let watch = Watch::open(root, &cpus.0, packages);
        let trust = Self {
            root: root.to_owned(),
            state: State::read(root),
            energy,
            is_energy_wanted,
        };
        (trust, watch)
    }

    /// Writes what was found before measuring into the record, its warnings included.
    pub fn disclose(&self, record: &mut Record) {
        let before = findings_in(record, &self.state, When::Before);
        record.warnings.extend(warnings(&before));
        record.stability = Some(Stability {
            before,
            after: Vec::new(),
        });
        match &self.energy {
            Ok(energy) => record.energy = Some(energy.clone()),
            Err(error) if self.is_energy_wanted => record.warnings.push(error.to_string()),
            Err(_) => {}
        }
    }

    /// Reads the host's state once more, writes it into the record, and returns the warnings that were not given before.
    pub fn end(&self, record: &mut Record) -> Vec<String> {
        let state = State::read(&self.root);
        let mut after = findings_in(record, &state, When::After);
        after.extend(changes(&self.state, &state));
        let stability = record.stability.get_or_insert_default();
        // The same trouble with another figure is no news.
        let is_news = |finding: &&Finding| {
            let is_same = |before: &Finding| {
                before.check == finding.check && before.severity == finding.severity
            };
            !stability.before.iter().any(is_same)
        };
        let mut news = warnings(after.iter().filter(is_news));
        stability.after = after;
        news.extend(results::shared_cores::warning(record));
        let has_energy = |case: &results::record::Case| {
            let summary = case.summary.as_ref();
            summary.is_some_and(|summary| summary.gflops_per_watt.is_some())
        };
        if self.is_energy_wanted && self.energy.is_ok() && !record.cases.iter().any(has_energy) {
            news.push(format!(
                "cannot tell the energy of any sample: none lasted {:.0} ms (try a larger --size)",
                1e3 * results::energy::SAMPLE_MIN_S
            ));
        }
        news
    }
}

/// Whether a warning of a record is about the host's state before measuring.
pub fn is_found_before(record: &Record, warning: &str) -> bool {
    let stability = record.stability.as_ref();
    stability.is_some_and(|found| found.before.iter().any(|finding| finding.text == warning))
}

/// Grades a record that has all its samples.
pub fn grade_record(record: &mut Record) {
    record.grade = Some(grade(record));
}

fn findings_in(record: &Record, state: &State, when: When) -> Vec<Finding> {
    let host = &record.host;
    let hypervisor = host.virtualization.hypervisor.as_deref();
    findings(state, when, host.topology.logical_cpus, hypervisor)
}

fn warnings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<String> {
    findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| finding.text.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakehost::{Fake, GUEST, LAPTOP, SERVER};

    fn record() -> Record {
        // Read from JSON, so that what a record may hold besides is left out here.
        let text = include_str!("../../results/tests/golden/record-v1.json");
        let mut record: Record = serde_json::from_str(text).unwrap();
        record.warnings.clear();
        record
    }

    #[test]
    fn warnings_are_given_once() {
        let host = Fake::new(LAPTOP);
        let (trust, _) = Trust::begin(host.root(), false);
        let mut record = record();
        trust.disclose(&mut record);
        assert_eq!(record.warnings.len(), 2, "{:?}", record.warnings);
        assert_eq!(trust.end(&mut record), Vec::<String>::new());
        let stability = record.stability.clone().unwrap();
        assert!(stability.after.len() >= stability.before.len() - 1);
        host.write("sys/class/power_supply/AC/online", "1\n");
        let pressure = "some avg10=30.00 avg60=1.00 avg300=0.00 total=1\n";
        host.write("proc/pressure/memory", pressure);
        let news = trust.end(&mut record);
        assert_eq!(news.len(), 2, "{news:?}");
        assert!(news[0].starts_with("memory is short"), "{news:?}");
        assert!(news[1].contains("power changed"), "{news:?}");
    }

    #[test]
    fn energy_is_asked_for_or_not_mentioned() {
        for (wanted, expected) in [(false, 0), (true, 1)] {
            let host = Fake::new(SERVER);
            let (trust, _) = Trust::begin(host.root(), wanted);
            let mut record = record();
            trust.disclose(&mut record);
            let about_energy = record.warnings.iter().filter(|it| it.contains("energy"));
            assert_eq!(about_energy.count(), expected);
            assert_eq!(record.energy, None);
            assert_eq!(trust.end(&mut record).len(), 0);
        }
        let host = Fake::new(&[
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "1\n"),
        ]);
        let (trust, _) = Trust::begin(host.root(), true);
        let mut record = record();
        trust.disclose(&mut record);
        assert!(record.warnings.is_empty());
        assert!(record.energy.is_some());
        assert_eq!(trust.end(&mut record).len(), 1, "the samples have none");
    }

    #[test]
    fn a_host_without_proc_and_sys_is_no_reason_to_panic() {
        // Their files are gone when measuring ends, too.
        for files in [&[][..], SERVER, GUEST] {
            let host = Fake::new(files);
            let (trust, _) = Trust::begin(host.root(), true);
            drop(host);
            let mut record = record();
            trust.disclose(&mut record);
            assert_eq!(trust.end(&mut record), Vec::<String>::new());
        }
    }
}
