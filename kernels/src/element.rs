//! The types of a matrix's elements.

use std::fmt;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::{blas, ffi, norm, verify};

/// The name of an element type, as BLAS users and numpy users know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 binary64, `dgemm`.
    F64,
    /// IEEE 754 binary32, `sgemm`.
    F32,
}

impl Dtype {
    /// Size of one element.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
        })
    }
}

/// A real type that BLAS multiplies.
pub trait Element:
    bytemuck::Pod + ndarray::LinalgScalar + PartialOrd + Into<f64> + Send + Sync + fmt::Debug
{
    /// This type's name.
    const DTYPE: Dtype;

    /// The unit roundoff u: the largest relative error of one rounded operation, half the machine epsilon.
    const UNIT_ROUNDOFF: f64;

    /// The number in [0, 1) that the upper bits of a random word stand for: 53 bits for `f64`, 24 for `f32`, so that
    /// each value is exact and 1 itself is never reached by rounding.
    fn from_random_word(word: u64) -> Self;

    /// C = A·B by the linked BLAS, of whole matrices or of tiles whose rows have no gaps.
    ///
    /// # Panics
    ///
    /// When the shapes do not fit each other, or a row has gaps.
    fn gemm(a: &ArrayView2<'_, Self>, b: &ArrayView2<'_, Self>, c: &mut ArrayViewMut2<'_, Self>);

    /// The same by a library that was loaded.
    ///
    /// # Panics
    ///
    /// As [`Element::gemm`].
    fn gemm_by(
        library: &blas::Library,
        a: &ArrayView2<'_, Self>,
        b: &ArrayView2<'_, Self>,
        c: &mut ArrayViewMut2<'_, Self>,
    );

    /// Solves A·x = b by a library that was loaded, in place: `a` becomes the factors of A, given in rows, and `x`, which holds b,
    /// the solution. Whether there is one.
    ///
    /// # Panics
    ///
    /// When A is not as many rows and columns as x has elements.
    fn solve_by(library: &blas::Library, a: &mut [Self], x: &mut [Self]) -> bool;

    /// The sum of the squares of the elements, each widened to double precision first.
    fn sum_of_squares(elements: &[Self]) -> f64;

    /// The dot product of a row and a vector, in double precision.
    fn dot(row: &[Self], x: &[f64]) -> f64;
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;
    const UNIT_ROUNDOFF: f64 = f64::EPSILON / 2.0;

    fn from_random_word(word: u64) -> Self {
        const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
        (word >> 11) as f64 * SCALE
    }

    fn gemm(a: &ArrayView2<'_, Self>, b: &ArrayView2<'_, Self>, c: &mut ArrayViewMut2<'_, Self>) {
        ffi::dgemm(a, b, c);
    }

    fn gemm_by(
        library: &blas::Library,
        a: &ArrayView2<'_, Self>,
        b: &ArrayView2<'_, Self>,
        c: &mut ArrayViewMut2<'_, Self>,
    ) {
        library.dgemm(a, b, c);
    }

    fn solve_by(library: &blas::Library, a: &mut [Self], x: &mut [Self]) -> bool {
        library.dsolve(a, x)
    }

    fn sum_of_squares(elements: &[Self]) -> f64 {
        norm::sum_of_squares_f64(elements)
    }

    fn dot(row: &[Self], x: &[f64]) -> f64 {
        verify::dot_f64(row, x)
    }
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
    const UNIT_ROUNDOFF: f64 = (f32::EPSILON / 2.0) as f64;

    fn from_random_word(word: u64) -> Self {
        const SCALE: f32 = 1.0 / (1u64 << 24) as f32;
        (word >> 40) as f32 * SCALE
    }

    fn gemm(a: &ArrayView2<'_, Self>, b: &ArrayView2<'_, Self>, c: &mut ArrayViewMut2<'_, Self>) {
        ffi::sgemm(a, b, c);
    }

    fn gemm_by(
        library: &blas::Library,
        a: &ArrayView2<'_, Self>,
        b: &ArrayView2<'_, Self>,
        c: &mut ArrayViewMut2<'_, Self>,
    ) {
        library.sgemm(a, b, c);
    }

    fn solve_by(library: &blas::Library, a: &mut [Self], x: &mut [Self]) -> bool {
        library.ssolve(a, x)
    }

    fn sum_of_squares(elements: &[Self]) -> f64 {
        norm::sum_of_squares_f32(elements)
    }

    fn dot(row: &[Self], x: &[f64]) -> f64 {
        verify::dot_f32(row, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_words_fill_the_half_open_interval() {
        assert_eq!(f64::from_random_word(0).to_bits(), 0.0f64.to_bits());
        assert_eq!(f32::from_random_word(0).to_bits(), 0.0f32.to_bits());
        assert!(f64::from_random_word(u64::MAX) < 1.0);
        assert!(f32::from_random_word(u64::MAX) < 1.0);
        assert!(f64::from_random_word(u64::MAX) > 1.0 - 1e-15);
        assert!(f32::from_random_word(u64::MAX) > 1.0 - 1e-7);
    }
}
