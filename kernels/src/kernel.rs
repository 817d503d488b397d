//! What a kernel is: something that is set up, timed, and proved right.

use std::io;

use crate::blas::ThreadsError;
use crate::matrix::AllocationError;
use crate::{Dtype, Multiplier, Verification};

/// Something that is timed: set up, run, checked. Only [`Kernel::run`] is inside the timed region.
pub trait Kernel {
    /// The kernel's name in records, for example `matmul-norm`.
    fn name(&self) -> &'static str;

    /// The type of the elements.
    fn dtype(&self) -> Dtype;

    /// Memory that its matrices take.
    fn matrix_bytes(&self) -> u64;

    /// Floating-point operations that one run counts.
    fn flop(&self) -> f64;

    /// Bytes that one run counts as moved to and from memory; `None` where operations are the measure.
    fn bytes(&self) -> Option<f64> {
        None
    }

    /// Makes the input of the next run from a seed.
    fn prepare(&mut self, seed: u64);

    /// Computes. Returns the result that is printed, for matmul-norm the norm; NaN for a kernel whose proof's residual is
    /// printed ([`Printed::Residual`]).
    fn run(&mut self) -> f64;

    /// Rows of the panels in which the product is computed; `None` where it is computed whole.
    fn panel_rows(&self) -> Option<usize> {
        None
    }

    /// How many parts a run is made of that are timed one by one, with [`Kernel::inspect`] in between.
    fn parts(&self) -> usize {
        1
    }

    /// Computes one part, all of them in order, and returns the result so far.
    fn run_part(&mut self, part: usize) -> f64 {
        debug_assert_eq!(part, 0, "a run is one part");
        self.run()
    }

    /// Looks at what the last part has left before the next one overwrites it. Not timed.
    fn inspect(&mut self) {}

    /// Proves the last run's result.
    fn verify(&self, result: f64) -> Verification;

    /// Changes one element of the last run's result, as a faulty memory cell would: only for testing that this is found.
    fn damage(&mut self);
}

/// All that is known of a kernel before one is made: what [`crate::registry`] lists.
#[derive(Debug)]
pub struct Definition {
    /// The name by which it is asked for and recorded, for example `matmul-norm`.
    pub name: &'static str,
    /// Raised when what is timed or counted changes, so that figures from before are not compared with figures from after.
    pub version: u32,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What one run counts, in terms of the size n, for example `2(n³ + n²) flop`.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// What is printed beside the time.
    pub printed: Printed,
    /// Memory that its matrices take, of the size and the elements' type. `None` when that is more than an address can count.
    pub matrix_bytes: fn(n: usize, dtype: Dtype) -> Option<u64>,
    /// Floating-point operations that one run counts, of the size and the number of threads.
    pub flop: fn(n: usize, threads: usize) -> f64,
    /// Bytes that one run counts as moved to and from memory; `None` for kernels whose measure is operations.
    pub bytes: Option<fn(n: usize, dtype: Dtype) -> f64>,
    /// Makes one, with its memory allocated.
    pub make: Make,
}

/// Makes a kernel of a size and type that works with these threads.
pub type Make = fn(
    n: usize,
    dtype: Dtype,
    multiplier: Multiplier,
) -> Result<Box<dyn Kernel + Send>, KernelError>;

/// There is one definition of each name.
impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// What is printed beside a run's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// The norm that [`Kernel::run`] has returned.
    Norm,
    /// The scaled residual of the proof.
    Residual,
}

/// A kernel could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// There is no memory for it.
    #[error(transparent)]
    Allocation(#[from] AllocationError),
    /// The library does not use as many threads as it needs.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The system makes no thread with a stack that the library needs.
    #[error("cannot start a thread with a stack of 64 MiB: {0} (raise ulimit -v or ulimit -u)")]
    Stack(io::Error),
}
