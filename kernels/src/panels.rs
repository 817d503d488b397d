//! Matmul-norm with C in row panels: the same product and the same norm in the memory of two matrices instead of three.
//!
//! A panel of C is computed, its squares are summed up, it is looked at for the proof (outside of the timing), and the next
//! one takes its place. B is packed once for each panel instead of once, so it is slower by some per cent: the record says
//! that panels were used, and results with and without are not the same case.

use ndarray::s;

use crate::kernel::Definition;
use crate::matrix::AllocationError;
use crate::product::{self, Multiplier};
use crate::verify::{self, Observation};
use crate::{Dtype, Element, Kernel, Matrix, Verification, flop, matmul_norm, norm, random};

/// Rows of a panel. More of them take more memory; fewer have B packed more often.
pub const ROWS: usize = 2048;

/// Matmul-norm in panels of [`ROWS`] rows, in the place of the usual one.
pub static DEFINITION: Definition = Definition {
    summary: "the Frobenius norm of the product of two random matrices, the product in row panels",
    matrix_bytes: |n, dtype| matrix_bytes(n, ROWS, dtype),
    make: |n, dtype, multiplier| Ok(boxed(n, ROWS, dtype, multiplier)?),
    ..matmul_norm::DEFINITION
};

/// ‖A·B‖_F for n by n matrices A and B uniform on [0, 1), C in panels of some rows.
pub struct MatmulNormPanels<T> {
    a: Matrix<T>,
    b: Matrix<T>,
    panel: Matrix<T>,
    /// Rows of the panel that the last part has computed.
    rows_computed: usize,
    sum_of_squares: f64,
    observation: Observation,
    multiplier: Multiplier,
}

/// Memory for two matrices and a panel. `None` when that is more than an address can count.
pub fn matrix_bytes(n: usize, panel_rows: usize, dtype: Dtype) -> Option<u64> {
    let rows = (n as u64)
        .checked_mul(2)?
        .checked_add(panel_rows.min(n) as u64)?;
    rows.checked_mul(n as u64)?
        .checked_mul(dtype.size_bytes() as u64)
}

/// A matmul-norm in panels of this size and type, with its memory allocated.
///
/// # Errors
///
/// When the kernel refuses the memory.
pub fn boxed(
    n: usize,
    panel_rows: usize,
    dtype: Dtype,
    multiplier: Multiplier,
) -> Result<Box<dyn Kernel + Send>, AllocationError> {
    Ok(match dtype {
        Dtype::F64 => Box::new(MatmulNormPanels::<f64>::new(n, panel_rows, multiplier)?),
        Dtype::F32 => Box::new(MatmulNormPanels::<f32>::new(n, panel_rows, multiplier)?),
    })
}

impl<T: Element> MatmulNormPanels<T> {
    /// Allocates two matrices and a panel of at least one row and at most n.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the memory.
    pub fn new(
        n: usize,
        panel_rows: usize,
        multiplier: Multiplier,
    ) -> Result<Self, AllocationError> {
        let mut panel = Matrix::zeros_of_shape(panel_rows.clamp(1, n.max(1)), n)?;
        product::touch(&mut panel, multiplier.team());
        Ok(Self {
            a: Matrix::zeros(n)?,
            b: Matrix::zeros(n)?,
            panel,
            rows_computed: 0,
            sum_of_squares: 0.0,
            observation: Observation::new(0, 0),
            multiplier,
        })
    }
}

impl<T: Element> Kernel for MatmulNormPanels<T> {
    fn name(&self) -> &'static str {
        "matmul-norm"
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        matrix_bytes(self.a.n(), self.panel.rows(), T::DTYPE).expect("the matrices are there")
    }

    fn flop(&self) -> f64 {
        flop::matmul_norm(self.a.n())
    }

    fn prepare(&mut self, seed: u64) {
        let team = self.multiplier.team();
        random::fill_uniform(&mut self.a, seed, 0, team);
        random::fill_uniform(&mut self.b, seed, 1, team);
        self.observation = Observation::new(self.a.n(), seed);
        self.multiplier.get_ready();
    }

    fn panel_rows(&self) -> Option<usize> {
        Some(self.panel.rows())
    }

    fn parts(&self) -> usize {
        self.a.n().div_ceil(self.panel.rows()).max(1)
    }

    fn run_part(&mut self, part: usize) -> f64 {
        if part == 0 {
            self.sum_of_squares = 0.0;
        }
        let first = part * self.panel.rows();
        let rows = self.panel.rows().min(self.a.n() - first);
        let (a, b, mut panel) = (self.a.view(), self.b.view(), self.panel.view_mut());
        self.multiplier.multiply(
            &a.slice(s![first..first + rows, ..]),
            &b,
            panel.slice_mut(s![..rows, ..]),
        );
        let elements = &self.panel.as_slice()[..rows * self.panel.n()];
        self.sum_of_squares += norm::sum_of_squares(elements, self.multiplier.team());
        self.rows_computed = rows;
        self.sum_of_squares.sqrt()
    }

    fn run(&mut self) -> f64 {
        (0..self.parts())
            .map(|part| self.run_part(part))
            .last()
            .unwrap_or_default()
    }

    fn inspect(&mut self) {
        self.observation
            .add_rows(&self.panel, self.rows_computed, self.multiplier.team());
        self.multiplier.get_ready();
    }

    fn verify(&self, result: f64) -> Verification {
        verify::verify_observed(
            &self.a,
            &self.b,
            &self.observation,
            result,
            self.multiplier.team(),
        )
    }

    fn damage(&mut self) {
        // The panel is gone when a run is over; its last rows stand in for it.
        self.observation.spoil();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul_norm::MatmulNorm;
    use crate::product::Driver;
    use crate::team::Team;
    use std::sync::Arc;

    fn multiplier(threads: usize) -> Multiplier {
        let team = Arc::new(Team::new(threads, None).unwrap());
        Multiplier::new(team, Driver::Team).unwrap()
    }

    /// A run as it is measured: part by part, each looked at.
    fn run(kernel: &mut dyn Kernel, seed: u64) -> f64 {
        kernel.prepare(seed);
        let mut result = f64::NAN;
        for part in 0..kernel.parts() {
            result = kernel.run_part(part);
            kernel.inspect();
        }
        result
    }

    #[test]
    fn panels_give_the_norm_of_the_whole() {
        for (n, rows) in [(1, 1), (5, 2), (100, 33), (257, 64), (64, 1000)] {
            for dtype in [Dtype::F64, Dtype::F32] {
                let mut panels = boxed(n, rows, dtype, multiplier(2)).unwrap();
                let norm = run(panels.as_mut(), 7);
                let verification = panels.verify(norm);
                assert!(verification.passed(), "{n}, {rows}: {verification:?}");
                assert_eq!(panels.parts(), n.div_ceil(rows.min(n)));
            }
            let mut whole = MatmulNorm::<f64>::new(n, multiplier(1)).unwrap();
            let expected = run(&mut whole, 7);
            let mut panels = MatmulNormPanels::<f64>::new(n, rows, multiplier(1)).unwrap();
            let norm = run(&mut panels, 7);
            assert!((norm - expected).abs() < 1e-12 * expected);
        }
    }

    #[test]
    fn a_wrong_panel_is_found() {
        let mut kernel = MatmulNormPanels::<f64>::new(100, 30, multiplier(1)).unwrap();
        kernel.prepare(1);
        let mut norm = 0.0;
        for part in 0..kernel.parts() {
            norm = kernel.run_part(part);
            if part == 1 {
                kernel.panel.as_mut_slice()[17] *= 1.001;
            }
            kernel.inspect();
        }
        assert!(!kernel.verify(norm).passed());
    }

    #[test]
    fn damage_and_a_panel_left_out_are_found() {
        let mut kernel = MatmulNormPanels::<f32>::new(100, 30, multiplier(1)).unwrap();
        let norm = run(&mut kernel, 1);
        assert!(kernel.verify(norm).passed());
        kernel.damage();
        assert!(!kernel.verify(norm).passed());
        kernel.prepare(1);
        let norm = kernel.run();
        assert!(!kernel.verify(norm).passed(), "nothing was looked at");
    }

    #[test]
    fn memory_is_two_matrices_and_a_panel() {
        assert_eq!(
            matrix_bytes(40_000, 2048, Dtype::F64),
            Some(2 * 12_800_000_000 + 2048 * 40_000 * 8)
        );
        assert_eq!(matrix_bytes(10, 2048, Dtype::F32), Some(3 * 100 * 4));
        assert_eq!(matrix_bytes(usize::MAX, 1, Dtype::F32), None);
    }
}
