//! A horizontal axis for a few values, linear or logarithmic, whichever keeps them further apart.

use super::axis::{label, step};
use super::font;
use super::log_axis::LogAxis;
use super::palette;
use super::scene::{Anchor, Scene, Text};

/// The least room between two labels.
const LABEL_GAP: i32 = 8;

/// Linear intervals between ticks at the most.
const INTERVALS_MAX: f64 = 5.0;

/// A horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scale {
    Linear(Linear),
    Log(LogAxis),
}

/// A linear axis that ends at the largest value, and begins at zero or, when all values are close together, at the smallest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    from: f64,
    to: f64,
    ticks: Vec<(f64, String)>,
}

impl Linear {
    fn between(low: f64, high: f64) -> Self {
        let from = if low < 0.3 * high || low >= high {
            0.0
        } else {
            low
        };
        let step = step((high - from) / INTERVALS_MAX);
        let (first, last) = ((from / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let count = (last - first).clamp(0.0, 2.0 * INTERVALS_MAX) as usize;
        let values = (0..=count).map(|index| (first + index as f64) * step);
        Self {
            from,
            to: high,
            ticks: values
                .map(|value| (value, label(value, step, high)))
                .collect(),
        }
    }
}

impl Scale {
    /// The axis on which the nearest two of these positive values are furthest apart.
    pub(crate) fn of(values: &[f64]) -> Scale {
        let mut values: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| (1e-300..=1e300).contains(value))
            .collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
            return Scale::Linear(Linear::between(0.0, 1.0));
        };
        let linear = Linear::between(low, high);
        let linear_share = least_gap(&values) / (linear.to - linear.from);
        let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
        if values.len() > 1 && least_gap(&logs) / (high / low).ln() > linear_share {
            Scale::Log(LogAxis::between(low, high))
        } else {
            Scale::Linear(linear)
        }
    }

    /// The linear axis from zero as long as it keeps the nearest two of these positive values so far apart, as a share of its length;
    /// else as [`Scale::of`].
    pub(crate) fn linear_if_apart(values: &[f64], share: f64) -> Scale {
        let mut values: Vec<f64> = values.to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        match values.last() {
            Some(high) if least_gap(&values) >= share * high => {
                Scale::Linear(Linear::between(0.0, *high))
            }
            _ => Scale::of(&values),
        }
    }

    /// Where a value lies between the ends of the axis; at an end when it lies beyond it.
    pub(crate) fn position(&self, value: f64, ends: (i32, i32)) -> i32 {
        match self {
            Scale::Linear(linear) => between((linear.from, linear.to), value, ends),
            Scale::Log(axis) => axis.position(value, ends),
        }
    }

    /// Round values on the axis, with their labels.
    pub(crate) fn ticks(&self) -> &[(f64, String)] {
        match self {
            Scale::Linear(linear) => &linear.ticks,
            Scale::Log(axis) => &axis.ticks,
        }
    }

    /// Whether equal distances are equal ratios.
    pub(crate) fn is_log(&self) -> bool {
        matches!(self, Scale::Log(_))
    }

    /// Whether it is linear and something is cut off between zero and its begin.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Scale::Linear(linear) => linear.from > 0.0,
            Scale::Log(_) => false,
        }
    }
}

fn least_gap(ascending: &[f64]) -> f64 {
    let gaps = ascending.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.fold(f64::INFINITY, f64::min)
}

/// Where a value lies on a linear axis with these values at its ends; at an end when it lies beyond it.
pub(crate) fn between((from, to): (f64, f64), value: f64, ends: (i32, i32)) -> i32 {
    let share = (value - from) / (to - from);
    let share = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    };
    ends.0 + (share * f64::from(ends.1 - ends.0)).round() as i32
}

/// The labels of a horizontal axis at `bottom`, each with a short line where its value is. Returns the middle of the labels' height.
pub(crate) fn draw_ticks(
    scene: &mut Scene,
    bottom: i32,
    ticks: &[(i32, String)],
    size: i32,
) -> i32 {
    for (x, _) in ticks {
        scene.line((*x, bottom), (*x, bottom + 5), 1, palette::AXIS);
    }
    let y = bottom + 16;
    for (x, label) in without_collisions(ticks, size) {
        scene.text(Text::new(label, (x, y), size).anchored(Anchor::Middle));
    }
    y
}

/// Of labels whose middles are at these places, those that can stand without touching: the last, the first, and what fits between.
pub(crate) fn without_collisions(labels: &[(i32, String)], size: i32) -> Vec<(i32, String)> {
    let mut kept: Vec<(i32, i32)> = Vec::new();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    if let Some(last) = order.pop() {
        order.insert(0, last);
    }
    let mut chosen: Vec<usize> = Vec::new();
    for index in order {
        let (middle, label) = &labels[index];
        let half = font::width(label, size) / 2 + LABEL_GAP / 2;
        let (left, right) = (middle - half, middle + half);
        if kept.iter().all(|(l, r)| right <= *l || *r <= left) {
            kept.push((left, right));
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    chosen
        .into_iter()
        .map(|index| labels[index].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_follows_the_values() {
        assert!(Scale::of(&[100.0, 1000.0, 10_000.0]).is_log());
        assert!(Scale::of(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).is_log());
        assert!(!Scale::of(&[1000.0, 2000.0, 3000.0, 4000.0, 5000.0]).is_log());
        assert!(!Scale::of(&[1.0, 2.0, 3.0, 4.0]).is_log());
        assert!(!Scale::of(&[5.0]).is_log());
        assert!(!Scale::of(&[f64::NAN, -1.0, f64::INFINITY]).is_log());
    }

    #[test]
    fn a_linear_axis_ends_at_the_largest_value() {
        let scale = Scale::of(&[1000.0, 2000.0, 3000.0, 4000.0]);
        let ticks: Vec<&str> = scale.ticks().iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(ticks.join(" "), "0 1000 2000 3000 4000");
        assert_eq!(
            (
                scale.position(0.0, (0, 100)),
                scale.position(4000.0, (0, 100))
            ),
            (0, 100)
        );
        assert!(!scale.is_broken());
        let scale = Scale::of(&[3000.0, 3500.0, 4000.0]);
        assert!(scale.is_broken());
        assert_eq!(
            (
                scale.position(3000.0, (0, 100)),
                scale.position(1.0, (0, 100))
            ),
            (0, 0)
        );
    }

    #[test]
    fn labels_that_would_touch_are_left_out_but_for_the_ends() {
        let labels: Vec<(i32, String)> = (0..20).map(|at| (at * 15, "10,000".to_owned())).collect();
        let kept: Vec<i32> = without_collisions(&labels, 13)
            .into_iter()
            .map(|it| it.0)
            .collect();
        assert!(kept.contains(&0) && kept.contains(&285), "{kept:?}");
        assert!(
            kept.windows(2).all(|pair| pair[1] - pair[0] >= 45),
            "{kept:?}"
        );
    }
}
