//! The linked OpenBLAS: the only unsafe code of this crate, one checked wrapper for each C function.
#![allow(unsafe_code, reason = "calls into C")]

use std::ffi::{CStr, c_char, c_int};

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
// Linked, not named: openblas-src only says where the library is.
use openblas_src as _;

use std::sync::RwLock;

use crate::Matrix;

unsafe extern "C" {
    fn openblas_get_config() -> *const c_char;
    fn openblas_get_corename() -> *const c_char;
    fn openblas_get_parallel() -> c_int;
    fn openblas_get_num_threads() -> c_int;
    fn openblas_set_num_threads(count: c_int);
}

/// Held for reading by products and for writing by whoever changes the number of threads: OpenBLAS rebuilds its pool of
/// threads then, which must not happen under a running product. Taking it costs some ten nanoseconds.
static PRODUCTS: RwLock<()> = RwLock::new(());

/// n as BLAS counts, after checking that all three matrices are n by n.
fn common_order<T: crate::Element>(a: &Matrix<T>, b: &Matrix<T>, c: &Matrix<T>) -> c_int {
    let n = a.n();
    assert!(b.n() == n && c.n() == n, "the shapes do not fit");
    c_int::try_from(n).expect("n fits a BLAS index: the plan has checked it")
}

/// C = A·B in double precision.
pub(crate) fn dgemm(a: &Matrix<f64>, b: &Matrix<f64>, c: &mut Matrix<f64>) {
    let n = common_order(a, b, c);
    let _running = PRODUCTS.read();
    // SAFETY: each pointer leads to n * n initialized elements, rows n apart; C is borrowed exclusively, so it overlaps
    // neither A nor B.
    unsafe {
        cblas_sys::cblas_dgemm(
            CBLAS_LAYOUT::CblasRowMajor,
            CBLAS_TRANSPOSE::CblasNoTrans,
            CBLAS_TRANSPOSE::CblasNoTrans,
            n,
            n,
            n,
            1.0,
            a.as_slice().as_ptr(),
            n,
            b.as_slice().as_ptr(),
            n,
            0.0,
            c.as_mut_slice().as_mut_ptr(),
            n,
        );
    }
}

/// C = A·B in single precision.
pub(crate) fn sgemm(a: &Matrix<f32>, b: &Matrix<f32>, c: &mut Matrix<f32>) {
    let n = common_order(a, b, c);
    let _running = PRODUCTS.read();
    // SAFETY: as in `dgemm`.
    unsafe {
        cblas_sys::cblas_sgemm(
            CBLAS_LAYOUT::CblasRowMajor,
            CBLAS_TRANSPOSE::CblasNoTrans,
            CBLAS_TRANSPOSE::CblasNoTrans,
            n,
            n,
            n,
            1.0,
            a.as_slice().as_ptr(),
            n,
            b.as_slice().as_ptr(),
            n,
            0.0,
            c.as_mut_slice().as_mut_ptr(),
            n,
        );
    }
}

/// What OpenBLAS says of its build.
pub(crate) fn config() -> String {
    // SAFETY: the function takes nothing and returns a string that lives as long as the program.
    unsafe { string(openblas_get_config()) }
}

/// The core type whose kernels OpenBLAS chose.
pub(crate) fn corename() -> String {
    // SAFETY: as in `config`.
    unsafe { string(openblas_get_corename()) }
}

/// 0 sequential, 1 its own threads, 2 OpenMP.
pub(crate) fn parallel() -> c_int {
    // SAFETY: the function only reads a constant.
    unsafe { openblas_get_parallel() }
}

/// How many threads the next product may use.
pub(crate) fn num_threads() -> c_int {
    // SAFETY: the function only reads a variable.
    unsafe { openblas_get_num_threads() }
}

/// Sets how many threads the next product may use; OpenBLAS silently takes fewer when its build allows fewer.
pub(crate) fn set_num_threads(count: c_int) {
    let _none_running = PRODUCTS.write();
    // SAFETY: no product runs in another thread, since the lock is held.
    unsafe { openblas_set_num_threads(count) }
}

/// Copies a C string.
///
/// # Safety
///
/// `text` is null or leads to a string that ends in NUL.
unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .trim()
        .to_owned()
}
