//! Noise that is the same each time.

use results::statistics::random::SplitMix64;

/// Disturbances of run times.
pub(crate) struct Noise(SplitMix64);

impl Noise {
    /// The sequence of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// A number near the standard normal distribution: the sum of twelve uniform ones, less 6.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.0.uniform()).sum::<f64>() - 6.0
    }

    /// How many times longer a sample takes than it could: hardly less than 1, sometimes far more.
    pub(crate) fn slowdown(&mut self, sigma: f64) -> f64 {
        let common = sigma * self.normal().abs();
        let is_outlier = self.0.uniform() < 0.06;
        let rare = if is_outlier {
            6.0 * sigma * self.0.uniform()
        } else {
            0.0
        };
        1.0 + common + rare
    }
}
