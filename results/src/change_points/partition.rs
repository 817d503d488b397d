//! The best of all partitions of a series into segments, for a loss that outliers cannot drive up.

use std::ops::Range;

use super::scale::Noise;
use crate::statistics::median;

/// Distance of neighbouring levels that are tried, in scales: the best one is at most half of that away, which costs
/// 1/64 for each run.
const LEVEL_STEP: f64 = 0.25;

/// More levels than this are not tried; then they lie further apart.
const LEVELS_MAX: usize = 2000;

/// Costs that differ by less are equal, and the longer segment is taken. A run beyond the caps of both neighbouring levels costs the same in
/// either, so that such ties are no rarity, and rounding is not to decide them.
const TIE: f64 = 1e-6;

/// Where to cut so that capped squares, in units of the noise, plus a penalty for each cut are the least, with no segment
/// shorter than `segment_min` runs.
///
/// A segment's level is one of a grid of levels, so that the search is a walk along the series that keeps the least cost
/// for each level ("fused" by Viterbi's method): time is runs × levels, and nothing is lost but a fraction of the grid's step.
pub(super) fn best(logs: &[f64], noise: Noise, segment_min: usize, penalty: f64) -> Vec<usize> {
    let len = logs.len();
    // Shorter ones cannot be cut.
    if len < 2 * segment_min {
        return Vec::new();
    }
    let levels = levels(logs, noise, segment_min);
    let loss = |run: usize, level: f64| noise.loss(run, logs[run] - level);
    // The least cost of the runs before this one, and where their last segment begins.
    let mut cost = vec![f64::INFINITY; len + 1];
    let mut begin = vec![0; len + 1];
    cost[0] = -penalty;
    // For each level: the least cost when the last segment has it and is long enough; where that segment begins; and the
    // losses of the last `segment_min` runs.
    let mut open = vec![f64::INFINITY; levels.len()];
    let mut open_begin = vec![0; levels.len()];
    let mut recent = vec![0.0; levels.len()];
    for run in 0..len {
        let mut least = (f64::INFINITY, 0);
        let born = (run + 1).checked_sub(segment_min);
        let born_cost = born.map_or(f64::INFINITY, |begin| cost[begin] + penalty);
        for (at, level) in levels.iter().enumerate() {
            let new = loss(run, *level);
            recent[at] += new;
            if run >= segment_min {
                recent[at] -= loss(run - segment_min, *level);
            }
            open[at] += new;
            if let Some(begin) = born
                && born_cost + recent[at] < open[at] - TIE
            {
                open[at] = born_cost + recent[at];
                open_begin[at] = begin;
            }
            if open[at] < least.0 - TIE {
                least = (open[at], open_begin[at]);
            }
        }
        (cost[run + 1], begin[run + 1]) = least;
    }
    let mut cuts = Vec::new();
    let mut end = begin[len];
    while end > 0 {
        cuts.push(end);
        end = begin[end];
    }
    cuts.reverse();
    cuts
}

/// The levels that a segment may have: where medians of `segment_min` neighbours lie, on a grid.
fn levels(logs: &[f64], noise: Noise, segment_min: usize) -> Vec<f64> {
    let mut medians: Vec<f64> = logs
        .windows(segment_min)
        .filter_map(|runs| {
            let present: Vec<f64> = runs.iter().copied().filter(|log| !log.is_nan()).collect();
            median(&present)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    // From the least one on, so that the values' unit moves no level between them.
    let Some(first) = medians.first().copied() else {
        return Vec::new();
    };
    let mut step = LEVEL_STEP * noise.least_scale();
    loop {
        let mut cells: Vec<f64> = medians
            .iter()
            .map(|log| ((log - first) / step).round())
            .collect();
        cells.dedup();
        if cells.len() <= LEVELS_MAX {
            return cells.into_iter().map(|cell| first + cell * step).collect();
        }
        step *= 2.0;
    }
}

/// The level of a segment: the mean of what is not further out than the cap, found from the median on.
pub(super) fn level(logs: &[f64], noise: Noise, runs: Range<usize>) -> f64 {
    const ROUNDS: usize = 5;
    let present: Vec<f64> = logs[runs.clone()]
        .iter()
        .copied()
        .filter(|log| !log.is_nan())
        .collect();
    let Some(mut level) = median(&present) else {
        return f64::NAN;
    };
    for _ in 0..ROUNDS {
        let (mut sum, mut count) = (0.0, 0.0);
        for run in runs.clone() {
            if (logs[run] - level).abs() <= noise.cap(run) {
                sum += logs[run];
                count += 1.0;
            }
        }
        if count == 0.0 {
            break;
        }
        level = sum / count;
    }
    level
}
