//! How much memory a run may take before the kernel kills something.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};

use crate::cgroup;
use crate::size::N_MAX;

/// Memory besides the matrices, whatever the number of threads: the program, the verification's vectors, the plot.
const OVERHEAD_BYTES: u64 = 32 << 20;

/// Memory for each thread: what OpenBLAS touches of its packing buffer, and stacks.
const OVERHEAD_PER_THREAD_BYTES: u64 = 32 << 20;

/// What the host has and what of it this process may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What the host has; `None` when it does not tell.
    pub total_bytes: Option<u64>,
    /// The least of what the host has free, what the control group leaves, and what the resource limits allow;
    /// `None` when none of them can be read.
    pub available_bytes: Option<u64>,
    /// The control group's limit.
    pub cgroup_limit_bytes: Option<u64>,
    /// Which of them is the least.
    pub limited_by: LimitedBy,
}

/// What keeps a run from taking more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// The host's free memory.
    Host,
    /// The control group's limit.
    ControlGroup,
    /// The limit of the process's address space, `ulimit -v`.
    AddressSpace,
}

impl LimitedBy {
    /// The limit in words, for example `this host has 24.0 GB free`.
    pub fn describe(self, amount: &str) -> String {
        match self {
            Self::Host => format!("this host has {amount} free"),
            Self::ControlGroup => format!("its control group leaves {amount}"),
            Self::AddressSpace => format!("its address space limit (ulimit -v) leaves {amount}"),
        }
    }
}

/// Reads how much memory there is. Where nothing can be read, nothing is taken to be limited.
pub fn available(cgroup: &cgroup::Limits) -> Memory {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let host =
        meminfo_bytes(&meminfo, "MemAvailable:").or_else(|| meminfo_bytes(&meminfo, "MemFree:"));
    let limits = [
        (host, LimitedBy::Host),
        (cgroup.memory_free_bytes, LimitedBy::ControlGroup),
        (address_space_bytes(), LimitedBy::AddressSpace),
    ];
    let least = limits
        .into_iter()
        .filter_map(|(bytes, limit)| Some((bytes?, limit)))
        .min_by_key(|(bytes, _)| *bytes);
    Memory {
        total_bytes: meminfo_bytes(&meminfo, "MemTotal:"),
        available_bytes: least.map(|(bytes, _)| bytes),
        cgroup_limit_bytes: cgroup.memory_limit_bytes,
        limited_by: least.map_or(LimitedBy::Host, |(_, limit)| limit),
    }
}

/// What a run with matrices of this size takes in all.
pub fn needed_bytes(matrix_bytes: u64, threads: usize) -> u64 {
    matrix_bytes.saturating_add(overhead_bytes(threads))
}

fn overhead_bytes(threads: usize) -> u64 {
    OVERHEAD_BYTES + threads as u64 * OVERHEAD_PER_THREAD_BYTES
}

/// The largest n, rounded down to a multiple of 100 where it is large, whose matrices fit into what is available.
/// `matrix_bytes` says what those of an n take, and never less for a larger n.
pub fn largest_n(
    available_bytes: u64,
    threads: usize,
    matrix_bytes: impl Fn(usize) -> u64,
) -> usize {
    let fits = |n: usize| needed_bytes(matrix_bytes(n), threads) <= available_bytes;
    let (mut n, mut too_large) = (0, N_MAX + 1);
    while n + 1 < too_large {
        let middle = usize::midpoint(n, too_large);
        if fits(middle) {
            n = middle;
        } else {
            too_large = middle;
        }
    }
    if n > 1000 { n - n % 100 } else { n }
}

fn meminfo_bytes(meminfo: &str, key: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What `RLIMIT_AS` leaves above what is already mapped.
fn address_space_bytes() -> Option<u64> {
    let (soft, _hard) = getrlimit(Resource::RLIMIT_AS).ok()?;
    if soft == nix::libc::RLIM_INFINITY {
        return None;
    }
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').next()?.parse().unwrap_or(0);
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten()?;
    Some(soft.saturating_sub(pages * page_bytes as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_memory() {
        let memory = available(&cgroup::Limits::default());
        assert!(memory.available_bytes.unwrap() > 0);
        assert!(memory.available_bytes <= memory.total_bytes);
    }

    #[test]
    fn the_control_group_counts() {
        let limits = cgroup::Limits {
            memory_free_bytes: Some(12_345),
            ..cgroup::Limits::default()
        };
        let memory = available(&limits);
        assert_eq!(memory.available_bytes, Some(12_345));
        assert_eq!(memory.limited_by, LimitedBy::ControlGroup);
    }

    #[test]
    fn the_largest_n_fits_and_the_next_does_not() {
        let available = 24_000_000_000;
        let matrix_bytes = |n: usize| (n as u64).saturating_mul(24 * n as u64);
        let n = largest_n(available, 2, matrix_bytes) as u64;
        assert!(needed_bytes(3 * 8 * n * n, 2) <= available);
        assert!(needed_bytes(3 * 8 * (n + 100) * (n + 100), 2) > available);
        assert_eq!(largest_n(0, 2, matrix_bytes), 0);
    }

    #[test]
    fn meminfo_is_in_kib() {
        let text = "MemTotal:       24684096 kB\nMemAvailable:   24335436 kB\n";
        assert_eq!(
            meminfo_bytes(text, "MemAvailable:"),
            Some(24_335_436 * 1024)
        );
        assert_eq!(meminfo_bytes("", "MemAvailable:"), None);
    }
}
