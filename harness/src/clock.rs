//! The clock that takes the times, and what it can resolve.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Wall-clock and CPU time of a timed region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elapsed {
    /// Wall-clock time, `CLOCK_MONOTONIC`.
    pub run_time_s: f64,
    /// CPU time of all threads of this process, taken just outside the wall-clock readings.
    pub cpu_time_s: f64,
}

/// Runs the region between two readings of the clock and nothing else.
pub fn time<R>(region: impl FnOnce() -> R) -> (R, Elapsed) {
    let cpu_before_s = process_cpu_time_s();
    let start = Instant::now();
    let result = region();
    let run_time = start.elapsed();
    let cpu_after_s = process_cpu_time_s();
    let elapsed = Elapsed {
        run_time_s: run_time.as_secs_f64(),
        cpu_time_s: cpu_after_s - cpu_before_s,
    };
    (result, elapsed)
}

/// The shortest time that two readings of the clock one after the other were apart, in a thousand tries: what can be told
/// apart, the cost of a reading included.
pub fn resolution_s() -> f64 {
    (0..1000)
        .map(|_| smallest_step())
        .min()
        .unwrap_or_default()
        .as_secs_f64()
}

/// Reads until the clock moves.
fn smallest_step() -> Duration {
    let start = Instant::now();
    loop {
        let step = start.elapsed();
        if !step.is_zero() {
            return step;
        }
    }
}

/// User and system time of this process so far, all threads.
fn process_cpu_time_s() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return f64::NAN;
    };
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    microseconds as f64 * 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_takes_its_time() {
        let pause = Duration::from_millis(20);
        let ((), elapsed) = time(|| std::thread::sleep(pause));
        assert!(elapsed.run_time_s >= pause.as_secs_f64());
        assert!(elapsed.cpu_time_s >= 0.0);
    }

    #[test]
    fn the_resolution_is_far_below_a_sample() {
        let resolution_s = resolution_s();
        assert!(resolution_s > 0.0 && resolution_s < 1e-3, "{resolution_s}");
    }
}
