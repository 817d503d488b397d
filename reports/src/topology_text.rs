//! A machine's topology as text: tables of packages, NUMA nodes, caches and cores.

use std::fmt::Write;

use results::machine::{Core, CoreKind, Machine};

use crate::figures::counted;
use crate::topology::{ThreadPlan, bytes, is_unusable};

/// The machine, what this process may use of it, and where threads would run.
pub fn text(machine: &Machine, plan: &ThreadPlan) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let logical: usize = machine.cores.iter().map(|core| core.cpus.len()).sum();
    line(&format!(
        "machine     {}, {}, {}",
        counted(machine.packages(), "package"),
        counted(machine.cores.len(), "physical core"),
        counted(logical, "logical CPU")
    ));
    line(&format!("read from   {}", source(machine)));
    line(&format!(
        "hypervisor  {}",
        machine.hypervisor.as_deref().unwrap_or("none seen")
    ));
    line(&format!("allowed     CPUs {}", machine.allowed_cpus));
    if !machine.offline_cpus.is_empty() {
        line(&format!("offline     CPUs {}", machine.offline_cpus));
    }
    line(&match &machine.affinity_cpus {
        Some(cpus) => format!("affinity    CPUs {cpus}"),
        None => "affinity    unknown".to_owned(),
    });
    line(&match machine.cpu_quota {
        Some(quota) => format!("quota       {quota} CPUs"),
        None => "quota       none".to_owned(),
    });
    line(&format!("clock       {}", clock(machine)));
    for node in &machine.numa_nodes {
        let memory = node
            .memory_bytes
            .map_or_else(|| "size unknown".to_owned(), bytes);
        line(&format!(
            "NUMA {:<6} {memory}, CPUs {}",
            node.index, node.cpus
        ));
    }
    cache_lines(machine, &mut line);
    line("");
    core_lines(machine, plan, &mut line);
    line("");
    let _ = write!(text, "thread plan: {}", plan.sentence());
    text
}

fn source(machine: &Machine) -> String {
    match &machine.source_reason {
        Some(reason) => format!("{} ({reason})", machine.source),
        None => machine.source.clone(),
    }
}

/// The range over all cores, or for each kind.
fn clock(machine: &Machine) -> String {
    let of_kind = |kind: Option<CoreKind>| {
        let cores = || machine.cores.iter().filter(move |core| core.kind == kind);
        let max = cores()
            .filter_map(|core| core.clock_max_mhz)
            .reduce(f64::max)?;
        let min = cores()
            .filter_map(|core| core.clock_min_mhz)
            .reduce(f64::min);
        let range = match min {
            Some(min) => format!("{min:.0} to {max:.0} MHz"),
            None => format!("up to {max:.0} MHz"),
        };
        Some(match kind {
            Some(kind) => format!("{range} ({} cores)", name(kind)),
            None => range,
        })
    };
    let kinds = [
        None,
        Some(CoreKind::Performance),
        Some(CoreKind::Efficiency),
    ];
    let ranges: Vec<String> = kinds.into_iter().filter_map(of_kind).collect();
    if ranges.is_empty() {
        "range unknown".to_owned()
    } else {
        ranges.join(", ")
    }
}

fn name(kind: CoreKind) -> &'static str {
    match kind {
        CoreKind::Performance => "performance",
        CoreKind::Efficiency => "efficiency",
    }
}

/// One line for each level and size, with those that share one.
fn cache_lines(machine: &Machine, line: &mut impl FnMut(&str)) {
    let mut seen: Vec<(u32, u64, usize)> = Vec::new();
    for cache in &machine.caches {
        let key = (cache.level, cache.size_bytes, cache.cpus.len());
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let alike = machine
            .caches
            .iter()
            .filter(|other| (other.level, other.size_bytes, other.cpus.len()) == key)
            .count();
        let cpus = cache.cpus.len();
        line(&format!(
            "L{} cache    {alike} of {}, {} each (the first: {})",
            cache.level,
            bytes(cache.size_bytes),
            if cpus == 1 {
                "for 1 CPU".to_owned()
            } else {
                format!("shared by {cpus} CPUs")
            },
            cache.cpus
        ));
    }
}

fn core_lines(machine: &Machine, plan: &ThreadPlan, line: &mut impl FnMut(&str)) {
    line("package  NUMA  L3   core  CPUs          kind         threads");
    for (number, core) in machine.cores.iter().enumerate() {
        let cpu = core.cpus.0.first().copied().unwrap_or(0);
        let numa = machine
            .numa_node_of(cpu)
            .map_or_else(|| "-".to_owned(), |node| node.index.to_string());
        let row = format!(
            "{:<7}  {numa:<4}  {:<3}  {number:<4}  {:<12}  {:<11}  {}",
            core.package,
            l3(machine, cpu),
            core.cpus.to_string(),
            core.kind.map_or("-", name),
            threads(machine, core, plan),
        );
        line(row.trim_end());
    }
}

/// The L3 cache's number among its kind.
fn l3(machine: &Machine, cpu: usize) -> String {
    let mut caches = machine.caches.iter().filter(|cache| cache.level == 3);
    caches
        .position(|cache| cache.cpus.contains(cpu))
        .map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// What runs on a core: threads by their numbers, with the CPU of each.
fn threads(machine: &Machine, core: &Core, plan: &ThreadPlan) -> String {
    let planned: Vec<String> = core
        .cpus
        .0
        .iter()
        .filter_map(|cpu| Some(format!("{} on {cpu}", plan.rank(*cpu)?)))
        .collect();
    if planned.is_empty() && core.cpus.0.iter().all(|cpu| is_unusable(machine, *cpu)) {
        return "may not be used".to_owned();
    }
    planned.join(", ")
}
