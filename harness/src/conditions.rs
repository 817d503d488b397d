//! What the machine does around each timed region: counters read right before and right after it, outside of its timing.
//!
//! All files are opened before a case and stay open; a reading is some twenty system calls. Of files that each CPU has those
//! of [`CPUS_MAX`] CPUs at most are read, of registers those of [`REGISTERS_MAX`].

use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use results::conditions::{Conditions, UsedCpus};
use results::record::Sample;
use results::{energy::SAMPLE_MIN_S, statistics};

use crate::cgroup;
use crate::cpu_time::{Reading, Stat, Ticks};
use crate::energy::Packages;
use crate::frequency::{self, Registers};
use crate::measure::Probe;
use crate::placement::CpusUsed;
use crate::reread::Reread;
use crate::temperature;

/// CPUs of which files of their own are read.
const CPUS_MAX: usize = 8;
/// CPUs whose registers are read: three system calls each, which interrupt that CPU.
const REGISTERS_MAX: usize = 4;

/// Watches the machine around each timed region.
#[derive(Debug)]
pub struct Watch {
    stat: Option<Stat>,
    ticks_per_s: f64,
    /// `cpu.stat` of the control groups that have a quota.
    quotas: Vec<Reread>,
    root: PathBuf,
    of_cpus: OfCpus,
    temperature: Option<Reread>,
    energy: Option<Packages>,
    before: Option<Counters>,
    /// Around the parts of the sample so far.
    seen: Option<Conditions>,
}

impl Watch {
    /// Opens what this host lets be read, below `root`, which is `/` but in tests. `cpus` are those of the first case; the energy
    /// of the packages is read where it can be.
    pub fn open(root: &Path, cpus: &[usize], energy: Option<Packages>) -> Self {
        Self {
            stat: Stat::open(root),
            ticks_per_s: ticks_per_s(),
            quotas: cgroup::quota_directories(root)
                .iter()
                .filter_map(|directory| Reread::open(&directory.join("cpu.stat")).ok())
                .collect(),
            root: root.to_owned(),
            of_cpus: OfCpus::open(root, cpus),
            temperature: temperature::open(root),
            energy,
            before: None,
            seen: None,
        }
    }

    fn counters(&mut self) -> Counters {
        Counters {
            at: Instant::now(),
            stat: self.stat.as_mut().and_then(Stat::read),
            usage: getrusage(UsageWho::RUSAGE_SELF).ok(),
            quota: sum(&self.quotas, |file| file.parse(parse_cpu_stat), Quota::plus),
            throttles: sum(&self.of_cpus.throttles, Reread::number, |a, b| a + b),
            cycles: self.of_cpus.registers.iter().map(Registers::read).collect(),
        }
    }
}

/// What CPUs have files of their own for.
#[derive(Debug, Default)]
struct OfCpus {
    cpus: Vec<usize>,
    throttles: Vec<Reread>,
    /// cpufreq's word for the clock.
    clocks: Vec<Reread>,
    registers: Vec<Registers>,
}

impl OfCpus {
    fn open(root: &Path, cpus: &[usize]) -> Self {
        let chosen = spread_out(cpus, CPUS_MAX);
        let of_cpu = |cpu: &usize, file: &str| {
            let path = format!("sys/devices/system/cpu/cpu{cpu}/{file}");
            Reread::open(&root.join(path)).ok()
        };
        let core = |cpu| of_cpu(cpu, "thermal_throttle/core_throttle_count");
        let package = |cpu| of_cpu(cpu, "thermal_throttle/package_throttle_count");
        let clock = |cpu| of_cpu(cpu, "cpufreq/scaling_cur_freq");
        Self {
            throttles: chosen
                .iter()
                .filter_map(core)
                .chain(chosen.first().and_then(package))
                .collect(),
            clocks: chosen.iter().filter_map(clock).collect(),
            registers: spread_out(cpus, REGISTERS_MAX)
                .into_iter()
                .filter_map(|cpu| Registers::open(root, cpu))
                .collect(),
            cpus: cpus.to_vec(),
        }
    }

    /// The median over CPUs of what the kernel says now.
    fn said_mhz(&self) -> Option<f64> {
        let clocks_khz: Vec<f64> = self
            .clocks
            .iter()
            .filter_map(|file| file.number().map(|khz| khz as f64))
            .collect();
        statistics::median(&clocks_khz).map(|khz| khz * 1e-3)
    }
}

/// The median over CPUs of the clock between two readings of their registers; `None` where they do not tell.
fn clock_mhz(before: &Counters, after: &Counters) -> Option<f64> {
    let elapsed_s = after.at.duration_since(before.at).as_secs_f64();
    let clocks_mhz: Vec<f64> = before
        .cycles
        .iter()
        .zip(&after.cycles)
        .filter_map(|(before, after)| frequency::counted_mhz((*before)?, (*after)?, elapsed_s))
        .collect();
    statistics::median(&clocks_mhz)
}

impl Probe for Watch {
    fn begin_case(&mut self, cpus: &CpusUsed) {
        if let Some(stat) = &mut self.stat {
            stat.watch(&cpus.of_cores);
        }
        if self.of_cpus.cpus != cpus.of_threads {
            self.of_cpus = OfCpus::open(&self.root, &cpus.of_threads);
        }
    }

    fn before(&mut self) {
        if let Some(energy) = &mut self.energy {
            energy.advance();
        }
        self.before = Some(self.counters());
    }

    fn after(&mut self) {
        let after = self.counters();
        let energy_j = self.energy.as_mut().and_then(Packages::advance);
        let Some(before) = self.before.take() else {
            return;
        };
        let mut conditions = difference(&before, &after, self.ticks_per_s);
        conditions.energy_j = energy_j.filter(|_| conditions.observed_s >= SAMPLE_MIN_S);
        let clock = match clock_mhz(&before, &after) {
            Some(mhz) => Some((mhz, frequency::COUNTED)),
            None => self.of_cpus.said_mhz().map(|mhz| (mhz, frequency::SAID)),
        };
        conditions.clock_mhz = clock.map(|(mhz, _)| mhz);
        conditions.clock_source = clock.map(|(_, source)| source.to_owned());
        let temperature = self.temperature.as_ref();
        conditions.temperature_c = temperature.and_then(|file| file.parse(temperature::parse));
        self.seen = Some(match self.seen.take() {
            Some(parts) => parts.followed_by(&conditions),
            None => conditions,
        });
    }

    fn note(&mut self, sample: &mut Sample) {
        sample.conditions = self.seen.take();
    }
}

/// One reading of what only ever rises.
#[derive(Clone, Debug)]
struct Counters {
    at: Instant,
    stat: Option<Reading>,
    usage: Option<Usage>,
    quota: Option<Quota>,
    throttles: Option<u64>,
    /// Of each CPU whose registers are open.
    cycles: Vec<Option<frequency::Counters>>,
}

/// What control groups' quotas have held back.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quota {
    throttled_periods: u64,
    throttled_s: f64,
}

impl Quota {
    fn plus(self, other: Self) -> Self {
        Self {
            throttled_periods: self.throttled_periods + other.throttled_periods,
            throttled_s: self.throttled_s + other.throttled_s,
        }
    }
}

/// What has happened between two readings. A counter that went back (a CPU that was taken away) tells nothing.
fn difference(before: &Counters, after: &Counters, ticks_per_s: f64) -> Conditions {
    let ticks = |of: fn(&Reading) -> Option<Ticks>, part: fn(&Ticks) -> u64| {
        let [before, after] = [before.stat.as_ref(), after.stat.as_ref()].map(|stat| of(stat?));
        let ticks = risen(before.as_ref(), after.as_ref(), part)?;
        Some(ticks as f64 / ticks_per_s)
    };
    let of_all = |reading: &Reading| Some(reading.all);
    let of_used = |reading: &Reading| reading.used;
    let count = |part: fn(&Usage) -> u64| risen(before.usage.as_ref(), after.usage.as_ref(), part);
    let own_us = count(|usage| {
        let time = usage.user_time() + usage.system_time();
        time.num_microseconds().cast_unsigned()
    });
    let own_s = own_us.map(|own_us| 1e-6 * own_us as f64);
    let foreign_cpu_s = ticks(of_all, |ticks| ticks.busy)
        .zip(own_s)
        // The kernel counts ours to the microsecond and all together in ticks: less than nothing is nothing.
        .map(|(busy_s, own_s)| (busy_s - own_s).max(0.0));
    let used_cpus = || {
        Some(UsedCpus {
            busy_s: ticks(of_used, |ticks| ticks.busy)?,
            own_s: own_s?,
            steal_s: ticks(of_used, |ticks| ticks.steal)?,
        })
    };
    let quotas = before.quota.zip(after.quota);
    Conditions {
        observed_s: after.at.duration_since(before.at).as_secs_f64(),
        steal_s: ticks(of_all, |ticks| ticks.steal),
        foreign_cpu_s,
        used_cpus: used_cpus(),
        context_switches_voluntary: count(|usage| {
            usage.voluntary_context_switches().cast_unsigned()
        }),
        context_switches_involuntary: count(|usage| {
            usage.involuntary_context_switches().cast_unsigned()
        }),
        page_faults_minor: count(|usage| usage.minor_page_faults().cast_unsigned()),
        page_faults_major: count(|usage| usage.major_page_faults().cast_unsigned()),
        clock_mhz: None,
        clock_source: None,
        temperature_c: None,
        thermal_throttles: risen(
            before.throttles.as_ref(),
            after.throttles.as_ref(),
            |count| *count,
        ),
        quota_throttled_periods: quotas.and_then(|(before, after)| {
            after
                .throttled_periods
                .checked_sub(before.throttled_periods)
        }),
        quota_throttled_s: quotas
            .map(|(before, after)| after.throttled_s - before.throttled_s)
            .filter(|time_s| *time_s >= 0.0),
        energy_j: None,
    }
}

fn risen<T>(before: Option<&T>, after: Option<&T>, part: impl Fn(&T) -> u64) -> Option<u64> {
    part(after?).checked_sub(part(before?))
}

/// The sum over files; `None` when there are none or one of them cannot be read.
fn sum<T>(
    files: &[Reread],
    read: impl Fn(&Reread) -> Option<T>,
    plus: impl Fn(T, T) -> T,
) -> Option<T> {
    let (first, rest) = files.split_first()?;
    let mut sum = read(first)?;
    for file in rest {
        sum = plus(sum, read(file)?);
    }
    Some(sum)
}

/// `cpu.stat` of a control group: `throttled_usec` in version 2, `throttled_time` in nanoseconds in version 1.
fn parse_cpu_stat(text: &str) -> Option<Quota> {
    let field = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| {
            let (field, value) = line.split_once(' ')?;
            (field == name).then(|| value.trim().parse().ok())?
        })
    };
    let throttled_s = match field("throttled_usec") {
        Some(us) => 1e-6 * us as f64,
        None => 1e-9 * field("throttled_time")? as f64,
    };
    Some(Quota {
        throttled_periods: field("nr_throttled")?,
        throttled_s,
    })
}

/// At most so many of these, evenly spread, the first among them.
fn spread_out(cpus: &[usize], max: usize) -> Vec<usize> {
    let count = cpus.len().min(max);
    (0..count).map(|i| cpus[i * cpus.len() / count]).collect()
}

fn ticks_per_s() -> f64 {
    // 100 on every architecture that Linux has kept.
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    ticks.map_or(100.0, |ticks| ticks as f64)
}

#[cfg(test)]
mod tests;
