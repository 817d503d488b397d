//! From hwloc's tree of objects to a `Machine`.

use hwlocality::Topology as HwlocTopology;
use hwlocality::cpu::cpuset::CpuSet;
use hwlocality::object::TopologyObject;
use hwlocality::object::attributes::ObjectAttributes;
use hwlocality::object::types::ObjectType;
use results::machine::{Core, CoreKind, CpuList, Machine, NumaNode, SharedCache};

/// What hwloc shows, without affinity, quota and hypervisor, which are not its.
pub(super) fn machine(topology: &HwlocTopology) -> Machine {
    let online = list(&topology.cpuset().clone_target());
    let complete = list(&topology.complete_cpuset().clone_target());
    let allowed = list(&topology.allowed_cpuset().clone_target());
    let is_online = |cpu: &usize| online.contains(*cpu);
    Machine {
        source: "hwloc".to_owned(),
        cores: cores(topology),
        numa_nodes: topology
            .objects_with_type(ObjectType::NUMANode)
            .map(|node| NumaNode {
                index: node.os_index().unwrap_or_else(|| node.logical_index()),
                memory_bytes: match node.attributes() {
                    Some(ObjectAttributes::NUMANode(node)) => {
                        node.local_memory().map(std::num::NonZeroU64::get)
                    }
                    _ => None,
                },
                cpus: cpus(node),
            })
            .collect(),
        caches: caches(topology),
        offline_cpus: CpuList::new(complete.0.into_iter().filter(|cpu| !is_online(cpu))),
        allowed_cpus: CpuList::new(allowed.0.into_iter().filter(is_online)),
        ..Machine::default()
    }
}

fn list(set: &CpuSet) -> CpuList {
    // A set may be without end ("all CPUs"); those of a machine are not.
    CpuList::new(
        set.iter_set()
            .map(usize::from)
            .take_while(|cpu| *cpu <= results::machine::CPU_MAX),
    )
}

fn cpus(object: &TopologyObject) -> CpuList {
    object
        .cpuset()
        .map_or_else(CpuList::default, |set| list(&set.clone_target()))
}

fn cores(topology: &HwlocTopology) -> Vec<Core> {
    // Some virtual machines show no cores, only CPUs.
    let shows_cores = topology.objects_with_type(ObjectType::Core).count() > 0;
    let kind = if shows_cores {
        ObjectType::Core
    } else {
        ObjectType::PU
    };
    let kinds = kinds(topology);
    topology
        .objects_with_type(kind)
        .map(|object| {
            let package = object
                .ancestors()
                .find(|ancestor| ancestor.object_type() == ObjectType::Package);
            let cpus = cpus(object);
            let of_kind = cpus
                .0
                .first()
                .and_then(|cpu| kinds.iter().find(|kind| kind.cpus.contains(*cpu)));
            Core {
                package: package.map_or(0, TopologyObject::logical_index),
                kind: of_kind.and_then(|kind| kind.core),
                clock_min_mhz: None,
                clock_max_mhz: of_kind.and_then(|kind| kind.clock_max_mhz),
                cpus,
            }
        })
        .collect()
}

/// One of hwloc's kinds of CPUs.
struct Kind {
    cpus: CpuList,
    core: Option<CoreKind>,
    clock_max_mhz: Option<f64>,
}

fn kinds(topology: &HwlocTopology) -> Vec<Kind> {
    let Ok(kinds) = topology.cpu_kinds() else {
        return Vec::new();
    };
    kinds
        .map(|kind| {
            let info = |name: &str| {
                let info = kind
                    .infos
                    .iter()
                    .find(|info| info.name().to_str() == Ok(name))?;
                info.value().to_str().ok()
            };
            Kind {
                cpus: list(&kind.cpuset),
                // Intel's own words for them, from CPUID leaf 0x1a.
                core: match info("CoreType") {
                    Some("IntelCore") => Some(CoreKind::Performance),
                    Some("IntelAtom") => Some(CoreKind::Efficiency),
                    _ => None,
                },
                clock_max_mhz: info("FrequencyMaxMHz").and_then(|mhz| mhz.parse().ok()),
            }
        })
        .collect()
}

/// Below this share of the fastest core's clock a core is a thrifty one. Favoured cores of one kind differ by a few percent.
const EFFICIENCY_CLOCK_SHARE: f64 = 0.8;

/// Tells the kinds of cores apart by their highest clocks, where the processor itself has not said them (Arm, AMD); where all
/// are alike, none has a kind.
pub(super) fn tell_kinds_by_clock(cores: &mut [Core]) {
    if cores.iter().all(|core| core.kind.is_none()) {
        let fastest_mhz = cores
            .iter()
            .filter_map(|core| core.clock_max_mhz)
            .fold(0.0, f64::max);
        for core in &mut *cores {
            core.kind = core.clock_max_mhz.map(|mhz| {
                if mhz < EFFICIENCY_CLOCK_SHARE * fastest_mhz {
                    CoreKind::Efficiency
                } else {
                    CoreKind::Performance
                }
            });
        }
    }
    let first = cores.first().and_then(|core| core.kind);
    if cores.iter().all(|core| core.kind == first) {
        for core in cores {
            core.kind = None;
        }
    }
}

/// Data and unified caches, level by level.
fn caches(topology: &HwlocTopology) -> Vec<SharedCache> {
    let levels = [
        ObjectType::L1Cache,
        ObjectType::L2Cache,
        ObjectType::L3Cache,
        ObjectType::L4Cache,
    ];
    let of_level = |(kind, level): (ObjectType, u32)| {
        topology
            .objects_with_type(kind)
            .filter_map(move |object| match object.attributes() {
                Some(ObjectAttributes::Cache(cache)) => Some(SharedCache {
                    level,
                    size_bytes: cache.size()?.get(),
                    cpus: cpus(object),
                }),
                _ => None,
            })
    };
    levels.into_iter().zip(1..).flat_map(of_level).collect()
}
