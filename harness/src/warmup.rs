//! When a processor is warm: a rule over the times of the repetitions so far.
//!
//! The first repetitions are slower while clocks rise, packing buffers are faulted in and caches fill, by how many depends
//! on the machine. So repetitions are run until the last [`ALIKE`] lie within [`WITHIN`] of each other, but no more than
//! [`REPETITIONS_MAX`], and no further one is begun after [`TIME_MAX_S`]: what takes a second each has warmed everything
//! up in the first one.

use results::sampling::WarmupEnd;

/// How many repetitions in a row have to take the same time.
pub const ALIKE: usize = 3;

/// By how much the longest of them may exceed the shortest, relative.
pub const WITHIN: f64 = 0.05;

/// The most repetitions.
pub const REPETITIONS_MAX: usize = 10;

/// After this time no further repetition is begun.
pub const TIME_MAX_S: f64 = 1.0;

/// How much to warm up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmup {
    /// Until it is warm.
    Auto,
    /// This many repetitions.
    Fixed(usize),
}

impl Warmup {
    /// Why no further repetition is wanted before the first sample; `None` when one is. `times_s` are the repetitions so
    /// far, `spent_s` what they took with their set-up.
    pub fn ended(self, times_s: &[f64], spent_s: f64) -> Option<WarmupEnd> {
        match self {
            Self::Fixed(count) => (times_s.len() >= count).then_some(WarmupEnd::Fixed),
            Self::Auto if is_settled(times_s) => Some(WarmupEnd::Settled),
            Self::Auto if spent_s >= TIME_MAX_S => Some(WarmupEnd::MaxTime),
            Self::Auto if times_s.len() >= REPETITIONS_MAX => Some(WarmupEnd::MaxRepetitions),
            Self::Auto => None,
        }
    }

    /// How many repetitions come before further samples of a case whose last one took this long, after other cases. These
    /// have left the processor warm but caches and packing buffers full of their own: one repetition sets that right, and
    /// of what takes longer than [`TIME_MAX_S`] it is a few thousandths.
    pub fn again(self, last_run_time_s: f64) -> usize {
        match self {
            Self::Fixed(count) => count,
            Self::Auto => usize::from(last_run_time_s < TIME_MAX_S),
        }
    }

    /// The most repetitions before the first sample.
    pub fn repetitions_max(self) -> usize {
        match self {
            Self::Auto => REPETITIONS_MAX,
            Self::Fixed(count) => count,
        }
    }

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(_) => "fixed",
        }
    }
}

/// Whether the last repetitions took the same time.
fn is_settled(times_s: &[f64]) -> bool {
    let Some(first) = times_s.len().checked_sub(ALIKE) else {
        return false;
    };
    let last = &times_s[first..];
    let longest = last.iter().copied().fold(0.0, f64::max);
    let shortest = last.iter().copied().fold(f64::INFINITY, f64::min);
    longest <= shortest * (1.0 + WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a series' repetitions are run, and why no more.
    fn check(series_s: &[f64], expected: (usize, WarmupEnd)) {
        let mut spent_s = 0.0;
        for count in 0..=series_s.len() {
            if let Some(end) = Warmup::Auto.ended(&series_s[..count], spent_s) {
                assert_eq!((count, end), expected, "{series_s:?}");
                return;
            }
            spent_s += series_s.get(count).unwrap_or(&0.0) * 1.2;
        }
        panic!("{series_s:?} was not enough");
    }

    #[test]
    fn falling_times_are_waited_for() {
        let falling = [0.0351, 0.0248, 0.0217, 0.0203, 0.0198, 0.0197, 0.0199];
        check(&falling, (6, WarmupEnd::Settled));
    }

    #[test]
    fn flat_times_need_three() {
        check(&[0.0200, 0.0202, 0.0199, 0.0201], (3, WarmupEnd::Settled));
    }

    #[test]
    fn noise_is_not_waited_out() {
        let noisy = [
            0.020, 0.026, 0.019, 0.024, 0.031, 0.020, 0.027, 0.022, 0.019, 0.025, 0.020,
        ];
        check(&noisy, (10, WarmupEnd::MaxRepetitions));
    }

    #[test]
    fn a_slow_drift_counts_as_warm() {
        let drift: Vec<f64> = (0..20).map(|i| 0.020 * 1.01f64.powi(i)).collect();
        check(&drift, (3, WarmupEnd::Settled));
    }

    #[test]
    fn one_long_repetition_will_do() {
        check(&[20.5, 20.1], (1, WarmupEnd::MaxTime));
        check(&[0.5, 0.4, 0.4], (2, WarmupEnd::MaxTime));
    }

    #[test]
    fn times_that_no_clock_has_seen_are_alike() {
        check(&[0.0, 0.0, 0.0, 0.0], (3, WarmupEnd::Settled));
    }

    #[test]
    fn a_number_is_a_number() {
        assert_eq!(Warmup::Fixed(0).ended(&[], 0.0), Some(WarmupEnd::Fixed));
        assert_eq!(Warmup::Fixed(2).ended(&[9.0], 9.0), None);
        assert_eq!(Warmup::Fixed(2).again(100.0), 2);
        assert_eq!(
            (Warmup::Auto.again(100.0), Warmup::Auto.again(0.01)),
            (0, 1)
        );
    }
}
