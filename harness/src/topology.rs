//! The processor as this process may use it: what hwloc says, narrowed by affinity and cpuset.

mod from_hwloc;

use std::fs;
use std::path::Path;

use hwlocality::Topology as HwlocTopology;
use hwlocality::topology::builder::BuildFlags;
use nix::sched::sched_getaffinity;
use nix::unistd::Pid;
use results::machine::{Core, CpuList, Machine};
use results::record;

/// A recorded topology that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file cannot be read.
    #[error(
        "cannot read the topology {path}: {source} (name a file that lstopo FILE.xml has written)"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not hwloc's.
    #[error(
        "cannot use the topology {path}: {reason} (name a file that lstopo FILE.xml has written)"
    )]
    NotHwloc {
        /// The file.
        path: String,
        /// What hwloc or we say.
        reason: String,
    },
}

/// Reads this machine with hwloc. A host that hides it (no `/sys`) still has an affinity: each CPU then counts as a core.
pub fn machine(cpu_quota: Option<f64>, hypervisor: Option<String>) -> Machine {
    let affinity = affinity();
    let seen = if Path::new("/sys/devices/system/cpu").is_dir() {
        build(Ok).map(|topology| from_hwloc::machine(&topology))
    } else {
        Err("/sys/devices/system/cpu is not there".to_owned())
    };
    match seen {
        Ok(mut machine) => {
            machine.affinity_cpus = affinity;
            machine.cpu_quota = cpu_quota;
            machine.hypervisor = hypervisor;
            for core in &mut machine.cores {
                let cpu = core.cpus.0.first().copied();
                core.clock_min_mhz = cpu.and_then(|cpu| cpufreq_mhz(cpu, "cpuinfo_min_freq"));
                let max_mhz = cpu.and_then(|cpu| cpufreq_mhz(cpu, "cpuinfo_max_freq"));
                core.clock_max_mhz = max_mhz.or(core.clock_max_mhz);
            }
            from_hwloc::tell_kinds_by_clock(&mut machine.cores);
            machine
        }
        Err(reason) => Machine {
            hypervisor,
            ..from_affinity(affinity, cpu_quota, &reason)
        },
    }
}

/// Reads a machine that hwloc has recorded: the text of an XML file.
///
/// # Errors
///
/// When hwloc does not take it.
pub fn recorded(xml: &str, path: &str) -> Result<Machine, TopologyError> {
    let not_hwloc = |reason| TopologyError::NotHwloc {
        path: path.to_owned(),
        reason,
    };
    let topology = build(|builder| builder.from_xml(xml).map_err(|error| error.to_string()))
        .map_err(not_hwloc)?;
    let mut machine = from_hwloc::machine(&topology);
    if machine.cores.is_empty() {
        return Err(not_hwloc("it shows no CPUs".to_owned()));
    }
    "hwloc XML".clone_into(&mut machine.source);
    from_hwloc::tell_kinds_by_clock(&mut machine.cores);
    Ok(machine)
}

/// Reads a file that hwloc has recorded.
///
/// # Errors
///
/// When it cannot be read, or hwloc does not take it.
pub fn recorded_file(path: &Path) -> Result<Machine, TopologyError> {
    let shown = path.display().to_string();
    let xml = fs::read_to_string(path).map_err(|source| TopologyError::Read {
        path: shown.clone(),
        source,
    })?;
    recorded(&xml, &shown)
}

type Builder = hwlocality::topology::builder::TopologyBuilder;

fn build(source: impl FnOnce(Builder) -> Result<Builder, String>) -> Result<HwlocTopology, String> {
    let builder = source(HwlocTopology::builder())?
        // What is not allowed is part of the picture; it is sorted out below.
        .with_flags(BuildFlags::INCLUDE_DISALLOWED)
        .map_err(|error| error.to_string())?;
    builder.build().map_err(|error| error.to_string())
}

/// The logical CPUs that the scheduler may run this thread on; `None` when the kernel does not tell.
pub(crate) fn affinity() -> Option<CpuList> {
    let set = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let cpus = (0..nix::sched::CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false));
    Some(CpuList::new(cpus))
}

/// A setting of cpufreq, which writes kHz.
fn cpufreq_mhz(cpu: usize, file: &str) -> Option<f64> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}");
    let khz: f64 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    (khz > 0.0).then_some(khz / 1000.0)
}

/// Each CPU that the scheduler gives us counts as a core. When not even that is known, CPUs are counted and have no numbers
/// that a thread could be bound to.
pub fn from_affinity(affinity: Option<CpuList>, cpu_quota: Option<f64>, reason: &str) -> Machine {
    let cpus = affinity.clone().unwrap_or_else(|| {
        CpuList::new(0..std::thread::available_parallelism().map_or(1, usize::from))
    });
    let core = |cpu: &usize| Core {
        cpus: CpuList(vec![*cpu]),
        ..Core::default()
    };
    Machine {
        source: "affinity".to_owned(),
        source_reason: Some(reason.to_owned()),
        cores: cpus.0.iter().map(core).collect(),
        allowed_cpus: cpus,
        affinity_cpus: affinity,
        cpu_quota,
        ..Machine::default()
    }
}

/// The machine in numbers, as records have it.
pub fn summary(machine: &Machine) -> record::Topology {
    let usable = machine.usable_cpus();
    let is_usable = |core: &&Core| core.cpus.0.iter().any(|cpu| usable.contains(*cpu));
    let is_known = machine.source != "affinity";
    record::Topology {
        source: machine.source.clone(),
        packages: is_known.then(|| machine.packages()),
        numa_nodes: is_known.then_some(machine.numa_nodes.len()),
        physical_cores: machine.cores.len(),
        logical_cpus: machine.cores.iter().map(|core| core.cpus.len()).sum(),
        usable_physical_cores: machine.cores.iter().filter(is_usable).count().max(1),
        usable_logical_cpus: usable.len().max(1),
        cpu_quota: machine.cpu_quota,
        caches: caches(machine),
    }
}

/// Caches counted by level and size.
fn caches(machine: &Machine) -> Vec<record::Cache> {
    let mut caches: Vec<record::Cache> = Vec::new();
    for cache in &machine.caches {
        let alike = |other: &&mut record::Cache| {
            other.level == cache.level && other.size_bytes == cache.size_bytes
        };
        match caches.iter_mut().find(alike) {
            Some(same) => same.count += 1,
            None => caches.push(record::Cache {
                level: cache.level,
                size_bytes: cache.size_bytes,
                count: 1,
            }),
        }
    }
    caches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores() {
        let topology = summary(&machine(None, None));
        assert!(topology.usable_physical_cores >= 1);
        assert!(topology.usable_physical_cores <= topology.usable_logical_cpus);
        assert!(topology.usable_logical_cpus <= topology.logical_cpus);
    }

    #[test]
    fn without_sys_each_cpu_counts_as_a_core() {
        let machine = from_affinity(Some(CpuList(vec![0, 3, 5])), Some(1.5), "no /sys");
        let topology = summary(&machine);
        assert_eq!(topology.usable_physical_cores, 3);
        assert_eq!(topology.packages, None);
        assert_eq!(topology.source, "affinity");
        assert_eq!(topology.cpu_quota, Some(1.5));
        assert_eq!(machine.source_reason.as_deref(), Some("no /sys"));
    }

    #[test]
    fn affinity_narrows_what_is_usable() {
        let mut narrowed = machine(None, None);
        let first = narrowed.usable_cpus().0[0];
        narrowed.affinity_cpus = Some(CpuList(vec![first]));
        let topology = summary(&narrowed);
        assert_eq!(topology.usable_logical_cpus, 1);
        assert_eq!(topology.usable_physical_cores, 1);
    }

    #[test]
    fn what_is_no_topology_is_refused() {
        for text in [
            "",
            "<html/>",
            "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n</topology>",
        ] {
            let error = recorded(text, "x.xml").unwrap_err().to_string();
            assert!(
                error.starts_with("cannot use the topology x.xml: "),
                "{error}"
            );
        }
    }
}
