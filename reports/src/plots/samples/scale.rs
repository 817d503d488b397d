//! The axis of distances from the median: as wide as most samples need.

use super::super::layout::tick_labels;
use super::super::sheet::{SMALL_SIZE, Sheet};
use super::{LANE, Strip};
use crate::plot::palette;
use crate::plot::scale::between;
use crate::plot::scene::{Anchor, Mark, Text};

/// The narrowest axis, in percent.
const REACH_MIN: f64 = 1.0;

/// The axis: percent from the median, as far as most samples need to either side.
pub(super) struct Scale {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Scale {
    pub(super) fn of(strips: &[Strip]) -> Scale {
        let mut below = Vec::new();
        let mut above = Vec::new();
        for strip in strips {
            let distances = strip
                .case
                .samples
                .iter()
                .filter_map(|it| strip.distance(it));
            for distance in distances {
                if distance < 0.0 {
                    below.push(-distance);
                } else if distance > 0.0 {
                    above.push(distance);
                }
            }
        }
        // Nothing is slower than not at all.
        let (low, high) = (reach(below).min(100.0), reach(above));
        // Neither side becomes so narrow that nothing can be read on it.
        let least = REACH_MIN.max(0.15 * low.max(high));
        let (low, high) = (low.max(least), high.max(least));
        let step = step((low + high) / 9.0);
        let [first, last] = [(low / step).ceil(), (high / step).ceil()].map(|count| count as i32);
        let ticks = (-first..=last).map(|at| f64::from(at) * step);
        let ticks = ticks.filter(|value| *value >= -100.0);
        let ticks = ticks.map(|value| (value, label(value, step))).collect();
        Scale {
            low: (-f64::from(first) * step).max(-100.0),
            high: f64::from(last) * step,
            ticks,
        }
    }

    /// How many samples lie beyond the edges.
    pub(super) fn beyond(&self, strip: &Strip) -> usize {
        let distances = strip
            .case
            .samples
            .iter()
            .filter_map(|it| strip.distance(it));
        distances
            .filter(|distance| self.x(*distance).is_none())
            .count()
    }

    /// `None` for what lies beyond the edges.
    pub(super) fn x(&self, distance: f64) -> Option<i32> {
        (self.low..=self.high)
            .contains(&distance)
            .then(|| self.clamped(distance))
    }

    pub(super) fn clamped(&self, distance: f64) -> i32 {
        between((self.low, self.high), distance, LANE)
    }

    pub(super) fn grid(&self, (top, bottom): (i32, i32)) -> Vec<Mark> {
        let line = |(value, _): &(f64, String)| {
            let x = self.clamped(*value);
            let color = if *value == 0.0 {
                palette::AXIS
            } else {
                palette::GRID
            };
            Mark::Path {
                points: vec![(x, top), (x, bottom)],
                width: 1,
                color,
            }
        };
        self.ticks.iter().map(line).collect()
    }

    pub(super) fn axis(&self, sheet: &mut Sheet) {
        let y = sheet.y;
        sheet.scene.line((LANE.0, y), (LANE.1, y), 1, palette::AXIS);
        let labels = self
            .ticks
            .iter()
            .map(|(value, label)| (self.clamped(*value), label.clone()));
        let labels: Vec<(i32, String)> = labels.collect();
        for (x, _) in &labels {
            sheet.scene.line((*x, y), (*x, y + 5), 1, palette::AXIS);
        }
        tick_labels(&mut sheet.scene, y + 15, &labels);
        let middle = i32::midpoint(LANE.0, LANE.1);
        let words = "distance from the case's median speed (%); to the right is faster";
        let text = Text::new(words, (middle, y + 35), SMALL_SIZE);
        sheet.scene.text(text.anchored(Anchor::Middle));
        sheet.y = y + 54;
    }
}

/// How far to one side the axis has to reach: to the furthest sample, unless it lies several times as far out as most.
fn reach(mut distances: Vec<f64>) -> f64 {
    distances.sort_by(f64::total_cmp);
    let furthest = distances.last().copied().unwrap_or(0.0);
    // Not between two samples: of a few the furthest one would count.
    let usual = distances.get(distances.len().saturating_sub(1) * 3 / 4);
    let usual = usual.map_or(REACH_MIN, |usual| usual.max(REACH_MIN));
    furthest.min(6.0 * usual).min(1000.0)
}

/// The least of 1, 2, 5, 10 times a power of ten that is not below.
fn step(at_least: f64) -> f64 {
    let power = 10.0_f64.powf(at_least.max(1e-3).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors
        .into_iter()
        .find(|it| it * power >= at_least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn label(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "median".to_owned();
    }
    let decimals = (-(step * 1.001).log10().floor()).max(0.0) as usize;
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{:.decimals$}", value.abs())
}
