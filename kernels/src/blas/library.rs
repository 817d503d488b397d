//! One loaded library: taken in, identified, and made to prove that it computes.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use sha2::{Digest, Sha256};

use super::error::{LapackError, LoadError, ThreadsError};
use super::ffi::{self, Blis, Gemm, Lu, Mkl, OpenBlas, Opened};
use super::symbols::{IndexWidth, Spelling};
use super::{Description, LoadedFile, elf, identify, mkl};

/// A library that has been loaded and checked. It is never unloaded.
pub struct Library {
    dgemm: Gemm<f64>,
    sgemm: Gemm<f32>,
    /// Absent in libraries that are a BLAS and no LAPACK.
    lu: Option<(Lu<f64>, Lu<f32>)>,
    control: Control,
    description: Description,
    /// Held for reading by products and for writing by whoever changes the number of threads: libraries rebuild their
    /// pools of threads then, which must not happen under a running product.
    products: RwLock<()>,
}

/// How a library is told the number of its threads.
#[derive(Clone, Copy, Debug)]
enum Control {
    OpenBlas(OpenBlas),
    Mkl(Mkl),
    Blis(Blis),
    /// It has no threads.
    None,
}

/// All that have been loaded.
static LOADED: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Library").field(&self.description).finish()
    }
}

impl Library {
    /// See [`super::Blas::load`].
    pub(super) fn load(path: &Path) -> Result<&'static Self, LoadError> {
        let unreadable = |source| LoadError::Read {
            path: path.to_owned(),
            source,
        };
        let path = fs::canonicalize(path).map_err(unreadable)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_this = |library: &&&Self| {
            let file = &library.description.file;
            file.as_ref().is_some_and(|file| file.path == path)
        };
        if let Some(library) = loaded.iter().find(is_this) {
            return Ok(library);
        }
        let bytes = fs::read(&path).map_err(unreadable)?;
        let library: &'static Self = Box::leak(Box::new(Self::take_in(&path, &bytes)?));
        loaded.push(library);
        Ok(library)
    }

    fn take_in(path: &Path, bytes: &[u8]) -> Result<Self, LoadError> {
        if let Some(reason) = elf::objection(bytes) {
            let path = path.to_owned();
            return Err(LoadError::NotALibrary { path, reason });
        }
        let opened = ffi::open(path).map_err(|reason| LoadError::Refused {
            path: path.to_owned(),
            remedy: if reason.contains("cannot open shared object file") {
                " (set LD_LIBRARY_PATH to where it is)"
            } else {
                ""
            },
            reason,
        })?;
        let spelling = Spelling::of(|name| opened.has(name)).ok_or_else(|| LoadError::NoCblas {
            path: path.to_owned(),
            names: Spelling::all_of("cblas_dgemm"),
        })?;
        for function in ["cblas_sgemm", "cblas_ddot"] {
            let symbol = spelling.name(function);
            if !opened.has(&symbol) {
                let path = path.to_owned();
                return Err(LoadError::Missing { path, symbol });
            }
        }
        let (control, words) = identify_library(opened, spelling, path, bytes)?;
        let width = measured_width(opened, spelling, path, words.says_width)?;
        let missing = || LoadError::Missing {
            path: path.to_owned(),
            symbol: spelling.name("cblas_dgemm"),
        };
        let library = Self {
            dgemm: opened.dgemm(spelling, width).ok_or_else(missing)?,
            sgemm: opened.sgemm(spelling, width).ok_or_else(missing)?,
            lu: opened.dlu(spelling).zip(opened.slu(spelling)),
            control,
            description: Description {
                name: words.name,
                version: words.version,
                config: words.config,
                core: words.core,
                threading: words.threading.to_owned(),
                threads_max: words.threads_max,
                callers_max: words.callers_max,
                index_width: width,
                file: Some(LoadedFile {
                    path: path.to_owned(),
                    sha256: hexadecimal(&Sha256::digest(bytes)),
                    symbol_prefix: spelling.prefix.to_owned(),
                    symbol_suffix: spelling.suffix.to_owned(),
                }),
            },
            products: RwLock::new(()),
        };
        library.prove().map_err(|what| LoadError::Wrong {
            path: path.to_owned(),
            what,
        })?;
        Ok(library)
    }

    /// What it is.
    pub(super) fn describe(&self) -> &Description {
        &self.description
    }

    /// See [`super::Blas::set_threads`].
    pub(crate) fn set_threads(&self, count: usize) -> Result<usize, ThreadsError> {
        let name = || format!("{} {}", self.description.name, self.description.version);
        let wanted = i32::try_from(count).unwrap_or(i32::MAX);
        let _none_running = self.products.write();
        let used = match self.control {
            Control::OpenBlas(library) => {
                library.set_threads(wanted);
                i64::from(library.threads())
            }
            Control::Mkl(library) => {
                library.set_threads(wanted);
                i64::from(library.threads())
            }
            Control::Blis(library) => {
                library.set_threads(wanted.into());
                library.threads()
            }
            Control::None if count == 1 => 1,
            Control::None => {
                return Err(ThreadsError::Sequential {
                    name: name(),
                    requested: count,
                });
            }
        };
        let used = usize::try_from(used).unwrap_or(0);
        if used == count {
            return Ok(used);
        }
        Err(ThreadsError::Ignored {
            name: name(),
            requested: count,
            used,
        })
    }

    /// C = A·B in double precision, see [`super::Blas::gemm`].
    pub(crate) fn dgemm(
        &self,
        a: &ArrayView2<'_, f64>,
        b: &ArrayView2<'_, f64>,
        c: &mut ArrayViewMut2<'_, f64>,
    ) {
        let _running = self.products.read();
        self.dgemm.multiply(a, b, c);
    }

    /// C = A·B in single precision, see [`super::Blas::gemm`].
    pub(crate) fn sgemm(
        &self,
        a: &ArrayView2<'_, f32>,
        b: &ArrayView2<'_, f32>,
        c: &mut ArrayViewMut2<'_, f32>,
    ) {
        let _running = self.products.read();
        self.sgemm.multiply(a, b, c);
    }

    /// See [`super::Blas::check_lapack`].
    pub(super) fn check_lapack(&self) -> Result<(), LapackError> {
        let file = self.description.file.as_ref();
        let path = || file.map(|file| file.path.clone()).unwrap_or_default();
        let Some((dlu, slu)) = self.lu else {
            return Err(LapackError::Missing { path: path() });
        };
        let _running = self.products.read();
        for n in [2, 131] {
            prove_lu(|a: &mut [f64], x| dlu.solve(a, x), n, f64::from, 1e-10)
                .and_then(|()| prove_lu(|a: &mut [f32], x| slu.solve(a, x), n, f32::from, 1e-2))
                .map_err(|what| LapackError::Wrong { path: path(), what })?;
        }
        Ok(())
    }

    /// Solves A·x = b in place in double precision, see [`super::Blas::check_lapack`].
    pub(crate) fn dsolve(&self, a: &mut [f64], x: &mut [f64]) -> bool {
        let _running = self.products.read();
        self.lu.is_some_and(|(lu, _)| lu.solve(a, x))
    }

    /// Solves A·x = b in place in single precision.
    pub(crate) fn ssolve(&self, a: &mut [f32], x: &mut [f32]) -> bool {
        let _running = self.products.read();
        self.lu.is_some_and(|(_, lu)| lu.solve(a, x))
    }

    /// Products whose results are known: of a few elements, and of so many that a library's blocked kernels compute them.
    fn prove(&self) -> Result<(), String> {
        for (m, n, k) in [(2, 2, 3), (69, 71, 67)] {
            prove(self.dgemm, "cblas_dgemm", m, n, k, f64::from)?;
            prove(self.sgemm, "cblas_sgemm", m, n, k, f32::from)?;
        }
        Ok(())
    }
}

/// Multiplies an m by k by a k by n matrix of small whole numbers, whose product is exact in every precision and every
/// order of adding up. Between the rows lies what must not be read, and what must not be written.
fn prove<T: ndarray::LinalgScalar + PartialEq + fmt::Display>(
    gemm: Gemm<T>,
    name: &str,
    m: usize,
    n: usize,
    k: usize,
    value: impl Fn(i8) -> T,
) -> Result<(), String> {
    const PADDING: usize = 3;
    let gap = value(-77);
    let element = |row: usize, column: usize| ((row * 7 + column * 3) % 11) as i8 - 5;
    let matrix = |rows: usize, columns: usize| {
        Array2::from_shape_fn((rows, columns + PADDING), |(row, column)| {
            if column < columns {
                value(element(row, column))
            } else {
                gap
            }
        })
    };
    let (a, b) = (matrix(m, k), matrix(k, n));
    let mut c = Array2::from_elem((m, n + PADDING), gap);
    let (a, b) = (a.slice(s![.., ..k]), b.slice(s![.., ..n]));
    gemm.multiply(&a, &b, &mut c.slice_mut(s![.., ..n]));
    for ((row, column), found) in c.indexed_iter() {
        let expected = if column < n {
            (0..k).fold(T::zero(), |sum, inner| {
                sum + a[[row, inner]] * b[[inner, column]]
            })
        } else {
            gap
        };
        if *found != expected {
            let place = if column < n { "" } else { " behind a row" };
            return Err(format!(
                "its {name} computes wrong results ({found} instead of {expected}{place} in a product of {m} by {k} by {n})"
            ));
        }
    }
    Ok(())
}

/// Solves a system of n equations whose solution is known, and which is not the one of its transpose: a cyclic matrix that has
/// to be pivoted, and well conditioned, since one element of each row and column outweighs all others.
fn prove_lu<T: ndarray::LinalgScalar + Into<f64>>(
    solve: impl Fn(&mut [T], &mut [T]) -> bool,
    n: usize,
    value: impl Fn(i8) -> T,
    tolerance: f64,
) -> Result<(), String> {
    let solution = |row: usize| (row % 7) as i8 - 3;
    // That one is just beside the diagonal, so that the pivot of a column is never where it would be without pivoting.
    let element = |row: usize, column: usize| match (column + n - row) % n {
        0 => 1,
        1 => 9,
        2 => -1,
        3 => 2,
        _ => 0,
    };
    let mut a: Vec<T> = (0..n * n)
        .map(|index| value(element(index / n, index % n)))
        .collect();
    let product = |row: usize| {
        (0..n).fold(T::zero(), |sum, column| {
            sum + a[row * n + column] * value(solution(column))
        })
    };
    let mut x: Vec<T> = (0..n).map(product).collect();
    if !solve(&mut a, &mut x) {
        return Err(format!(
            "it finds no solution of {n} equations that have one"
        ));
    }
    for (row, found) in x.iter().enumerate() {
        let (found, expected): (f64, f64) = ((*found).into(), solution(row).into());
        if found.is_nan() || (found - expected).abs() > tolerance {
            return Err(format!(
                "it finds a wrong solution of {n} equations ({found} instead of {expected})"
            ));
        }
    }
    Ok(())
}

/// What a library says of itself.
struct Words {
    name: String,
    version: String,
    config: String,
    core: String,
    threading: &'static str,
    threads_max: usize,
    callers_max: usize,
    /// Who says how wide its integers are, and how wide.
    says_width: Option<(&'static str, IndexWidth)>,
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Finds out which library it is, by the functions that only one of them has.
fn identify_library(
    opened: Opened,
    spelling: Spelling,
    path: &Path,
    bytes: &[u8],
) -> Result<(Control, Words), LoadError> {
    if let Some(library) = opened.openblas(spelling) {
        return Ok((Control::OpenBlas(library), words_of_openblas(library)));
    }
    if let Some(library) = opened.mkl() {
        return Ok((Control::Mkl(library), words_of_mkl(library, path)?));
    }
    if let Some(library) = opened.blis() {
        return Ok((Control::Blis(library), words_of_blis(library)));
    }
    if let Some(starter) = elf::thread_starter(bytes) {
        return Err(LoadError::UnknownThreads {
            path: path.to_owned(),
            starter,
        });
    }
    let file_name = path.file_name().unwrap_or_default();
    let words = Words {
        name: file_name.to_string_lossy().into_owned(),
        version: unknown(),
        config: String::new(),
        core: unknown(),
        threading: "sequential",
        threads_max: 1,
        callers_max: usize::MAX,
        says_width: None,
    };
    Ok((Control::None, words))
}

fn words_of_openblas(library: OpenBlas) -> Words {
    let config = library.config();
    let parsed = identify::openblas(config.as_deref().unwrap_or_default());
    let threading = match library.parallel() {
        Some(0) => "sequential",
        Some(2) => "openmp",
        _ => "pthreads",
    };
    // A sequential build has no locks unless it was asked for them (USE_LOCKING), which it does not say.
    let threads_max = match threading {
        "sequential" => 1,
        _ => parsed.threads_max.unwrap_or(usize::MAX),
    };
    Words {
        name: "OpenBLAS".to_owned(),
        version: parsed.version,
        core: library.core().unwrap_or_else(unknown),
        threading,
        threads_max,
        callers_max: threads_max,
        says_width: config
            .is_some()
            .then_some(("its configuration", parsed.index_width)),
        config: config.unwrap_or_default(),
    }
}

fn words_of_mkl(library: Mkl, path: &Path) -> Result<Words, LoadError> {
    let wish = std::env::var("MKL_THREADING_LAYER").ok();
    let layer = mkl::choose(path, wish.as_deref(), Path::exists, ffi::can_load);
    let layer = layer.ok_or_else(|| LoadError::NoMklLayer {
        path: path.to_owned(),
    })?;
    library.set_layer(layer as i32);
    let config = library.version().unwrap_or_default();
    Ok(Words {
        name: "MKL".to_owned(),
        version: identify::mkl_version(&config),
        core: library.branch().map_or_else(unknown, identify::mkl_branch),
        threading: layer.threading(),
        threads_max: match layer {
            mkl::Layer::Sequential => 1,
            _ => usize::MAX,
        },
        callers_max: usize::MAX,
        says_width: None,
        config,
    })
}

fn words_of_blis(library: Blis) -> Words {
    let config = library.version().unwrap_or_default();
    let (name, version) = identify::blis(&config);
    let threading = if library.has_openmp() {
        "openmp"
    } else if library.has_pthreads() {
        "pthreads"
    } else {
        "sequential"
    };
    let says_width = match library.blas_int_bits() {
        Some(32) => Some(("its configuration", IndexWidth::Bits32)),
        Some(64) => Some(("its configuration", IndexWidth::Bits64)),
        _ => None,
    };
    Words {
        name: name.to_owned(),
        version,
        config,
        core: library.core().unwrap_or_else(unknown),
        threading,
        threads_max: if threading == "sequential" {
            1
        } else {
            usize::MAX
        },
        callers_max: usize::MAX,
        says_width,
    }
}

/// The width of its integers by measurement, which has to agree with whatever says something about it.
fn measured_width(
    opened: Opened,
    spelling: Spelling,
    path: &Path,
    says: Option<(&'static str, IndexWidth)>,
) -> Result<IndexWidth, LoadError> {
    let measured = opened
        .measure_width(spelling)
        .ok_or_else(|| LoadError::Wrong {
            path: path.to_owned(),
            what: format!("its {} computes wrong results", spelling.name("cblas_ddot")),
        })?;
    let spelled = spelling
        .says
        .map(|said| ("the name of its functions", said));
    match spelled
        .into_iter()
        .chain(says)
        .find(|(_, said)| *said != measured)
    {
        Some((witness, said)) => Err(LoadError::Width {
            path: path.to_owned(),
            witness,
            said,
            measured,
        }),
        None => Ok(measured),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
