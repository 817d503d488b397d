//! The linked OpenBLAS, called directly: one checked wrapper for each C function.
#![allow(unsafe_code, reason = "calls into C")]

use std::ffi::{CStr, c_char, c_int};

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
// Linked, not named: openblas-src only says where the library is.
use openblas_src as _;

use std::sync::{RwLock, RwLockReadGuard};

use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Ix2};

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

/// Keeps the number of threads as it is while the guard lives: for calls into the library that other crates make.
pub(crate) fn keep_threads() -> impl Sized {
    let guard: Result<RwLockReadGuard<'static, ()>, _> = PRODUCTS.read();
    guard
}

/// The leading dimension of a row-major matrix or tile: how many elements its rows are apart.
pub(crate) fn leading_dimension<S: ndarray::RawData>(array: &ArrayBase<S, Ix2>) -> usize {
    let (rows, columns) = array.dim();
    let stride = |axis| array.stride_of(ndarray::Axis(axis));
    // A single row or column may have any stride on paper.
    assert!(columns <= 1 || stride(1) == 1, "rows have no gaps");
    let apart = if rows <= 1 {
        columns
    } else {
        stride(0).unsigned_abs()
    };
    assert!(rows <= 1 || stride(0) > 0, "rows follow one another");
    apart.max(1)
}

/// A count as BLAS counts.
fn index(count: usize) -> c_int {
    c_int::try_from(count).expect("it fits a BLAS index: the plan has checked it")
}

macro_rules! gemm {
    ($(#[$doc:meta])* $name:ident, $element:ty, $function:path) => {
        $(#[$doc])*
        pub(crate) fn $name(
            a: &ArrayView2<'_, $element>,
            b: &ArrayView2<'_, $element>,
            c: &mut ArrayViewMut2<'_, $element>,
        ) {
            let (m, k) = a.dim();
            let n = b.ncols();
            assert!(b.nrows() == k && c.dim() == (m, n), "the shapes do not fit");
            let [lda, ldb, ldc] = [
                leading_dimension(a),
                leading_dimension(b),
                leading_dimension(c),
            ]
            .map(index);
            let _running = PRODUCTS.read();
            // SAFETY: the pointers lead to initialized matrices of these shapes, whose rows are the leading dimension apart
            // (checked above); C is borrowed exclusively, so it overlaps neither A nor B.
            unsafe {
                $function(
                    CBLAS_LAYOUT::CblasRowMajor,
                    CBLAS_TRANSPOSE::CblasNoTrans,
                    CBLAS_TRANSPOSE::CblasNoTrans,
                    index(m),
                    index(n),
                    index(k),
                    1.0,
                    a.as_ptr(),
                    lda,
                    b.as_ptr(),
                    ldb,
                    0.0,
                    c.as_mut_ptr(),
                    ldc,
                );
            }
        }
    };
}

gemm!(
    /// C = A·B in double precision, of whole matrices or tiles of them.
    dgemm, f64, cblas_sys::cblas_dgemm
);
gemm!(
    /// C = A·B in single precision, of whole matrices or tiles of them.
    sgemm, f32, cblas_sys::cblas_sgemm
);

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

/// Sets how many threads the next product may use and returns how many it will; OpenBLAS silently takes fewer when its
/// build allows fewer.
pub(crate) fn set_num_threads(count: c_int) -> c_int {
    let _none_running = PRODUCTS.write();
    // SAFETY: no product runs in another thread, since the lock is held.
    unsafe { openblas_set_num_threads(count) }
    // SAFETY: the function only reads a variable.
    unsafe { openblas_get_num_threads() }
}

/// Copies a C string.
///
/// # Safety
///
/// `text` is null or leads to a string that ends in NUL.
pub(crate) unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .trim()
        .to_owned()
}
