//! A linear axis from zero.

use crate::figures::grouped;

/// Intervals between ticks at the most.
const INTERVALS_MAX: f64 = 7.0;

/// Nothing is drawn beyond this; the arithmetic below stays finite.
const DRAWABLE_MAX: f64 = 1e300;

/// A linear axis from zero to its last tick.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// The value of the last tick.
    pub(crate) max: f64,
    /// Ticks, zero first, with their labels.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis on which all these values find room; up to 1 when none of them can be drawn or all are zero.
    pub(crate) fn from_zero(values: impl Iterator<Item = f64>) -> Axis {
        let largest = values
            .filter(|value| is_drawable(*value))
            .fold(0.0, f64::max);
        let largest = if largest < 1.0 / DRAWABLE_MAX {
            1.0
        } else {
            largest
        };
        let step = step(largest / INTERVALS_MAX);
        let intervals = (largest / step - 1e-9).ceil().max(1.0) as usize;
        let max = intervals as f64 * step;
        let ticks = (0..=intervals)
            .map(|index| index as f64 * step)
            .map(|value| (value, label(value, step, max)))
            .collect();
        Axis { max, ticks }
    }

    /// The axis from zero to exactly this value, with ticks at the round values up to it; up to 1 when it cannot be drawn.
    pub(crate) fn up_to(max: f64) -> Axis {
        if !(DRAWABLE_MAX.recip()..=DRAWABLE_MAX).contains(&max) {
            return Self::from_zero(std::iter::empty());
        }
        let step = step(max / INTERVALS_MAX);
        let intervals = (max / step + 1e-9).floor() as usize;
        let ticks = (0..=intervals)
            .map(|index| index as f64 * step)
            .map(|value| (value, label(value, step, max)))
            .collect();
        Axis { max, ticks }
    }

    /// Where a value lies between the ends of the axis, in the unit of these; `None` for what cannot be drawn.
    pub(crate) fn position(&self, value: f64, (from, to): (i32, i32)) -> Option<i32> {
        let share = value / self.max;
        (is_drawable(value) && share <= 1.001)
            .then(|| from + (share * f64::from(to - from)).round() as i32)
    }
}

fn is_drawable(value: f64) -> bool {
    (0.0..=DRAWABLE_MAX).contains(&value)
}

/// The least of 1, 2, 5, 10 times a power of ten that is not below `at_least`.
pub(super) fn step(at_least: f64) -> f64 {
    let power = 10.0_f64.powf(at_least.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= at_least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// All labels of an axis are plain digits, or all but zero are powers of ten.
pub(super) fn label(value: f64, step: f64, max: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&max) {
        return format!("{value:.1e}");
    }
    let decimals = (-(step * 1.001).log10().floor()).max(0.0) as usize;
    grouped(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(largest: f64, expected: &str) {
        let axis = Axis::from_zero([largest].into_iter());
        let labels: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels.join(" "), expected, "{largest}");
    }

    #[test]
    fn ticks_are_round_and_reach_the_largest_value() {
        check(1031.0, "0 200 400 600 800 1000 1200");
        check(98_765.0, "0 20,000 40,000 60,000 80,000 100,000");
        check(0.5, "0 0.1 0.2 0.3 0.4 0.5");
        check(7.0, "0 1 2 3 4 5 6 7");
        check(1.0, "0 0.2 0.4 0.6 0.8 1.0");
        check(990_000.0, "0 2.0e5 4.0e5 6.0e5 8.0e5 1.0e6");
        check(3e12, "0 5.0e11 1.0e12 1.5e12 2.0e12 2.5e12 3.0e12");
    }

    #[test]
    fn an_axis_may_end_between_two_ticks() {
        let axis = Axis::up_to(1031.0);
        let labels: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels.join(" "), "0 200 400 600 800 1000");
        assert_eq!(axis.position(1031.0, (300, 0)), Some(0));
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e301] {
            assert_eq!(Axis::up_to(odd), Axis::from_zero([].into_iter()));
        }
    }

    #[test]
    fn odd_values_give_an_axis_all_the_same() {
        for value in [
            0.0,
            f64::NAN,
            f64::INFINITY,
            -3.0,
            f64::MIN_POSITIVE,
            f64::MAX,
        ] {
            check(value, "0 0.2 0.4 0.6 0.8 1.0");
        }
    }

    #[test]
    fn positions_are_within_the_ends_or_nowhere() {
        let axis = Axis::from_zero([10.0].into_iter());
        assert_eq!(axis.position(0.0, (50, 250)), Some(50));
        assert_eq!(axis.position(axis.max, (50, 250)), Some(250));
        for value in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(axis.position(value, (50, 250)), None);
        }
    }
}
