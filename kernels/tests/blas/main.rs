//! Libraries as they are (Debian's, by package) and as they should not be (compiled here from `stub.c`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use expect_test::{Expect, expect};
use kernels::blas::{Blas, IndexWidth};
use kernels::{Driver, Dtype, Multiplier, Team, matmul_norm};
use tempfile::TempDir;

/// Where Debian's packages of libraries put them.
fn debian(file: &str, package: &str) -> PathBuf {
    let directory = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let path = Path::new(&directory).join(file);
    assert!(
        path.exists(),
        "{} is missing: install Debian's {package} (make setup-test)",
        path.display()
    );
    path
}

/// Compiles the stub with these options of the C compiler.
fn stub(directory: &TempDir, options: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blas/stub.c");
    let library = directory.path().join("libstub.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .args([&library, &source])
        .args(options)
        .output()
        .expect("a C compiler, cc (make setup)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    library
}

/// What is said of a library that is refused, without where it is.
fn refusal(path: &Path) -> String {
    let error = Blas::load(path).unwrap_err().to_string();
    let directory = path.parent().unwrap().to_str().unwrap();
    assert!(!error.contains('\n'), "{error}");
    error.replace(directory, "DIR")
}

#[track_caller]
fn check_refused(options: &[&str], expected: &Expect) {
    let directory = TempDir::new().unwrap();
    expected.assert_eq(&refusal(&stub(&directory, options)));
}

/// Libraries keep one number of threads for the whole process, and tests run side by side.
static THREADS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// matmul-norm of both types, with tiles and without, proves itself right.
fn check_products(blas: Blas, threads: usize) {
    let _alone = alone();
    for driver in [Driver::Team, Driver::Library] {
        if driver == Driver::Library && blas.describe().threads_max < threads {
            continue;
        }
        for dtype in [Dtype::F64, Dtype::F32] {
            for n in [1, 7, 150, 301] {
                let team = Arc::new(Team::new(threads, None).unwrap());
                let multiplier = Multiplier::with_blas(blas, team, driver).unwrap();
                let mut kernel = matmul_norm::boxed(n, dtype, multiplier).unwrap();
                kernel.prepare(1);
                let norm = kernel.run();
                let verification = kernel.verify(norm);
                assert!(
                    verification.passed(),
                    "{} {driver} n = {n} {dtype}: {verification:?}",
                    blas.describe().name
                );
            }
        }
    }
}

#[track_caller]
fn check_library(path: &Path, name: &str, threading: &str, threads: usize) -> Blas {
    let blas = Blas::load(path).unwrap();
    let description = blas.describe();
    assert_eq!(description.name, name);
    assert_eq!(description.threading, threading);
    assert_eq!(description.index_width, IndexWidth::Bits32);
    let file = description.file.unwrap();
    assert_eq!(file.path, fs::canonicalize(path).unwrap());
    assert_eq!(file.sha256.len(), 64);
    check_products(blas, threads);
    blas
}

#[test]
fn debians_openblas() {
    let path = debian("openblas-pthread/libopenblas.so.0", "libopenblas0-pthread");
    let blas = check_library(&path, "OpenBLAS", "pthreads", 2);
    let description = blas.describe();
    assert!(description.version.starts_with("0.3."), "{description:?}");
    assert_ne!(description.core, "unknown");
    let too_many = description.threads_max + 1;
    let _alone = alone();
    let error = blas.set_threads(too_many).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot use {too_many} threads: OpenBLAS 0.3.")),
        "{error}"
    );
    blas.set_threads(1).unwrap();
}

#[test]
fn debians_openblas_with_openmp() {
    let path = debian("openblas-openmp/libopenblas.so.0", "libopenblas0-openmp");
    check_library(&path, "OpenBLAS", "openmp", 2);
}

#[test]
fn a_sequential_openblas_is_called_by_one_thread_at_a_time() {
    let path = debian("openblas-serial/libopenblas.so.0", "libopenblas0-serial");
    let blas = check_library(&path, "OpenBLAS", "sequential", 1);
    let team = Arc::new(Team::new(2, None).unwrap());
    let error = Multiplier::with_blas(blas, Arc::clone(&team), Driver::Team).err();
    let error = error.unwrap().to_string();
    assert!(
        error.contains("from 2 threads at once: its build allows 1"),
        "{error}"
    );
    assert!(Multiplier::with_blas(blas, team, Driver::Library).is_err());
}

#[test]
fn debians_blis() {
    let path = debian("blis-pthread/libblis.so.4", "libblis4-pthread");
    let blas = check_library(&path, "BLIS", "pthreads", 2);
    assert_eq!(blas.describe().version, "0.9.0");
    let path = debian("blis-openmp/libblis.so.4", "libblis4-openmp");
    check_library(&path, "BLIS", "openmp", 2);
}

#[test]
fn the_reference_blas_has_no_threads_of_its_own() {
    let path = debian("blas/libblas.so.3", "libblas3");
    let name = fs::canonicalize(&path).unwrap();
    let name = name.file_name().unwrap().to_str().unwrap();
    let blas = check_library(&path, name, "sequential", 2);
    let error = blas.set_threads(2).unwrap_err().to_string();
    assert!(
        error.contains("it has no threads of its own (choose --threads 1"),
        "{error}"
    );
}

#[test]
fn the_system_has_one() {
    debian("openblas-pthread/libopenblas.so.0", "libopenblas0-pthread");
    let blas = kernels::blas::find::system().unwrap();
    check_products(blas, 1);
}

#[test]
fn a_file_is_loaded_once() {
    let directory = TempDir::new().unwrap();
    let path = stub(&directory, &[]);
    let link = directory.path().join("another-name.so");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let (first, second) = (Blas::load(&path).unwrap(), Blas::load(&link).unwrap());
    assert_eq!(first.describe(), second.describe());
}

#[test]
fn other_spellings_and_widths() {
    const WIDE: &str = "-DCONFIG=\"OpenBLAS 9.9 USE64BITINT MAX_THREADS=8\"";
    let check = |options: &[&str], prefix: &str, suffix: &str, width| {
        let directory = TempDir::new().unwrap();
        let blas = Blas::load(&stub(&directory, options)).unwrap();
        let description = blas.describe();
        let file = description.file.unwrap();
        assert_eq!(
            (&*file.symbol_prefix, &*file.symbol_suffix),
            (prefix, suffix)
        );
        assert_eq!(description.index_width, width);
        check_products(blas, 2);
    };
    check(&["-DNAME(f)=scipy_##f"], "scipy_", "", IndexWidth::Bits32);
    check(
        &[
            "-DNAME(f)=scipy_##f##64_",
            "-DINT=long",
            WIDE,
            "-DTHREADS=0",
        ],
        "scipy_",
        "64_",
        IndexWidth::Bits64,
    );
    check(
        &["-DNAME(f)=f##64_", "-DINT=long"],
        "",
        "64_",
        IndexWidth::Bits64,
    );
    check(
        &["-DNAME(f)=f##_64", "-DINT=long"],
        "",
        "_64",
        IndexWidth::Bits64,
    );
    // Nothing says so, but it is measured.
    check(&["-DINT=long"], "", "", IndexWidth::Bits64);
}

#[test]
fn wrong_products_are_refused() {
    check_refused(
        &["-DPRODUCT(sum)=((sum)+(m>60&&i==m-1))"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: its cblas_dgemm computes wrong results (77 instead of 76 in a product of 69 by 67 by 71)"
        ],
    );
    check_refused(
        &["-DPRODUCT(sum)=((sum)/(0*sum))"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: its cblas_dgemm computes wrong results (inf instead of 19 in a product of 2 by 3 by 2)"
        ],
    );
    check_refused(
        &["-DSPOIL_GAPS"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: its cblas_dgemm computes wrong results (1 instead of -77 behind a row in a product of 2 by 3 by 2)"
        ],
    );
    check_refused(
        &["-DPRODUCT(sum)=(sizeof(sum)==4?0:(sum))"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: its cblas_sgemm computes wrong results (0 instead of 19 in a product of 2 by 3 by 2)"
        ],
    );
}

#[test]
fn missing_functions_are_named() {
    check_refused(
        &["-DNO_SGEMM"],
        &expect!["cannot use 'DIR/libstub.so' as a BLAS: it has no cblas_sgemm"],
    );
    check_refused(
        &["-DNO_DDOT"],
        &expect!["cannot use 'DIR/libstub.so' as a BLAS: it has no cblas_ddot"],
    );
    check_refused(
        &["-DNAME(f)=odd_##f"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: it has none of cblas_dgemm, scipy_cblas_dgemm, scipy_cblas_dgemm64_, cblas_dgemm64_, cblas_dgemm_64 (is it built with CBLAS?)"
        ],
    );
    check_refused(
        &["-DSTARTS_THREADS"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: it starts threads of its own (pthread_create), but has none of the known functions to set and read their number (OpenBLAS's, MKL's, BLIS's)"
        ],
    );
}

#[test]
fn a_width_that_is_not_what_is_said_is_refused() {
    check_refused(
        &["-DNAME(f)=f##64_"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: the name of its functions says that it takes 64-bit integers, but it takes 32-bit ones"
        ],
    );
    check_refused(
        &["-DINT=long", "-DCONFIG=\"OpenBLAS 9.9\"", "-DTHREADS=0"],
        &expect![
            "cannot use 'DIR/libstub.so' as a BLAS: its configuration says that it takes 32-bit integers, but it takes 64-bit ones"
        ],
    );
}

#[test]
fn ignored_numbers_of_threads_are_refused() {
    let directory = TempDir::new().unwrap();
    let options = ["-DCONFIG=\"OpenBLAS 9.9 MAX_THREADS=8\"", "-DTHREADS=7"];
    let blas = Blas::load(&stub(&directory, &options)).unwrap();
    for (driver, size) in [
        (Driver::Team, 2),
        (Driver::Library, 2),
        (Driver::Library, 1),
    ] {
        let team = Arc::new(Team::new(size, None).unwrap());
        let error = Multiplier::with_blas(blas, team, driver).err();
        let error = error.unwrap().to_string();
        assert!(error.contains("OpenBLAS 9.9 uses 7 instead"), "{error}");
    }
}

#[test]
fn what_is_no_library_is_refused() {
    let directory = TempDir::new().unwrap();
    let check = |bytes: &[u8], expected: &Expect| {
        let path = directory.path().join("libx.so");
        fs::write(&path, bytes).unwrap();
        expected.assert_eq(&refusal(&path));
    };
    check(
        b"",
        &expect!["cannot load the BLAS 'DIR/libx.so': the file is empty"],
    );
    check(
        b"INPUT ( libblas.a )\n",
        &expect!["cannot load the BLAS 'DIR/libx.so': it is not a shared library (no ELF file)"],
    );
    check(
        b"!<arch>\n",
        &expect![
            "cannot load the BLAS 'DIR/libx.so': it is a static archive, not a shared library"
        ],
    );
    let mut other = fs::read(stub(&directory, &[])).unwrap();
    let mut cut = other.clone();
    other[18] = 8;
    check(
        &other,
        &expect![
            "cannot load the BLAS 'DIR/libx.so': it is made for ELF machine 8, this program for x86_64"
        ],
    );
    cut.truncate(100);
    let path = directory.path().join("libcut.so");
    fs::write(&path, &cut).unwrap();
    let error = refusal(&path);
    assert!(
        error.starts_with("cannot load the BLAS 'DIR/libcut.so': "),
        "{error}"
    );
    expect!["cannot read the BLAS 'DIR/none.so': No such file or directory (os error 2) (give the path of a shared library)"].assert_eq(&refusal(&directory.path().join("none.so")));
    let error = refusal(directory.path());
    assert!(error.contains("Is a directory"), "{error}");
}
