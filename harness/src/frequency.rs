//! The clock that a processor really has, by whichever of three ways this host allows:
//!
//! 1. **APERF/MPERF** (x86, `/dev/cpu/N/msr`): the processor counts its own cycles and those of the constant clock; their
//!    ratio is exact, over the very time that was measured.
//! 2. **cpufreq** (`scaling_cur_freq`): what the kernel says right afterwards. On x86 newer kernels take it from the same
//!    counters; others may say what was asked for instead of what there is.
//! 3. **A calibrated loop** right afterwards: a chain in which each instruction waits for the one before and takes one cycle.
//!    It says what clock this thread gets once the load is over; a processor that slows down under wide vectors takes some
//!    hundred microseconds to speed up again, longer than the loop takes.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use nix::sched::sched_getcpu;
use results::limits::Clock;

/// Cycles of this processor and of its constant clock, as the model-specific registers count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// `IA32_TIME_STAMP_COUNTER`: cycles of the constant clock.
    pub(crate) tsc: u64,
    /// `IA32_MPERF`: those while the processor was not idle.
    pub(crate) mperf: u64,
    /// `IA32_APERF`: its own cycles while it was not idle.
    pub(crate) aperf: u64,
}

/// The numbers of the registers (Intel SDM volume 4; AMD's manuals agree).
const REGISTERS: [u64; 3] = [0x10, 0xe7, 0xe8];

/// What a record calls the clock that the processor's own counters give.
pub(crate) const COUNTED: &str = "APERF/MPERF";
/// What it calls the kernel's word.
pub(crate) const SAID: &str = "cpufreq";

/// Begins an observation of the processor that this thread runs on.
#[derive(Debug)]
pub struct Observation {
    started: Instant,
    cpu: Option<usize>,
    counters: Option<Counters>,
}

impl Observation {
    /// Reads the counters, where they can be read.
    pub fn begin() -> Self {
        let cpu = sched_getcpu().ok();
        let counters = cpu.and_then(read_counters);
        Self {
            started: Instant::now(),
            cpu,
            counters,
        }
    }

    /// The clock since the beginning, or now. `None` when nothing tells.
    pub fn end(self) -> Option<Clock> {
        let elapsed_s = self.started.elapsed().as_secs_f64();
        // A thread that has moved has two processors' counters.
        let cpu = sched_getcpu().ok().filter(|cpu| Some(*cpu) == self.cpu);
        let counted = self.counters.and_then(|before| {
            let after = read_counters(cpu?)?;
            counted_mhz(before, after, elapsed_s)
        });
        let said = || said_mhz(&fs::read_to_string(cpufreq(cpu?, "scaling_cur_freq")).ok()?);
        let (clock_mhz, source) = if let Some(mhz) = counted {
            (mhz, COUNTED)
        } else if let Some(mhz) = said() {
            (mhz, SAID)
        } else {
            (loop_mhz()?, "calibrated loop")
        };
        Some(Clock {
            clock_mhz,
            source: source.to_owned(),
        })
    }
}

/// The mean over threads; `None` without any. The source is the first one's: on one host it is the same for all.
pub fn mean(clocks: &[Clock]) -> Option<Clock> {
    let sum: f64 = clocks.iter().map(|clock| clock.clock_mhz).sum();
    Some(Clock {
        clock_mhz: sum / clocks.len() as f64,
        source: clocks.first()?.source.clone(),
    })
}

/// The highest clock that the kernel says these processors have; `None` where it does not say (virtual machines).
pub fn highest_mhz(cpus: usize) -> Option<f64> {
    (0..cpus)
        .filter_map(|cpu| said_mhz(&fs::read_to_string(cpufreq(cpu, "cpuinfo_max_freq")).ok()?))
        .max_by(f64::total_cmp)
}

fn cpufreq(cpu: usize, file: &str) -> String {
    format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}")
}

/// The model-specific registers of one logical CPU, which only root may read. A reading interrupts that CPU for some
/// microseconds.
#[derive(Debug)]
pub(crate) struct Registers(File);

impl Registers {
    /// Opens them below `root`, which is `/` but in tests. `None` where they cannot be read: without the right, without the
    /// kernel's module `msr`, or on another architecture.
    pub(crate) fn open(root: &Path, cpu: usize) -> Option<Self> {
        if !cfg!(target_arch = "x86_64") {
            return None;
        }
        let file = File::open(root.join(format!("dev/cpu/{cpu}/msr"))).ok()?;
        Some(Self(file))
    }

    /// Reads the counters of cycles.
    pub(crate) fn read(&self) -> Option<Counters> {
        let read = |register| {
            let mut bytes = [0; 8];
            self.0.read_exact_at(&mut bytes, register).ok()?;
            Some(u64::from_ne_bytes(bytes))
        };
        let [tsc, mperf, aperf] = REGISTERS.map(read);
        Some(Counters {
            tsc: tsc?,
            mperf: mperf?,
            aperf: aperf?,
        })
    }
}

fn read_counters(cpu: usize) -> Option<Counters> {
    Registers::open(Path::new("/"), cpu)?.read()
}

/// The processor's clock between two readings. `None` when the counters stand still, as some hypervisors have them.
pub(crate) fn counted_mhz(before: Counters, after: Counters, elapsed_s: f64) -> Option<f64> {
    let cycles = |count: fn(&Counters) -> u64| count(&after).wrapping_sub(count(&before)) as f64;
    let (tsc, mperf, aperf) = (cycles(|c| c.tsc), cycles(|c| c.mperf), cycles(|c| c.aperf));
    plausible(1e-6 * tsc / elapsed_s * aperf / mperf)
}

/// cpufreq's kHz.
fn said_mhz(text: &str) -> Option<f64> {
    let khz: f64 = text.trim().parse().ok()?;
    plausible(1e-3 * khz)
}

/// Anything else is no clock of a processor.
fn plausible(mhz: f64) -> Option<f64> {
    (50.0..20_000.0).contains(&mhz).then_some(mhz)
}

/// Two cycles a step: the fastest of several runs, each some 50 µs, which no interruption has made longer.
fn loop_mhz() -> Option<f64> {
    const STEPS: u64 = 100_000;
    let fastest_s = (0..6)
        .map(|_| {
            let started = Instant::now();
            black_box(chain(black_box(1), black_box(0x9e37_79b9_7f4a_7c15), STEPS));
            started.elapsed().as_secs_f64()
        })
        .min_by(f64::total_cmp)?;
    plausible(1e-6 * (2 * STEPS) as f64 / fastest_s)
}

/// A rotation and an addition in turn: one cycle each on every processor of the last twenty years, each waiting for the
/// other, and nothing that a compiler can shorten.
#[inline(never)]
fn chain(mut x: u64, addend: u64, steps: u64) -> u64 {
    for _ in 0..steps {
        x = x.rotate_left(7).wrapping_add(addend);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_this_host_is_one() {
        let observation = Observation::begin();
        black_box(chain(1, 2, 1_000_000));
        let clock = observation.end().unwrap();
        assert!((50.0..20_000.0).contains(&clock.clock_mhz), "{clock:?}");
    }

    #[test]
    fn counters_give_the_clock() {
        let before = Counters {
            tsc: u64::MAX - 999,
            mperf: 5_000,
            aperf: 7_000,
        };
        // In 10 ms the constant clock made 30 million cycles (3 GHz); half of the time the processor was awake, at 1.2
        // times that.
        let after = Counters {
            tsc: 29_999_000,
            mperf: 15_005_000,
            aperf: 18_007_000,
        };
        let mhz = counted_mhz(before, after, 0.01).unwrap();
        assert!((mhz - 3600.0).abs() < 0.1, "{mhz}");
        assert_eq!(counted_mhz(before, before, 0.01), None);
        let without_aperf = Counters {
            aperf: 7_000,
            ..after
        };
        assert_eq!(counted_mhz(before, without_aperf, 0.01), None);
    }

    #[test]
    fn cpufreq_is_in_khz() {
        assert_eq!(said_mhz("3600000\n"), Some(3600.0));
        for text in ["", "<unknown>", "0", "-1"] {
            assert_eq!(said_mhz(text), None, "{text}");
        }
    }

    #[test]
    fn the_mean_of_none_is_none() {
        assert_eq!(mean(&[]), None);
        let clock = |clock_mhz| Clock {
            clock_mhz,
            source: "cpufreq".to_owned(),
        };
        assert_eq!(mean(&[clock(3000.0), clock(4000.0)]), Some(clock(3500.0)));
    }
}
