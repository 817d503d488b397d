//! What the machine did besides measuring, around one sample.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was seen around the timed region of one sample. A reading is taken right before it and right after it, outside of
/// its timing; counters are given as what they rose by in between. Of a sample that is timed in parts (panels) each part is seen
/// by itself and all are put together. What cannot be read on a host is `null`, never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conditions {
    /// Wall-clock time between the two readings: the timed region and a few microseconds more.
    pub observed_s: f64,
    /// CPU time of all CPUs that the hypervisor gave to others while something wanted to run here. The kernel counts in
    /// steps of a scheduler tick (mostly 10 ms), so that only sums over half a second and more mean something; a hypervisor may
    /// also tell nothing.
    pub steal_s: Option<f64>,
    /// CPU time of all CPUs that other processes and the kernel's interrupts took: what `/proc/stat` counts as busy, less this
    /// process's own, or 0 where that is less than nothing. Counted in the same steps as `steal_s`.
    pub foreign_cpu_s: Option<f64>,
    /// CPU time on the CPUs that the case uses; absent where `/proc/stat` does not tell it for each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_cpus: Option<UsedCpus>,
    /// Times that a thread of this process gave its CPU up to wait for something.
    pub context_switches_voluntary: Option<u64>,
    /// Times that the kernel took the CPU from a thread of this process.
    pub context_switches_involuntary: Option<u64>,
    /// Pages that were given to this process without reading a disk.
    pub page_faults_minor: Option<u64>,
    /// Pages that had to be read from a disk, or from swap.
    pub page_faults_major: Option<u64>,
    /// The clock of the CPUs that the threads run on, as `clock_source` tells it: the median over them, or over some of them.
    pub clock_mhz: Option<f64>,
    /// `APERF/MPERF`: counted by the processor between the two readings, idle time left out; `cpufreq`: what the kernel
    /// said (`scaling_cur_freq`) right after the sample. Absent where there is no clock, and in records from before there were two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_source: Option<String>,
    /// The processor's temperature right after the sample.
    pub temperature_c: Option<f64>,
    /// Times that the processor slowed itself down for its temperature.
    pub thermal_throttles: Option<u64>,
    /// Periods in which the control group had used up its quota of CPU time, all ancestors counted.
    pub quota_throttled_periods: Option<u64>,
    /// For how long its threads were held back then, summed over CPUs.
    pub quota_throttled_s: Option<f64>,
    /// Energy of all processor packages between the two readings, as `Record::energy` says; `null` also for samples that are too
    /// short for it.
    #[serde(default)]
    pub energy_j: Option<f64>,
}

impl Conditions {
    /// What was seen around one part of a sample and then around the next, what lay between them left out: counts and times
    /// are added up, the clock is averaged over time, the higher temperature counts. What one of them does not know is unknown.
    #[must_use]
    pub fn followed_by(self, next: &Self) -> Self {
        let times = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
        let counts = |one: Option<u64>, other: Option<u64>| Some(one? + other?);
        let observed_s = self.observed_s + next.observed_s;
        let clock_mhz = self.clock_mhz.zip(next.clock_mhz).map(|(one, other)| {
            (one * self.observed_s + other * next.observed_s) / observed_s.max(f64::MIN_POSITIVE)
        });
        Self {
            observed_s,
            steal_s: times(self.steal_s, next.steal_s),
            foreign_cpu_s: times(self.foreign_cpu_s, next.foreign_cpu_s),
            used_cpus: self
                .used_cpus
                .zip(next.used_cpus)
                .map(|(one, other)| one.plus(other)),
            context_switches_voluntary: counts(
                self.context_switches_voluntary,
                next.context_switches_voluntary,
            ),
            context_switches_involuntary: counts(
                self.context_switches_involuntary,
                next.context_switches_involuntary,
            ),
            page_faults_minor: counts(self.page_faults_minor, next.page_faults_minor),
            page_faults_major: counts(self.page_faults_major, next.page_faults_major),
            clock_mhz,
            clock_source: clock_mhz.and(self.clock_source),
            temperature_c: self
                .temperature_c
                .zip(next.temperature_c)
                .map(|(one, other)| one.max(other)),
            thermal_throttles: counts(self.thermal_throttles, next.thermal_throttles),
            quota_throttled_periods: counts(
                self.quota_throttled_periods,
                next.quota_throttled_periods,
            ),
            quota_throttled_s: times(self.quota_throttled_s, next.quota_throttled_s),
            energy_j: times(self.energy_j, next.energy_j),
        }
    }
}

/// CPU time on the CPUs that a case uses: those of the cores that its threads are bound to, SMT siblings among them, or all
/// usable ones when nothing is bound. Raw readings: only sums of them over many steps may be subtracted from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsedCpus {
    /// Time that they were busy with anything, in steps of [`STEP_S`] on each of them.
    pub busy_s: f64,
    /// This process's own, on whatever CPU, to the microsecond: all threads that compute run on the CPUs used.
    pub own_s: f64,
    /// Time that the hypervisor gave to others, in the same steps as `busy_s`.
    pub steal_s: f64,
}

/// The steps in which `/proc/stat` tells CPU time (`USER_HZ` is 100 on every architecture that Linux has kept).
pub const STEP_S: f64 = 0.01;

impl UsedCpus {
    /// What others took: less than nothing in a short sample that fell between two steps.
    pub fn foreign_s(&self) -> f64 {
        self.busy_s - self.own_s
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            busy_s: self.busy_s + other.busy_s,
            own_s: self.own_s + other.own_s,
            steal_s: self.steal_s + other.steal_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_together() {
        let part = |observed_s, clock_mhz, temperature_c| Conditions {
            observed_s,
            steal_s: Some(0.25),
            used_cpus: Some(UsedCpus {
                busy_s: 2.0,
                own_s: 1.5,
                steal_s: 0.25,
            }),
            page_faults_minor: Some(3),
            clock_mhz: Some(clock_mhz),
            clock_source: Some("cpufreq".to_owned()),
            temperature_c: Some(temperature_c),
            energy_j: Some(8.0),
            ..Conditions::default()
        };
        let both = part(1.0, 3000.0, 60.0).followed_by(&part(3.0, 4000.0, 50.0));
        let expected = Conditions {
            observed_s: 4.0,
            steal_s: Some(0.5),
            used_cpus: Some(UsedCpus {
                busy_s: 4.0,
                own_s: 3.0,
                steal_s: 0.5,
            }),
            page_faults_minor: Some(6),
            clock_mhz: Some(3750.0),
            clock_source: Some("cpufreq".to_owned()),
            temperature_c: Some(60.0),
            energy_j: Some(16.0),
            ..Conditions::default()
        };
        assert_eq!(both, expected);
        let unknown = Conditions::default();
        let with_unknown = both.followed_by(&unknown);
        assert_eq!(with_unknown.steal_s, None);
        assert_eq!(with_unknown.clock_source, None);
    }
}
