//! Ways to damage a bundle's bytes.

use bundle_format::{Digest, TRAILER_SIZE_BYTES};

/// Pseudo-random numbers (`SplitMix64`), so that a failure can be repeated from its printed seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with `$BENCHRUN_TEST_SEED`, else with the time, and prints which: the test's output is shown when it fails.
    pub fn from_printed_seed() -> Self {
        let given = std::env::var("BENCHRUN_TEST_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |now| now.as_nanos() as u64)
        });
        println!("BENCHRUN_TEST_SEED={seed}");
        Self(seed)
    }

    /// Begins with this seed: the same numbers in every run.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % limit
    }
}

/// Overwrites bytes of the trailer and recomputes the trailer's own digest, so that nothing but the content is wrong.
pub fn forge_trailer(bundle: &mut [u8], offset: usize, content: &[u8]) {
    let begin = bundle.len() - TRAILER_SIZE_BYTES;
    let trailer = &mut bundle[begin..];
    trailer[offset..offset + content.len()].copy_from_slice(content);
    let digest = Digest::of(&trailer[..128]);
    trailer[128..].copy_from_slice(digest.as_bytes());
}
