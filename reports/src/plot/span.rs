//! A linear axis between two values, which need not begin at zero.

use super::axis::{label, step};

/// Intervals between ticks at the most.
const INTERVALS_MAX: f64 = 5.0;

/// A linear axis from its first tick to its last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    /// Ticks, the smallest first, with their labels; two at the least.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Span {
    /// The axis on which all values from `low` to `high`, both positive, find room. It begins at zero when the values
    /// are far apart.
    pub(crate) fn between(low: f64, high: f64) -> Span {
        let low = if low < 0.3 * high { 0.0 } else { low };
        // Equal values have a place, too.
        let step = step(((high - low) / INTERVALS_MAX).max(high * 1e-3).max(1e-300));
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil().max(first + 1.0);
        let count = (last - first) as usize;
        let ticks = (0..=count)
            .map(|index| (first + index as f64) * step)
            .map(|value| (value, label(value, step, last * step)))
            .collect();
        Span { ticks }
    }

    fn ends(&self) -> (f64, f64) {
        let end = |tick: Option<&(f64, String)>| tick.map_or(0.0, |tick| tick.0);
        (end(self.ticks.first()), end(self.ticks.last()))
    }

    /// Whether something is cut off between zero and the first tick.
    pub(crate) fn is_broken(&self) -> bool {
        self.ends().0 > 0.0
    }

    /// Where a value lies between the ends of the axis, in the unit of these; at an end when it lies beyond it.
    pub(crate) fn position(&self, value: f64, (from, to): (i32, i32)) -> i32 {
        let (first, last) = self.ends();
        let share = ((value - first) / (last - first)).clamp(0.0, 1.0);
        from + (share * f64::from(to - from)).round() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, expected: &str) {
        let span = Span::between(low, high);
        let labels: Vec<&str> = span.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels.join(" "), expected, "{low} to {high}");
    }

    #[test]
    fn ticks_are_round_and_hold_both_ends() {
        check(91.3, 104.2, "90 95 100 105");
        check(1.0, 104.2, "0 50 100 150");
        check(100.0, 100.0, "100.0 100.1");
        check(0.051, 0.0531, "0.0510 0.0515 0.0520 0.0525 0.0530 0.0535");
    }

    #[test]
    fn positions_stay_between_the_ends() {
        let span = Span::between(91.3, 104.2);
        assert!(span.is_broken());
        for (value, expected) in [(90.0, 200), (105.0, 100), (1.0, 200), (1e9, 100)] {
            assert_eq!(span.position(value, (200, 100)), expected);
        }
        assert_eq!(span.position(97.5, (200, 100)), 150);
    }
}
