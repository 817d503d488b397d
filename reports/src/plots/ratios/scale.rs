//! The axis of ratios: as far to one side of 1 as to the other, so that a third faster and a third slower look alike.

use results::comparison::{CaseOutcome, Comparison};

use super::super::layout::tick_labels;
use super::super::sheet::{SMALL_SIZE, Sheet};
use super::band;
use crate::plot::scene::{Anchor, Scene, Text};
use crate::plot::{font, palette};

/// The narrowest axis: one percent to each side.
const REACH_MIN: f64 = 0.01;
/// The widest: a hundred times as fast.
const REACH_MAX: f64 = 4.605_170_185_988_091;

/// The axis: logarithms of ratios, as far to one side of 1 as to the other.
pub(super) struct Scale {
    /// From left to right.
    pub(super) lane: (i32, i32),
    /// The logarithm at its right end.
    pub(super) reach: f64,
    ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Holds all thresholds and, of the intervals, all but those that would leave the others no room.
    pub(super) fn of(comparison: &Comparison, cases: &[&CaseOutcome], lane: (i32, i32)) -> Scale {
        let distance = |ratio: f64| ratio.ln().abs();
        let mut intervals: Vec<f64> = cases
            .iter()
            .filter_map(|case| case.ratio.as_ref())
            .map(|ratio| distance(ratio.low).max(distance(ratio.high)))
            .filter(|reach| reach.is_finite())
            .collect();
        intervals.sort_by(f64::total_cmp);
        let middle = intervals.get(intervals.len() / 2).copied();
        let most = intervals.last().copied();
        // What lies many times as far out as the others would squeeze these into one place.
        let usual = middle.map_or(0.0, |middle| 4.0 * middle.max(REACH_MIN));
        let needed = most.map_or(0.0, |most| most.min(usual));
        let thresholds = cases.iter().filter_map(|case| {
            let band = band(comparison, case)?;
            Some(distance(band.0).max(distance(band.1)))
        });
        let thresholds = thresholds.filter(|reach| *reach <= REACH_MAX);
        let reach = thresholds.fold(needed, f64::max) * 1.12;
        let reach = reach.clamp(REACH_MIN, REACH_MAX);
        Scale {
            lane,
            reach,
            ticks: ticks(reach),
        }
    }

    pub(super) fn middle(&self) -> i32 {
        i32::midpoint(self.lane.0, self.lane.1)
    }

    /// `None` for what lies beyond the ends.
    pub(super) fn x(&self, ratio: f64) -> Option<i32> {
        let share = ratio.ln() / self.reach;
        (share.abs() <= 1.0).then(|| self.clamped(ratio))
    }

    /// At an end for what lies beyond it.
    pub(super) fn clamped(&self, ratio: f64) -> i32 {
        let share = (ratio.ln() / self.reach).clamp(-1.0, 1.0);
        let share = if share.is_nan() { -1.0 } else { share };
        let half = f64::from(self.lane.1 - self.lane.0) / 2.0;
        self.middle() + (share * half).round() as i32
    }

    pub(super) fn grid(&self, scene: &mut Scene, (top, bottom): (i32, i32)) {
        for (ratio, _) in &self.ticks {
            let x = self.clamped(*ratio);
            if is_one(*ratio) {
                scene.line((x, top), (x, bottom), 2, palette::AXIS);
            } else {
                scene.line((x, top), (x, bottom), 1, palette::GRID);
            }
        }
    }

    pub(super) fn axis(&self, sheet: &mut Sheet) {
        let y = sheet.y;
        sheet
            .scene
            .line((self.lane.0, y), (self.lane.1, y), 1, palette::AXIS);
        let labels: Vec<(i32, String)> = self
            .ticks
            .iter()
            .map(|(ratio, label)| (self.clamped(*ratio), label.clone()))
            .collect();
        for (x, _) in &labels {
            sheet.scene.line((*x, y), (*x, y + 5), 1, palette::AXIS);
        }
        tick_labels(&mut sheet.scene, y + 15, &symmetric(&labels));
        let words = "speed of B over that of A (log scale)";
        let text = Text::new(words, (self.middle(), y + 35), SMALL_SIZE);
        sheet.scene.text(text.anchored(Anchor::Middle));
        sheet.y = y + 52;
    }
}

/// Labels of which the one in the middle is always drawn: with as many to its left as to its right, every second one when they are close.
fn symmetric(labels: &[(i32, String)]) -> Vec<(i32, String)> {
    let widest = labels
        .iter()
        .map(|(_, label)| font::width(label, SMALL_SIZE));
    let widest = widest.max().unwrap_or(0) + 8;
    let nearest = labels.windows(2).map(|pair| pair[1].0 - pair[0].0).min();
    let stride = match nearest {
        Some(distance) if distance > 0 && distance < widest => (widest / distance + 1) as usize,
        _ => 1,
    };
    let middle = labels.len() / 2;
    let is_kept = |index: &usize| index.abs_diff(middle).is_multiple_of(stride);
    let kept = labels
        .iter()
        .enumerate()
        .filter(|(index, _)| is_kept(index));
    kept.map(|(_, label)| label.clone()).collect()
}

fn is_one(ratio: f64) -> bool {
    (ratio - 1.0).abs() < 1e-9
}

/// Round ratios above 1 and as many as far below it, an odd number of them.
fn ticks(reach: f64) -> Vec<(f64, String)> {
    const STEPS: [f64; 9] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
    const FAR: [f64; 6] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
    const SIDE_MAX: f64 = 5.0;
    let most = reach.exp() - 1.0;
    let step = STEPS.into_iter().find(|step| most / step <= SIDE_MAX);
    let above: Vec<f64> = match step {
        Some(step) => {
            let count = (most / step + 1e-9).floor() as usize;
            (1..=count).map(|at| 1.0 + at as f64 * step).collect()
        }
        None => FAR
            .into_iter()
            .take_while(|ratio| ratio.ln() <= reach + 1e-9)
            .collect(),
    };
    // Near 1 a round number is nearly as far below as above; further away it is the reciprocal.
    let below_of = |ratio: f64| {
        if ratio < 1.25 {
            2.0 - ratio
        } else {
            1.0 / ratio
        }
    };
    let pairs = above.iter().map(|ratio| (below_of(*ratio), *ratio));
    let pairs: Vec<(f64, f64)> = pairs
        .filter(|(below, _)| -below.ln() <= reach + 1e-9)
        .collect();
    let below = pairs.iter().rev().map(|(below, _)| *below);
    let above = pairs.iter().map(|(_, above)| *above);
    let decimals = if step.is_some_and(|step| step < 0.01) {
        3
    } else {
        2
    };
    let label = |ratio: f64| {
        let text = format!("{ratio:.decimals$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let ratios = below.chain([1.0]).chain(above);
    ratios.map(|ratio| (ratio, label(ratio))).collect()
}
