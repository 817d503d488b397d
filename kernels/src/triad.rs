//! Memory bandwidth: STREAM's triad, a = b + s·c.
//!
//! Source: J. D. McCalpin, STREAM (<https://www.cs.virginia.edu/stream/>), `stream.c` 5.10, with its scalar 3. It counts two
//! loads and one store for each element: 24 bytes in f64, 12 in f32. What a cache does besides, fetching a line of `a`
//! before it is overwritten (write-allocate), is not counted, as STREAM does not; where the processor does that, the memory
//! has moved a third more than the figure says.
//!
//! The arrays have n² elements each, so that a size takes the memory that matmul-norm's matrices of this size take.
//! STREAM wants each array four times as large as all last-level caches together: smaller ones measure caches.
//! STREAM's figure is the best of ten runs without the first: that is `--repeats 9 --warmup 1` and the best sample.
//!
//! STREAM verifies the mean error of each array; here every single element must be b + s·c to within its rounding.

use multiversion::multiversion;

use crate::kernel::{Definition, Kernel, Printed};
use crate::matrix::AllocationError;
use crate::team::{Team, share};
use crate::verify::worse;
use crate::{Dtype, Element, Matrix, Multiplier, Verification, matmul_norm, random};

/// STREAM's scalar.
const SCALAR: u8 = 3;

/// Each element takes a multiplication and an addition, both rounded (or one, fused): their errors sum up to less than this
/// many unit roundoffs of the sum, whose terms are not negative.
const RESIDUAL_BOUND: f64 = 3.0;

/// Members begin at multiples of this many elements, as they do when they fill a matrix: each finds what it filled.
const CHUNK: usize = 8192;

/// The triad for the registry.
pub const DEFINITION: Definition = Definition {
    name: "triad",
    version: 1,
    summary: "memory bandwidth: a = b + 3c over three arrays of n² elements",
    formula: "3n² elements moved, in bytes (2n² flop)",
    source: "J. D. McCalpin, STREAM 5.10",
    printed: Printed::Residual,
    matrix_bytes: matmul_norm::matrix_bytes,
    flop: |n, _| 2.0 * (n as f64).powi(2),
    bytes: Some(|n, dtype| 3.0 * dtype.size_bytes() as f64 * (n as f64).powi(2)),
    make: |n, dtype, multiplier| {
        Ok(match dtype {
            Dtype::F64 => Box::new(Triad::<f64>::new(n, multiplier)?),
            Dtype::F32 => Box::new(Triad::<f32>::new(n, multiplier)?),
        })
    },
};

/// Three arrays, and the team that works on them.
pub struct Triad<T> {
    arrays: Arrays<T>,
    multiplier: Multiplier,
}

/// The triad's arrays, for whoever brings a team.
pub struct Arrays<T> {
    a: Matrix<T>,
    b: Matrix<T>,
    c: Matrix<T>,
}

impl<T: Element> Arrays<T> {
    /// Allocates the arrays, of some rows of some elements each.
    ///
    /// # Errors
    ///
    /// When the system refuses the memory.
    pub fn new(rows: usize, columns: usize) -> Result<Self, AllocationError> {
        Ok(Self {
            a: Matrix::zeros_of_shape(rows, columns)?,
            b: Matrix::zeros_of_shape(rows, columns)?,
            c: Matrix::zeros_of_shape(rows, columns)?,
        })
    }

    /// Writes something to every element of `a`, and numbers uniform on [0, 1) to `b` and `c`; each member to what it will
    /// work on.
    pub fn fill(&mut self, seed: u64, team: &Team) {
        team.for_each(parts(self.a.as_mut_slice(), team.size()), |_, part| {
            part.fill(T::zero());
        });
        random::fill_uniform(&mut self.b, seed, 0, team);
        random::fill_uniform(&mut self.c, seed, 1, team);
    }

    /// a = b + s·c, shared out among the team.
    pub fn run(&mut self, team: &Team) {
        let (b, c) = (self.b.as_slice(), self.c.as_slice());
        team.for_each(parts(self.a.as_mut_slice(), team.size()), |rank, part| {
            let first = first_element(b.len(), rank, team.size());
            let range = first..first + part.len();
            triad(part, &b[range.clone()], &c[range]);
        });
    }

    /// The bytes that a run counts as moved.
    pub fn bytes(&self) -> f64 {
        3.0 * size_of_val(self.a.as_slice()) as f64
    }

    /// The largest error of an element, in unit roundoffs of it.
    pub fn verify(&self, team: &Team) -> Verification {
        let [a, b, c] = [&self.a, &self.b, &self.c].map(Matrix::as_slice);
        let worst = team
            .map(|rank| {
                share(a.len(), rank, team.size())
                    .map(|i| error::<T>(a[i].into(), b[i].into() + f64::from(SCALAR) * c[i].into()))
                    .fold(0.0, worse)
            })
            .into_iter()
            .fold(0.0, worse);
        Verification::of_residual(worst, RESIDUAL_BOUND)
    }
}

/// How far a value is from what is expected, in unit roundoffs of the latter.
fn error<T: Element>(value: f64, expected: f64) -> f64 {
    (value - expected).abs() / (T::UNIT_ROUNDOFF * expected.abs()).max(f64::MIN_POSITIVE)
}

/// Cuts the elements into as many parts as the team has members.
fn parts<T>(elements: &mut [T], size: usize) -> Vec<&mut [T]> {
    let len = elements.len();
    let mut rest = elements;
    (0..size)
        .map(|rank| {
            let count = first_element(len, rank + 1, size) - first_element(len, rank, size);
            let (part, others) = std::mem::take(&mut rest).split_at_mut(count);
            rest = others;
            part
        })
        .collect()
}

/// The first of a member's elements.
fn first_element(len: usize, rank: usize, size: usize) -> usize {
    if rank >= size {
        return len;
    }
    (share(len.div_ceil(CHUNK), rank, size).start * CHUNK).min(len)
}

/// a = b + s·c in whichever type.
fn triad<T: Element>(a: &mut [T], b: &[T], c: &[T]) {
    match T::DTYPE {
        Dtype::F64 => triad_f64(cast_mut(a), cast(b), cast(c)),
        Dtype::F32 => triad_f32(cast_mut(a), cast(b), cast(c)),
    }
}

fn cast<T: Element, U: Element>(elements: &[T]) -> &[U] {
    bytemuck::cast_slice(elements)
}

fn cast_mut<T: Element, U: Element>(elements: &mut [T]) -> &mut [U] {
    bytemuck::cast_slice_mut(elements)
}

macro_rules! triad {
    ($name:ident, $element:ty) => {
        /// a = b + s·c.
        #[multiversion(targets("x86_64+avx512f", "x86_64+avx2+fma", "aarch64+neon"))]
        fn $name(a: &mut [$element], b: &[$element], c: &[$element]) {
            for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                *a = *b + <$element>::from(SCALAR) * *c;
            }
        }
    };
}

triad!(triad_f64, f64);
triad!(triad_f32, f32);

impl<T: Element> Triad<T> {
    /// Allocates three arrays of n² elements.
    ///
    /// # Errors
    ///
    /// When the system refuses the memory.
    pub fn new(n: usize, multiplier: Multiplier) -> Result<Self, AllocationError> {
        Ok(Self {
            arrays: Arrays::new(n, n)?,
            multiplier,
        })
    }
}

impl<T: Element> Kernel for Triad<T> {
    fn name(&self) -> &'static str {
        DEFINITION.name
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        matmul_norm::matrix_bytes(self.arrays.a.n(), T::DTYPE).expect("the arrays are there")
    }

    fn flop(&self) -> f64 {
        (DEFINITION.flop)(self.arrays.a.n(), self.multiplier.team().size())
    }

    fn bytes(&self) -> Option<f64> {
        Some(self.arrays.bytes())
    }

    fn prepare(&mut self, seed: u64) {
        self.arrays.fill(seed, self.multiplier.team());
    }

    fn run(&mut self) -> f64 {
        self.arrays.run(self.multiplier.team());
        f64::NAN
    }

    fn verify(&self, _result: f64) -> Verification {
        self.arrays.verify(self.multiplier.team())
    }

    fn damage(&mut self) {
        let middle = self.arrays.a.as_slice().len() / 2;
        if let Some(element) = self.arrays.a.as_mut_slice().get_mut(middle) {
            *element = *element + *element;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_cover_all_elements_once(len in 0usize..100_000, size in 1usize..70) {
            let mut elements = vec![0u8; len];
            let mut first = 0;
            for (rank, part) in parts(&mut elements, size).into_iter().enumerate() {
                prop_assert_eq!(first, first_element(len, rank, size));
                first += part.len();
            }
            prop_assert_eq!(first, len);
        }
    }

    #[test]
    fn an_element_off_by_a_few_roundings_is_found() {
        let team = Team::new(3, None).unwrap();
        let mut arrays = Arrays::<f32>::new(100, 700).unwrap();
        arrays.fill(4, &team);
        arrays.run(&team);
        assert!(arrays.verify(&team).passed());
        assert!((arrays.bytes() - 12.0 * 70_000.0).abs() < 0.5);
        let last = arrays.a.as_mut_slice().last_mut().unwrap();
        *last *= 1.0 + 4.0 * f32::EPSILON;
        assert!(!arrays.verify(&team).passed());
        *arrays.a.as_mut_slice().first_mut().unwrap() = f32::NAN;
        assert!(!arrays.verify(&team).passed());
    }
}
