//! The kernel of the article: the Frobenius norm of the product of two random matrices.

use crate::gemm::Gemm;
use crate::kernel::{Definition, Printed};
use crate::matrix::AllocationError;
use crate::{Dtype, Element, Multiplier, Verification, flop, norm, verify};

pub use crate::kernel::Kernel;

/// Matmul-norm for the registry.
pub const DEFINITION: Definition = Definition {
    name: "matmul-norm",
    version: 1,
    summary: "the Frobenius norm of the product of two random matrices",
    formula: "2(n³ + n²) flop",
    source: "the article's script np-norm.py",
    printed: Printed::Norm,
    matrix_bytes,
    flop: |n, _| flop::matmul_norm(n),
    bytes: None,
    make: |n, dtype, multiplier| Ok(boxed(n, dtype, multiplier)?),
};

/// ‖A·B‖_F for n by n matrices A and B uniform on [0, 1): the product, and its norm after it.
pub struct MatmulNorm<T>(Gemm<T>);

/// Memory that matmul-norm needs for its three matrices. `None` when that is more than an address can count.
pub fn matrix_bytes(n: usize, dtype: Dtype) -> Option<u64> {
    let count = (n as u64).checked_mul(n as u64)?;
    count.checked_mul(3 * dtype.size_bytes() as u64)
}

/// A matmul-norm of this size and type, with its memory allocated.
///
/// # Errors
///
/// When the kernel refuses the memory.
pub fn boxed(
    n: usize,
    dtype: Dtype,
    multiplier: Multiplier,
) -> Result<Box<dyn Kernel + Send>, AllocationError> {
    Ok(match dtype {
        Dtype::F64 => Box::new(MatmulNorm::<f64>::new(n, multiplier)?),
        Dtype::F32 => Box::new(MatmulNorm::<f32>::new(n, multiplier)?),
    })
}

impl<T: Element> MatmulNorm<T> {
    /// Allocates the matrices.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the memory.
    pub fn new(n: usize, multiplier: Multiplier) -> Result<Self, AllocationError> {
        Gemm::new(n, multiplier).map(Self)
    }

    /// The product, for tests that spoil it.
    #[cfg(test)]
    pub(crate) fn c_mut(&mut self) -> &mut crate::Matrix<T> {
        &mut self.0.c
    }
}

impl<T: Element> Kernel for MatmulNorm<T> {
    fn name(&self) -> &'static str {
        "matmul-norm"
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        self.0.matrix_bytes()
    }

    fn flop(&self) -> f64 {
        flop::matmul_norm(self.0.c.n())
    }

    fn prepare(&mut self, seed: u64) {
        self.0.prepare(seed);
    }

    fn run(&mut self) -> f64 {
        self.0.run();
        norm::frobenius(&self.0.c, self.0.multiplier.team())
    }

    fn verify(&self, result: f64) -> Verification {
        let Gemm {
            a,
            b,
            c,
            seed,
            multiplier,
        } = &self.0;
        verify::verify(a, b, c, result, *seed, multiplier.team())
    }

    fn damage(&mut self) {
        self.0.damage();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::Driver;
    use crate::team::Team;
    use ndarray_linalg::Solve;
    use std::sync::Arc;

    fn alone() -> Multiplier {
        Multiplier::new(Arc::new(Team::new(1, None).unwrap()), Driver::Team).unwrap()
    }

    #[test]
    fn memory_is_three_matrices() {
        assert_eq!(matrix_bytes(40_000, Dtype::F64), Some(38_400_000_000));
        assert_eq!(matrix_bytes(usize::MAX, Dtype::F32), None);
    }

    #[test]
    fn the_product_solves_back_to_its_factor() {
        let mut kernel = MatmulNorm::<f64>::new(60, alone()).unwrap();
        kernel.prepare(3);
        kernel.run();
        let a = kernel.0.a.view().to_owned();
        for column in 0..60 {
            let c = kernel.0.c.view().column(column).to_owned();
            let solved = a.solve(&c).unwrap();
            let b = kernel.0.b.view().column(column).to_owned();
            let error = (&solved - &b).iter().fold(0.0f64, |m, x| m.max(x.abs()));
            assert!(error < 1e-9, "column {column}: {error}");
        }
    }

    #[test]
    fn the_product_is_row_major() {
        let mut kernel = MatmulNorm::<f32>::new(17, alone()).unwrap();
        kernel.prepare(1);
        kernel.run();
        let (a, b, c) = (kernel.0.a.view(), kernel.0.b.view(), kernel.0.c.view());
        let worst = ndarray::indices((17, 17))
            .into_iter()
            .map(|(i, j)| {
                let expected: f32 = (0..17).map(|k| a[[i, k]] * b[[k, j]]).sum();
                (c[[i, j]] - expected).abs()
            })
            .fold(0.0f32, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn the_same_seed_gives_the_same_input() {
        let mut first = MatmulNorm::<f64>::new(50, alone()).unwrap();
        let mut second = MatmulNorm::<f64>::new(50, alone()).unwrap();
        first.prepare(9);
        second.prepare(9);
        assert_eq!(first.0.a.as_slice(), second.0.a.as_slice());
        assert_eq!(first.0.b.as_slice(), second.0.b.as_slice());
        assert_ne!(first.0.a.as_slice(), first.0.b.as_slice());
    }

    #[test]
    fn damage_is_found() {
        for dtype in [Dtype::F64, Dtype::F32] {
            let mut kernel = boxed(100, dtype, alone()).unwrap();
            kernel.prepare(1);
            let norm = kernel.run();
            assert!(kernel.verify(norm).passed());
            kernel.damage();
            assert!(!kernel.verify(norm).passed());
        }
    }
}
