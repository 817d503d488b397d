//! Uniform random matrices that are the same, bit for bit, on every host and with every number of threads.
//!
//! The elements are cut into chunks of [`CHUNK`]; each chunk has a generator of its own, xoshiro256++ 1.0 (Blackman and
//! Vigna, 2019, <https://prng.di.unimi.it/xoshiro256plusplus.c>), whose state comes from the seed, the matrix and the
//! chunk by SplitMix64, as its authors advise. Which thread fills a chunk changes nothing.

use crate::team::{Team, share};
use crate::{Element, Matrix};

/// Elements that one generator fills.
const CHUNK: usize = 8192;

/// Fills the matrix with numbers uniform on [0, 1). `stream` tells apart the matrices of one seed. Each member of the team
/// fills a run of rows, and so places their memory near itself if it is the first to touch them.
pub fn fill_uniform<T: Element>(matrix: &mut Matrix<T>, seed: u64, stream: u64, team: &Team) {
    let mut rest = matrix.as_mut_slice();
    let chunks = rest.len().div_ceil(CHUNK);
    let mut parts = Vec::with_capacity(team.size());
    for rank in 0..team.size() {
        let range = share(chunks, rank, team.size());
        let (part, others) = rest.split_at_mut(rest.len().min(range.len() * CHUNK));
        parts.push((range.start, part));
        rest = others;
    }
    team.for_each(parts, |_, (first, part)| {
        for (index, chunk) in part.chunks_mut(CHUNK).enumerate() {
            let mut generator = Generator::new(seed, stream, (first + index) as u64);
            for element in chunk {
                *element = T::from_random_word(generator.next_word());
            }
        }
    });
}

/// n numbers of magnitude in [0.5, 1) and random sign: a vector that no error of a product is orthogonal to by chance,
/// since none of its elements is near zero and no two are likely to be equal.
pub fn signed_vector(n: usize, seed: u64, stream: u64) -> Vec<f64> {
    let mut generator = Generator::new(seed, stream, 0);
    let mut element = || {
        let word = generator.next_word();
        let magnitude = 0.5 + 0.5 * f64::from_random_word(word);
        if word & 1 == 0 { magnitude } else { -magnitude }
    };
    (0..n).map(|_| element()).collect()
}

/// xoshiro256++ 1.0.
struct Generator {
    state: [u64; 4],
}

impl Generator {
    fn new(seed: u64, stream: u64, chunk: u64) -> Self {
        // Each input passes through the mixer before the next is added, so that neighbours share nothing.
        let mut mixer = seed;
        for input in [stream, chunk] {
            mixer = split_mix(&mut mixer) ^ input;
        }
        Self {
            state: std::array::from_fn(|_| split_mix(&mut mixer)),
        }
    }

    fn next_word(&mut self) -> u64 {
        let s = &mut self.state;
        let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        word
    }
}

/// `SplitMix64` (Vigna, 2015, <https://prng.di.unimi.it/splitmix64.c>).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled<T: Element>(n: usize, seed: u64, stream: u64, threads: usize) -> Matrix<T> {
        let mut matrix = Matrix::zeros(n).unwrap();
        let team = Team::new(threads, None).unwrap();
        fill_uniform(&mut matrix, seed, stream, &team);
        matrix
    }

    /// FNV-1a over the bytes: a matrix in one number.
    fn fingerprint<T: Element>(matrix: &Matrix<T>) -> u64 {
        bytemuck::cast_slice(matrix.as_slice())
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte: &u8| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
    }

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // The first outputs of the authors' C program for the state 1, 2, 3, 4.
        let mut generator = Generator {
            state: [1, 2, 3, 4],
        };
        let words: [u64; 4] = std::array::from_fn(|_| generator.next_word());
        assert_eq!(
            words,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
        // SplitMix64 of seed 1234567, from the same source.
        assert_eq!(split_mix(&mut 1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn bits_do_not_depend_on_threads_and_never_change() {
        for threads in [1, 2, 3, 7] {
            assert_eq!(
                fingerprint(&filled::<f64>(301, 1, 0, threads)),
                FINGERPRINT_F64,
                "{threads} threads"
            );
            assert_eq!(
                fingerprint(&filled::<f32>(301, 1, 0, threads)),
                FINGERPRINT_F32,
                "{threads} threads"
            );
        }
    }
    // Computed once by a separate program in another language.
    const FINGERPRINT_F64: u64 = 12_824_295_669_055_698_440;
    const FINGERPRINT_F32: u64 = 1_824_085_558_107_565_522;

    #[test]
    fn seeds_and_streams_differ() {
        let base = fingerprint(&filled::<f64>(10, 1, 0, 1));
        assert_ne!(base, fingerprint(&filled::<f64>(10, 2, 0, 1)));
        assert_ne!(base, fingerprint(&filled::<f64>(10, 1, 1, 1)));
    }

    #[test]
    fn moments_are_those_of_the_uniform_distribution() {
        let matrix = filled::<f64>(1000, 7, 0, 2);
        let count = 1e6;
        let mean = matrix.as_slice().iter().sum::<f64>() / count;
        let square = matrix.as_slice().iter().map(|x| x * x).sum::<f64>() / count;
        // Five standard errors: sqrt(1/12 / 1e6) and sqrt(4/45 / 1e6).
        assert!((mean - 0.5).abs() < 5.0 * 2.9e-4, "{mean}");
        assert!((square - 1.0 / 3.0).abs() < 5.0 * 3.0e-4, "{square}");
        assert!(matrix.as_slice().iter().all(|x| (0.0..1.0).contains(x)));
    }

    #[test]
    fn signed_vectors_keep_away_from_zero() {
        let x = signed_vector(1000, 1, 2);
        assert!(x.iter().all(|x| (0.5..1.0).contains(&x.abs())));
        let positive = x.iter().filter(|x| **x > 0.0).count();
        assert!((400..600).contains(&positive), "{positive}");
    }
}
