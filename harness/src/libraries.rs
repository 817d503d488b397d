//! The libraries to measure with: from the words after `--blas` to libraries that are loaded and checked.
//!
//! All libraries of a run are in this process at once, so that their samples can be interleaved: a machine's speed drifts by
//! more than libraries differ. Each is called with one thread from each member of our own team, so that no library's
//! threads wait for work beside the measured ones; what a library spins at its start is over before anything is timed.

use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use kernels::blas::{Description, find};
use kernels::fma_peak::BlasIsa;
use kernels::{Blas, fma_peak};
use results::library::{LibraryFile, NamedLibrary};
use results::record;

use crate::exit::Failure;
use crate::plan::CasePlan;

/// The file of the library that `bench.run` carries besides the linked one, see `.ci/fetch-openblas`.
const CARRIED: &str = "libscipy_openblas.so";

/// A library of a run.
#[derive(Clone, Debug)]
pub struct Selected {
    /// What cases and people call it: the word on the command line, or the file's name.
    pub name: String,
    /// The library.
    pub blas: Blas,
}

/// Loads the libraries that the option names, in its order, each once.
///
/// # Errors
///
/// A usage failure when one of them is not there or cannot be used.
pub fn select(option: &str) -> Result<Vec<Selected>, Failure> {
    let mut selected: Vec<Selected> = Vec::new();
    for word in option.split(',') {
        for library in of_word(word.trim())? {
            let described = library.blas.describe();
            // The same file under two names is the same library.
            if selected
                .iter()
                .all(|other| other.blas.describe() != described)
            {
                selected.push(library);
            }
        }
    }
    tell_apart(&mut selected);
    Ok(selected)
}

/// Each case by each library, but for those that need none: the triad is measured once, fma-peak once for each instruction
/// set that a library uses.
///
/// # Errors
///
/// When a case needs more of a library than products, and it has not got it.
pub fn by_each(cases: Vec<CasePlan>, libraries: &[Selected]) -> Result<Vec<CasePlan>, Failure> {
    if is_default(libraries) {
        return Ok(cases);
    }
    let by = |case: &CasePlan, library: &Selected| CasePlan {
        blas: library.blas,
        blas_name: Some(library.name.clone()),
        ..case.clone()
    };
    let isa = |library: &Selected| fma_peak::blas_isa(library.blas).isa;
    let is_first_of_isa = |(index, library): &(usize, &Selected)| {
        let before = &libraries[..*index];
        before.iter().all(|other| isa(other) != isa(library))
    };
    let mut all = Vec::with_capacity(cases.len() * libraries.len());
    for case in cases {
        match case.kernel.name {
            "triad" => all.push(case),
            "fma-peak" => {
                let firsts = libraries.iter().enumerate().filter(is_first_of_isa);
                all.extend(firsts.map(|(_, library)| by(&case, library)));
            }
            "lu-solve" => {
                for library in libraries {
                    library.blas.check_lapack().map_err(Failure::usage)?;
                    all.push(by(&case, library));
                }
            }
            _ => all.extend(libraries.iter().map(|library| by(&case, library))),
        }
    }
    Ok(all)
}

/// Whether all that was asked for is the library that is used anyway.
pub fn is_default(libraries: &[Selected]) -> bool {
    matches!(libraries, [only] if only.blas.describe().file.is_none())
}

/// The instruction set of each, by the name that its cases have.
pub fn isas(libraries: &[Selected]) -> Vec<(Option<String>, BlasIsa)> {
    let has_name = !is_default(libraries);
    let isa = |library: &Selected| {
        let name = has_name.then(|| library.name.clone());
        (name, fma_peak::blas_isa(library.blas))
    };
    libraries.iter().map(isa).collect()
}

/// How many threads may call each of the libraries at once.
pub fn callers_max(libraries: &[Selected]) -> usize {
    let each = libraries
        .iter()
        .map(|library| library.blas.describe().callers_max);
    each.min().unwrap_or(1)
}

/// One library in a line, for people, for example `system: OpenBLAS 0.3.21, core Haswell, pthreads, from /usr/lib/...`.
pub fn line(library: &Selected) -> String {
    let Description {
        name,
        version,
        core,
        threading,
        file,
        ..
    } = library.blas.describe();
    let mut line = format!(
        "{}: {name} {version}, core {core}, {threading}",
        library.name
    );
    if let Some(file) = file {
        let _ = write!(line, ", from {}", file.path.display());
    }
    line
}

/// A library as the record keeps it.
pub fn recorded(blas: Blas) -> record::Blas {
    let description = blas.describe();
    record::Blas {
        name: description.name,
        version: description.version,
        config: description.config,
        core: description.core,
        threading: description.threading,
        threads_max: description.threads_max,
        file: description.file.map(|file| LibraryFile {
            path: file.path.to_string_lossy().into_owned(),
            sha256: file.sha256,
            index_bits: description.index_width.bits(),
            symbol_prefix: file.symbol_prefix,
            symbol_suffix: file.symbol_suffix,
        }),
    }
}

/// All libraries as the record keeps them, when there are several.
pub fn compared(libraries: &[Selected]) -> Vec<NamedLibrary> {
    if libraries.len() < 2 {
        return Vec::new();
    }
    let named = libraries.iter().map(|library| NamedLibrary {
        name: library.name.clone(),
        blas: recorded(library.blas),
    });
    named.collect()
}

fn of_word(word: &str) -> Result<Vec<Selected>, Failure> {
    let selected = |name: &str, blas| Selected {
        name: name.to_owned(),
        blas,
    };
    let bundled = || selected("bundled", Blas::bundled());
    Ok(match word {
        "bundled" => vec![bundled()],
        "system" => vec![selected(word, find::system().map_err(Failure::usage)?)],
        "newest" => match carried() {
            Some(path) => vec![selected(word, load(&path)?)],
            None => return Err(not_carried()),
        },
        "all" => {
            let mut all = vec![bundled()];
            if let Some(path) = carried() {
                all.push(selected("newest", load(&path)?));
            }
            all
        }
        word => {
            let path = Path::new(word);
            if !word.contains('/') && !path.exists() {
                return Err(Failure::usage(anyhow::anyhow!(
                    "cannot use the BLAS '{word}': it is none of bundled, newest, system, all, and no file here (try \
                     --blas bundled)"
                )));
            }
            let name = path.file_name().unwrap_or(path.as_os_str());
            vec![selected(&name.to_string_lossy(), load(path)?)]
        }
    })
}

fn load(path: &Path) -> Result<Blas, Failure> {
    Blas::load(path).map_err(Failure::usage)
}

fn not_carried() -> Failure {
    Failure::usage(anyhow::anyhow!(
        "cannot use the BLAS 'newest': {CARRIED} is not beside this program (bench.run carries it; or give --blas its path)"
    ))
}

/// The library beside the linked one: in the bundle, else beside the program, else where a checkout's build puts it.
fn carried() -> Option<PathBuf> {
    let root = env::var_os("BENCHRUN_ROOT").map(PathBuf::from);
    let program = env::current_exe().ok();
    let places = places(root.as_deref(), program.as_deref());
    places.into_iter().find(|path| path.exists())
}

/// In a bundle the program that runs may be the loader, so the bundle's own word for its place comes first.
fn places(root: Option<&Path>, program: Option<&Path>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(root) = root {
        places.push(root.join("usr/lib").join(CARRIED));
    }
    if let Some(directory) = program.and_then(Path::parent) {
        places.push(directory.join(CARRIED));
        // target/release/bench, target/blas.
        places.push(directory.join("../blas").join(CARRIED));
    }
    places
}

/// Files of the same name in different directories are called by their paths.
fn tell_apart(selected: &mut [Selected]) {
    let names: Vec<String> = selected
        .iter()
        .map(|library| library.name.clone())
        .collect();
    for library in selected {
        if names.iter().filter(|name| **name == library.name).count() > 1
            && let Some(file) = library.blas.describe().file
        {
            library.name = file.path.to_string_lossy().into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check_refused(option: &str, expected: &Expect) {
        expected.assert_eq(&select(option).unwrap_err().to_string());
    }

    #[test]
    fn what_is_no_library_is_refused() {
        check_refused(
            "atlas",
            &expect![
                "cannot use the BLAS 'atlas': it is none of bundled, newest, system, all, and no file here (try --blas bundled)"
            ],
        );
        check_refused(
            "",
            &expect![
                "cannot use the BLAS '': it is none of bundled, newest, system, all, and no file here (try --blas bundled)"
            ],
        );
        check_refused(
            "bundled,/no/such.so",
            &expect![
                "cannot read the BLAS '/no/such.so': No such file or directory (os error 2) (give the path of a shared library)"
            ],
        );
        check_refused(
            "/etc/passwd",
            &expect![
                "cannot load the BLAS '/etc/passwd': it is not a shared library (no ELF file)"
            ],
        );
    }

    #[test]
    fn each_library_is_there_once() {
        let names = |option: &str| -> Vec<String> {
            let selected = select(option).unwrap();
            selected.into_iter().map(|library| library.name).collect()
        };
        assert_eq!(names("bundled, bundled"), ["bundled"]);
        assert_eq!(names("all")[0], "bundled");
        assert!(is_default(&select("bundled").unwrap()));
        assert!(compared(&select("bundled").unwrap()).is_empty());
    }

    #[test]
    fn the_bundle_comes_before_the_program() {
        let places = places(
            Some(Path::new("/root")),
            Some(Path::new("/t/release/bench")),
        );
        assert_eq!(places[0], Path::new("/root/usr/lib/libscipy_openblas.so"));
        assert_eq!(
            places[2],
            Path::new("/t/release/../blas/libscipy_openblas.so")
        );
    }

    #[test]
    fn the_linked_library_in_a_line() {
        let selected = select("bundled").unwrap();
        let line = line(&selected[0]);
        assert!(line.starts_with("bundled: OpenBLAS 0.3."), "{line}");
        assert_eq!(recorded(selected[0].blas).file, None);
    }
}
