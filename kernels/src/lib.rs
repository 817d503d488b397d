//! What is timed: matrices, the BLAS that multiplies them, matmul-norm itself, and the proof that its result is right.
//!
//! This crate computes and checks. It takes no times, prints nothing and knows no files: that is `harness`'s and
//! `results`'s business.

pub mod blas;
pub mod element;
pub mod flop;
pub mod fma;
pub mod fma_peak;
pub mod gemm;
pub mod kernel;
pub mod lu_solve;
pub mod matmul_norm;
pub mod matrix;
pub mod norm;
pub mod openblas;
pub mod panels;
pub mod product;
pub mod random;
pub mod registry;
pub mod team;
pub mod triad;
pub mod verify;

mod ffi;

pub use blas::Blas;
pub use element::{Dtype, Element};
pub use kernel::{Definition, Kernel};
pub use matmul_norm::MatmulNorm;
pub use matrix::Matrix;
pub use product::{Driver, Multiplier};
pub use team::Team;
pub use verify::Verification;
