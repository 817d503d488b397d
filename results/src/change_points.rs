//! Change points of a series with one value a run: where its level changed, by how much, and how sure that is.
//!
//! The method is deterministic and looks at nothing but the values in their order:
//!
//! 1. The values' logarithms are taken, so that a change is a ratio and noise is relative.
//! 2. The noise's scale is read from the differences of neighbours, which a change of level moves in one place only
//!    ([`scale`]).
//! 3. The series is cut into segments of at least [`Settings::segment_min`] runs so that the sum of squared distances from
//!    the segments' levels, each capped, plus a penalty for each segment is the least that there can be ([`partition`]).
//!    The cap is why an outlier or a short burst makes no segment.
//! 4. What was cut on weak evidence is merged again, the weakest cut first, until all cuts pass a t-test over the capped
//!    residuals, corrected for the number of places where the cut could have been.
//!
//! Sources: P. Fearnhead, G. Rigaill, Changepoint detection in the presence of outliers, JASA 114 (2019), for the capped
//! loss; M. Fleming et al., Hunter: using change point detection to hunt for performance regressions, ICPE 2023, for weak
//! cuts that are merged by a t-test. What is different from Hunter: outliers are capped, the cuts are the best of all
//! rather than chosen one by one within windows, the test is corrected for the choice of the place, and for noise that
//! depends on its past.
//!
//! `cargo run --release -p results --example change_points` compares both.

mod partition;
mod scale;

use std::ops::Range;

use crate::distributions::{student_quantile, student_two_sided};

use self::partition::level;
use self::scale::Noise;

/// How change points are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The fewest runs that make a level. A change is found that many runs after it happened, at the earliest.
    pub segment_min: usize,
    /// The most probable false alarm that is accepted at one cut: the p-value of its test, corrected for the number of
    /// places where it could have been.
    pub p_value_max: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_min: 5,
            p_value_max: 0.02,
        }
    }
}

/// A stretch of a series without a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The runs, by their place in the series.
    pub runs: Range<usize>,
    /// The level: a mean without what lies far out, in the values' unit.
    pub level: f64,
}

/// A place where the level changes.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first run of the new level.
    pub index: usize,
    /// The runs that may be the first of the new level: of all places, those that are at most 20 times less likely than
    /// `index`. It has one element when the change is clear.
    pub plausible: Range<usize>,
    /// The new level over the old one.
    pub ratio: f64,
    /// The lower end of the ratio's 95 % interval.
    pub ratio_low: f64,
    /// The upper end of it.
    pub ratio_high: f64,
    /// The probability of as large a difference somewhere between the neighbouring change points when there is none.
    pub p_value: f64,
}

/// A series cut at its change points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segmentation {
    /// The segments, in order; together they are the series. None for a series without values.
    pub segments: Vec<Segment>,
    /// The change points between them: one fewer than segments.
    pub changes: Vec<ChangePoint>,
}

/// Cuts a series into segments without a change.
///
/// The values are positive and finite; what is neither has no weight. Time and memory grow with the number of values and
/// the number of distinguishable levels (some hundreds at the most): 100,000 values take about a second.
pub fn change_points(values: &[f64], settings: Settings) -> Segmentation {
    if values.is_empty() {
        return Segmentation::default();
    }
    let settings = Settings {
        segment_min: settings.segment_min.max(2),
        ..settings
    };
    let logs: Vec<f64> = values
        .iter()
        .map(|value| {
            if value.is_finite() && *value > 0.0 {
                value.ln()
            } else {
                f64::NAN
            }
        })
        .collect();
    let scales = scale::local(&logs);
    // Clear changes only, to see what noise is left between them.
    let clear = partition::best(
        &logs,
        Noise::clear(&scales),
        settings.segment_min,
        CLEAR_PENALTY,
    );
    let noise = Noise::between(&scales, &logs, &clear);
    let mut cuts = partition::best(&logs, noise, settings.segment_min, WEAK_PENALTY);
    // A cut that was moved is tested where it is, and levels that were merged are others than before.
    loop {
        settle(&logs, noise, settings, &mut cuts);
        let tested = cuts.len();
        merge(&logs, noise, settings, &mut cuts);
        if cuts.len() == tested {
            break;
        }
    }
    described(&logs, noise, settings, &cuts)
}

/// The gain in the sum of squares that a cut of the first pass has to bring: such a change is clear even if noise
/// depends so much on its past that three runs are worth one.
const CLEAR_PENALTY: f64 = 36.0;

/// The same for the cuts that are tested then: weak, since a cut may be worth little until another one is merged.
const WEAK_PENALTY: f64 = 9.0;

/// Merges what does not pass the test, the weakest first.
fn merge(logs: &[f64], noise: Noise, settings: Settings, cuts: &mut Vec<usize>) {
    let test = |cuts: &[usize], at| {
        let comparison = Comparison::at(logs, noise, settings, cuts, at);
        let distance = (comparison.difference / comparison.error).abs();
        (comparison.p_value, distance)
    };
    let mut tests: Vec<(f64, f64)> = (0..cuts.len()).map(|at| test(cuts, at)).collect();
    // Of those that say nothing at all, such as both cuts around a segment that is no level, the one with the least difference.
    while let Some((weakest, (p_value, _))) = tests
        .iter()
        .copied()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)))
    {
        if p_value <= settings.p_value_max {
            break;
        }
        cuts.remove(weakest);
        tests.remove(weakest);
        // Its neighbours have longer segments now.
        let neighbours = weakest.saturating_sub(1)..(weakest + 1).min(cuts.len());
        for (at, tested) in neighbours.clone().zip(&mut tests[neighbours]) {
            *tested = test(cuts, at);
        }
    }
}

/// How much of the distance beyond the cap still counts for the place of a cut.
const TRACE: f64 = 1e-3;

/// Moves each cut to the best place between its neighbours for the levels on both sides. Where two cuts lay too close together for each
/// to have its best place and one of them was merged, the other has to move; and a run beyond the caps of both levels costs the same
/// on either side, so that a trace of its distance decides.
fn settle(logs: &[f64], noise: Noise, settings: Settings, cuts: &mut [usize]) {
    for at in 0..cuts.len() {
        let (left, right) = around(logs.len(), cuts, at);
        let old = level(logs, noise, left.clone());
        let new = level(logs, noise, right.clone());
        let loss = |run: usize, level: f64| {
            let distance = (logs[run] - level).abs();
            let trace = TRACE * distance / noise.cap(run);
            noise.loss(run, distance) + if trace.is_finite() { trace } else { 0.0 }
        };
        let places = left.start + settings.segment_min..=right.end - settings.segment_min;
        // What the runs from the first place up to this one lose by being of the old level.
        let (mut lost, mut best) = (0.0, (0.0, *places.start()));
        for place in places.clone().skip(1) {
            lost += loss(place - 1, old) - loss(place - 1, new);
            if lost < best.0 {
                best = (lost, place);
            }
        }
        cuts[at] = best.1;
    }
}

/// Two neighbouring segments compared.
struct Comparison {
    /// The logarithm of the ratio of their levels.
    difference: f64,
    /// Its standard error.
    error: f64,
    degrees_of_freedom: f64,
    p_value: f64,
}

impl Comparison {
    fn at(logs: &[f64], noise: Noise, settings: Settings, cuts: &[usize], at: usize) -> Self {
        let (left, right) = around(logs.len(), cuts, at);
        let levels = (
            level(logs, noise, left.clone()),
            level(logs, noise, right.clone()),
        );
        let squares = capped_squares(logs, noise, left.clone(), levels.0)
            + capped_squares(logs, noise, right.clone(), levels.1);
        let counts = (left.len() as f64, right.len() as f64);
        // What the residuals say and what the differences around them say, so that ten residuals which happen to agree
        // are no proof: the latter counts as so many further runs.
        let count = counts.0 + counts.1;
        let local = (left.start..right.end)
            .map(|run| noise.variance(run))
            .sum::<f64>()
            / count;
        let degrees_of_freedom = count - 2.0 + scale::WORTH;
        let variance = (squares + local * scale::WORTH) / degrees_of_freedom * noise.inflation();
        let error = (variance * (1.0 / counts.0 + 1.0 / counts.1)).sqrt();
        let difference = levels.1 - levels.0;
        // A level is what enough runs have, not what a few have and a few more were counted in with.
        let made = |runs: &Range<usize>, level: f64| {
            runs.clone()
                .filter(|run| (logs[*run] - level).abs() <= noise.cap(*run))
                .count()
                >= settings.segment_min
        };
        let made = made(&left, levels.0) && made(&right, levels.1);
        let places = (left.len() + right.len() + 1).saturating_sub(2 * settings.segment_min);
        let p_value = student_two_sided(difference / error, degrees_of_freedom);
        Self {
            difference,
            error,
            degrees_of_freedom,
            p_value: if made {
                (p_value * places.max(1) as f64).min(1.0)
            } else {
                1.0
            },
        }
    }
}

/// The segments on both sides of a cut.
fn around(len: usize, cuts: &[usize], at: usize) -> (Range<usize>, Range<usize>) {
    let start = if at == 0 { 0 } else { cuts[at - 1] };
    let end = cuts.get(at + 1).copied().unwrap_or(len);
    (start..cuts[at], cuts[at]..end)
}

/// The sum of squared distances from a level, each at most that of the cap.
fn capped_squares(logs: &[f64], noise: Noise, runs: Range<usize>, level: f64) -> f64 {
    runs.map(|run| noise.capped_square(run, logs[run] - level))
        .sum()
}

/// How much less likely a place may be to be plausible all the same.
const PLAUSIBLE: f64 = 20.0;

fn described(logs: &[f64], noise: Noise, settings: Settings, cuts: &[usize]) -> Segmentation {
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(logs.len());
    let segments = edges
        .windows(2)
        .map(|edge| Segment {
            runs: edge[0]..edge[1],
            level: level(logs, noise, edge[0]..edge[1]).exp(),
        })
        .collect();
    let changes = (0..cuts.len())
        .map(|at| {
            let comparison = Comparison::at(logs, noise, settings, cuts, at);
            let reach = comparison.error * student_quantile(0.05, comparison.degrees_of_freedom);
            ChangePoint {
                index: cuts[at],
                plausible: plausible(logs, noise, cuts, at),
                ratio: comparison.difference.exp(),
                ratio_low: (comparison.difference - reach).exp(),
                ratio_high: (comparison.difference + reach).exp(),
                p_value: comparison.p_value,
            }
        })
        .collect();
    Segmentation { segments, changes }
}

/// The first runs of the new level that are nearly as likely as the one that was found.
fn plausible(logs: &[f64], noise: Noise, cuts: &[usize], at: usize) -> Range<usize> {
    let (left, right) = around(logs.len(), cuts, at);
    let levels = (
        level(logs, noise, left.clone()),
        level(logs, noise, right.clone()),
    );
    // Moving the cut past a run takes it out of one level and into the other.
    let moved = |run: usize| {
        let to = |level: f64| noise.surprise(run, logs[run] - level);
        (to(levels.0), to(levels.1))
    };
    let bound = 2.0 * PLAUSIBLE.ln();
    let mut first = cuts[at];
    let mut worse = 0.0;
    for run in (left.start + 1..cuts[at]).rev() {
        let (old, new) = moved(run);
        worse += new - old;
        if worse <= bound {
            first = run;
        }
    }
    let mut last = cuts[at];
    let mut worse = 0.0;
    for run in cuts[at]..right.end - 1 {
        let (old, new) = moved(run);
        worse += old - new;
        if worse <= bound {
            last = run + 1;
        }
    }
    first..last + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values around levels, with noise that is the same in every run: a sum of uniform numbers, nearly normal.
    fn noisy(levels: &[(usize, f64)], scale: f64, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let mut values = Vec::new();
        for (count, level) in levels {
            for _ in 0..*count {
                let normal: f64 = (0..12).map(|_| uniform()).sum();
                values.push(level * (scale * normal).exp());
            }
        }
        values
    }

    fn indices(values: &[f64]) -> Vec<usize> {
        change_points(values, Settings::default())
            .changes
            .iter()
            .map(|change| change.index)
            .collect()
    }

    #[test]
    fn a_change_has_its_place_ratio_and_interval() {
        let values = noisy(&[(30, 100.0), (25, 92.0)], 0.01, 3);
        let found = change_points(&values, Settings::default());
        assert_eq!(found.segments.len(), 2);
        let change = &found.changes[0];
        assert_eq!((change.index, change.plausible.clone()), (30, 30..31));
        assert!((change.ratio / 0.92 - 1.0).abs() < 0.01, "{change:?}");
        assert!(
            change.ratio_low < 0.92 && 0.92 < change.ratio_high,
            "{change:?}"
        );
        assert!(change.p_value < 1e-9, "{change:?}");
        assert!((found.segments[0].level / 100.0 - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_run_that_is_clearly_of_one_level_is_not_said_to_be_of_either() {
        // The first run of the new level lies more than two deviations below it, but more than forty below the old one.
        let values = [
            620.9, 617.8, 621.4, 620.2, 622.3, 621.9, 621.8, 622.7, 620.2, 620.7, 622.4, 621.7,
            575.5, 577.3, 577.3, 579.2, 578.6, 577.1, 578.0, 577.7,
        ];
        let found = change_points(&values, Settings::default());
        assert_eq!(found.changes[0].plausible, 12..13, "{found:?}");
    }

    #[test]
    fn a_regression_and_its_repair_are_two_changes() {
        let values = noisy(&[(40, 100.0), (7, 90.0), (40, 100.0)], 0.01, 4);
        assert_eq!(indices(&values), [40, 47]);
    }

    #[test]
    fn outliers_and_short_bursts_are_none() {
        let mut values = noisy(&[(80, 100.0)], 0.01, 5);
        for run in [7, 30, 31, 32, 55, 56, 57, 58, 79] {
            values[run] *= 0.7;
        }
        assert_eq!(indices(&values), [0; 0]);
    }

    #[test]
    fn what_is_too_short_or_constant_has_no_change() {
        assert_eq!(
            change_points(&[], Settings::default()),
            Segmentation::default()
        );
        for values in [
            vec![1.0],
            vec![1.0, 2.0],
            vec![5.0; 300],
            vec![f64::NAN; 30],
        ] {
            let found = change_points(&values, Settings::default());
            assert_eq!(found.changes, []);
            assert_eq!(found.segments[0].runs, 0..values.len());
        }
    }

    /// A run that is out of both levels costs the same on either side of the cut: rounding does not decide where it goes.
    #[test]
    fn the_unit_does_not_move_what_lies_between_two_levels() {
        for seed in 0..40 {
            let mut values = noisy(&[(30, 100.0), (20, 120.0)], 0.01, seed);
            values[30] = 110.0;
            let found = indices(&values);
            for unit in [1e-3, 0.37, 7.0, 341_661.35] {
                let scaled: Vec<f64> = values.iter().map(|value| value * unit).collect();
                assert_eq!(indices(&scaled), found, "{seed} {unit}");
            }
        }
    }

    /// Five runs before the change look like a level of their own, one of them too far out to make it one: the change stays in its place.
    #[test]
    fn what_is_no_level_is_merged_across_its_smaller_step() {
        let values = noisy(&[(41, 100.0), (8, 88.0)], 0.01, 821);
        assert_eq!(indices(&values), [41]);
    }

    #[test]
    fn values_that_are_none_are_stepped_over() {
        let mut values = noisy(&[(30, 100.0), (25, 92.0)], 0.01, 3);
        values[10] = f64::NAN;
        values[40] = 0.0;
        values[41] = f64::INFINITY;
        assert_eq!(indices(&values), [30]);
    }

    /// Noise that remembers is no series of changes: the test is corrected for it.
    #[test]
    fn noise_that_depends_on_its_past_raises_few_alarms() {
        let alarms = (0..60)
            .filter(|seed| {
                let mut kept = 0.0;
                let values: Vec<f64> = noisy(&[(200, 1.0)], 0.01, 100 + seed)
                    .iter()
                    .map(|value| {
                        kept = 0.4 * kept + value.ln();
                        f64::exp(kept)
                    })
                    .collect();
                !indices(&values).is_empty()
            })
            .count();
        // 1 in 7 is what is measured; without the correction it is more than half.
        assert!(alarms <= 15, "{alarms} of 60");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn segments_are_the_series(values in prop::collection::vec(prop_oneof![9 => 50.0..150.0f64, 1 => Just(f64::NAN), 1 => -1.0..1e9f64], 0..120)) {
            let settings = Settings::default();
            let found = change_points(&values, settings);
            let mut end = 0;
            for segment in &found.segments {
                prop_assert_eq!(segment.runs.start, end);
                prop_assert!(found.segments.len() == 1 || segment.runs.len() >= settings.segment_min);
                end = segment.runs.end;
            }
            prop_assert_eq!(end, values.len());
            for (change, segment) in found.changes.iter().zip(found.segments.iter().skip(1)) {
                prop_assert_eq!(change.index, segment.runs.start);
                prop_assert!(change.plausible.contains(&change.index));
                prop_assert!(change.ratio_low <= change.ratio && change.ratio <= change.ratio_high);
                prop_assert!(change.p_value <= settings.p_value_max);
            }
        }

        #[test]
        fn the_unit_does_not_matter(seed in 0..1000u64, unit in 1e-6..1e6f64) {
            let values = noisy(&[(30, 100.0), (20, 95.0), (30, 110.0)], 0.01, seed);
            let scaled: Vec<f64> = values.iter().map(|value| value * unit).collect();
            prop_assert_eq!(indices(&values), indices(&scaled));
        }

        #[test]
        fn a_clear_change_is_found_wherever_it_is(before in 8..60usize, after in 8..60usize, up in any::<bool>(), seed in 0..1000u64) {
            let level = if up { 112.0 } else { 88.0 };
            let values = noisy(&[(before, 100.0), (after, level)], 0.01, seed);
            prop_assert!(indices(&values).contains(&before), "{:?}", indices(&values));
        }
    }
}
