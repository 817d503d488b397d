//! `bench --blas`: what is measured with, what the record says of it, and what is refused.

use std::path::PathBuf;
use std::process::{Command, Output};

use results::Record;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--size", "50,60", "--repeats", "2", "--warmup", "0"])
        .args(["--threads", "1", "--output", "-"])
        .args(arguments)
        .output()
        .expect("bench starts")
}

#[track_caller]
fn record(arguments: &[&str]) -> Record {
    let output = bench(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).expect("a record")
}

/// A library of the host, from Debian's package.
fn debian(file: &str, package: &str) -> String {
    let path = PathBuf::from(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH)).join(file);
    assert!(
        path.exists(),
        "{} is missing: install Debian's {package} (make setup-test)",
        path.display()
    );
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn the_linked_library_is_the_default() {
    let record = record(&[]);
    assert_eq!(record.software.blas.name, "OpenBLAS");
    assert_eq!(record.software.blas.file, None);
    assert!(record.software.libraries.is_empty());
    assert!(record.cases.iter().all(|case| case.blas.is_none()));
}

#[test]
fn each_library_is_measured_at_each_size() {
    let blis = debian("blis-pthread/libblis.so.4", "libblis4-pthread");
    let reference = debian("blas/libblas.so.3", "libblas3");
    let record = record(&["--blas", &format!("bundled,{blis},{reference}")]);
    assert!(record.is_valid());
    let software = &record.software;
    assert_eq!(software.blas, software.libraries[0].blas);
    let names: Vec<&str> = software
        .libraries
        .iter()
        .map(|library| library.blas.name.as_str())
        .collect();
    assert_eq!(names[..2], ["OpenBLAS", "BLIS"]);
    let file = software.libraries[1].blas.file.as_ref().unwrap();
    assert_eq!((file.index_bits, &*file.symbol_prefix), (32, ""));
    let cases: Vec<(usize, &str)> = record
        .cases
        .iter()
        .map(|case| (case.n, case.blas.as_deref().unwrap()))
        .collect();
    let expected =
        [50, 60].map(|n| ["bundled", "libblis.so.4", "libblas.so.3"].map(|name| (n, name)));
    assert_eq!(cases, expected.concat());
}

#[test]
fn one_library_alone_is_the_records() {
    let blis = debian("blis-pthread/libblis.so.4", "libblis4-pthread");
    let output = bench(&["--blas", &blis, "--dtype", "f32"]);
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record.software.blas.name, "BLIS");
    assert!(record.software.libraries.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("bench: libblis.so.4: BLIS 0.9.0, core "),
        "{said}"
    );
}

#[test]
fn the_system_says_what_it_took() {
    debian("openblas-pthread/libopenblas.so.0", "libopenblas0-pthread");
    let output = bench(&["--blas", "system"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("bench: system: "), "{said}");
    assert!(said.contains(", from /"), "{said}");
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line() {
    for (blas, reason) in [
        ("/no/such.so", "cannot read the BLAS '/no/such.so'"),
        ("/etc/passwd", "it is not a shared library"),
        ("atlas", "it is none of bundled, newest, system, all"),
        (env!("CARGO_BIN_EXE_bench"), "cannot "),
    ] {
        let output = bench(&["--blas", blas]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(reason), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
    let serial = debian("openblas-serial/libopenblas.so.0", "libopenblas0-serial");
    let output = bench(&["--blas", &serial]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn each_library_is_held_against_its_own_instruction_set() {
    let reference = debian("blas/libblas.so.3", "libblas3");
    let words = ["--blas", &format!("bundled,{reference}"), "--peak"];
    let record = record(&[&words[..], &["--kernel", "gemm,fma-peak"]].concat());
    let limits = record.limits.as_ref().unwrap();
    let [linked, loaded] = &limits.library_isas[..] else {
        panic!("{limits:?}");
    };
    assert_eq!(linked.core.as_ref(), Some(&record.software.blas.core));
    // The reference implementation names no core type.
    assert_eq!((&loaded.core, &loaded.isa), (&None, &limits.best_isa));
    for case in &record.cases {
        let peak = case.peak.as_ref().unwrap();
        assert_eq!(peak.isa, limits.isa_of(case), "{case:?}");
        assert!(case.blas.is_some());
    }
    let peaks = record.cases.iter().filter(|case| case.kernel == "fma-peak");
    let isas = if linked.isa == loaded.isa { 1 } else { 2 };
    assert_eq!(peaks.count(), 2 * isas);
}

#[test]
fn systems_are_solved_by_any_library_with_lapack_and_by_no_other() {
    let openblas = debian("openblas-pthread/libopenblas.so.0", "libopenblas0-pthread");
    let words = ["--blas", &format!("bundled,{openblas}"), "--kernel"];
    let record = record(&[&words[..], &["lu-solve", "--dtype", "f64,f32"]].concat());
    assert!(record.is_valid());
    assert_eq!(record.cases.len(), 8);
    let names: Vec<&str> = record
        .cases
        .iter()
        .filter_map(|it| it.blas.as_deref())
        .collect();
    assert_eq!(names[..2], ["bundled", "libopenblas.so.0"]);

    let blis = debian("blis-pthread/libblis.so.4", "libblis4-pthread");
    let output = bench(&["--blas", &blis, "--kernel", "lu-solve"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    let reason = "it has no LAPACK, that is no dgetrf, dgetrs, sgetrf and sgetrs (leave --blas out";
    assert!(message.contains(reason), "{message}");
}
