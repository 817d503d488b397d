//! The BLAS as a variable: the OpenBLAS that is linked into the program, or any CBLAS library, loaded at run time.
//!
//! A library is taken only after it has shown what it is: its functions are found under one of the known spellings
//! (`symbols`), the width of its integers is measured and has to agree with what the library says of itself, and products
//! whose results are known have to come out right, in both precisions. What fails any of this is refused in one line.
//!
//! A library stays loaded until the program ends: its threads may outlive any use of it.

mod elf;
mod error;
mod ffi;
pub mod find;
mod identify;
mod library;
mod mkl;
mod symbols;

use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, ArrayViewMut2};

pub use error::{LapackError, LoadError, ThreadsError};
pub use library::Library;
pub use symbols::IndexWidth;

use crate::{Element, openblas};

/// A BLAS: what products are computed by.
#[derive(Clone, Copy, Debug)]
pub struct Blas(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    /// Linked into this program, and called directly.
    Linked,
    /// Loaded at run time, and called through its table of functions.
    Loaded(&'static Library),
}

/// What a library is, by its own word and by what was measured of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `OpenBLAS`, `MKL`, `BLIS`, `AOCL-BLIS`, or the name of its file when it does not say.
    pub name: String,
    /// For example `0.3.34`; `unknown` when it does not say.
    pub version: String,
    /// What it says of its own build; empty when it does not.
    pub config: String,
    /// The core type or instruction set whose kernels it chose on this processor; `unknown` when it does not say.
    pub core: String,
    /// `pthreads`, `openmp`, `tbb` or `sequential`.
    pub threading: String,
    /// The most threads of its own that its build can use; `usize::MAX` when it knows no limit.
    pub threads_max: usize,
    /// How many threads may call it at the same time.
    pub callers_max: usize,
    /// The width of its integers.
    pub index_width: IndexWidth,
    /// Where it was loaded from; `None` for the one that is linked in.
    pub file: Option<LoadedFile>,
}

/// The file of a library, and how it spells its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedFile {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// What stands before the names of its functions, for example `scipy_`.
    pub symbol_prefix: String,
    /// What stands behind them, for example `64_`.
    pub symbol_suffix: String,
}

impl PartialEq for Blas {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Source::Linked, Source::Linked) => true,
            (Source::Loaded(one), Source::Loaded(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }
}

impl Blas {
    /// The OpenBLAS that is linked into this program.
    pub fn bundled() -> Self {
        Self(Source::Linked)
    }

    /// Loads the library in this file and checks it, see the module's text. A file that is loaded already is not loaded
    /// again.
    ///
    /// # Errors
    ///
    /// When the file is no library for this machine, lacks functions, or computes wrong results.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Library::load(path).map(|library| Self(Source::Loaded(library)))
    }

    /// What it is.
    pub fn describe(self) -> Description {
        match self.0 {
            Source::Loaded(library) => library.describe().clone(),
            Source::Linked => {
                let linked = openblas::describe();
                Description {
                    name: "OpenBLAS".to_owned(),
                    version: linked.version,
                    config: linked.config,
                    core: linked.core,
                    threading: linked.threading.to_owned(),
                    threads_max: linked.threads_max,
                    callers_max: linked.threads_max,
                    index_width: IndexWidth::Bits32,
                    file: None,
                }
            }
        }
    }

    /// Sets how many threads of its own the library uses for a product that *this* thread asks for, and reads it back.
    /// Libraries with OpenMP keep the number for each calling thread, the others for the whole process.
    ///
    /// # Errors
    ///
    /// When the library uses another number, or has no way to be told.
    pub fn set_threads(self, count: usize) -> Result<usize, ThreadsError> {
        match self.0 {
            Source::Linked => Ok(openblas::set_threads(count)?),
            Source::Loaded(library) => library.set_threads(count),
        }
    }

    /// Whether so many threads may call it at the same time.
    ///
    /// # Errors
    ///
    /// When it was built for fewer.
    pub fn check_callers(self, count: usize) -> Result<(), ThreadsError> {
        let description = self.describe();
        if count <= description.callers_max {
            return Ok(());
        }
        Err(ThreadsError::Callers {
            name: format!("{} {}", description.name, description.version),
            requested: count,
            callers_max: description.callers_max,
        })
    }

    /// Whether systems of equations can be solved by it: a loaded library needs LAPACK's functions, and has to find solutions
    /// that are known, in both precisions.
    ///
    /// # Errors
    ///
    /// When it lacks the functions, or finds something else.
    pub fn check_lapack(self) -> Result<(), LapackError> {
        match self.0 {
            Source::Linked => Ok(()),
            Source::Loaded(library) => library.check_lapack(),
        }
    }

    /// The library, if it was loaded.
    pub(crate) fn loaded(self) -> Option<&'static Library> {
        match self.0 {
            Source::Linked => None,
            Source::Loaded(library) => Some(library),
        }
    }

    /// C = A·B, of whole matrices or of tiles whose rows have no gaps.
    ///
    /// # Panics
    ///
    /// When the shapes do not fit each other, or a row has gaps.
    pub fn gemm<T: Element>(
        self,
        a: &ArrayView2<'_, T>,
        b: &ArrayView2<'_, T>,
        c: &mut ArrayViewMut2<'_, T>,
    ) {
        match self.0 {
            Source::Linked => T::gemm(a, b, c),
            Source::Loaded(library) => T::gemm_by(library, a, b, c),
        }
    }
}
