//! The processor's limit: multiply-adds on values that stay in registers.
//!
//! Each thread takes blocks of [`BLOCK_FLOP`] operations, whatever its instruction set is wide: x = m·x + c on 24 to 384
//! elements at once ([`crate::fma`]), a multiplication and an addition each. Nothing is loaded or stored within a block.
//! The way of measuring is that of every peak tester (for example `peakflops` of likwid-bench); the constants here are such
//! that the values are ordinary numbers with all digits in use, and move in every step, since multiplying zeros or ones takes
//! less power and so may run at a higher clock than real work gets.
//!
//! The proof: each block starts from the same numbers and must end with exactly those that plain arithmetic gives.
//!
//! The instruction set is the one that the case's BLAS uses for its products: that is the limit of the product as this
//! library computes it.

use std::hint::black_box;

use crate::fma::{self, Isa, Step};
use crate::kernel::{Definition, Kernel, Printed};
use crate::verify::worse;
use crate::{Blas, Dtype, Element, Multiplier, Verification};

/// Elements times steps of a block: a multiple of every width.
const BLOCK_STEPS: usize = 384 * 8192;

/// Floating-point operations of a block: some 0.1 ms of one core's time.
pub const BLOCK_FLOP: f64 = 2.0 * BLOCK_STEPS as f64;

/// Anything but the very same bits is wrong, which is at least half a unit roundoff.
const RESIDUAL_BOUND: f64 = 0.5;

/// The peak for the registry.
pub const DEFINITION: Definition = Definition {
    name: "fma-peak",
    version: 1,
    summary: "the limit: multiply-adds in registers, n blocks for each thread",
    formula: "6291456·n flop for each thread",
    source: "counted: two for each element and step",
    printed: Printed::Residual,
    matrix_bytes: |_, _| Some(0),
    flop: |n, threads| BLOCK_FLOP * n as f64 * threads as f64,
    bytes: None,
    make: |n, dtype, multiplier| {
        let isa = blas_isa(multiplier.blas()).isa;
        Ok(match dtype {
            Dtype::F64 => Box::new(FmaPeak::<f64>::new(n, isa, multiplier)),
            Dtype::F32 => Box::new(FmaPeak::<f32>::new(n, isa, multiplier)),
        })
    },
};

/// The instruction set that a library is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlasIsa {
    /// The instruction set.
    pub isa: Isa,
    /// The core type that the library has chosen, which says so; `None` where it names none that is known here, and the
    /// processor's best stands in.
    pub core: Option<String>,
}

/// The instruction set that a library uses for products; the best there is where that cannot be told.
pub fn blas_isa(blas: Blas) -> BlasIsa {
    let core = blas.describe().core;
    match Isa::of_core(&core).filter(|isa| isa.is_available()) {
        Some(isa) => BlasIsa {
            isa,
            core: Some(core),
        },
        None => BlasIsa {
            isa: Isa::best(),
            core: None,
        },
    }
}

/// One thread's work: blocks of multiply-adds, and whether each ended as it must.
#[derive(Clone, Debug)]
pub struct Blocks<T> {
    isa: Isa,
    starts: Vec<T>,
    expected: Vec<T>,
    ends: Vec<T>,
    /// The worst of the blocks that did not end as expected.
    worst: f64,
}

impl<T: Element> Blocks<T> {
    /// Computes what a block must end with.
    pub fn new(isa: Isa) -> Self {
        let width = isa.width(T::DTYPE);
        // 1 + 1/1024, 1 + 2/1024 and so on: no two alike, or the compiler would compute one for all.
        let starts: Vec<T> = (1..=width)
            .map(|i| T::one() + T::from_random_word((i as u64) << 54))
            .collect();
        let mut expected = starts.clone();
        fma::multiply_add_plainly(isa.is_fused(), &mut expected, step(), BLOCK_STEPS / width);
        Self {
            isa,
            ends: expected.clone(),
            starts,
            expected,
            worst: 0.0,
        }
    }

    /// Computes this many blocks.
    pub fn run(&mut self, count: usize) {
        self.worst = 0.0;
        for _ in 0..count {
            self.ends.copy_from_slice(black_box(&self.starts));
            let steps = BLOCK_STEPS / self.ends.len();
            fma::multiply_add(self.isa, &mut self.ends, step(), steps);
            if self.ends != self.expected {
                self.worst = worse(self.worst, self.residual());
            }
        }
    }

    /// The proof of the last run.
    pub fn verify(&self) -> Verification {
        Verification::of_residual(worse(self.worst, self.residual()), RESIDUAL_BOUND)
    }

    /// How far the last block's ends are from those expected, in unit roundoffs.
    fn residual(&self) -> f64 {
        let pairs = self.ends.iter().zip(&self.expected);
        pairs
            .map(|(end, expected)| {
                let (end, expected): (f64, f64) = ((*end).into(), (*expected).into());
                (end - expected).abs() / (T::UNIT_ROUNDOFF * expected.abs())
            })
            .fold(0.0, worse)
    }
}

/// m = 1 − 1/10007 and c = 3/20014: from anywhere between 1 and 2 the values creep towards 1.5 and are still on their way
/// when the block ends.
fn step<T: Element>() -> Step<T> {
    let number = |value: u64| {
        (0..64).rev().fold(T::zero(), |sum, bit| {
            let bit_value = if value >> bit & 1 == 1 {
                T::one()
            } else {
                T::zero()
            };
            sum + sum + bit_value
        })
    };
    Step {
        multiplier: number(10_006) / number(10_007),
        addend: number(3) / number(20_014),
    }
}

/// n blocks for each member of the team.
pub struct FmaPeak<T> {
    n: usize,
    blocks: Vec<Blocks<T>>,
    multiplier: Multiplier,
}

impl<T: Element> FmaPeak<T> {
    /// n blocks for each member, of this instruction set.
    pub fn new(n: usize, isa: Isa, multiplier: Multiplier) -> Self {
        Self {
            n,
            blocks: vec![Blocks::new(isa); multiplier.team().size()],
            multiplier,
        }
    }
}

impl<T: Element> Kernel for FmaPeak<T> {
    fn name(&self) -> &'static str {
        DEFINITION.name
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        0
    }

    fn flop(&self) -> f64 {
        (DEFINITION.flop)(self.n, self.blocks.len())
    }

    fn prepare(&mut self, _seed: u64) {}

    fn run(&mut self) -> f64 {
        let parts = self.blocks.iter_mut().collect();
        let n = self.n;
        let run = |_, blocks: &mut Blocks<T>| blocks.run(n);
        self.multiplier.team().for_each(parts, run);
        f64::NAN
    }

    fn verify(&self, _result: f64) -> Verification {
        let worst = self
            .blocks
            .iter()
            .map(|blocks| blocks.verify().scaled_residual)
            .fold(0.0, worse);
        Verification::of_residual(worst, RESIDUAL_BOUND)
    }

    fn damage(&mut self) {
        if let Some(end) = self
            .blocks
            .last_mut()
            .and_then(|blocks| blocks.ends.last_mut())
        {
            *end = *end + *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linked_library_says_its_instruction_set() {
        let BlasIsa { isa, core } = blas_isa(Blas::bundled());
        assert!(isa.is_available());
        assert_eq!(core.map(|core| Isa::of_core(&core)), Some(Some(isa)));
    }

    #[test]
    fn a_block_is_as_long_in_every_instruction_set() {
        for isa in Isa::available() {
            for dtype in [Dtype::F64, Dtype::F32] {
                assert_eq!(BLOCK_STEPS % isa.width(dtype), 0, "{isa} {dtype}");
            }
        }
        assert!((BLOCK_FLOP - 6_291_456.0).abs() < 0.5);
    }

    #[test]
    fn values_are_ordinary_and_still_moving() {
        let blocks = Blocks::<f64>::new(Isa::best());
        let Step { multiplier, addend } = step::<f64>();
        assert!((multiplier - 10_006.0 / 10_007.0).abs() < 1e-16);
        assert!((addend - 3.0 / 20_014.0).abs() < 1e-19);
        for (index, end) in blocks.expected.iter().enumerate() {
            assert!((1.0..2.0).contains(end), "{index}: {end}");
            let next = end.mul_add(multiplier, addend);
            assert!(
                (next - end).abs() > 0.0 || (end - 1.5).abs() < 1e-6,
                "{index}: {end}"
            );
        }
    }

    #[test]
    fn one_wrong_bit_in_one_of_several_blocks_is_found() {
        for isa in Isa::available() {
            let mut blocks = Blocks::<f32>::new(isa);
            blocks.run(2);
            assert!(blocks.verify().passed(), "{isa}");
            let end = &mut blocks.ends[5];
            *end = f32::from_bits(end.to_bits() ^ 1);
            assert!(!blocks.verify().passed(), "{isa}");
            // A block that starts wrong ends wrong, and is not forgotten when the next one is right.
            blocks.starts[0] *= 1.5;
            blocks.run(1);
            assert!(!blocks.verify().passed(), "{isa}");
        }
    }
}
