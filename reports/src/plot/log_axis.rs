//! A logarithmic axis.

use super::axis::step;
use crate::figures::grouped;

/// Nothing is drawn beyond this or below its reciprocal; the arithmetic below stays finite.
const DRAWABLE_MAX: f64 = 1e300;

/// More decades than this have a tick at some of them only.
const DECADES_MAX: f64 = 8.0;

/// A logarithmic axis between two positive values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogAxis {
    low: f64,
    high: f64,
    /// Ticks between the ends, the smallest first, with their labels.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl LogAxis {
    /// The axis from `low` to `high`, both positive; around a value when they are the same, from 1 to 10 when they are none.
    pub(crate) fn between(low: f64, high: f64) -> LogAxis {
        let bounds = DRAWABLE_MAX.recip()..=DRAWABLE_MAX;
        let (low, high) = if bounds.contains(&low) && bounds.contains(&high) && low <= high {
            (low, high)
        } else {
            (1.0, 10.0)
        };
        let (low, high) = if high / low < 1.01 {
            (low / 2.0, high * 2.0)
        } else {
            (low, high)
        };
        let ticks = tick_values(low, high);
        let is_plain = low >= 9.9e-4 && high < 1e6;
        let ticks = ticks
            .into_iter()
            .map(|value| (value, label(value, is_plain)));
        LogAxis {
            low,
            high,
            ticks: ticks.collect(),
        }
    }

    /// Where a value lies between the ends of the axis, in the unit of these; at an end when it lies beyond it.
    pub(crate) fn position(&self, value: f64, (from, to): (i32, i32)) -> i32 {
        let share = (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln());
        let share = if share.is_nan() { 0.0 } else { share };
        from + (share.clamp(0.0, 1.0) * f64::from(to - from)).round() as i32
    }
}

/// Powers of ten, with their double and their half where there are few of them; round values where even these are few.
fn tick_values(low: f64, high: f64) -> Vec<f64> {
    let decades = high.log10() - low.log10();
    let every = (decades / DECADES_MAX).ceil().max(1.0) as i32;
    let factors: &[f64] = if decades > 3.0 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let powers = (first..=last).filter(|power| power.rem_euclid(every) == 0);
    let within = |value: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value);
    let ticks: Vec<f64> = powers
        .flat_map(|power| {
            factors
                .iter()
                .map(move |factor| factor * 10.0_f64.powi(power))
        })
        .filter(within)
        .collect();
    if ticks.len() >= 3 {
        return ticks;
    }
    let step = step((high - low) / 4.0);
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let count = (last - first).clamp(0.0, 10.0) as usize;
    (0..=count)
        .map(|index| (first + index as f64) * step)
        .collect()
}

/// All labels of an axis are plain digits, or all are powers of ten.
fn label(value: f64, is_plain: bool) -> String {
    if !is_plain {
        return format!("{value:.0e}");
    }
    // A tick has one digit that counts, or two.
    let decimals = (0..6).find(|decimals| {
        let scaled = value * 10.0_f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    let decimals = decimals.unwrap_or(6) as usize;
    grouped(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, expected: &str) {
        let axis = LogAxis::between(low, high);
        let labels: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels.join(" "), expected, "{low} to {high}");
    }

    #[test]
    fn ticks_are_round_and_few() {
        check(100.0, 10_000.0, "100 200 500 1000 2000 5000 10,000");
        check(0.08, 4000.0, "0.1 1 10 100 1000");
        check(11.0, 18.0, "12 14 16 18");
        check(0.01, 2e7, "1e-2 1e0 1e2 1e4 1e6");
        check(1e-12, 1e30, "1e-12 1e-6 1e0 1e6 1e12 1e18 1e24 1e30");
        check(64.0, 64.0, "50 100");
    }

    #[test]
    fn odd_values_give_an_axis_all_the_same() {
        for (low, high) in [
            (f64::NAN, 1.0),
            (0.0, 5.0),
            (-1.0, 5.0),
            (1.0, f64::INFINITY),
            (5.0, 1.0),
            (f64::MIN_POSITIVE, f64::MAX),
        ] {
            check(low, high, "1 2 5 10");
        }
        check(
            1e-300,
            1e300,
            "1e-300 1e-225 1e-150 1e-75 1e0 1e75 1e150 1e225 1e300",
        );
    }

    #[test]
    fn positions_stay_between_the_ends() {
        let axis = LogAxis::between(1.0, 100.0);
        for (value, expected) in [
            (1.0, 0),
            (10.0, 50),
            (100.0, 100),
            (0.0, 0),
            (-1.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, 100),
        ] {
            assert_eq!(axis.position(value, (0, 100)), expected, "{value}");
        }
    }
}
