//! What surrounded a run, as facts that can be laid side by side to name what differs.
//!
//! Only what stays as it is from one run to the next is a fact: no clock, no load, no free memory. Figures that belong to a case
//! (threads, library) are in its [`crate::comparability::Key`].

use std::collections::BTreeMap;

use crate::record::{Record, Topology};

/// The facts of one run. Two runs of one host with the same [`Environment::identity`] may be taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The name that the host gives itself.
    pub hostname: String,
    /// What each of [`FACTS`] was, in their order; empty where the record does not tell.
    pub values: Vec<String>,
}

/// One kind of fact.
#[derive(Debug)]
pub struct Fact {
    /// What it is, for example `microcode`.
    pub name: &'static str,
    /// Whether runs that differ in it are runs of something else, so that taking them together would mean nothing.
    pub identifies: bool,
    of: fn(&Record) -> Option<String>,
}

const fn identifying(name: &'static str, of: fn(&Record) -> Option<String>) -> Fact {
    Fact {
        name,
        identifies: true,
        of,
    }
}

const fn named(name: &'static str, of: fn(&Record) -> Option<String>) -> Fact {
    Fact {
        name,
        identifies: false,
        of,
    }
}

/// What is compared of two environments, the gravest first.
pub static FACTS: [Fact; 24] = [
    identifying("CPU", |record| Some(record.host.cpu.model.clone())),
    identifying("architecture", |record| {
        Some(record.host.cpu.architecture.clone())
    }),
    identifying("family/model/stepping", |record| {
        record.host.cpu.family_model_stepping.clone()
    }),
    identifying("microcode", |record| record.host.cpu.microcode.clone()),
    identifying("hypervisor", |record| {
        let name = record.host.virtualization.hypervisor.as_ref();
        Some(name.map_or_else(|| "none seen".to_owned(), String::clone))
    }),
    named("packages", |record| count(record.host.topology.packages)),
    named("NUMA nodes", |record| {
        count(record.host.topology.numa_nodes)
    }),
    named("cores", |record| cores(&record.host.topology)),
    named("usable cores", |record| {
        let topology = &record.host.topology;
        Some(format!(
            "{} with {} logical CPUs",
            topology.usable_physical_cores, topology.usable_logical_cpus
        ))
    }),
    named("memory", |record| {
        let bytes = record.host.memory.total_bytes?;
        Some(format!("{:.0} GiB", bytes as f64 / f64::from(1 << 30)))
    }),
    identifying("CPU quota", |record| {
        let quota = record.host.topology.cpu_quota;
        Some(quota.map_or_else(|| "none".to_owned(), |cpus| format!("{cpus} CPUs")))
    }),
    identifying("governor", |record| {
        setting(record, "governor", "the frequency governor is ")
    }),
    identifying("turbo", |record| setting(record, "turbo", "turbo is ")),
    identifying("kernel", |record| Some(record.host.os.kernel.clone())),
    named("distribution", |record| record.host.os.distribution.clone()),
    named("container", |record| {
        let name = record.host.virtualization.container.as_ref();
        Some(name.map_or_else(|| "none seen".to_owned(), String::clone))
    }),
    identifying("bench", |record| {
        Some(record.software.bench_version.clone())
    }),
    identifying("commit", |record| record.software.bench_commit.clone()),
    identifying("bundle", |record| {
        let bundle = record.software.bundle.as_ref();
        Some(bundle.map_or_else(|| "none".to_owned(), |bundle| bundle.digest.clone()))
    }),
    named("rung", |record| {
        record.software.bundle.as_ref()?.rung.clone()
    }),
    named("BLAS", |record| {
        let blas = &record.software.blas;
        Some(format!("{} {}", blas.name, blas.version))
    }),
    named("BLAS core", |record| {
        Some(record.software.blas.core.clone())
    }),
    named("threads", |record| {
        Some(record.settings.threads.count.to_string())
    }),
    named("threads chosen by", |record| {
        Some(record.settings.threads.source.clone())
    }),
];

impl Environment {
    /// The environment of a run.
    pub fn of(record: &Record) -> Self {
        let value = |fact: &Fact| (fact.of)(record).unwrap_or_default();
        Self {
            hostname: record.host.hostname.clone(),
            values: FACTS.iter().map(value).collect(),
        }
    }

    /// What tells hosts, and states of one host, apart.
    pub fn identity(&self) -> Vec<&str> {
        let identifying = FACTS
            .iter()
            .zip(&self.values)
            .filter(|(fact, _)| fact.identifies);
        std::iter::once(self.hostname.as_str())
            .chain(identifying.map(|(_, value)| value.as_str()))
            .collect()
    }
}

/// A fact that is not the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingFact {
    /// What it is.
    pub name: &'static str,
    /// Each value with the sides that have it, by their indices; the value of the first side first. Empty values are those
    /// that a record does not tell.
    pub values: Vec<(String, Vec<usize>)>,
}

/// What differs among sides, each of some environments; the gravest first. A side whose own environments differ stands under
/// each of its values.
pub fn differing(sides: &[Vec<&Environment>]) -> Vec<DifferingFact> {
    let facts = FACTS.iter().enumerate().filter_map(|(index, fact)| {
        let mut order: Vec<(String, Vec<usize>)> = Vec::new();
        let mut place: BTreeMap<&str, usize> = BTreeMap::new();
        for (side, environments) in sides.iter().enumerate() {
            for environment in environments {
                let value = environment.values[index].as_str();
                let position = *place.entry(value).or_insert_with(|| {
                    order.push((value.to_owned(), Vec::new()));
                    order.len() - 1
                });
                let sides = &mut order[position].1;
                if sides.last() != Some(&side) {
                    sides.push(side);
                }
            }
        }
        (order.len() > 1).then_some(DifferingFact {
            name: fact.name,
            values: order,
        })
    });
    facts.collect()
}

fn count(count: Option<usize>) -> Option<String> {
    count.map(|count| count.to_string())
}

fn cores(topology: &Topology) -> Option<String> {
    // Without a topology each CPU that may be used counts as a core, which says nothing about the machine.
    (topology.source != "affinity").then(|| {
        format!(
            "{} with {} logical CPUs",
            topology.physical_cores, topology.logical_cpus
        )
    })
}

/// How the host is set, out of what was found before measuring: the word after `before` in the finding's text. The record has
/// no field of its own for it.
fn setting(record: &Record, check: &str, before: &str) -> Option<String> {
    let findings = &record.stability.as_ref()?.before;
    let words: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.check == check)
        .filter_map(|finding| finding.text.strip_prefix(before)?.split(':').next())
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}
