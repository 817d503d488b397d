//! The product alone: C = A·B for random n by n matrices, 2n³ operations.
//!
//! What matmul-norm times without the norm: the difference of the two is the norm's cost, and this is the figure to hold
//! against what other programs print for `dgemm` and `sgemm`. Source of the formula: n² dot products of length n, a
//! multiplication and an addition each, as counted by every BLAS tester (LAPACK Working Note 41). The product is proved as
//! matmul-norm's is, see [`crate::verify`].

use crate::kernel::{Definition, Kernel, Printed};
use crate::matrix::AllocationError;
use crate::{
    Dtype, Element, Matrix, Multiplier, Verification, flop, matmul_norm, product, random, verify,
};

/// The product for the registry.
pub const DEFINITION: Definition = Definition {
    name: "gemm",
    version: 1,
    summary: "the product of two random matrices, without the norm",
    formula: "2n³ flop",
    source: "LAPACK Working Note 41",
    printed: Printed::Residual,
    matrix_bytes: matmul_norm::matrix_bytes,
    flop: |n, _| flop::gemm(n),
    bytes: None,
    make: |n, dtype, multiplier| {
        Ok(match dtype {
            Dtype::F64 => Box::new(Gemm::<f64>::new(n, multiplier)?),
            Dtype::F32 => Box::new(Gemm::<f32>::new(n, multiplier)?),
        })
    },
};

/// C = A·B for n by n matrices A and B uniform on [0, 1).
pub struct Gemm<T> {
    pub(crate) a: Matrix<T>,
    pub(crate) b: Matrix<T>,
    pub(crate) c: Matrix<T>,
    pub(crate) seed: u64,
    pub(crate) multiplier: Multiplier,
}

impl<T: Element> Gemm<T> {
    /// Allocates the matrices. C's memory is touched once, here, and used again by every run: a run faults no pages in.
    ///
    /// # Errors
    ///
    /// When the system refuses the memory.
    pub fn new(n: usize, multiplier: Multiplier) -> Result<Self, AllocationError> {
        let mut c = Matrix::zeros(n)?;
        product::touch(&mut c, multiplier.team());
        Ok(Self {
            a: Matrix::zeros(n)?,
            b: Matrix::zeros(n)?,
            c,
            seed: 0,
            multiplier,
        })
    }
}

impl<T: Element> Kernel for Gemm<T> {
    fn name(&self) -> &'static str {
        DEFINITION.name
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        matmul_norm::matrix_bytes(self.c.n(), T::DTYPE).expect("the matrices are there")
    }

    fn flop(&self) -> f64 {
        flop::gemm(self.c.n())
    }

    fn prepare(&mut self, seed: u64) {
        let team = self.multiplier.team();
        random::fill_uniform(&mut self.a, seed, 0, team);
        random::fill_uniform(&mut self.b, seed, 1, team);
        self.seed = seed;
        self.multiplier.get_ready();
    }

    fn run(&mut self) -> f64 {
        self.multiplier
            .multiply(&self.a.view(), &self.b.view(), self.c.view_mut());
        f64::NAN
    }

    fn verify(&self, _result: f64) -> Verification {
        let Self { a, b, c, seed, .. } = self;
        verify::verify_product(a, b, c, *seed, self.multiplier.team())
    }

    fn damage(&mut self) {
        let middle = self.c.n() * self.c.n() / 2;
        if let Some(element) = self.c.as_mut_slice().get_mut(middle) {
            *element = *element + *element;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Driver, Team};
    use std::sync::Arc;

    #[test]
    fn the_product_is_that_of_the_definition() {
        let multiplier =
            Multiplier::new(Arc::new(Team::new(2, None).unwrap()), Driver::Team).unwrap();
        let mut kernel = Gemm::<f64>::new(33, multiplier).unwrap();
        kernel.prepare(5);
        assert!(kernel.run().is_nan());
        let expected = kernel.a.view().to_owned().dot(&kernel.b.view());
        let worst = kernel
            .c
            .view()
            .iter()
            .zip(&expected)
            .fold(0.0f64, |worst, (x, y)| worst.max((x - y).abs()));
        assert!(worst < 1e-12, "{worst}");
    }
}
