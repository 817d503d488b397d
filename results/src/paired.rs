//! Two sides in turns: blocks of four processes, ABBA or BAAB by a coin, and what they say about the ratio of the sides.
//!
//! Within a block each side has the first or the last place and one of the middle ones, so a steady drift of the machine cancels. The coin
//! makes the rest exact: were the sides equal, each block's difference would have had the other sign with the same
//! probability, however noise is distributed and however it carries over from process to process (see
//! [`crate::statistics::signed_rank`]).
//!
//! A block holds two more differences that cancel the sides, whatever their ratio is: they show the noise of a comparison of
//! equals (A/A) from the same processes at the same time. Nothing that looks at them only, such as when there are enough blocks,
//! can lead the comparison to one result or another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::statistics::random::SplitMix64;
use crate::statistics::signed_rank::{self, Centre};
use crate::statistics::{bootstrap, median};

/// The confidence of all intervals here.
pub const CONFIDENCE: f64 = 0.95;

/// How often the bootstrap resamples.
const RESAMPLES: usize = 2000;

/// In which order a block's processes run. A is the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Order {
    /// Baseline, candidate, candidate, baseline.
    Abba,
    /// Candidate, baseline, baseline, candidate.
    Baab,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Side {
    /// The baseline.
    A,
    /// The candidate.
    B,
}

impl Order {
    /// The order that a coin decides.
    pub fn draw(random: &mut SplitMix64) -> Self {
        if random.coin() {
            Self::Abba
        } else {
            Self::Baab
        }
    }

    /// The sides in the order in which they run.
    pub fn sides(self) -> [Side; 4] {
        use Side::{A, B};
        match self {
            Self::Abba => [A, B, B, A],
            Self::Baab => [B, A, A, B],
        }
    }
}

/// What four processes, one after the other, did of one case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    /// Which of them were whose.
    pub order: Order,
    /// The rate of each in the order in which they ran, all in the same unit; more is better.
    pub rates: [f64; 4],
}

impl Block {
    /// The logarithm of the candidate's rate over the baseline's: the geometric mean of its two pairs.
    pub fn log_ratio(&self) -> f64 {
        let outer_less_inner = self.contrast([1.0, -1.0, -1.0, 1.0]);
        match self.order {
            Order::Abba => -outer_less_inner,
            Order::Baab => outer_less_inner,
        }
    }

    /// The first half against the second: 0 but for noise and drift.
    fn halves(&self) -> f64 {
        self.contrast([-1.0, -1.0, 1.0, 1.0])
    }

    /// The odd ones against the even ones: 0 but for noise.
    fn turns(&self) -> f64 {
        self.contrast([1.0, -1.0, 1.0, -1.0])
    }

    fn contrast(&self, signs: [f64; 4]) -> f64 {
        let terms = self.rates.iter().zip(signs);
        terms.map(|(rate, sign)| sign * rate.ln()).sum::<f64>() / 2.0
    }

    /// The rates of one side.
    fn of(&self, side: Side) -> impl Iterator<Item = f64> {
        let sides = self.order.sides().into_iter().zip(self.rates);
        sides
            .filter(move |(of, _)| *of == side)
            .map(|(_, rate)| rate)
    }
}

/// The ratio of two sides, candidate over baseline: above 1 the candidate is faster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ratio {
    /// How many blocks it was estimated from.
    pub blocks: usize,
    /// Hodges' and Lehmann's estimate over the blocks' ratios.
    pub estimate: f64,
    /// The lower end of the interval by signed ranks.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Its confidence.
    pub confidence: f64,
    /// The median rate of all the candidate's processes over that of all the baseline's.
    pub of_medians: f64,
    /// The lower end of the bootstrap's percentile interval of `of_medians`, over blocks.
    pub of_medians_low: f64,
    /// The upper end.
    pub of_medians_high: f64,
    /// The half-width of the interval that a comparison of equals has in as many blocks: what cannot be told from noise.
    pub noise_floor: f64,
}

/// The logarithms of the blocks' ratios.
pub fn log_ratios(blocks: &[Block]) -> Vec<f64> {
    blocks.iter().map(Block::log_ratio).collect()
}

/// The ratio. `None` when there are too few blocks for an interval (fewer than 6), or a rate that has no logarithm.
pub fn ratio(blocks: &[Block]) -> Option<Ratio> {
    let Centre {
        estimate,
        low,
        high,
    } = signed_rank::centre(&log_ratios(blocks), CONFIDENCE)?;
    let of_medians = |blocks: &[Block]| {
        let rates = |side| blocks.iter().flat_map(|block| block.of(side)).collect();
        let middle = |rates: Vec<f64>| median(&rates).unwrap_or(f64::NAN);
        middle(rates(Side::B)) / middle(rates(Side::A))
    };
    let (of_medians_low, of_medians_high) =
        bootstrap::percentile_interval(blocks, of_medians, CONFIDENCE, RESAMPLES, 1)?;
    Some(Ratio {
        blocks: blocks.len(),
        estimate: estimate.exp(),
        low: low.exp(),
        high: high.exp(),
        confidence: CONFIDENCE,
        of_medians: of_medians(blocks),
        of_medians_low,
        of_medians_high,
        noise_floor: noise_floor(blocks)?,
    })
}

/// The half-width of the interval that a comparison of equals has in as many blocks, as a share, from the differences within
/// blocks that cancel the sides. `None` when there are too few blocks.
///
/// The difference of halves varies more than the sides' where noise carries over, the difference of turns less, so that their
/// quadratic mean is near it.
pub fn noise_floor(blocks: &[Block]) -> Option<f64> {
    let half_width = |contrast: fn(&Block) -> f64| {
        let values: Vec<f64> = blocks.iter().map(contrast).collect();
        signed_rank::centre(&values, CONFIDENCE).map(|centre| centre.half_width())
    };
    let [halves, turns] = [half_width(Block::halves)?, half_width(Block::turns)?];
    Some(
        f64::midpoint(halves * halves, turns * turns)
            .sqrt()
            .exp_m1(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_drift_cancels() {
        // Each process is 3 % slower than the one before, and the candidate 10 % slower besides.
        for order in [Order::Abba, Order::Baab] {
            let mut drift = 100.0;
            let rates = order.sides().map(|side| {
                drift *= 0.97;
                if side == Side::B { 0.9 * drift } else { drift }
            });
            let block = Block { order, rates };
            assert!((block.log_ratio() - 0.9f64.ln()).abs() < 1e-12);
            assert!((block.halves() - 2.0 * 0.97f64.ln()).abs() < 1e-12);
            assert!(block.turns().abs() < 0.031);
        }
    }

    #[test]
    fn orders_are_both_drawn_and_the_same_for_the_same_seed() {
        let draw = |seed| {
            let mut random = SplitMix64::new(seed);
            (0..32)
                .map(|_| Order::draw(&mut random))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        let abba = draw(5)
            .iter()
            .filter(|order| **order == Order::Abba)
            .count();
        assert!((8..24).contains(&abba), "{abba}");
    }

    fn blocks() -> impl Strategy<Value = Vec<Block>> {
        let order = prop_oneof![Just(Order::Abba), Just(Order::Baab)];
        let block = (order, prop::array::uniform4(1.0..200.0f64))
            .prop_map(|(order, rates)| Block { order, rates });
        prop::collection::vec(block, 6..20)
    }

    proptest! {
        #[test]
        fn what_is_blind_does_not_see_the_sides(blocks in blocks(), factor in 0.5..2.0f64) {
            let slowed: Vec<Block> = blocks.iter().map(|block| {
                let sides = block.order.sides();
                let mut rates = block.rates;
                for (rate, side) in rates.iter_mut().zip(sides) {
                    if side == Side::B { *rate *= factor; }
                }
                Block { rates, ..*block }
            }).collect();
            let before = ratio(&blocks).unwrap();
            let after = ratio(&slowed).unwrap();
            prop_assert!((before.noise_floor - after.noise_floor).abs() < 1e-9 * (1.0 + before.noise_floor));
            // Which of them is asked, the ratio moves by the factor.
            prop_assert!((after.estimate / before.estimate / factor - 1.0).abs() < 1e-9);
            prop_assert!((after.low / before.low / factor - 1.0).abs() < 1e-9);
            prop_assert!((after.of_medians / before.of_medians / factor - 1.0).abs() < 1e-9);
        }

        #[test]
        fn exchanged_sides_have_the_reciprocal_ratio(blocks in blocks()) {
            let exchanged: Vec<Block> = blocks.iter().map(|block| {
                let order = match block.order { Order::Abba => Order::Baab, Order::Baab => Order::Abba };
                Block { order, ..*block }
            }).collect();
            let [one, other] = [ratio(&blocks).unwrap(), ratio(&exchanged).unwrap()];
            prop_assert!((one.estimate * other.estimate - 1.0).abs() < 1e-9);
            prop_assert!((one.low * other.high - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn rates_without_a_logarithm_give_no_ratio() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let block = Block {
                order: Order::Abba,
                rates: [1.0, 1.0, bad, 1.0],
            };
            assert_eq!(ratio(&[block; 9]), None);
            assert_eq!(noise_floor(&[block; 9]), None);
        }
    }
}
