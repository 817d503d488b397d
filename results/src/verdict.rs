//! What a comparison in turns says: the rules of `bench ab` and `bench check`, as pure functions over blocks.
//!
//! **When there are enough blocks** is decided by what cannot see the sides ([`paired::noise_floor`]) and by time, so that looking often
//! costs nothing: the interval at the end covers as often as it says (`results/tests/gate_simulation.rs`).
//!
//! **The gate** looks at the sides twice. The first look can only pass: every case's whole interval lies above the threshold, and noise leaves
//! that at [`THRESHOLD_SOON`] or below, if it is left to noise. Otherwise as many fresh blocks follow, and of all of them
//!
//! - a case is a regression if its whole interval lies beyond the threshold, **and** the fresh blocks alone have their whole interval below what
//!   is expected, each corrected for the number of cases by Holm's method;
//! - a case passes whose whole interval lies above the threshold;
//! - everything else is inconclusive.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::paired::{self, Block, CONFIDENCE};
use crate::statistics::{holm, signed_rank};

/// The least slowdown that counts when the threshold is left to the noise.
pub const THRESHOLD_MIN: f64 = 0.01;

/// The largest threshold that noise leads to: a gate that lets more pass would be asleep. What noise hides beyond it is inconclusive, unless
/// a threshold is asked for.
pub const THRESHOLD_MAX: f64 = 0.05;

/// The largest threshold that noise leads to with which the first look may pass. With a larger one the rest of the time is used to lower it.
pub const THRESHOLD_SOON: f64 = 0.03;

/// How many noise floors a threshold is that is left to the noise. With one and a half, equals pass at the first look in 84 % and after the
/// second in 98 %, and a slowdown is found that is two noise floors or so (`gate_simulation` has the tables; with two, fewer equals need a second
/// look and only slowdowns half as large again are found).
pub const THRESHOLD_FLOORS: f64 = 1.5;

/// The probability of an error to one side that the interval allows.
const TAIL: f64 = (1.0 - CONFIDENCE) / 2.0;

/// The least number of blocks in which so many cases can be told apart from noise at all.
pub fn blocks_min(cases: usize) -> usize {
    // By halving as often: 64 is more than any number of cases takes.
    let mut missed = cases.max(1) as f64;
    for blocks in 1..64 {
        missed /= 2.0;
        if missed <= TAIL {
            return blocks;
        }
    }
    64
}

/// The threshold of a case: what was asked for, or what its blocks' noise allows. `None` when it was left to them and they are too few.
pub fn threshold(asked: Option<f64>, blocks: &[Block]) -> Option<f64> {
    match asked {
        Some(threshold) => Some(threshold),
        None => paired::noise_floor(blocks)
            .map(|floor| (THRESHOLD_FLOORS * floor).clamp(THRESHOLD_MIN, THRESHOLD_MAX)),
    }
}

/// Why a threshold is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdFrom {
    /// It was asked for.
    Asked,
    /// It is [`THRESHOLD_FLOORS`] noise floors.
    Noise,
    /// That would have been less than the least that counts.
    Least,
    /// That would have been more than the most that may pass.
    Most,
}

impl ThresholdFrom {
    /// Why this threshold is what it is, when what noise leads to is kept between these two.
    pub fn of(asked: Option<f64>, threshold: f64, [least, most]: [f64; 2]) -> Self {
        if asked.is_some() {
            Self::Asked
        } else if threshold <= least {
            Self::Least
        } else if threshold >= most {
            Self::Most
        } else {
            Self::Noise
        }
    }
}

/// The noise at which there are enough blocks for this threshold: equals then pass at the first look in 97 %.
pub fn noise_wanted(asked: Option<f64>) -> f64 {
    asked.unwrap_or(THRESHOLD_MIN) / 2.0
}

/// What two sides are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The candidate is faster by more than what was asked about.
    Faster,
    /// The candidate is slower by more than what was asked about.
    Slower,
    /// Whatever the difference is, it is within what was asked about.
    NoDifference,
    /// It cannot be told.
    Inconclusive,
}

/// What the sides are to each other in each case, by where the interval lies to the band within `within` of 1: no different when all of it lies
/// in the band, faster or slower when all of it lies beyond, by a test that is corrected for the number of cases. An interval across an edge
/// of the band is inconclusive, though it may exclude 1: a difference is one that matters or none that does.
pub fn differences(cases: &[Vec<Block>], within: f64) -> Vec<Difference> {
    let [slowest, fastest] = [(1.0 - within).ln(), (1.0 + within).ln()];
    let ratios: Vec<Vec<f64>> = cases
        .iter()
        .map(|blocks| paired::log_ratios(blocks))
        .collect();
    let p_beyond: Vec<[f64; 2]> = ratios
        .iter()
        .map(|ratios| {
            let turned: Vec<f64> = ratios.iter().map(|ratio| -ratio).collect();
            [
                signed_rank::p_below(ratios, slowest),
                signed_rank::p_below(&turned, -fastest),
            ]
        })
        .collect();
    let p_two_sided: Vec<f64> = p_beyond
        .iter()
        .map(|[slower, faster]| (2.0 * slower.min(*faster)).min(1.0))
        .collect();
    let p_values = holm::adjusted(&p_two_sided);
    let judged = ratios.iter().zip(p_beyond.iter().zip(p_values));
    judged
        .map(|(ratios, ([slower, faster], p))| {
            let centre = signed_rank::centre(ratios, CONFIDENCE);
            let is_within =
                centre.is_some_and(|centre| centre.low >= slowest && centre.high <= fastest);
            if is_within {
                Difference::NoDifference
            } else if p > 2.0 * TAIL {
                Difference::Inconclusive
            } else if faster < slower {
                Difference::Faster
            } else {
                Difference::Slower
            }
        })
        .collect()
}

/// One case before the gate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateCase {
    /// The blocks of the first look.
    pub first: Vec<Block>,
    /// The blocks after it; empty when the first look was enough.
    pub fresh: Vec<Block>,
    /// The ratio that is expected: 1, or what was accepted.
    pub expected: f64,
    /// The slowdown that counts, as a share; `None` when it is left to noise.
    pub asked: Option<f64>,
}

/// What the gate says of a case, or of all of them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GateVerdict {
    /// No slowdown beyond the threshold.
    Pass,
    /// It cannot be told.
    Inconclusive,
    /// A slowdown beyond the threshold, found and confirmed.
    Regression,
}

/// A case after the gate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The verdict.
    pub verdict: GateVerdict,
    /// The probability of such a slowdown beyond the threshold by noise, corrected for the number of cases.
    pub p_regression: f64,
    /// The same for the fresh blocks alone and any slowdown; `null` when none were needed.
    pub p_confirmation: Option<f64>,
}

impl GateCase {
    /// The slowdown that counts, see [`threshold`]: over all blocks, which is as blind to the sides as over the first ones.
    pub fn threshold(&self) -> Option<f64> {
        threshold(self.asked, &self.all())
    }

    /// Whether the first look is enough to pass.
    pub fn is_clear(&self) -> bool {
        let is_soon = |threshold| self.asked.is_some() || threshold <= THRESHOLD_SOON;
        self.threshold().is_some_and(is_soon) && self.is_above()
    }

    /// Whether the whole interval lies above the threshold.
    fn is_above(&self) -> bool {
        let centre = signed_rank::centre(&paired::log_ratios(&self.all()), CONFIDENCE);
        let lowest = self.lowest();
        lowest
            .zip(centre)
            .is_some_and(|(lowest, centre)| centre.low > lowest)
    }

    /// The logarithm of the lowest ratio that is none too many.
    fn lowest(&self) -> Option<f64> {
        let threshold = self.threshold()?;
        Some((self.expected * (1.0 - threshold)).ln())
    }

    /// All blocks, in the order in which they ran.
    pub fn all(&self) -> Vec<Block> {
        [&self.first[..], &self.fresh].concat()
    }

    fn p_regression(&self) -> f64 {
        self.lowest().map_or(1.0, |lowest| {
            signed_rank::p_below(&paired::log_ratios(&self.all()), lowest)
        })
    }

    fn p_confirmation(&self) -> f64 {
        signed_rank::p_below(&paired::log_ratios(&self.fresh), self.expected.ln())
    }
}

/// Judges all cases of a gate.
pub fn judge(cases: &[GateCase]) -> Vec<Judgement> {
    let p_regression = adjusted(cases, GateCase::p_regression);
    let p_confirmation = adjusted(cases, GateCase::p_confirmation);
    let judged = cases
        .iter()
        .zip(p_regression.into_iter().zip(p_confirmation));
    judged
        .map(|(case, (p_regression, p_confirmation))| Judgement {
            verdict: decide([p_regression, p_confirmation], case.is_above()),
            p_regression,
            p_confirmation: (!case.fresh.is_empty()).then_some(p_confirmation),
        })
        .collect()
}

/// The verdict of a case from the corrected probabilities of a slowdown beyond the threshold and of one in what is fresh, and from whether
/// its whole interval lies above the threshold.
pub(crate) fn decide(p_values: [f64; 2], is_above: bool) -> GateVerdict {
    if p_values.iter().all(|p| *p <= TAIL) {
        GateVerdict::Regression
    } else if is_above {
        GateVerdict::Pass
    } else {
        GateVerdict::Inconclusive
    }
}

fn adjusted(cases: &[GateCase], p_value: fn(&GateCase) -> f64) -> Vec<f64> {
    let p_values: Vec<f64> = cases.iter().map(p_value).collect();
    holm::adjusted(&p_values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::Order;
    use proptest::prelude::*;

    /// Blocks in which the candidate has these ratios to the baseline, without other noise.
    fn blocks(ratios: &[f64]) -> Vec<Block> {
        let block = |(index, ratio): (usize, &f64)| {
            if index % 2 == 0 {
                Block {
                    order: Order::Abba,
                    rates: [100.0, 100.0 * ratio, 100.0 * ratio, 100.0],
                }
            } else {
                Block {
                    order: Order::Baab,
                    rates: [100.0 * ratio, 100.0, 100.0, 100.0 * ratio],
                }
            }
        };
        ratios.iter().enumerate().map(block).collect()
    }

    const NEAR_ONE: [f64; 8] = [0.999, 1.001, 1.002, 0.998, 1.0, 1.001, 0.999, 1.0];

    fn slowed(by: f64) -> Vec<Block> {
        blocks(&NEAR_ONE.map(|ratio| ratio * (1.0 - by)))
    }

    fn case(first: Vec<Block>, fresh: Vec<Block>) -> GateCase {
        GateCase {
            asked: None,
            first,
            fresh,
            expected: 1.0,
        }
    }

    #[test]
    fn a_threshold_has_its_reason() {
        let reason = |asked, threshold| ThresholdFrom::of(asked, threshold, [0.01, 0.05]);
        assert_eq!(reason(Some(0.01), 0.01), ThresholdFrom::Asked);
        assert_eq!(reason(None, 0.01), ThresholdFrom::Least);
        assert_eq!(reason(None, 0.02), ThresholdFrom::Noise);
        assert_eq!(reason(None, 0.05), ThresholdFrom::Most);
    }

    #[test]
    fn more_cases_need_more_blocks() {
        assert_eq!([1, 2, 3, 9].map(blocks_min), [6, 7, 7, 9]);
    }

    #[test]
    fn differences_have_their_names() {
        let check = |by: f64, expected: Difference| {
            assert_eq!(differences(&[slowed(by)], 0.01), [expected], "{by}");
        };
        check(0.0, Difference::NoDifference);
        check(0.005, Difference::NoDifference);
        check(0.03, Difference::Slower);
        check(-0.03, Difference::Faster);
        // Surely another speed, and not surely one that matters.
        let crooked = blocks(&[1.002, 1.003, 1.016, 1.017, 1.018, 1.006, 1.015, 1.004]);
        assert_eq!(differences(&[crooked], 0.01), [Difference::Inconclusive]);
        check(-0.0101, Difference::Inconclusive);
        check(0.0101, Difference::Inconclusive);
        let wild = blocks(&[0.9, 1.1, 0.95, 1.05, 0.9, 1.1]);
        assert_eq!(differences(&[wild], 0.01), [Difference::Inconclusive]);
        let few = blocks(&[0.5; 5]);
        assert_eq!(differences(&[few], 0.01), [Difference::Inconclusive]);
    }

    #[test]
    fn a_regression_takes_both_looks() {
        let verdict = |first, fresh| judge(&[case(first, fresh)])[0].verdict;
        assert_eq!(verdict(slowed(0.0), vec![]), GateVerdict::Pass);
        assert_eq!(verdict(slowed(0.05), slowed(0.05)), GateVerdict::Regression);
        // Found, and not confirmed, or not asked again.
        assert_eq!(
            verdict(slowed(0.05), slowed(-0.001)),
            GateVerdict::Inconclusive
        );
        assert_eq!(verdict(slowed(0.05), vec![]), GateVerdict::Inconclusive);
        assert_eq!(
            verdict(slowed(0.05), slowed(0.05)[..5].to_vec()),
            GateVerdict::Inconclusive
        );
        assert_eq!(
            verdict(blocks(&[1.0; 5]), vec![]),
            GateVerdict::Inconclusive
        );
        // Slower, but not by what counts.
        assert_eq!(verdict(slowed(0.006), slowed(0.006)), GateVerdict::Pass);
    }

    #[test]
    fn what_was_accepted_is_expected() {
        let mut accepted = case(slowed(0.2), slowed(0.2));
        assert_eq!(
            judge(std::slice::from_ref(&accepted))[0].verdict,
            GateVerdict::Regression
        );
        accepted.expected = 0.8;
        assert_eq!(
            judge(std::slice::from_ref(&accepted))[0].verdict,
            GateVerdict::Pass
        );
        let worse = GateCase {
            expected: 0.8,
            ..case(slowed(0.25), slowed(0.25))
        };
        assert_eq!(judge(&[worse])[0].verdict, GateVerdict::Regression);
    }

    /// With as few blocks as can decide about one case, they cannot about four.
    #[test]
    fn several_cases_are_corrected() {
        let short = case(slowed(0.05)[..6].to_vec(), slowed(0.05)[..6].to_vec());
        assert_eq!(
            judge(std::slice::from_ref(&short))[0].verdict,
            GateVerdict::Regression
        );
        let equal = case(slowed(0.0)[..6].to_vec(), slowed(0.0)[..6].to_vec());
        let judged = judge(&[short, equal.clone(), equal.clone(), equal]);
        assert_eq!(judged[0].verdict, GateVerdict::Inconclusive);
        assert_eq!(judged[1].verdict, GateVerdict::Pass);
    }

    proptest! {
        /// A slower candidate is never judged more kindly.
        #[test]
        fn verdicts_are_monotonous(noise in prop::collection::vec(0.97..1.03f64, 16), by in 0.0..0.1f64, more in 0.0..0.1f64) {
            let verdict = |by: f64| {
                let ratios: Vec<f64> = noise.iter().map(|ratio| ratio * (1.0 - by)).collect();
                let asked = Some(0.02);
                let (first, fresh) = (blocks(&ratios[..8]), blocks(&ratios[8..]));
                judge(&[GateCase { first, fresh, expected: 1.0, asked }])[0].verdict
            };
            prop_assert!(verdict(by) <= verdict((by + more).min(0.5)));
        }
    }
}
