//! The Frobenius norm at memory speed, with the same bits whatever the number of threads.
//!
//! The elements are cut into chunks of fixed size; within a chunk, 16 independent sums in double precision keep the
//! vector units busy and the rounding error small; the chunks' sums are added in order. `f32` elements are widened
//! first, so that the norm of a large single-precision product is right to the last digit of an `f32`, which a sum in
//! single precision is not (1.3e-4 off at n = 5000).

use multiversion::multiversion;

use crate::team::{Team, share};
use crate::{Element, Matrix};

/// Elements whose squares are summed up by themselves. Small enough that two members share a product of n = 200.
const CHUNK: usize = 1 << 14;

/// The square root of the sum of the squares of all elements.
///
/// No scaling: elements above 1e150 in magnitude overflow to infinity. Products of numbers in [0, 1) are at most n.
pub fn frobenius<T: Element>(matrix: &Matrix<T>, team: &Team) -> f64 {
    sum_of_squares(matrix.as_slice(), team).sqrt()
}

/// The sum of the squares of the elements, chunk by chunk, the chunks' sums added in order.
pub fn sum_of_squares<T: Element>(elements: &[T], team: &Team) -> f64 {
    in_order(elements, team, T::sum_of_squares)
        .into_iter()
        .sum()
}

/// The norm once more, by another way: every addition compensated (Neumaier, 1974), so that the error is below one unit
/// in the last place whatever n is. Slower than [`frobenius`], and shares no arithmetic with it.
pub fn frobenius_compensated<T: Element>(matrix: &Matrix<T>, team: &Team) -> f64 {
    sum_of_squares_compensated(matrix.as_slice(), team)
        .value()
        .sqrt()
}

/// The sum of the squares with every addition compensated.
pub(crate) fn sum_of_squares_compensated<T: Element>(
    elements: &[T],
    team: &Team,
) -> CompensatedSum {
    let mut total = CompensatedSum::default();
    for chunk in in_order(elements, team, compensated) {
        total.merge(chunk);
    }
    total
}

fn compensated<T: Element>(elements: &[T]) -> CompensatedSum {
    let mut sum = CompensatedSum::default();
    for element in elements {
        let element: f64 = (*element).into();
        sum.add(element * element);
    }
    sum
}

/// What the closure makes of each chunk, in the chunks' order.
fn in_order<T: Element, R: Send>(
    elements: &[T],
    team: &Team,
    of_chunk: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let chunks = elements.len().div_ceil(CHUNK);
    // One chunk is done before a second member has heard of it.
    if chunks <= 1 {
        return elements.chunks(CHUNK).map(of_chunk).collect();
    }
    team.map(|rank| {
        let range = share(chunks, rank, team.size());
        let end = elements.len().min(range.end * CHUNK);
        elements[end.min(range.start * CHUNK)..end]
            .chunks(CHUNK)
            .map(&of_chunk)
            .collect::<Vec<R>>()
    })
    .into_iter()
    .flatten()
    .collect()
}

/// A sum and what rounding took from it.
#[derive(Clone, Copy, Default)]
pub(crate) struct CompensatedSum {
    sum: f64,
    compensation: f64,
}

impl CompensatedSum {
    fn add(&mut self, term: f64) {
        let next = self.sum + term;
        self.compensation += if self.sum.abs() >= term.abs() {
            (self.sum - next) + term
        } else {
            (term - next) + self.sum
        };
        self.sum = next;
    }

    /// Adds another sum with what it has kept.
    pub(crate) fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.add(other.compensation);
    }

    /// The sum, rounded once.
    pub(crate) fn value(self) -> f64 {
        self.sum + self.compensation
    }
}

/// Independent partial sums: two vectors of eight doubles, or four of four.
const LANES: usize = 16;

macro_rules! sum_of_squares {
    ($name:ident, $element:ty) => {
        /// The sum of the squares of a slice, in double precision.
        #[multiversion(targets(
            "x86_64+avx512f+avx512dq+avx512vl+avx512bw",
            "x86_64+avx2+fma",
            "aarch64+neon"
        ))]
        pub(crate) fn $name(elements: &[$element]) -> f64 {
            let mut sums = [0.0f64; LANES];
            let mut rows = elements.chunks_exact(LANES);
            for row in &mut rows {
                for (sum, element) in sums.iter_mut().zip(row) {
                    let element = f64::from(*element);
                    *sum += element * element;
                }
            }
            let rest: f64 = rows
                .remainder()
                .iter()
                .map(|element| f64::from(*element) * f64::from(*element))
                .sum();
            sums.iter().sum::<f64>() + rest
        }
    };
}

sum_of_squares!(sum_of_squares_f64, f64);
sum_of_squares!(sum_of_squares_f32, f32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn alone() -> Team {
        Team::new(1, None).unwrap()
    }

    fn random_matrix<T: Element>(n: usize) -> Matrix<T> {
        let mut matrix = Matrix::zeros(n).unwrap();
        random::fill_uniform(&mut matrix, 5, 0, &alone());
        matrix
    }

    fn check<T: Element>(n: usize) {
        let matrix = random_matrix::<T>(n);
        let exact = frobenius_compensated(&matrix, &alone());
        let error = (frobenius(&matrix, &alone()) - exact).abs() / exact.max(f64::MIN_POSITIVE);
        assert!(error < 1e-14, "n = {n}, {}: {error}", T::DTYPE);
    }

    #[test]
    fn agrees_with_the_compensated_sum() {
        for n in [0, 1, 2, 3, 15, 16, 17, 100, 255, 256, 513, 1000] {
            check::<f64>(n);
            check::<f32>(n);
        }
    }

    #[test]
    fn agrees_with_ndarray_linalg() {
        use ndarray_linalg::Norm;
        let matrix = random_matrix::<f64>(300);
        let theirs = matrix.view().norm_l2();
        assert!((frobenius(&matrix, &alone()) - theirs).abs() / theirs < 1e-13);
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let matrix = random_matrix::<f64>(1200);
        let norms: Vec<u64> = [1, 2, 5]
            .map(|threads| {
                let team = Team::new(threads, None).unwrap();
                frobenius(&matrix, &team).to_bits()
            })
            .to_vec();
        assert!(norms.iter().all(|norm| *norm == norms[0]), "{norms:?}");
    }

    #[test]
    fn a_known_norm() {
        let mut matrix = Matrix::<f32>::zeros(2).unwrap();
        matrix
            .as_mut_slice()
            .copy_from_slice(&[1.0, 2.0, 4.0, 10.0]);
        assert_eq!(frobenius(&matrix, &alone()).to_bits(), 11.0f64.to_bits());
    }
}
