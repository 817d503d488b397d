//! Which CPU each thread is bound to, and why.
//!
//! - One thread to a physical core: SMT siblings share their core's multipliers, so they get threads only when there are more
//!   threads than cores.
//! - `compact`, the default, fills the cores of an L3 cache, then of a NUMA node, then of a package. With all cores in use it
//!   takes the same CPUs as `scatter` and makes threads that are neighbours in the matrix neighbours in the machine; with
//!   fewer, all of them stay near the memory that holds what they share (every thread reads parts of A and B that others
//!   wrote). `scatter` deals the threads out to packages, NUMA nodes and L3 caches in turn, which serves bandwidth.
//! - The product is split into equal tiles, so on a hybrid machine every thread waits for the slowest core. Efficiency cores
//!   take part by default only if all cores at the slowest one's pace do more than the performance cores alone. A pace is the
//!   highest clock, and half of that for an efficiency core: its vector units are half as wide (Gracemont beside Golden
//!   Cove: 8 against 16 double-precision operations in a cycle). Where clocks are unknown, they take no part.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use results::machine::{Core, CoreKind, CpuList, Machine};
use results::record::Threads;

/// How threads are spread over a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Neighbours first.
    #[default]
    Compact,
    /// Packages, NUMA nodes and L3 caches in turn.
    Scatter,
    /// Nothing is bound.
    None,
    /// These CPUs, in this order.
    List(CpuList),
}

/// Where the threads of a case run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The logical CPU of each thread; `None` leaves threads to the system.
    pub cpus: Option<Vec<usize>>,
    /// How many threads there are.
    pub threads: usize,
    /// Why there, to follow "because".
    pub reason: String,
}

/// The CPUs of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpusUsed {
    /// Those that its threads run on.
    pub of_threads: Vec<usize>,
    /// All CPUs of their cores: who works on an SMT sibling takes from the same multipliers.
    pub of_cores: Vec<usize>,
}

impl Placement {
    /// The CPUs that its threads are bound to, or all that may be used when nothing is bound.
    pub fn cpus_used(&self, machine: &Machine) -> CpusUsed {
        let usable = || machine.usable_cpus().0;
        let of_threads = self.cpus.clone().unwrap_or_else(usable);
        let is_used = |core: &&Core| core.cpus.0.iter().any(|cpu| of_threads.contains(cpu));
        let siblings = machine.cores.iter().filter(is_used);
        let of_cores = siblings
            .flat_map(|core| core.cpus.0.clone())
            .filter(|cpu| !machine.offline_cpus.contains(*cpu));
        CpusUsed {
            of_cores: CpuList::new(of_cores.chain(of_threads.clone())).0,
            of_threads,
        }
    }
}

/// CPUs that threads cannot be bound to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// Neither a policy nor a list.
    #[error(
        "cannot use the affinity '{text}': it is none of compact, scatter, none, and {reason} (try --affinity compact, or a list like 0,2,4-7)"
    )]
    NotAnAffinity {
        /// What was given.
        text: String,
        /// Why it is no list.
        reason: String,
    },
    /// Two threads on one CPU would take turns.
    #[error("cannot use the affinity {list}: CPU {cpu} is named twice (name each CPU once)")]
    Repeated {
        /// What was given.
        list: CpuList,
        /// The CPU.
        cpu: usize,
    },
    /// A CPU that this process may not use.
    #[error("cannot use the affinity {list}: CPU {cpu} {reason} (try CPUs among {usable})")]
    Unusable {
        /// What was given.
        list: CpuList,
        /// The CPU.
        cpu: usize,
        /// What is wrong with it.
        reason: &'static str,
        /// CPUs that can be used.
        usable: CpuList,
    },
    /// More threads than CPUs were named.
    #[error(
        "cannot bind {threads} threads to the {cpus} CPUs of the affinity {list} (try --threads {cpus}, or name more CPUs)"
    )]
    TooFew {
        /// What was given.
        list: CpuList,
        /// Threads.
        threads: usize,
        /// CPUs named.
        cpus: usize,
    },
}

impl FromStr for Affinity {
    type Err = PlacementError;

    fn from_str(text: &str) -> Result<Self, PlacementError> {
        match text {
            "compact" => Ok(Self::Compact),
            "scatter" => Ok(Self::Scatter),
            "none" => Ok(Self::None),
            list => {
                let not = |reason| PlacementError::NotAnAffinity {
                    text: text.to_owned(),
                    reason,
                };
                let list: CpuList = list
                    .parse()
                    .map_err(|error: results::machine::CpuListError| not(error.to_string()))?;
                if list.is_empty() {
                    return Err(not("it names no CPU".to_owned()));
                }
                Ok(Self::List(list))
            }
        }
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compact => f.write_str("compact"),
            Self::Scatter => f.write_str("scatter"),
            Self::None => f.write_str("none"),
            Self::List(list) => list.fmt(f),
        }
    }
}

/// How many threads to use when nobody has said: `chosen`, which is one for each physical core or fewer by the quota, without
/// efficiency cores that take no part; or as many as CPUs were named.
pub fn default_threads(machine: &Machine, affinity: &Affinity, chosen: Threads) -> Threads {
    if !matches!(
        chosen.source.as_str(),
        "physical cores" | "cpu quota" | "library limit"
    ) {
        return chosen;
    }
    let performance_cores = Choice::new(machine).default_threads();
    let (count, source) = match affinity {
        Affinity::List(list) if chosen.source == "library limit" => {
            (list.len().min(chosen.count), "--affinity")
        }
        Affinity::List(list) => (list.len(), "--affinity"),
        _ if (1..chosen.count).contains(&performance_cores) => {
            (performance_cores, "performance cores")
        }
        _ => return chosen,
    };
    Threads {
        count,
        source: source.to_owned(),
    }
}

/// Where this many threads run, or as many as the machine suggests.
///
/// # Errors
///
/// When a list names a CPU twice or one that cannot be used, or fewer CPUs than there are threads.
pub fn place(
    machine: &Machine,
    threads: Option<usize>,
    affinity: &Affinity,
) -> Result<Placement, PlacementError> {
    let choice = Choice::new(machine);
    if let Affinity::List(list) = affinity {
        return of_list(machine, threads, list);
    }
    let (threads, quota_reason) = match threads {
        Some(threads) => (threads, String::new()),
        None => within_quota(choice.default_threads(), machine.cpu_quota),
    };
    if *affinity == Affinity::None {
        let reason = format!("nothing is bound with --affinity none{quota_reason}");
        return Ok(unbound(threads, reason));
    }
    if machine.source == "affinity" && machine.affinity_cpus.is_none() {
        let reason = format!("the system does not tell which CPUs may be used{quota_reason}");
        return Ok(unbound(threads, reason));
    }
    let is_scattered = *affinity == Affinity::Scatter;
    let cpus = choice.cpus(machine, is_scattered);
    if threads > cpus.len() {
        let reason = format!("{threads} threads are more than the {} CPUs", cpus.len());
        return Ok(unbound(threads, reason));
    }
    Ok(Placement {
        cpus: Some(cpus[..threads].to_vec()),
        threads,
        reason: format!(
            "{}{quota_reason}, {affinity}",
            choice.reason(machine, threads)
        ),
    })
}

fn unbound(threads: usize, reason: String) -> Placement {
    Placement {
        cpus: None,
        threads,
        reason,
    }
}

/// Threads beyond the quota are throttled, all of them together.
fn within_quota(cores: usize, quota: Option<f64>) -> (usize, String) {
    let cores = cores.max(1);
    match quota {
        Some(quota) if quota < cores as f64 => (
            (quota.floor() as usize).max(1),
            format!(", a quota of {quota} CPUs"),
        ),
        _ => (cores, String::new()),
    }
}

fn of_list(
    machine: &Machine,
    threads: Option<usize>,
    list: &CpuList,
) -> Result<Placement, PlacementError> {
    let usable = machine.usable_cpus();
    for (place, cpu) in list.0.iter().enumerate() {
        if list.0[..place].contains(cpu) {
            return Err(PlacementError::Repeated {
                list: list.clone(),
                cpu: *cpu,
            });
        }
        if !usable.contains(*cpu) {
            let is_shown = machine.cores.iter().any(|core| core.cpus.contains(*cpu));
            return Err(PlacementError::Unusable {
                list: list.clone(),
                cpu: *cpu,
                reason: if machine.offline_cpus.contains(*cpu) {
                    "is offline"
                } else if is_shown {
                    "is not allowed to this process"
                } else {
                    "is not there"
                },
                usable,
            });
        }
    }
    let threads = threads.unwrap_or(list.len());
    if threads > list.len() {
        return Err(PlacementError::TooFew {
            list: list.clone(),
            threads,
            cpus: list.len(),
        });
    }
    Ok(Placement {
        cpus: Some(list.0[..threads].to_vec()),
        threads,
        reason: format!("--affinity {list} says so"),
    })
}

/// The cores that this process may use.
struct Choice {
    /// Performance cores, or all where they are alike. Threads get these first.
    fast: Vec<Core>,
    /// Efficiency cores beside them.
    thrifty: Vec<Core>,
    /// Whether the efficiency cores take part by default.
    takes_thrifty: bool,
}

impl Choice {
    fn new(machine: &Machine) -> Self {
        let usable = machine.usable_cpus();
        let narrowed = |core: &Core| Core {
            cpus: CpuList::new(
                core.cpus
                    .0
                    .iter()
                    .copied()
                    .filter(|cpu| usable.contains(*cpu)),
            ),
            ..core.clone()
        };
        let all = machine
            .cores
            .iter()
            .map(narrowed)
            .filter(|core| !core.cpus.is_empty());
        let is_thrifty = |core: &Core| core.kind == Some(CoreKind::Efficiency);
        let (mut thrifty, mut fast): (Vec<Core>, Vec<Core>) = all.partition(is_thrifty);
        if fast.is_empty() {
            std::mem::swap(&mut fast, &mut thrifty);
        }
        let together = [fast.clone(), thrifty.clone()].concat();
        Self {
            takes_thrifty: work(&together) > work(&fast),
            fast,
            thrifty,
        }
    }

    /// One thread to each core that takes part.
    fn default_threads(&self) -> usize {
        self.fast.len()
            + if self.takes_thrifty {
                self.thrifty.len()
            } else {
                0
            }
    }

    /// All CPUs in the order in which threads get them: first siblings of the fast cores, of the thrifty ones, then second
    /// siblings, and so on.
    fn cpus(&self, machine: &Machine, is_scattered: bool) -> Vec<usize> {
        let order = |cores: &[Core]| {
            if is_scattered {
                scatter(machine, cores)
            } else {
                compact(machine, cores)
            }
        };
        let cores = [order(&self.fast), order(&self.thrifty)].concat();
        let siblings_max = cores.iter().map(|core| core.cpus.len()).max().unwrap_or(0);
        (0..siblings_max)
            .flat_map(|sibling| {
                cores
                    .iter()
                    .filter_map(move |core| core.cpus.0.get(sibling).copied())
            })
            .collect()
    }

    fn reason(&self, machine: &Machine, threads: usize) -> String {
        let (fast, thrifty) = (self.fast.len(), self.thrifty.len());
        if threads > fast + thrifty {
            return format!(
                "{threads} threads on {} cores take SMT siblings too",
                fast + thrifty
            );
        }
        if machine.source == "affinity" {
            return "one thread to each CPU (cores are hidden)".to_owned();
        }
        match (thrifty, threads > fast, self.takes_thrifty) {
            (0, ..) => "one thread to a physical core".to_owned(),
            (_, false, true) => "one thread to a physical core, performance cores first".to_owned(),
            (_, false, false) => format!(
                "one thread to a performance core (with equal tiles the {thrifty} efficiency cores would hold them up)"
            ),
            (_, true, true) => {
                "one thread to a physical core (equal tiles on all do more than performance cores alone)".to_owned()
            }
            (_, true, false) => {
                "one thread to a physical core, efficiency cores after performance cores".to_owned()
            }
        }
    }
}

/// What equal tiles on all these cores do in a time, in performance cores' cycles: their number at the pace of the slowest.
/// Nothing when a clock is unknown.
fn work(cores: &[Core]) -> f64 {
    let pace = |core: &Core| {
        let share = match core.kind {
            Some(CoreKind::Efficiency) => 0.5,
            _ => 1.0,
        };
        core.clock_max_mhz.unwrap_or(0.0) * share
    };
    let slowest = cores.iter().map(pace).fold(f64::INFINITY, f64::min);
    cores.len() as f64 * slowest
}

/// What a core shares with its neighbours: package, NUMA node, L3 cache.
fn neighbourhood(machine: &Machine, core: &Core) -> [usize; 3] {
    let cpu = core.cpus.0.first().copied().unwrap_or(0);
    [
        core.package,
        machine.numa_node_of(cpu).map_or(0, |node| node.index),
        machine.cache_of(cpu, 3).unwrap_or(0),
    ]
}

fn compact(machine: &Machine, cores: &[Core]) -> Vec<Core> {
    let mut cores = cores.to_vec();
    // Stable: within an L3 cache, hwloc's order of neighbours stays.
    cores.sort_by_cached_key(|core| neighbourhood(machine, core));
    cores
}

fn scatter(machine: &Machine, cores: &[Core]) -> Vec<Core> {
    let keyed = cores
        .iter()
        .map(|core| (neighbourhood(machine, core), core.clone()))
        .collect();
    in_turn(keyed, 0)
}

/// Deals out: groups by the key's part at this depth, orders each group by the parts below, then takes one of each in turn.
fn in_turn(cores: Vec<([usize; 3], Core)>, depth: usize) -> Vec<Core> {
    if depth == 3 {
        return cores.into_iter().map(|(_, core)| core).collect();
    }
    let mut groups: BTreeMap<usize, Vec<([usize; 3], Core)>> = BTreeMap::new();
    for (key, core) in cores {
        groups.entry(key[depth]).or_default().push((key, core));
    }
    let mut groups: Vec<_> = groups
        .into_values()
        .map(|group| in_turn(group, depth + 1).into_iter())
        .collect();
    let mut dealt = Vec::new();
    loop {
        let before = dealt.len();
        dealt.extend(groups.iter_mut().filter_map(Iterator::next));
        if dealt.len() == before {
            return dealt;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(count: usize, source: &str) -> Threads {
        Threads {
            count,
            source: source.to_owned(),
        }
    }

    #[test]
    fn a_bound_thread_uses_its_core_and_an_unbound_one_all() {
        let core = |cpus: &[usize]| Core {
            cpus: CpuList(cpus.to_vec()),
            ..Core::default()
        };
        let machine = Machine {
            cores: vec![core(&[0, 2]), core(&[1, 3])],
            allowed_cpus: CpuList(vec![0, 1, 2]),
            ..Machine::default()
        };
        let used = |cpus: Option<Vec<usize>>| {
            let placement = Placement {
                cpus,
                ..Placement::default()
            };
            let used = placement.cpus_used(&machine);
            (used.of_threads, used.of_cores)
        };
        assert_eq!(used(Some(vec![1])), (vec![1], vec![1, 3]));
        assert_eq!(used(Some(vec![2, 0])), (vec![2, 0], vec![0, 2]));
        assert_eq!(used(None), (vec![0, 1, 2], vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_default_follows_the_list_or_the_performance_cores_and_a_request_nothing() {
        let core = |cpu, kind| Core {
            cpus: CpuList(vec![cpu]),
            kind: Some(kind),
            ..Core::default()
        };
        let machine = Machine {
            cores: vec![
                core(0, CoreKind::Performance),
                core(1, CoreKind::Efficiency),
                core(2, CoreKind::Efficiency),
            ],
            allowed_cpus: CpuList(vec![0, 1, 2]),
            ..Machine::default()
        };
        let count = |affinity: &str, source: &str| {
            let affinity = affinity.parse().unwrap();
            default_threads(&machine, &affinity, chosen(3, source)).count
        };
        assert_eq!(count("compact", "physical cores"), 1);
        assert_eq!(count("compact", "--threads"), 3);
        assert_eq!(count("0,1", "physical cores"), 2);
        assert_eq!(count("0,1", "OMP_NUM_THREADS"), 3);
        assert_eq!(count("0-3", "library limit"), 3);
    }
}
