//! HPL's problem: A·x = b for a random dense matrix, by LU factorization with partial pivoting.
//!
//! LAPACK's `getrf` and `getrs`, in place, by the library's own threads: the linked library's through ndarray-linalg, a loaded
//! one's directly, once it has shown that it has them and finds known solutions ([`crate::Blas::check_lapack`]). Formula
//! (2/3)n³ + (3/2)n² and proof are HPL's (A. Petitet et al., HPL 2.3, <https://netlib.org/benchmark/hpl/>):
//!
//! ‖A·x − b‖∞ / (u · (‖A‖∞ · ‖x‖∞ + ‖b‖∞) · n) < 16,
//!
//! u being the unit roundoff (`HPL_MACH_EPS` with rounding), A and b uniform on [−0.5, 0.5). A·x is computed in double
//! precision. HPL factorizes in double precision; this does it in f32, too, with that type's u.
//!
//! The library is called on a thread of its own: its parallel `getrf` calls itself with half the columns and keeps, on the
//! stack, an array of 512 KiB or more (by the most threads of its build) at each level, which overflows the 2 MiB of an ordinary
//! thread. That thread may run wherever a member of the team may: so may the library's threads that are made there.

use std::io;
use std::thread;

use ndarray::{Array1, Array2, OwnedRepr};
use ndarray_linalg::{FactorizeInto, LUFactorized, Lapack, Solve};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::blas::Library;
use crate::kernel::{Definition, Kernel, KernelError, Printed};
use crate::team::Team;
use crate::verify::worse;
use crate::{Dtype, Element, Matrix, Multiplier, Verification, ffi, flop, random, verify};

/// HPL's threshold.
const RESIDUAL_BOUND: f64 = 16.0;

/// Room for sixteen levels with the largest arrays that builds for 128 threads have. Only what is used takes memory.
const STACK_BYTES: usize = 64 << 20;

/// The solver for the registry.
pub const DEFINITION: Definition = Definition {
    name: "lu-solve",
    version: 1,
    summary: "HPL's problem: solves a random dense system by LU factorization",
    formula: "(2/3)n³ + (3/2)n² flop",
    source: "HPL 2.3",
    printed: Printed::Residual,
    matrix_bytes,
    flop: |n, _| flop::lu_solve(n),
    bytes: None,
    make: |n, dtype, multiplier| {
        Ok(match dtype {
            Dtype::F64 => Box::new(LuSolve::<f64>::new(n, multiplier)?),
            Dtype::F32 => Box::new(LuSolve::<f32>::new(n, multiplier)?),
        })
    },
};

/// Memory for A and for its factors. `None` when that is more than an address can count.
pub fn matrix_bytes(n: usize, dtype: Dtype) -> Option<u64> {
    let count = (n as u64).checked_mul(n as u64)?;
    count.checked_mul(2 * dtype.size_bytes() as u64)
}

/// A system of n equations.
pub struct LuSolve<T: Element> {
    a: Matrix<T>,
    b: Matrix<T>,
    /// A before a run, and what has become of it afterwards: copied and freed outside of the timing.
    copy: Option<Array2<T>>,
    factors: Option<LUFactorized<OwnedRepr<T>>>,
    /// The same of a loaded library.
    loaded_factors: Option<Array2<T>>,
    /// b before a run, the solution afterwards.
    x: Array1<T>,
    multiplier: Multiplier,
    /// Where the library may work.
    cpus: CpuSet,
}

impl<T: Element + Lapack> LuSolve<T> {
    /// Allocates A and gives the library as many threads as the team has members.
    ///
    /// # Errors
    ///
    /// When the system refuses the memory, or the library uses another number of threads.
    pub fn new(n: usize, multiplier: Multiplier) -> Result<Self, KernelError> {
        let a = Matrix::zeros(n)?;
        let team = multiplier.team();
        let cpus = cpus(team);
        // Threads that the library makes now may run where this one may.
        on_large_stack(cpus, || multiplier.blas().set_threads(team.size()))
            .map_err(KernelError::Stack)??;
        Ok(Self {
            a,
            b: Matrix::zeros_of_shape(n, 1)?,
            copy: None,
            factors: None,
            loaded_factors: None,
            x: Array1::zeros(n),
            multiplier,
            cpus,
        })
    }

    /// Whether there is a solution.
    fn solve(&mut self) -> bool {
        let copy = self.copy.take().unwrap_or_else(|| self.a.view().to_owned());
        match self.multiplier.blas().loaded() {
            None => self.solve_by_linked(copy).is_ok(),
            Some(library) => self.solve_by_loaded(library, copy),
        }
    }

    fn solve_by_linked(&mut self, copy: Array2<T>) -> ndarray_linalg::error::Result<()> {
        let _threads = ffi::keep_threads();
        let factors = self.factors.insert(copy.factorize_into()?);
        factors.solve_inplace(&mut self.x)?;
        Ok(())
    }

    fn solve_by_loaded(&mut self, library: &Library, copy: Array2<T>) -> bool {
        // Libraries with OpenMP keep the number for each calling thread, and this one is new.
        if library.set_threads(self.multiplier.team().size()).is_err() {
            return false;
        }
        let factors = self.loaded_factors.insert(copy);
        match (factors.as_slice_mut(), self.x.as_slice_mut()) {
            (Some(a), Some(x)) => T::solve_by(library, a, x),
            _ => false,
        }
    }
}

impl<T: Element + Lapack> Kernel for LuSolve<T> {
    fn name(&self) -> &'static str {
        DEFINITION.name
    }

    fn dtype(&self) -> Dtype {
        T::DTYPE
    }

    fn matrix_bytes(&self) -> u64 {
        matrix_bytes(self.a.n(), T::DTYPE).expect("the matrices are there")
    }

    fn flop(&self) -> f64 {
        flop::lu_solve(self.a.n())
    }

    fn prepare(&mut self, seed: u64) {
        let team = self.multiplier.team();
        for (stream, matrix) in [(0, &mut self.a), (1, &mut self.b)] {
            random::fill_uniform(matrix, seed, stream, team);
            for element in matrix.as_mut_slice() {
                *element = centred(*element);
            }
        }
        // Freed before the next copy is made: two matrices at a time.
        self.factors = None;
        self.loaded_factors = None;
        self.copy = Some(self.a.view().to_owned());
        self.x = Array1::from_vec(self.b.as_slice().to_vec());
        // The library's threads work next.
        team.rest();
    }

    fn run(&mut self) -> f64 {
        let solved = on_large_stack(self.cpus, || self.solve());
        if !solved.is_ok_and(|is_solved| is_solved) {
            // A singular matrix, or no thread: no solution, which the proof will say.
            self.x.fill(T::zero() / T::zero());
        }
        f64::NAN
    }

    fn verify(&self, _result: f64) -> Verification {
        let (x, b) = (self.x.to_vec(), self.b.as_slice());
        let residual = scaled_residual(&self.a, &x, b, self.multiplier.team());
        Verification::of_residual(residual, RESIDUAL_BOUND)
    }

    fn damage(&mut self) {
        let middle = self.x.len() / 2;
        if let Some(element) = self.x.get_mut(middle) {
            *element = *element + *element;
        }
    }
}

/// The processors of all members.
fn cpus(team: &Team) -> CpuSet {
    let mut union = CpuSet::new();
    let sets = team.map(|_| sched_getaffinity(Pid::from_raw(0)));
    for set in sets.into_iter().flatten() {
        for cpu in (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)) {
            // A number below the count, as it is.
            let _ = union.set(cpu);
        }
    }
    union
}

/// Does the work on a thread with room for it, on these processors. Starting it takes some 50 µs.
fn on_large_stack<R: Send>(cpus: CpuSet, work: impl FnOnce() -> R + Send) -> io::Result<R> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("solver".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                // Where the system does not tell or allow it, the thread runs where its maker does.
                let _ = sched_setaffinity(Pid::from_raw(0), &cpus);
                work()
            })?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// From [0, 1) to [−0.5, 0.5), exactly.
fn centred<T: Element>(element: T) -> T {
    let one = T::one();
    element - one / (one + one)
}

/// HPL's scaled residual, see the module's text.
fn scaled_residual<T: Element>(a: &Matrix<T>, x: &[T], b: &[T], team: &Team) -> f64 {
    let n = a.n();
    let x: Vec<f64> = x.iter().map(|x| (*x).into()).collect();
    let ax = verify::multiply(a, n, &x, team);
    let difference = ax.iter().zip(b).map(|(ax, b)| (ax - (*b).into()).abs());
    let a_norm = a
        .as_slice()
        .chunks(n.max(1))
        .map(|row| row.iter().map(|a| (*a).into().abs()).sum::<f64>())
        .fold(0.0, worse);
    let x_norm = x.iter().map(|x| x.abs()).fold(0.0, worse);
    let b_norm = b.iter().map(|b| (*b).into().abs()).fold(0.0, worse);
    let scale = T::UNIT_ROUNDOFF * (a_norm * x_norm + b_norm) * n as f64;
    difference.fold(0.0, worse) / scale.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Driver;
    use std::sync::Arc;

    fn solver<T: Element + Lapack>(n: usize) -> LuSolve<T> {
        let team = Arc::new(Team::new(2, None).unwrap());
        LuSolve::new(n, Multiplier::new(team, Driver::Team).unwrap()).unwrap()
    }

    #[test]
    fn a_system_with_a_known_solution() {
        let mut kernel = solver::<f64>(2);
        kernel.prepare(1);
        // 3x + y = 9, x + 2y = 8: x = 2, y = 3.
        kernel
            .a
            .as_mut_slice()
            .copy_from_slice(&[3.0, 1.0, 1.0, 2.0]);
        kernel.copy = None;
        kernel.b.as_mut_slice().copy_from_slice(&[9.0, 8.0]);
        kernel.x = ndarray::array![9.0, 8.0];
        kernel.run();
        assert!((kernel.x[0] - 2.0).abs() < 1e-15 && (kernel.x[1] - 3.0).abs() < 1e-15);
        assert!(kernel.verify(f64::NAN).passed());
        kernel.x[1] = 3.0 + 1e-12;
        assert!(!kernel.verify(f64::NAN).passed());
    }

    #[test]
    fn a_singular_matrix_has_no_solution_and_the_next_run_has_one() {
        let mut kernel = solver::<f32>(3);
        kernel.prepare(1);
        kernel.a.as_mut_slice().fill(1.0);
        kernel.copy = None;
        kernel.run();
        assert!(!kernel.verify(f64::NAN).passed());
        kernel.prepare(1);
        kernel.run();
        assert!(kernel.verify(f64::NAN).passed());
    }

    #[test]
    fn residuals_are_as_small_as_hpls() {
        let mut kernel = solver::<f64>(300);
        for seed in 0..5 {
            kernel.prepare(seed);
            kernel.run();
            let verification = kernel.verify(f64::NAN);
            assert!(verification.scaled_residual < 1.0, "{verification:?}");
            assert!(verification.scaled_residual > 0.0);
        }
    }
}
