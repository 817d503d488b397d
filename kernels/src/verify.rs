//! The proof that a result is right, by three checks that are independent of the library that computed it.
//!
//! 1. **The product** (Freivalds' check with the bound of the BLIS and blaspp testers): for a random vector x, C·x must
//!    equal A·(B·x). Row i passes when
//!
//!    |(C·x)ᵢ − (A·(B·x))ᵢ| / (√(n+2) · ‖Aᵢ‖₂ · ‖B‖_F · ‖x‖₂) < bound · u,
//!
//!    u being the unit roundoff of the elements' type. The scale is blaspp's √(k+2)·‖A‖_F·‖B‖_F, asked of each row instead
//!    of the whole matrix, and the same bound u (`eps/2`). The check itself computes three matrix-vector products in double
//!    precision, each with an error of the same form, so that bound = 1 + 3·u₆₄/u.
//!
//!    The elements of x are between 0.5 and 1 in magnitude, so one wrong element of C is found for sure when it is wrong
//!    by more than 2·bound·u·n^1.5 of its value: 9e-10 at n = 10000 in f64, but 12 % in f32 (4 % at n = 5000, 0.4 % at
//!    1000). Smaller errors are no different from the rounding that the bound allows a whole row.
//! 2. **The norm's arithmetic**: the norm computed again from C with compensated sums must agree to n·u₆₄ (at least 16
//!    units in the last place).
//! 3. **The norm's value**: for independent aᵢₖ, bₖⱼ uniform on [0, 1), E\[cᵢⱼ²\] = (n/4)² + n·Var(ab) with
//!    Var(ab) = (1/3)² − (1/4)² = 7/144, hence
//!
//!    √E‖C‖² = n·√(n²/16 + 7n/144) ≈ n²/4 + 7n/72: 25,000,972 at n = 10000.
//!
//!    To first order ‖C‖ = Σcᵢⱼ/n = Σₖ αₖβₖ/n with αₖ, βₖ the sums of A's columns and B's rows, independent with mean
//!    n/2 and variance n/12, so that Var‖C‖ = (n⁴/24 + n³/144)/n²: the standard deviation is about 0.204·n. Six of them
//!    are the tolerance: two false alarms in 10⁹ samples.

use multiversion::multiversion;

use crate::norm::{self, CompensatedSum};
use crate::team::{Team, share};
use crate::{Element, Matrix, random};

/// How many standard deviations the norm may be from its expectation.
const NORM_DEVIATIONS: f64 = 6.0;

/// The stream of the random vector; 0 and 1 are the matrices'.
const VECTOR_STREAM: u64 = 2;

/// What the checks found. A check passes when its figure is below its bound; NaN passes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verification {
    /// The largest scaled residual, for products in units of the elements' unit roundoff.
    pub scaled_residual: f64,
    /// The residual's bound.
    pub scaled_residual_bound: f64,
    /// The checks of the norm; `None` for kernels that compute none.
    pub norm: Option<NormCheck>,
}

/// What the checks of a norm found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormCheck {
    /// How far the norm is from the one computed again from C, relative.
    pub error: f64,
    /// That error's bound.
    pub error_bound: f64,
    /// √E‖C‖².
    pub expected: f64,
    /// How far from that the norm may be.
    pub tolerance: f64,
    /// The norm that was checked.
    pub norm: f64,
}

impl Verification {
    /// A verification by a residual alone.
    pub fn of_residual(scaled_residual: f64, scaled_residual_bound: f64) -> Self {
        Self {
            scaled_residual,
            scaled_residual_bound,
            norm: None,
        }
    }

    /// Whether all checks passed.
    pub fn passed(&self) -> bool {
        self.scaled_residual < self.scaled_residual_bound
            && self.norm.is_none_or(|check| check.passed())
    }
}

impl NormCheck {
    fn passed(&self) -> bool {
        self.error < self.error_bound && (self.norm - self.expected).abs() < self.tolerance
    }
}

/// What the checks need to know of C: C·x and the sum of its squares. C may be observed in one go or, while it lasts, row panel
/// by row panel.
pub struct Observation {
    x: Vec<f64>,
    cx: Vec<f64>,
    sum_of_squares: CompensatedSum,
}

impl Observation {
    /// Nothing seen yet of an n by n product of this seed's matrices.
    pub fn new(n: usize, seed: u64) -> Self {
        Self {
            x: random::signed_vector(n, seed, VECTOR_STREAM),
            cx: Vec::with_capacity(n),
            sum_of_squares: CompensatedSum::default(),
        }
    }

    /// Takes in the next rows of C: as many of the matrix's as are said.
    pub fn add_rows<T: Element>(&mut self, c: &Matrix<T>, rows: usize, team: &Team) {
        self.cx.extend(multiply(c, rows, &self.x, team));
        let elements = &c.as_slice()[..rows * c.n()];
        self.sum_of_squares
            .merge(norm::sum_of_squares_compensated(elements, team));
    }

    /// Makes the last row look as if an element of it were wrong: only for testing that this is found.
    pub(crate) fn spoil(&mut self) {
        if let Some(last) = self.cx.last_mut() {
            *last *= 2.0;
        }
    }
}

/// Checks that `c` is A·B and `norm` its Frobenius norm, for A and B uniform on [0, 1).
pub fn verify<T: Element>(
    a: &Matrix<T>,
    b: &Matrix<T>,
    c: &Matrix<T>,
    norm: f64,
    seed: u64,
    team: &Team,
) -> Verification {
    let mut observation = Observation::new(c.n(), seed);
    observation.add_rows(c, c.rows(), team);
    verify_observed(a, b, &observation, norm, team)
}

/// Checks that what was observed of C is A·B, and `norm` its Frobenius norm, for A and B uniform on [0, 1).
pub fn verify_observed<T: Element>(
    a: &Matrix<T>,
    b: &Matrix<T>,
    c: &Observation,
    norm: f64,
    team: &Team,
) -> Verification {
    let n = a.n();
    let recomputed = c.sum_of_squares.value().sqrt();
    Verification {
        norm: Some(NormCheck {
            error: (norm - recomputed).abs() / recomputed,
            error_bound: f64::UNIT_ROUNDOFF * (n as f64).max(16.0),
            expected: expected_norm(n),
            tolerance: norm_tolerance(n),
            norm,
        }),
        ..of_product(a, b, c, team)
    }
}

/// Checks that `c` is A·B and nothing else.
pub fn verify_product<T: Element>(
    a: &Matrix<T>,
    b: &Matrix<T>,
    c: &Matrix<T>,
    seed: u64,
    team: &Team,
) -> Verification {
    let mut observation = Observation::new(c.n(), seed);
    observation.add_rows(c, c.rows(), team);
    of_product(a, b, &observation, team)
}

fn of_product<T: Element>(
    a: &Matrix<T>,
    b: &Matrix<T>,
    c: &Observation,
    team: &Team,
) -> Verification {
    Verification::of_residual(
        scaled_residual(a, b, c, team) / T::UNIT_ROUNDOFF,
        1.0 + 3.0 * f64::UNIT_ROUNDOFF / T::UNIT_ROUNDOFF,
    )
}

/// √E‖A·B‖² for n by n matrices uniform on [0, 1), see the module's text.
pub fn expected_norm(n: usize) -> f64 {
    let n = n as f64;
    n * (n * n / 16.0 + 7.0 * n / 144.0).sqrt()
}

/// The standard deviation of ‖A·B‖, see the module's text.
pub fn norm_deviation(n: usize) -> f64 {
    let n = n as f64;
    (n * n / 24.0 + n / 144.0).sqrt()
}

/// How far ‖A·B‖ may be from its expectation.
pub fn norm_tolerance(n: usize) -> f64 {
    NORM_DEVIATIONS * norm_deviation(n)
}

/// The largest |(C·x)ᵢ − (A·(B·x))ᵢ| / (√(n+2) · ‖Aᵢ‖ · ‖B‖ · ‖x‖) over all rows; NaN when any row's is.
fn scaled_residual<T: Element>(a: &Matrix<T>, b: &Matrix<T>, c: &Observation, team: &Team) -> f64 {
    let n = a.n();
    let Observation { x, cx, .. } = c;
    if cx.len() != n {
        return f64::NAN;
    }
    let bx = multiply(b, n, x, team);
    let abx = multiply(a, n, &bx, team);
    let x_norm = f64::sum_of_squares(x).sqrt();
    let scale = ((n + 2) as f64).sqrt() * norm::frobenius(b, team) * x_norm;
    let worst_of_rows = |rows: std::ops::Range<usize>| {
        rows.map(|row| {
            let a_norm = T::sum_of_squares(&a.as_slice()[row * n..][..n]).sqrt();
            (cx[row] - abx[row]).abs() / (scale * a_norm).max(f64::MIN_POSITIVE)
        })
        .fold(0.0, worse)
    };
    team.map(|rank| worst_of_rows(share(n, rank, team.size())))
        .into_iter()
        .fold(0.0, worse)
}

/// The larger of two residuals; NaN is the worst of results, which `f64::max` would drop.
pub(crate) fn worse(worst: f64, next: f64) -> f64 {
    if worst.is_nan() || worst > next {
        worst
    } else {
        next
    }
}

/// The first rows of M·x in double precision, shared out among the team.
pub(crate) fn multiply<T: Element>(
    matrix: &Matrix<T>,
    rows: usize,
    x: &[f64],
    team: &Team,
) -> Vec<f64> {
    let columns = matrix.n();
    team.map(|rank| {
        share(rows, rank, team.size())
            .map(|row| T::dot(&matrix.as_slice()[row * columns..][..columns], x))
            .collect::<Vec<f64>>()
    })
    .into_iter()
    .flatten()
    .collect()
}

/// Independent partial sums of a dot product.
const LANES: usize = 16;

macro_rules! dot {
    ($name:ident, $element:ty) => {
        /// The dot product of a row and a vector, in double precision.
        #[multiversion(targets(
            "x86_64+avx512f+avx512dq+avx512vl+avx512bw",
            "x86_64+avx2+fma",
            "aarch64+neon"
        ))]
        pub(crate) fn $name(row: &[$element], x: &[f64]) -> f64 {
            let mut sums = [0.0f64; LANES];
            let mut rows = row.chunks_exact(LANES);
            let mut xs = x.chunks_exact(LANES);
            for (row, x) in (&mut rows).zip(&mut xs) {
                for lane in 0..LANES {
                    sums[lane] += f64::from(row[lane]) * x[lane];
                }
            }
            let rest: f64 = rows
                .remainder()
                .iter()
                .zip(xs.remainder())
                .map(|(element, x)| f64::from(*element) * x)
                .sum();
            sums.iter().sum::<f64>() + rest
        }
    };
}

dot!(dot_f64, f64);
dot!(dot_f32, f32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::{Driver, Multiplier};
    use crate::{Kernel, MatmulNorm};
    use std::sync::Arc;

    fn alone() -> Multiplier {
        Multiplier::new(Arc::new(Team::new(1, None).unwrap()), Driver::Team).unwrap()
    }

    /// A finished, correct sample whose parts a test may spoil.
    fn sample<T: Element>(n: usize, seed: u64) -> (MatmulNorm<T>, f64) {
        let mut kernel = MatmulNorm::<T>::new(n, alone()).unwrap();
        kernel.prepare(seed);
        let norm = kernel.run();
        (kernel, norm)
    }

    #[test]
    fn right_results_pass_at_every_size() {
        for n in [1, 2, 3, 4, 5, 7, 16, 33, 100, 257, 500] {
            for seed in 0..20 {
                let (kernel, norm) = sample::<f64>(n, seed);
                let verification = kernel.verify(norm);
                assert!(
                    verification.passed(),
                    "n = {n}, seed {seed}: {verification:?}"
                );
                let (kernel, norm) = sample::<f32>(n, seed);
                let verification = kernel.verify(norm);
                assert!(
                    verification.passed(),
                    "n = {n}, seed {seed}: {verification:?}"
                );
            }
        }
    }

    #[test]
    fn one_wrong_element_fails() {
        let (mut kernel, norm) = sample::<f64>(300, 1);
        kernel.c_mut().as_mut_slice()[12_345] *= 1.0 + 1e-6;
        assert!(!kernel.verify(norm).passed());
        let (mut kernel, norm) = sample::<f32>(300, 1);
        kernel.c_mut().as_mut_slice()[12_345] *= 1.1;
        assert!(!kernel.verify(norm).passed());
    }

    #[test]
    fn a_consistent_norm_of_a_wrong_product_fails() {
        let (mut kernel, _) = sample::<f64>(100, 1);
        // Two rows exchanged: the norm cannot tell, the residual can.
        let (first, second) = kernel.c_mut().as_mut_slice().split_at_mut(100);
        first.swap_with_slice(&mut second[..100]);
        let norm = norm::frobenius_compensated(kernel.c_mut(), &Team::new(1, None).unwrap());
        let verification = kernel.verify(norm);
        assert!(verification.norm.unwrap().passed());
        assert!(!verification.passed());
    }

    #[test]
    fn a_wrong_norm_of_a_right_product_fails() {
        let (kernel, norm) = sample::<f64>(100, 1);
        assert!(!kernel.verify(norm * (1.0 + 1e-12)).passed());
        assert!(!kernel.verify(f64::NAN).passed());
    }

    #[test]
    fn nan_and_infinity_in_the_product_fail() {
        for poison in [f64::NAN, f64::INFINITY] {
            let (mut kernel, norm) = sample::<f64>(64, 1);
            kernel.c_mut().as_mut_slice()[7] = poison;
            assert!(!kernel.verify(norm).passed());
        }
    }

    #[test]
    fn the_expectation_is_the_articles() {
        let expected = expected_norm(10_000);
        assert!((expected - 25_000_972.0).abs() < 1.0, "{expected}");
        // The article's eleven norms in double precision on the Xeon lie within four standard deviations.
        for norm in [
            25_003_427.73,
            25_002_406.43,
            24_998_160.53,
            24_999_969.01,
            25_002_053.70,
        ] {
            assert!(
                (norm - expected).abs() < 4.0 * norm_deviation(10_000),
                "{norm}"
            );
        }
    }

    #[test]
    fn the_norm_scatters_as_derived() {
        let n = 60;
        let norms: Vec<f64> = (0..400).map(|seed| sample::<f64>(n, seed).1).collect();
        let mean = norms.iter().sum::<f64>() / 400.0;
        let variance = norms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 399.0;
        let deviation = norm_deviation(n);
        // The mean within four standard errors; the deviation within 15 %, four times its own standard error.
        assert!(
            (mean - expected_norm(n)).abs() < 4.0 * deviation / 20.0,
            "{mean}"
        );
        assert!(
            (variance.sqrt() / deviation - 1.0).abs() < 0.15,
            "{}",
            variance.sqrt() / deviation
        );
    }
}
