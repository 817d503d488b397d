//! The published methods, made again from their descriptions and sources to be run on the same series.

use results::distributions::student_two_sided;
use std::ops::Range;

/// Hunter's window, in runs.
const WINDOW: usize = 50;
/// Hunter's significance.
const P_VALUE_MAX: f64 = 0.001;

/// How far the second of two compared parts reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the end of what is searched: the e-divisive means that Hunter was published with (the one of signal-processing-algorithms).
    End,
    /// Wherever the two parts differ most (Matteson and James 2014), as in Apache Otava since 2025.
    Any,
}

/// Hunter: M. Fleming et al., Hunter: using change point detection to hunt for performance regressions, ICPE 2023; with
/// Apache Otava's source for what the paper leaves open (windows that overlap by half, significance ten times weaker at
/// first, standard deviations without Bessel's correction). It was not run beside Otava itself; `--dump` writes what that takes.
pub(crate) fn hunter(values: &[f64], reach: Reach) -> Vec<usize> {
    let mut weak: Vec<usize> = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let end = (start + WINDOW).min(values.len());
        let found = divided(&values[start..end], reach, 10.0 * P_VALUE_MAX);
        weak.extend(found.iter().map(|index| start + index));
        let last = found.last().map_or(0, |index| start + index);
        start = last.max(start + WINDOW / 2);
    }
    weak.sort_unstable();
    weak.dedup();
    merged(values, weak)
}

/// E-divisive means: the best cut of all parts, as long as it is significant.
fn divided(values: &[f64], reach: Reach, p_value_max: f64) -> Vec<usize> {
    let mut cuts: Vec<usize> = Vec::new();
    loop {
        let mut best: Option<(f64, usize, Range<usize>)> = None;
        for part in parts(values.len(), &cuts) {
            if part.len() > 1 {
                let (energy, index) = best_cut(&values[part.clone()], reach);
                if best.as_ref().is_none_or(|(most, ..)| energy > *most) {
                    best = Some((energy, part.start + index, part));
                }
            }
        }
        match best {
            Some((_, index, part))
                if p_value(&values[part.start..index], &values[index..part.end]) <= p_value_max =>
            {
                cuts.push(index);
                cuts.sort_unstable();
            }
            _ => return cuts,
        }
    }
}

fn parts(len: usize, cuts: &[usize]) -> Vec<Range<usize>> {
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(len);
    edges.windows(2).map(|edge| edge[0]..edge[1]).collect()
}

/// The cut with the largest energy statistic, with distances to the power of one.
fn best_cut(values: &[f64], reach: Reach) -> (f64, usize) {
    let len = values.len();
    let distance = |i: usize, j: usize| (values[i] - values[j]).abs();
    let mut best = (f64::NEG_INFINITY, 1);
    // Sums of distances: within the first part; within the second and between both, for every end of the second.
    let mut within_first = 0.0;
    for cut in 1..len {
        within_first += (0..cut - 1).map(|i| distance(i, cut - 1)).sum::<f64>();
        let (mut between, mut within_second) = (0.0, 0.0);
        for end in cut + 1..=len {
            between += (0..cut).map(|i| distance(i, end - 1)).sum::<f64>();
            within_second += (cut..end - 1).map(|i| distance(i, end - 1)).sum::<f64>();
            if reach == Reach::End && end < len {
                continue;
            }
            let (n, m) = (cut as f64, (end - cut) as f64);
            let mut energy = 2.0 / (m + n) * between;
            if cut > 1 {
                energy -= 2.0 * m / (m + n) / (n - 1.0) * within_first;
            }
            if end - cut > 1 {
                energy -= 2.0 * n / (m + n) / (m - 1.0) * within_second;
            }
            if energy > best.0 {
                best = (energy, cut);
            }
        }
    }
    best
}

/// Takes away what is not significant over the whole parts, the weakest first.
fn merged(values: &[f64], mut cuts: Vec<usize>) -> Vec<usize> {
    loop {
        let parts = parts(values.len(), &cuts);
        let weakest = (0..cuts.len())
            .map(|at| p_value(&values[parts[at].clone()], &values[parts[at + 1].clone()]))
            .enumerate()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match weakest {
            Some((at, p)) if p >= P_VALUE_MAX => {
                cuts.remove(at);
            }
            _ => return cuts,
        }
    }
}

/// Student's t-test of equal means, as Hunter calls it.
fn p_value(left: &[f64], right: &[f64]) -> f64 {
    let (n, m) = (left.len() as f64, right.len() as f64);
    if n + m <= 2.0 {
        return 1.0;
    }
    let pooled = ((n - 1.0) * variance(left) + (m - 1.0) * variance(right)) / (n + m - 2.0);
    let t = (mean(right) - mean(left)) / (pooled * (1.0 / n + 1.0 / m)).sqrt();
    student_two_sided(t, n + m - 2.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let center = mean(values);
    values
        .iter()
        .map(|value| (value - center).powi(2))
        .sum::<f64>()
        / values.len() as f64
}

/// Perfherder's rule: the twelve runs before and the twelve from a run on differ by a t of more than 7; of neighbouring
/// runs the one with the largest t.
pub(crate) fn t_threshold(values: &[f64]) -> Vec<usize> {
    const SIDE: usize = 12;
    const T_MIN: f64 = 7.0;
    let t = |index: usize| {
        let left = &values[index.saturating_sub(SIDE)..index];
        let right = &values[index..(index + SIDE).min(values.len())];
        if left.len() < 3 || right.len() < 3 {
            return 0.0;
        }
        let bessel = |values: &[f64]| variance(values) / (values.len() - 1) as f64;
        ((mean(right) - mean(left)) / (bessel(left) + bessel(right)).sqrt()).abs()
    };
    let mut found: Vec<usize> = Vec::new();
    let ts: Vec<f64> = (0..values.len()).map(t).collect();
    for (index, t) in ts.iter().enumerate() {
        if *t <= T_MIN {
            continue;
        }
        match found.last_mut() {
            Some(last) if index - *last < SIDE => {
                if *t > ts[*last] {
                    *last = index;
                }
            }
            _ => found.push(index),
        }
    }
    found
}
