//! The processor as this process may use it: physical cores and logical CPUs within affinity and cpuset.

use hwlocality::{
    Topology as HwlocTopology,
    cpu::cpuset::CpuSet,
    object::{TopologyObject, types::ObjectType},
};
use nix::sched::sched_getaffinity;
use nix::unistd::Pid;
use results::record;

/// Reads the topology with hwloc. A host that hides it (no `/sys`) still has an affinity: each CPU then counts as a core.
pub fn read(cpu_quota: Option<f64>) -> record::Topology {
    let affinity = affinity();
    match HwlocTopology::new() {
        Ok(topology) => from_hwloc(&topology, affinity.as_deref(), cpu_quota),
        Err(_) => from_affinity(affinity.as_deref(), cpu_quota),
    }
}

/// The logical CPUs that the scheduler may run this thread on; `None` when the kernel does not tell.
pub(crate) fn affinity() -> Option<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let cpus = (0..nix::sched::CpuSet::count())
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect();
    Some(cpus)
}

fn from_hwloc(
    topology: &HwlocTopology,
    affinity: Option<&[usize]>,
    cpu_quota: Option<f64>,
) -> record::Topology {
    let usable: CpuSet = match affinity {
        Some(cpus) => cpus.iter().copied().filter_map(index).collect(),
        None => topology.cpuset().clone_target(),
    };
    let count = |kind| topology.objects_with_type(kind).count();
    let count_usable = |kind| {
        topology
            .objects_with_type(kind)
            .filter(|object| object.cpuset().is_some_and(|set| set.intersects(&usable)))
            .count()
    };
    let logical_cpus = count(ObjectType::PU);
    let usable_logical_cpus = count_usable(ObjectType::PU).max(1);
    // Some virtual machines show no cores, only CPUs.
    let shows_cores = count(ObjectType::Core) > 0;
    record::Topology {
        source: "hwloc".to_owned(),
        packages: Some(count(ObjectType::Package)),
        numa_nodes: Some(count(ObjectType::NUMANode)),
        physical_cores: if shows_cores {
            count(ObjectType::Core)
        } else {
            logical_cpus
        },
        logical_cpus,
        usable_physical_cores: if shows_cores {
            count_usable(ObjectType::Core).max(1)
        } else {
            usable_logical_cpus
        },
        usable_logical_cpus,
        cpu_quota,
        caches: caches(topology),
    }
}

fn index(cpu: usize) -> Option<hwlocality::bitmap::BitmapIndex> {
    hwlocality::bitmap::BitmapIndex::try_from(cpu).ok()
}

/// Data and unified caches, counted by level and size.
fn caches(topology: &HwlocTopology) -> Vec<record::Cache> {
    use hwlocality::object::attributes::ObjectAttributes;
    let mut caches: Vec<record::Cache> = Vec::new();
    let levels = [
        ObjectType::L1Cache,
        ObjectType::L2Cache,
        ObjectType::L3Cache,
        ObjectType::L4Cache,
    ];
    let size = |object: &TopologyObject| match object.attributes() {
        Some(ObjectAttributes::Cache(cache)) => cache.size(),
        _ => None,
    };
    for (kind, level) in levels.into_iter().zip(1..) {
        for size_bytes in topology.objects_with_type(kind).filter_map(size) {
            let size_bytes = size_bytes.get();
            match caches
                .iter_mut()
                .find(|cache| cache.level == level && cache.size_bytes == size_bytes)
            {
                Some(cache) => cache.count += 1,
                None => caches.push(record::Cache {
                    level,
                    size_bytes,
                    count: 1,
                }),
            }
        }
    }
    caches
}

fn from_affinity(affinity: Option<&[usize]>, cpu_quota: Option<f64>) -> record::Topology {
    let usable = match affinity {
        Some(cpus) => cpus.len(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    record::Topology {
        source: "affinity".to_owned(),
        packages: None,
        numa_nodes: None,
        physical_cores: usable,
        logical_cpus: usable,
        usable_physical_cores: usable,
        usable_logical_cpus: usable,
        cpu_quota,
        caches: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores() {
        let topology = read(None);
        assert!(topology.usable_physical_cores >= 1);
        assert!(topology.usable_physical_cores <= topology.usable_logical_cpus);
        assert!(topology.usable_logical_cpus <= topology.logical_cpus);
    }

    #[test]
    fn without_sys_each_cpu_counts_as_a_core() {
        let topology = from_affinity(Some(&[0, 3, 5]), Some(1.5));
        assert_eq!(topology.usable_physical_cores, 3);
        assert_eq!(topology.source, "affinity");
        assert_eq!(topology.cpu_quota, Some(1.5));
    }

    #[test]
    fn affinity_narrows_what_is_usable() {
        let topology = HwlocTopology::new().unwrap();
        let narrowed = from_hwloc(&topology, Some(&[0]), None);
        assert_eq!(narrowed.usable_logical_cpus, 1);
        assert_eq!(narrowed.usable_physical_cores, 1);
    }
}
