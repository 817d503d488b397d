//! Machines: how they are put together, and how fast they could be.

use results::machine::{Core, CoreKind, CpuList, Machine, NumaNode, SharedCache};
use results::record::{Cache, Topology};

/// A homogeneous machine; a hybrid one has cores of a second kind behind it.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) packages: usize,
    pub(crate) cores_per_package: usize,
    /// Hardware threads of a core.
    pub(crate) smt: usize,
    pub(crate) numa_per_package: usize,
    /// Thrifty cores without SMT, all in the last package.
    pub(crate) efficiency_cores: usize,
    /// Capacities of one cache of levels 1 to 3.
    pub(crate) cache_bytes: [u64; 3],
    /// Cores that share a cache of level 3.
    pub(crate) cores_per_l3: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) hypervisor: Option<&'static str>,
    pub(crate) cpu_quota: Option<f64>,
    /// The lowest and highest clock of a core, where the kernel tells it.
    pub(crate) clock_mhz: Option<[f64; 2]>,
}

impl Build {
    fn fast_cores(&self) -> usize {
        self.packages * self.cores_per_package
    }

    /// Physical cores.
    pub(crate) fn cores(&self) -> usize {
        self.fast_cores() + self.efficiency_cores
    }

    /// The logical CPUs of a core. Siblings follow after all first threads, as Linux counts them on most machines.
    fn cpus(&self, core: usize) -> Vec<usize> {
        if core >= self.fast_cores() {
            return vec![self.fast_cores() * self.smt + core - self.fast_cores()];
        }
        (0..self.smt)
            .map(|thread| core + thread * self.fast_cores())
            .collect()
    }

    fn cpus_of(&self, cores: impl IntoIterator<Item = usize>) -> CpuList {
        CpuList::new(cores.into_iter().flat_map(|core| self.cpus(core)))
    }

    /// The CPUs that this many threads are bound to: one to a core first, then siblings.
    pub(crate) fn placement(&self, threads: usize) -> Vec<usize> {
        let firsts = (0..self.cores()).map(|core| self.cpus(core)[0]);
        let seconds = (0..self.cores()).filter_map(|core| self.cpus(core).get(1).copied());
        firsts.chain(seconds).take(threads).collect()
    }

    /// The machine, core by core.
    pub(crate) fn machine(&self) -> Machine {
        let is_hybrid = self.efficiency_cores > 0;
        let all = self.cpus_of(0..self.cores());
        let core = |core: usize| {
            let is_fast = core < self.fast_cores();
            let kind = if is_fast {
                CoreKind::Performance
            } else {
                CoreKind::Efficiency
            };
            let highest_share = if is_fast { 1.0 } else { 0.75 };
            Core {
                package: (core / self.cores_per_package).min(self.packages - 1),
                cpus: self.cpus_of([core]),
                kind: is_hybrid.then_some(kind),
                clock_min_mhz: self.clock_mhz.map(|[low, _]| low),
                clock_max_mhz: self.clock_mhz.map(|[_, high]| highest_share * high),
            }
        };
        let nodes = self.packages * self.numa_per_package;
        let cores_per_node = self.cores() / nodes;
        let node = |index: usize| NumaNode {
            index,
            memory_bytes: Some(self.memory_bytes / nodes as u64),
            cpus: self.cpus_of(index * cores_per_node..(index + 1) * cores_per_node),
        };
        Machine {
            source: "hwloc".to_owned(),
            source_reason: None,
            hypervisor: self.hypervisor.map(str::to_owned),
            cores: (0..self.cores()).map(core).collect(),
            numa_nodes: (0..nodes).map(node).collect(),
            caches: self.shared_caches(),
            offline_cpus: CpuList::default(),
            allowed_cpus: all.clone(),
            affinity_cpus: Some(all),
            cpu_quota: self.cpu_quota,
        }
    }

    fn shared_caches(&self) -> Vec<SharedCache> {
        let cores: Vec<usize> = (0..self.cores()).collect();
        let sharing = [1, 1, self.cores_per_l3];
        let levels = (1..).zip(self.cache_bytes.into_iter().zip(sharing));
        levels
            .flat_map(|(level, (size_bytes, sharing))| {
                let groups = cores.chunks(sharing);
                groups.map(move |group| SharedCache {
                    level,
                    size_bytes,
                    cpus: self.cpus_of(group.iter().copied()),
                })
            })
            .collect()
    }

    /// The summary of the machine.
    pub(crate) fn topology(&self) -> Topology {
        let machine = self.machine();
        let cache = |level: u32| {
            let mut of_level = machine.caches.iter().filter(|cache| cache.level == level);
            Cache {
                level,
                size_bytes: of_level.next().map_or(0, |cache| cache.size_bytes),
                count: 1 + of_level.count(),
            }
        };
        Topology {
            source: "hwloc".to_owned(),
            packages: Some(self.packages),
            numa_nodes: Some(machine.numa_nodes.len()),
            physical_cores: self.cores(),
            logical_cpus: machine.allowed_cpus.len(),
            usable_physical_cores: self.cores(),
            usable_logical_cpus: machine.allowed_cpus.len(),
            cpu_quota: self.cpu_quota,
            caches: (1..=3).map(cache).collect(),
        }
    }
}

/// How fast a machine is.
#[derive(Clone, Debug)]
pub(crate) struct Speed {
    /// Floating-point operations that a core does in a cycle, in f64.
    pub(crate) flop_per_cycle: f64,
    /// The same of a thrifty core.
    pub(crate) efficiency_flop_per_cycle: f64,
    /// The clock with one core at work, and with all.
    pub(crate) clock_mhz: [f64; 2],
    /// Memory bandwidth of one core, and of all.
    pub(crate) gb_per_s: [f64; 2],
    /// The share of the peak that large products reach.
    pub(crate) efficiency: f64,
    /// The size at which half of that is reached with one thread.
    pub(crate) half_size: f64,
    /// The spread of run times, relative.
    pub(crate) noise: f64,
}

impl Speed {
    /// The clock of cores while this many work.
    pub(crate) fn clock_mhz(&self, build: &Build, threads: usize) -> f64 {
        let [one, all] = self.clock_mhz;
        let busy = threads.min(build.cores()) as f64;
        let share = busy.ln() / (build.cores() as f64).ln().max(f64::MIN_POSITIVE);
        one - (one - all) * share
    }

    /// The multiply-add peak.
    pub(crate) fn peak_gflops(&self, build: &Build, threads: usize, dtype: &str) -> f64 {
        let fast = threads.min(build.fast_cores()) as f64;
        let thrifty = threads.min(build.cores()) as f64 - fast;
        let flop_per_cycle =
            fast * self.flop_per_cycle + 0.75 * thrifty * self.efficiency_flop_per_cycle;
        let width = if dtype == "f32" { 2.0 } else { 1.0 };
        1e-3 * self.clock_mhz(build, threads) * flop_per_cycle * width
    }

    /// The rate of a matrix product without noise.
    pub(crate) fn product_gflops(
        &self,
        build: &Build,
        threads: usize,
        n: usize,
        dtype: &str,
    ) -> f64 {
        let peak = self.peak_gflops(build, threads, dtype);
        let half = self.half_size * (threads as f64).powf(0.7);
        let n = n as f64;
        // Siblings take caches and registers from each other.
        let smt = if threads > build.cores() { 0.88 } else { 1.0 };
        // The other package's memory is further away.
        let far = if threads > build.cores() / build.packages {
            0.97
        } else {
            1.0
        };
        peak * self.efficiency * smt * far * n / (n + half)
    }

    /// The memory bandwidth.
    pub(crate) fn bandwidth_gb_per_s(&self, build: &Build, threads: usize) -> f64 {
        let [one, all] = self.gb_per_s;
        let busy = threads.min(build.cores()) as f64;
        all.min(one * busy)
    }
}
