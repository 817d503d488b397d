//! Why a library is not used.

use std::io;
use std::path::PathBuf;

use crate::blas::IndexWidth;
use crate::openblas;

/// A library is not used for solving systems of equations.
#[derive(Debug, thiserror::Error)]
pub enum LapackError {
    /// It is a BLAS alone.
    #[error(
        "cannot solve systems of equations by '{}': it has no LAPACK, that is no dgetrf, dgetrs, sgetrf and sgetrs (leave --blas out, or name an OpenBLAS or MKL)", path.display()
    )]
    Missing {
        /// The library's file.
        path: PathBuf,
    },
    /// It computes wrong results.
    #[error("cannot solve systems of equations by '{}': {what}", path.display())]
    Wrong {
        /// The library's file.
        path: PathBuf,
        /// What was wrong.
        what: String,
    },
}

/// A library was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the BLAS '{}': {source} (give the path of a shared library)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file's first bytes are not those of a library for this machine.
    #[error("cannot load the BLAS '{}': {reason}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// The loader refuses it, mostly for a library that it needs itself.
    #[error("cannot load the BLAS '{}': {reason}{remedy}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
        /// What may help, in brackets.
        remedy: &'static str,
    },
    /// It is no CBLAS library.
    #[error("cannot use '{}' as a BLAS: it has none of {names} (is it built with CBLAS?)", path.display())]
    NoCblas {
        /// The file.
        path: PathBuf,
        /// The names that were looked for.
        names: String,
    },
    /// A function is missing.
    #[error("cannot use '{}' as a BLAS: it has no {symbol}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The function.
        symbol: String,
    },
    /// It says that its integers are of one width, and takes them in another.
    #[error(
        "cannot use '{}' as a BLAS: {witness} says that it takes {said} integers, but it takes {measured} ones", path.display()
    )]
    Width {
        /// The file.
        path: PathBuf,
        /// Who says so.
        witness: &'static str,
        /// What is said.
        said: IndexWidth,
        /// What a call shows.
        measured: IndexWidth,
    },
    /// A result that is known came out otherwise.
    #[error("cannot use '{}' as a BLAS: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What came out.
        what: String,
    },
    /// It starts threads, and nobody can tell it how many.
    #[error(
        "cannot use '{}' as a BLAS: it starts threads of its own ({starter}), but has none of the known functions to set \
         and read their number (OpenBLAS's, MKL's, BLIS's)", path.display()
    )]
    UnknownThreads {
        /// The file.
        path: PathBuf,
        /// The function by which it starts them.
        starter: &'static str,
    },
    /// MKL would end the program for want of its other half.
    #[error(
        "cannot use MKL in '{}': none of libmkl_gnu_thread, libmkl_intel_thread and libmkl_sequential is beside it", path.display()
    )]
    NoMklLayer {
        /// The file.
        path: PathBuf,
    },
    /// No library under any of the usual names.
    #[error("cannot find a BLAS of the system: {tried} (install one, or give --blas its path)")]
    NoneFound {
        /// What was looked for, and what was wrong with what was there.
        tried: String,
    },
}

/// A library does not use the number of threads that it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The linked OpenBLAS.
    #[error(transparent)]
    Linked(#[from] openblas::ThreadsError),
    /// A loaded library.
    #[error(
        "cannot use {requested} threads: {name} uses {used} instead (choose --threads {used}, or another --blas)"
    )]
    Ignored {
        /// The library.
        name: String,
        /// What was asked for.
        requested: usize,
        /// What it uses.
        used: usize,
    },
    /// A library without a way to be told.
    #[error(
        "cannot use {requested} threads of {name}: it has no threads of its own (choose --threads 1, or another --blas)"
    )]
    Sequential {
        /// The library.
        name: String,
        /// What was asked for.
        requested: usize,
    },
    /// More threads would call it at the same time than it allows.
    #[error(
        "cannot call {name} from {requested} threads at once: its build allows {callers_max} (choose --threads {callers_max}, or another --blas)"
    )]
    Callers {
        /// The library.
        name: String,
        /// What was asked for.
        requested: usize,
        /// What is allowed.
        callers_max: usize,
    },
}
