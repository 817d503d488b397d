//! How a machine is put together: packages, NUMA nodes, cores with their logical CPUs, caches with those that share them,
//! and what of it a process may use.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A machine as its operating system shows it to one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Where this was read: `hwloc`, `hwloc XML`, or `affinity` when the host hides its topology.
    pub source: String,
    /// Why not from hwloc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_reason: Option<String>,
    /// The hypervisor below the operating system, where one says its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    /// Physical cores, neighbours next to each other.
    pub cores: Vec<Core>,
    /// NUMA nodes; empty when the host does not tell.
    pub numa_nodes: Vec<NumaNode>,
    /// Data and unified caches, each with the logical CPUs that share it.
    pub caches: Vec<SharedCache>,
    /// Logical CPUs that are there and switched off.
    pub offline_cpus: CpuList,
    /// Logical CPUs that are switched on and allowed by the control group.
    pub allowed_cpus: CpuList,
    /// Logical CPUs that the scheduler may run this process on; `None` when the kernel does not tell.
    pub affinity_cpus: Option<CpuList>,
    /// The CPU time that the control group allows, in CPUs; `None` when it is not limited.
    pub cpu_quota: Option<f64>,
}

/// A physical core.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Core {
    /// Which package (socket) it is in, counted from 0.
    pub package: usize,
    /// Its logical CPUs (SMT siblings), by the numbers of the operating system.
    pub cpus: CpuList,
    /// Whether it is a fast or a thrifty one; `None` where all are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CoreKind>,
    /// The lowest clock that it may be set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_min_mhz: Option<f64>,
    /// The highest clock that it may be set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_max_mhz: Option<f64>,
}

/// The kinds of cores of a hybrid machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CoreKind {
    /// Fast.
    Performance,
    /// Thrifty.
    Efficiency,
}

/// A NUMA node: memory, and the logical CPUs that it is near to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NumaNode {
    /// The operating system's number.
    pub index: usize,
    /// Its memory; `None` when unknown.
    pub memory_bytes: Option<u64>,
    /// Logical CPUs near to it.
    pub cpus: CpuList,
}

/// One cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SharedCache {
    /// 1 for the cache nearest to the core.
    pub level: u32,
    /// Capacity.
    pub size_bytes: u64,
    /// Logical CPUs that share it.
    pub cpus: CpuList,
}

impl Machine {
    /// The logical CPUs that this process may use, ascending.
    pub fn usable_cpus(&self) -> CpuList {
        let within = |cpu: &usize| match &self.affinity_cpus {
            Some(affinity) => affinity.contains(*cpu),
            None => true,
        };
        CpuList::new(self.allowed_cpus.0.iter().copied().filter(within))
    }

    /// The NUMA node that a logical CPU is nearest to: the smallest that holds it.
    pub fn numa_node_of(&self, cpu: usize) -> Option<&NumaNode> {
        let holding = self
            .numa_nodes
            .iter()
            .filter(|node| node.cpus.contains(cpu));
        holding.min_by_key(|node| node.cpus.len())
    }

    /// The place of a logical CPU's cache of this level in `caches`.
    pub fn cache_of(&self, cpu: usize, level: u32) -> Option<usize> {
        self.caches
            .iter()
            .position(|cache| cache.level == level && cache.cpus.contains(cpu))
    }

    /// The number of packages.
    pub fn packages(&self) -> usize {
        let mut packages: Vec<usize> = self.cores.iter().map(|core| core.package).collect();
        packages.sort_unstable();
        packages.dedup();
        packages.len()
    }
}

/// Numbers of logical CPUs, written as the kernel writes them: `0,2,4-7`. Keeps the order it was given in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct CpuList(pub Vec<usize>);

/// The highest number of a logical CPU that is believed, so that a slip of the finger does not take all memory.
pub const CPU_MAX: usize = 1 << 16;

/// A text that is no list of CPUs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither a CPU's number nor a range of them")]
pub struct CpuListError(pub String);

impl CpuList {
    /// The CPUs in ascending order, each once.
    pub fn new(cpus: impl IntoIterator<Item = usize>) -> Self {
        let mut cpus: Vec<usize> = cpus.into_iter().collect();
        cpus.sort_unstable();
        cpus.dedup();
        Self(cpus)
    }

    /// Whether this CPU is among them.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        let mut separator = "";
        while let [first, ..] = rest {
            let run = (1..rest.len())
                .take_while(|i| rest[*i] == first + i)
                .count();
            match run {
                0 => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{}", first + run)?,
            }
            separator = ",";
            rest = &rest[run + 1..];
        }
        Ok(())
    }
}

impl FromStr for CpuList {
    type Err = CpuListError;

    fn from_str(text: &str) -> Result<Self, CpuListError> {
        let mut cpus = Vec::new();
        if text.is_empty() {
            return Ok(Self(cpus));
        }
        for part in text.split(',').map(str::trim) {
            let error = || CpuListError(part.to_owned());
            let number = |text: &str| {
                let cpu: usize = text.parse().map_err(|_| error())?;
                if cpu > CPU_MAX { Err(error()) } else { Ok(cpu) }
            };
            match part.split_once('-') {
                None => cpus.push(number(part)?),
                Some((first, last)) => {
                    let (first, last) = (number(first)?, number(last)?);
                    if first > last {
                        return Err(error());
                    }
                    cpus.extend(first..=last);
                }
            }
        }
        Ok(Self(cpus))
    }
}

impl TryFrom<String> for CpuList {
    type Error = CpuListError;

    fn try_from(text: String) -> Result<Self, CpuListError> {
        text.parse()
    }
}

impl From<CpuList> for String {
    fn from(list: CpuList) -> Self {
        list.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_read_as_the_kernel_writes_them() {
        let list: CpuList = "0,2,4-7".parse().unwrap();
        assert_eq!(list.0, [0, 2, 4, 5, 6, 7]);
        assert_eq!(list.to_string(), "0,2,4-7");
        for text in ["x", "3-1", "1,,2", "-1", "1-", "99999999", "0-99999999"] {
            assert!(text.parse::<CpuList>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_back_as_it_was(cpus in proptest::collection::vec(0..300_usize, 0..40)) {
            let list = CpuList(cpus);
            prop_assert_eq!(list.to_string().parse::<CpuList>(), Ok(list));
        }
    }
}
