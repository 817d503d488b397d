//! Loaded libraries: the only unsafe code of this module, one checked wrapper for each C function.
//!
//! Loading executes the library's own code, and calling it trusts that functions of these names are what CBLAS and the
//! libraries' manuals say. Nothing can be checked before that; what can be is checked right after it, by `library`.
#![allow(unsafe_code, reason = "loads and calls C")]

use std::ffi::{CStr, c_char, c_int};
use std::path::Path;

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use ndarray::{ArrayView2, ArrayViewMut2};

use super::symbols::{IndexWidth, Spelling};
use crate::ffi::{leading_dimension, string};

/// glibc's `RTLD_DEEPBIND`: a library's own functions are its own. MKL makes its names everybody's (it loads its parts with
/// `RTLD_GLOBAL`), and a reference BLAS that is loaded after it would call MKL's `dgemm_` from its `cblas_dgemm`.
const RTLD_DEEPBIND: c_int = 8;

/// How libraries are loaded: completely, or not at all, and with names that do not meet those of other libraries.
const FLAGS: c_int = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;

/// `CblasRowMajor`.
const ROW_MAJOR: c_int = 101;
/// `CblasNoTrans`.
const NO_TRANS: c_int = 111;

/// `cblas_dgemm` or `cblas_sgemm`: layout, both transpositions, m, n, k, α, A, lda, B, ldb, β, C, ldc.
type GemmFunction<T, I> =
    unsafe extern "C" fn(c_int, c_int, c_int, I, I, I, T, *const T, I, *const T, I, T, *mut T, I);

/// `cblas_ddot`, always declared with wide integers: see [`Opened::measure_width`].
type DotFunction = unsafe extern "C" fn(i64, *const f64, i64, *const f64, i64) -> f64;

/// LAPACK's `getrf`: m, n, A, lda, pivots, info. Integers are declared wide: see [`Lu`].
type FactorizeFunction<T> =
    unsafe extern "C" fn(*const i64, *const i64, *mut T, *const i64, *mut i64, *mut i64);
/// LAPACK's `getrs`: trans, n, right-hand sides, factors, lda, pivots, B, ldb, info, and the length of trans, which Fortran
/// compilers pass behind everything.
type SolveFunction<T> = unsafe extern "C" fn(
    *const c_char,
    *const i64,
    *const i64,
    *const T,
    *const i64,
    *const i64,
    *mut T,
    *const i64,
    *mut i64,
    usize,
);

type TextFunction = unsafe extern "C" fn() -> *const c_char;
type GetFunction = unsafe extern "C" fn() -> c_int;
type SetFunction = unsafe extern "C" fn(c_int);

/// A matrix product of a loaded library, in one precision.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gemm<T> {
    Narrow(GemmFunction<T, i32>),
    Wide(GemmFunction<T, i64>),
}

impl<T: ndarray::LinalgScalar> Gemm<T> {
    /// C = A·B.
    ///
    /// # Panics
    ///
    /// When the shapes do not fit each other, a row has gaps, or an order is beyond the library's integers.
    pub(super) fn multiply(
        self,
        a: &ArrayView2<'_, T>,
        b: &ArrayView2<'_, T>,
        c: &mut ArrayViewMut2<'_, T>,
    ) {
        match self {
            Self::Narrow(function) => multiply_by(function, a, b, c),
            Self::Wide(function) => multiply_by(function, a, b, c),
        }
    }
}

fn multiply_by<T: ndarray::LinalgScalar, I: TryFrom<usize>>(
    function: GemmFunction<T, I>,
    a: &ArrayView2<'_, T>,
    b: &ArrayView2<'_, T>,
    c: &mut ArrayViewMut2<'_, T>,
) {
    let (m, k) = a.dim();
    let n = b.ncols();
    assert!(b.nrows() == k && c.dim() == (m, n), "the shapes do not fit");
    let index = |count: usize| {
        I::try_from(count).unwrap_or_else(|_| panic!("{count} does not fit this BLAS's integers"))
    };
    let (lda, ldb, ldc) = (
        index(leading_dimension(a)),
        index(leading_dimension(b)),
        index(leading_dimension(c)),
    );
    // SAFETY: the pointers lead to initialized matrices of these shapes, whose rows are the leading dimension apart
    // (checked above); C is borrowed exclusively, so it overlaps neither A nor B. The integers are as wide as the function
    // takes them, which was measured when it was loaded.
    unsafe {
        function(
            ROW_MAJOR,
            NO_TRANS,
            NO_TRANS,
            index(m),
            index(n),
            index(k),
            T::one(),
            a.as_ptr(),
            lda,
            b.as_ptr(),
            ldb,
            T::zero(),
            c.as_mut_ptr(),
            ldc,
        );
    }
}

/// LU factorization and solution of a loaded library, in one precision. LAPACK takes its integers by reference: a library with
/// narrow ones reads the lower half of what is passed, which comes first on all machines that this is built for, and finds
/// room enough for its pivots. So the width does not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lu<T> {
    factorize: FactorizeFunction<T>,
    solve: SolveFunction<T>,
}

impl<T: Copy> Lu<T> {
    /// Solves A·x = b in place: `a`, in rows, becomes its factors, and `x`, which holds b, the solution. Whether there is one.
    ///
    /// # Panics
    ///
    /// When A is not as many rows and columns as x has elements.
    pub(super) fn solve(self, a: &mut [T], x: &mut [T]) -> bool {
        let n = x.len();
        assert!(a.len() == n * n, "the shapes do not fit");
        let mut pivots = vec![0i64; n];
        // Nothing is longer than addresses can count.
        let index = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (order, leading, one) = (index(n), index(n.max(1)), 1i64);
        let mut info = 0i64;
        // SAFETY: A is n by n and x has n elements (checked above), both borrowed exclusively; there are n pivots at least
        // as wide as the library's integers. To LAPACK, which counts by columns, `a` is the transpose of A.
        unsafe {
            (self.factorize)(
                &raw const order,
                &raw const order,
                a.as_mut_ptr(),
                &raw const leading,
                pivots.as_mut_ptr(),
                &raw mut info,
            );
        }
        if info != 0 {
            return false;
        }
        let transposed = c"T";
        // SAFETY: as above; the factors and pivots are those of the factorization.
        unsafe {
            (self.solve)(
                transposed.as_ptr(),
                &raw const order,
                &raw const one,
                a.as_ptr(),
                &raw const leading,
                pivots.as_ptr(),
                x.as_mut_ptr(),
                &raw const leading,
                &raw mut info,
                1,
            );
        }
        info == 0
    }
}

/// A library that the loader has taken in, for good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened(&'static Handle);

/// Loads a library with all that it needs.
pub(super) fn open(path: &Path) -> Result<Opened, String> {
    // SAFETY: the library's initializers run, which is what the user has asked for by naming it.
    match unsafe { Handle::open(Some(path), FLAGS) } {
        Ok(handle) => Ok(Opened(Box::leak(Box::new(handle)))),
        Err(error) => Err(text_of(&error)),
    }
}

/// Whether the loader finds and takes a library by its name.
pub(super) fn can_load(name: &str) -> bool {
    // SAFETY: as in `open`. It stays loaded, since libraries of OpenMP do not bear to go.
    match unsafe { Handle::open(Some(name), RTLD_NOW | RTLD_LOCAL) } {
        Ok(handle) => {
            std::mem::forget(handle);
            true
        }
        Err(_) => false,
    }
}

/// The loader's own words.
fn text_of(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    }
}

impl Opened {
    /// Whether it has a function of this name.
    pub(super) fn has(self, name: &str) -> bool {
        // SAFETY: the address is compared with null and not used.
        let symbol = unsafe { self.0.get::<*const ()>(name.as_bytes()) };
        symbol.is_ok_and(|symbol| !symbol.is_null())
    }

    /// A function.
    ///
    /// # Safety
    ///
    /// `F` is the type of the function of this name.
    unsafe fn function<F: Copy>(self, name: &str) -> Option<F> {
        if !self.has(name) {
            return None;
        }
        // SAFETY: the caller vouches for the type; the library is never unloaded.
        unsafe { self.0.get::<F>(name.as_bytes()) }
            .ok()
            .map(|symbol| *symbol)
    }

    /// Whether the library takes integers of 32 or of 64 bits; `None` when its dot product is neither of what the two
    /// compute, or there is none.
    ///
    /// The dot product of n elements is asked for with n = 3 in the lower half of a register and −1 in the upper. Who takes
    /// 32 bits sees 3 and computes 1·4 + 2·5 + 3·6; who takes 64 sees a negative number, for which BLAS defines the
    /// result 0. So neither reads where it must not.
    pub(super) fn measure_width(self, spelling: Spelling) -> Option<IndexWidth> {
        // SAFETY: CBLAS's; that its integers may be narrower is the point.
        let dot: DotFunction = unsafe { self.function(&spelling.name("cblas_ddot")) }?;
        let (x, y) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        let n = (-1i64 << 32) | 3;
        // SAFETY: x and y have three elements; read as 64 bits n is negative and nothing is read.
        let product = unsafe { dot(n, x.as_ptr(), 1, y.as_ptr(), 1) };
        match product {
            32.0 => Some(IndexWidth::Bits32),
            0.0 => Some(IndexWidth::Bits64),
            _ => None,
        }
    }

    pub(super) fn dgemm(self, spelling: Spelling, width: IndexWidth) -> Option<Gemm<f64>> {
        // SAFETY: CBLAS's type, the width as measured.
        unsafe { self.gemm(&spelling.name("cblas_dgemm"), width) }
    }

    pub(super) fn sgemm(self, spelling: Spelling, width: IndexWidth) -> Option<Gemm<f32>> {
        // SAFETY: as in `dgemm`.
        unsafe { self.gemm(&spelling.name("cblas_sgemm"), width) }
    }

    /// # Safety
    ///
    /// The function of this name is a CBLAS product of `T`s with integers of this width.
    unsafe fn gemm<T: Copy>(self, name: &str, width: IndexWidth) -> Option<Gemm<T>> {
        // SAFETY: the caller vouches for it.
        unsafe {
            match width {
                IndexWidth::Bits32 => self.function(name).map(Gemm::Narrow),
                IndexWidth::Bits64 => self.function(name).map(Gemm::Wide),
            }
        }
    }

    pub(super) fn dlu(self, spelling: Spelling) -> Option<Lu<f64>> {
        // SAFETY: LAPACK's types.
        unsafe { self.lu(spelling, ["dgetrf", "dgetrs"]) }
    }

    pub(super) fn slu(self, spelling: Spelling) -> Option<Lu<f32>> {
        // SAFETY: LAPACK's types.
        unsafe { self.lu(spelling, ["sgetrf", "sgetrs"]) }
    }

    /// # Safety
    ///
    /// The functions of these names are LAPACK's for `T`s.
    unsafe fn lu<T: Copy>(self, spelling: Spelling, names: [&str; 2]) -> Option<Lu<T>> {
        let [factorize, solve] = names.map(|name| spelling.fortran_name(name));
        // SAFETY: the caller vouches for it.
        unsafe {
            Some(Lu {
                factorize: self.function(&factorize)?,
                solve: self.function(&solve)?,
            })
        }
    }

    /// OpenBLAS's own functions, in the library's spelling or plain; `None` when it is no OpenBLAS.
    pub(super) fn openblas(self, spelling: Spelling) -> Option<OpenBlas> {
        let name = |function: &str| {
            let spelled = spelling.name(function);
            if self.has(&spelled) {
                spelled
            } else {
                function.to_owned()
            }
        };
        // SAFETY: OpenBLAS's manual (`cblas.h`); int stays int in builds with 64-bit indices.
        unsafe {
            Some(OpenBlas {
                set: self.function(&name("openblas_set_num_threads"))?,
                get: self.function(&name("openblas_get_num_threads"))?,
                config: self.function(&name("openblas_get_config")),
                core: self.function(&name("openblas_get_corename")),
                parallel: self.function(&name("openblas_get_parallel")),
            })
        }
    }

    /// MKL's own functions, by their names in C; `None` when it is no MKL.
    pub(super) fn mkl(self) -> Option<Mkl> {
        // SAFETY: MKL's manual (`mkl_service.h`, `mkl_cbwr.h`).
        unsafe {
            Some(Mkl {
                set: self.function("MKL_Set_Num_Threads")?,
                get: self.function("MKL_Get_Max_Threads")?,
                set_dynamic: self.function("MKL_Set_Dynamic"),
                set_layer: self.function("MKL_Set_Threading_Layer"),
                version: self.function("MKL_Get_Version_String"),
                branch: self.function("MKL_CBWR_Get_Auto_Branch"),
            })
        }
    }

    /// BLIS's own functions; `None` when it is no BLIS.
    pub(super) fn blis(self) -> Option<Blis> {
        // SAFETY: BLIS's manual. Its `dim_t` and `gint_t` have 64 bits on the machines that this program is made for.
        unsafe {
            Some(Blis {
                set: self.function("bli_thread_set_num_threads")?,
                get: self.function("bli_thread_get_num_threads")?,
                version: self.function("bli_info_get_version_str"),
                blas_int_bits: self.function("bli_info_get_blas_int_type_size"),
                has_openmp: self.function("bli_info_get_enable_openmp"),
                has_pthreads: self.function("bli_info_get_enable_pthreads"),
                arch: self.function("bli_arch_query_id"),
                arch_name: self.function("bli_arch_string"),
            })
        }
    }
}

/// OpenBLAS's own functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenBlas {
    set: SetFunction,
    get: GetFunction,
    config: Option<TextFunction>,
    core: Option<TextFunction>,
    parallel: Option<GetFunction>,
}

impl OpenBlas {
    /// Must not be called while a product runs.
    pub(super) fn set_threads(self, count: c_int) {
        // SAFETY: takes any number.
        unsafe { (self.set)(count) }
    }

    pub(super) fn threads(self) -> c_int {
        // SAFETY: only reads a variable.
        unsafe { (self.get)() }
    }

    pub(super) fn config(self) -> Option<String> {
        // SAFETY: returns a string that lives as long as the library.
        self.config.map(|function| unsafe { string(function()) })
    }

    pub(super) fn core(self) -> Option<String> {
        // SAFETY: as in `config`.
        self.core.map(|function| unsafe { string(function()) })
    }

    /// 0 sequential, 1 its own threads, 2 OpenMP.
    pub(super) fn parallel(self) -> Option<c_int> {
        // SAFETY: only reads a constant.
        self.parallel.map(|function| unsafe { function() })
    }
}

/// MKL's own functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mkl {
    set: SetFunction,
    get: GetFunction,
    set_dynamic: Option<SetFunction>,
    set_layer: Option<unsafe extern "C" fn(c_int) -> c_int>,
    version: Option<unsafe extern "C" fn(*mut c_char, c_int)>,
    branch: Option<GetFunction>,
}

impl Mkl {
    /// Chooses the threading layer, and says which one MKL has then; only before its first other call.
    pub(super) fn set_layer(self, layer: c_int) -> Option<c_int> {
        // SAFETY: takes any number and refuses those that it does not know.
        self.set_layer.map(|function| unsafe { function(layer) })
    }

    pub(super) fn set_threads(self, count: c_int) {
        // SAFETY: take any numbers.
        unsafe {
            if let Some(set_dynamic) = self.set_dynamic {
                // Or MKL takes fewer whenever it sees fit.
                set_dynamic(0);
            }
            (self.set)(count);
        }
    }

    pub(super) fn threads(self) -> c_int {
        // SAFETY: only reads variables.
        unsafe { (self.get)() }
    }

    pub(super) fn version(self) -> Option<String> {
        let mut text = [0u8; 256];
        // SAFETY: writes at most the given number of bytes, less than there are, so that a NUL remains.
        unsafe { (self.version?)(text.as_mut_ptr().cast(), 255) };
        let text = CStr::from_bytes_until_nul(&text).ok()?;
        Some(text.to_string_lossy().trim().to_owned())
    }

    pub(super) fn branch(self) -> Option<c_int> {
        // SAFETY: only asks the processor.
        self.branch.map(|function| unsafe { function() })
    }
}

/// BLIS's own functions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blis {
    set: unsafe extern "C" fn(i64),
    get: unsafe extern "C" fn() -> i64,
    version: Option<TextFunction>,
    blas_int_bits: Option<unsafe extern "C" fn() -> i64>,
    has_openmp: Option<unsafe extern "C" fn() -> i64>,
    has_pthreads: Option<unsafe extern "C" fn() -> i64>,
    arch: Option<GetFunction>,
    arch_name: Option<unsafe extern "C" fn(c_int) -> *const c_char>,
}

impl Blis {
    pub(super) fn set_threads(self, count: i64) {
        // SAFETY: takes any number.
        unsafe { (self.set)(count) }
    }

    pub(super) fn threads(self) -> i64 {
        // SAFETY: only reads a variable.
        unsafe { (self.get)() }
    }

    pub(super) fn version(self) -> Option<String> {
        // SAFETY: returns a string that lives as long as the library.
        self.version.map(|function| unsafe { string(function()) })
    }

    /// The width of the integers of its BLAS interface, as it was configured.
    pub(super) fn blas_int_bits(self) -> Option<i64> {
        // SAFETY: only reads a constant, as the two below.
        self.blas_int_bits.map(|function| unsafe { function() })
    }

    pub(super) fn has_openmp(self) -> bool {
        // SAFETY: as above.
        self.has_openmp
            .is_some_and(|function| unsafe { function() } != 0)
    }

    pub(super) fn has_pthreads(self) -> bool {
        // SAFETY: as above.
        self.has_pthreads
            .is_some_and(|function| unsafe { function() } != 0)
    }

    pub(super) fn core(self) -> Option<String> {
        let (arch, arch_name) = (self.arch?, self.arch_name?);
        // SAFETY: the name is asked for with the number that the library has given, and lives as long as it.
        Some(unsafe { string(arch_name(arch())) })
    }
}
