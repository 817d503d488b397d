//! The rules of comparing against noise that is worse than they assume: how often they are wrong, and what they find. Simulated, with
//! fixed seeds; `cargo run --release -p results --example gate_simulation` does the same more often and on recorded series.

mod simulated;

use results::statistics::random::SplitMix64;
use results::statistics::signed_rank;
use results::{paired, verdict};
use simulated::{Drawn, Machine, blocks, comparisons, gates};

/// On an evil machine, at most one gate in a hundred between equals may find a regression. Over this many gates none may be found at all:
/// with a rate of 1 % that would be seen once in 500 million times.
#[test]
fn equals_are_not_regressions() {
    for blocks_max in [6, 8, 12] {
        let shares = gates(2000, Drawn::shared, 1.0, blocks_max, None);
        assert!(shares.regression < 5e-4, "{blocks_max}: {shares:?}");
        // Spells of half the speed hide slowdowns of 5 %, which is not to pass for none.
        assert!(shares.inconclusive < 0.5, "{blocks_max}: {shares:?}");
        let noisy = |seed| Drawn::quiet(seed, 0.012);
        let shares = gates(1000, noisy, 1.0, blocks_max, None);
        assert!(shares.regression < 1e-3, "{blocks_max}: {shares:?}");
        assert!(shares.inconclusive < 0.1, "{blocks_max}: {shares:?}");
    }
    // A threshold that the noise does not allow leads to no verdict, not to a wrong one.
    let shares = gates(2000, Drawn::shared, 1.0, 8, Some(0.005));
    assert!(shares.regression < 0.002, "{shares:?}");
    assert!(shares.inconclusive > 0.5, "{shares:?}");
}

/// Two virtual processors on one core: the sides take turns, so a spell of it hits both, and neither is called slower for it.
#[test]
fn processors_that_share_a_core_make_no_regressions() {
    let mut machine = Drawn::doubled_up(1);
    let slow = (0..100_000).filter(|_| machine.next() < 0.6).count();
    assert!((9_000..11_000).contains(&slow), "{slow}");
    for (blocks_max, inconclusive_max) in [(6, 0.15), (12, 0.05), (24, 0.02)] {
        let shares = gates(2000, Drawn::doubled_up, 1.0, blocks_max, None);
        assert!(shares.regression < 5e-4, "{blocks_max}: {shares:?}");
        assert!(
            shares.inconclusive < inconclusive_max,
            "{blocks_max}: {shares:?}"
        );
        let shares = gates(400, Drawn::doubled_up, 0.9, blocks_max, None);
        assert!(shares.regression > 0.65, "{blocks_max}: {shares:?}");
        // Too few undisturbed blocks are inconclusive, and never a difference.
        let [faster, slower, ..] = comparisons(2000, Drawn::doubled_up, 1.0, blocks_max, 0.01);
        assert!(faster + slower < 0.002, "{blocks_max}: {faster} {slower}");
    }
}

#[test]
fn slowdowns_are_found_as_far_as_noise_lets_them() {
    let quiet = |seed| Drawn::quiet(seed, 0.004);
    for (ratio, least) in [(0.98, 0.5), (0.95, 0.98), (0.9, 0.98)] {
        let shares = gates(400, quiet, ratio, 16, None);
        assert!(shares.regression > least, "{ratio}: {shares:?}");
    }
    let shares = gates(400, Drawn::shared, 0.9, 16, None);
    assert!(shares.regression > 0.5, "{shares:?}");
}

/// Equals, and sides that differ by less than what matters, are not called different; what is exactly at the edge is called neither much
/// more often than the interval misses on one side; clear differences are found.
#[test]
fn differences_are_told_as_far_as_they_matter() {
    let quiet = |seed| Drawn::quiet(seed, 0.004);
    for ratio in [1.0, 1.005, 0.995] {
        let [faster, slower, ..] = comparisons(1000, quiet, ratio, 60, 0.01);
        assert!(faster + slower < 0.005, "{ratio}: {faster} {slower}");
    }
    let [faster, slower, none, _] = comparisons(1000, quiet, 1.0, 60, 0.01);
    assert!(none > 0.9, "{faster} {slower} {none}");
    let [faster, _, none, _] = comparisons(2000, quiet, 1.01, 60, 0.01);
    assert!(faster < 0.04 && none < 0.04, "{faster} {none}");
    let [_, slower, none, _] = comparisons(2000, quiet, 0.99, 60, 0.01);
    assert!(slower < 0.04 && none < 0.04, "{slower} {none}");
    let [faster, ..] = comparisons(500, quiet, 1.03, 60, 0.01);
    assert!(faster > 0.9, "{faster}");
    let [_, slower, ..] = comparisons(500, quiet, 0.97, 60, 0.01);
    assert!(slower > 0.9, "{slower}");
    let [faster, slower, ..] = comparisons(1000, Drawn::shared, 1.0, 24, 0.01);
    assert!(faster + slower < 0.03, "{faster} {slower}");
}

/// The end of measuring is decided by noise that does not know the sides: looking after every block costs no coverage.
#[test]
fn intervals_cover_as_often_as_they_say_whenever_measuring_ends() {
    for (noise_wanted, ratio) in [(0.03, 1.0), (0.02, 0.9), (0.01, 0.97)] {
        let tries = 2000u64;
        let covered = (0..tries).filter(|seed| {
            let mut machine = Drawn::shared(2 * seed);
            let mut orders = SplitMix64::new(2 * seed + 1);
            let taken = blocks(&mut machine, &mut orders, ratio, (6, 60), noise_wanted);
            let ratios = paired::log_ratios(&taken);
            let centre = signed_rank::centre(&ratios, paired::CONFIDENCE).unwrap();
            (centre.low..=centre.high).contains(&ratio.ln())
        });
        let share = covered.count() as f64 / tries as f64;
        // Four standard deviations of the simulation below 0.95.
        assert!(share > 0.93, "{noise_wanted}: {share}");
    }
}

/// A slowdown that is exactly the threshold passes about as often as the interval misses on one side, twice looked at.
#[test]
fn what_is_at_the_threshold_seldom_passes() {
    let shares = gates(2000, |seed| Drawn::quiet(seed, 0.006), 0.98, 12, Some(0.02));
    let passes = 1.0 - shares.regression - shares.inconclusive;
    assert!(passes < 0.06, "{shares:?}");
    assert!(shares.regression < 0.04, "{shares:?}");
    assert_eq!(verdict::blocks_min(1), 6);
}
