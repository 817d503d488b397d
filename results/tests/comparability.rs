//! What may be compared, and that nothing unstable decides about it.

use results::Record;
use results::comparability::{hardware, key, library};
use results::library::{LibraryFile, NamedLibrary};
use results::limits::Limits;
use results::record::Blas;

mod common;

/// The same run, once more: everything that changes by itself has changed.
fn again() -> Record {
    let mut record = common::article();
    record.id = String::from("00000000");
    record.started_utc = String::from("2026-01-02T03:04:05Z");
    record.elapsed_s = 1.0;
    record.host.memory.available_bytes = Some(1);
    record.host.topology.usable_logical_cpus = 35;
    record.settings.clock_resolution_s = 1.0;
    record.settings.command_line.clear();
    record.warnings = vec!["another".to_owned()];
    record.cases[0].cpus = Some(vec![0, 1]);
    record.cases[0].samples[0].gflops = 1.0;
    record
}

fn differences(change: fn(&mut Record)) -> String {
    let (one, mut other) = (common::article(), again());
    change(&mut other);
    let (one, other) = (key(&one, &one.cases[0]), key(&other, &other.cases[0]));
    let work = one.work.differences(&other.work);
    let means = one.means.differences(&other.means);
    assert_eq!(one == other, work.is_empty() && means.is_empty());
    let all: Vec<String> = work.iter().chain(&means).map(ToString::to_string).collect();
    all.join(", ")
}

#[test]
fn what_changes_by_itself_is_no_difference() {
    assert_eq!(differences(|_| {}), "");
    assert_eq!(hardware(&common::article().host), hardware(&again().host));
}

#[test]
fn what_was_not_told_yet_is_what_it_was_then() {
    assert_eq!(
        differences(|other| {
            other.cases[0].kernel_version = Some(1);
            other.cases[0].driver = Some("library".to_owned());
        }),
        ""
    );
}

#[test]
fn every_part_of_the_key_is_named() {
    type Change = fn(&mut Record);
    let changes: [(Change, &str); 10] = [
        (
            |it| it.cases[0].kernel = "gemm".to_owned(),
            "kernel matmul-norm against gemm",
        ),
        (
            |it| it.cases[0].kernel_version = Some(2),
            "kernel version 1 against 2",
        ),
        (|it| it.cases[0].n = 5000, "n 10000 against 5000"),
        (
            |it| it.cases[0].dtype = "f32".to_owned(),
            "type f64 against f32",
        ),
        (
            |it| it.cases[0].panel_rows = Some(2048),
            "panel rows none against 2048",
        ),
        (|it| it.cases[0].threads_used = 17, "threads 18 against 17"),
        (
            |it| it.cases[0].driver = Some("team".to_owned()),
            "driver library against team",
        ),
        (
            |it| it.cases[0].isa = Some("AVX2".to_owned()),
            "ISA SkylakeX against AVX2",
        ),
        (
            |it| {
                let blas = &mut it.software.blas;
                blas.version = "0.3.34".to_owned();
                blas.config = blas.config.replace("0.3.21", "0.3.34");
            },
            "BLAS OpenBLAS 0.3.21 against OpenBLAS 0.3.34",
        ),
        (
            |it| it.software.blas.config.push_str(" DYNAMIC_ARCH"),
            "BLAS build 'NO_AFFINITY USE64BITINT=0 MAX_THREADS=128' against 'NO_AFFINITY USE64BITINT=0 MAX_THREADS=128 DYNAMIC_ARCH'",
        ),
    ];
    for (change, expected) in changes {
        assert_eq!(differences(change), expected);
    }
}

/// The story: the same build of OpenBLAS runs on two hosts and finds another core type on each. It puts it among the words of its
/// configuration, and two hosts with one library looked like two libraries.
#[test]
fn the_core_type_is_no_part_of_the_build() {
    assert_eq!(
        differences(|other| {
            let blas = &mut other.software.blas;
            blas.core = "Zen".to_owned();
            blas.config = blas.config.replace("SkylakeX", "Zen");
            other.cases[0].isa = Some("SkylakeX".to_owned());
        }),
        ""
    );
}

#[test]
fn a_case_has_the_library_that_it_names() {
    let mut record = common::article();
    let system = Blas {
        name: "BLIS".to_owned(),
        file: Some(LibraryFile {
            sha256: "aa".to_owned(),
            ..LibraryFile::default()
        }),
        ..Blas::default()
    };
    record.software.libraries = vec![NamedLibrary {
        name: "system".to_owned(),
        blas: system,
    }];
    record.limits = Some(Limits {
        blas_isa: "AVX-512".to_owned(),
        ..Limits::default()
    });
    assert_eq!(key(&record, &record.cases[0]).means.isa, "AVX-512");
    record.cases[0].blas = Some("system".to_owned());
    assert_eq!(library(&record, &record.cases[0]).name, "BLIS");
    let means = key(&record, &record.cases[0]).means;
    assert_eq!(means.blas_sha256.as_deref(), Some("aa"));
    assert_eq!(means.isa, "", "the limits are the linked library's");
}

#[test]
fn other_hardware_is_told_apart() {
    let mut other = again();
    other.host.cpu.model = "AMD EPYC 7302".to_owned();
    let differences = hardware(&common::article().host).differences(&hardware(&other.host));
    assert_eq!(
        differences[0].to_string(),
        "CPU Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz against AMD EPYC 7302"
    );
}
