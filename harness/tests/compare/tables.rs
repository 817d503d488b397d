//! What is printed of good records.

use std::fs;

use expect_test::expect;
use results::Record;
use results::record::Bundle;

use crate::records::{case, compare, record, sealed, two_hosts, write};

const SIX: [f64; 6] = [500.0, 501.0, 502.0, 503.0, 504.0, 505.0];

#[test]
fn two_hosts_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let [fast, slow] = two_hosts(directory.path());
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stderr, "");
    expect![[r"
        2 sides, 2 records

        matmul-norm n=1000 f64, 16 threads, AVX2, OpenBLAS 0.3.21
          host  GFLOPS            interval      ratio  of peak  runs  grade
          fast   502.5  500.0 to 505.0 (s)  reference        -     1  QUICK
          slow   452.5  450.0 to 455.0 (s)      0.900        -     1  QUICK

        ratio: the median to that of fast, above 1 is faster
        interval (s): 95 % for the samples of one run; other runs may lie outside of it
    "]]
    .assert_eq(&outcome.stdout);
    // By its host or by its file, either may be the reference, also a file that is not among those that are named.
    for words in [
        &["--reference", "slow", "."][..],
        &["--reference", slow.to_str().unwrap(), "."],
        &[
            "--reference",
            slow.to_str().unwrap(),
            fast.to_str().unwrap(),
        ],
    ] {
        let outcome = compare(directory.path(), words);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(outcome.stdout.contains("1.110"), "{}", outcome.stdout);
    }
    let outcome = compare(directory.path(), &["--reference", "gone", "."]);
    assert_eq!(outcome.code, Some(2));
    expect![[r"
        bench: cannot compare with 'gone': no record is of such a host, and there is no such file (there are fast, slow)
    "]].assert_eq(&outcome.stderr);
}

#[test]
fn the_other_formats() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    let markdown = compare(directory.path(), &[".", "--format", "markdown"]);
    expect![[r"
        2 sides, 2 records

        ### matmul-norm n=1000 f64, 16 threads, AVX2, OpenBLAS 0.3.21

        | host | GFLOPS | interval | ratio | of peak | runs | grade |
        | --- | ---: | ---: | ---: | ---: | ---: | --- |
        | fast | 502.5 | 500.0 to 505.0 (s) | reference | - | 1 | QUICK |
        | slow | 452.5 | 450.0 to 455.0 (s) | 0.900 | - | 1 | QUICK |

        - ratio: the median to that of fast, above 1 is faster
        - interval (s): 95 % for the samples of one run; other runs may lie outside of it
    "]]
    .assert_eq(&markdown.stdout);
    let csv = compare(directory.path(), &[".", "--format", "csv"]);
    expect![[r"
        kernel,kernel_version,n,dtype,panel_rows,threads,driver,isa,blas,host,is_reference,unit,median,low,high,interval,ratio,ratio_low,ratio_high,percent_of_peak,runs,runs_left_out,samples_failed,grade,means_differ
        matmul-norm,1,1000,f64,,16,team,AVX2,OpenBLAS 0.3.21,fast,true,GFLOPS,502.5,500,505,samples,,,,,1,0,0,QUICK,
        matmul-norm,1,1000,f64,,16,team,AVX2,OpenBLAS 0.3.21,slow,false,GFLOPS,452.5,450,455,samples,0.900497512437811,0.8910891089108911,0.91,,1,0,0,QUICK,
    "]].assert_eq(&csv.stdout);
    let json = compare(directory.path(), &[".", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["reference"], "fast");
    let rows = value["groups"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["side"], "slow");
    assert!((rows[1]["ratio"].as_f64().unwrap() - 452.5 / 502.5).abs() < 1e-12);
}

/// A run that is a hundred times as long counts as one run: the host's figure is the median of its runs' medians.
#[test]
fn runs_of_a_host_are_taken_together_by_their_medians() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "a", &[100.0; 300]));
    write(directory.path(), &record(2, "a", &[200.0; 3]));
    write(directory.path(), &record(3, "a", &[210.0; 3]));
    write(directory.path(), &record(4, "b", &[400.0; 3]));
    let outcome = compare(
        directory.path(),
        &[".", "--reference", "a", "--format", "csv"],
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let rows: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let column = |name: &str| rows[0].iter().position(|title| *title == name).unwrap();
    let row = |host: &str| rows.iter().find(|row| row[column("host")] == host).unwrap();
    assert_eq!(row("a")[column("median")], "200");
    assert_eq!(row("a")[column("runs")], "3");
    assert_eq!(
        [
            row("a")[column("low")],
            row("a")[column("high")],
            row("a")[column("interval")]
        ],
        ["100", "210", "range"]
    );
    assert_eq!(row("b")[column("ratio")], "2");
    // Runs before and after an update are not the same side.
    let mut updated = record(5, "a", &[300.0; 3]);
    updated.software.bundle = Some(Bundle {
        digest: "9f86d081884c7d65".to_owned(),
        path: None,
        rung: None,
    });
    write(directory.path(), &sealed(updated));
    let outcome = compare(directory.path(), &[".", "--reference", "b"]);
    for label in ["a (bundle none)", "a (bundle 9f86d081884c7d65)"] {
        assert!(outcome.stdout.contains(label), "{}", outcome.stdout);
    }
    // What is open is named, not guessed.
    let outcome = compare(directory.path(), &[".", "--reference", "a"]);
    assert_eq!(outcome.code, Some(2));
    expect![[r"
        bench: cannot compare with 'a': it may be any of a (bundle none), a (bundle 9f86d081884c7d65) (name one of these, or a file)
    "]].assert_eq(&outcome.stderr);
}

#[test]
fn other_means_are_refused_unless_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "small", &SIX));
    let mut large = record(2, "large", &[900.0, 901.0, 902.0, 903.0, 904.0, 905.0]);
    large.cases[0].threads_used = 64;
    large.cases[0].threads_requested = 64;
    large.cases[0].isa = Some("AVX512".to_owned());
    // The core type that the library has found is no part of its build.
    large.software.blas.core = "SkylakeX".to_owned();
    large.software.blas.config = "OpenBLAS 0.3.21 DYNAMIC_ARCH SkylakeX MAX_THREADS=64".to_owned();
    write(directory.path(), &sealed(large));
    let words = [".", "--reference", "small"];
    let outcome = compare(directory.path(), &words);
    assert_eq!(outcome.code, Some(5));
    expect![[r"
        bench: cannot compare: large: matmul-norm n=1000 f64: threads 64 against 16, ISA AVX512 against AVX2 (try --anyway)
    "]].assert_eq(&outcome.stderr);
    assert!(!outcome.stdout.contains("1.796"), "{}", outcome.stdout);
    let outcome = compare(directory.path(), &[&words[..], &["--anyway"]].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    expect![[r"
        2 sides, 2 records

        matmul-norm n=1000 f64, by different means
          host   GFLOPS            interval      ratio  of peak  runs  grade
          large   902.5  900.0 to 905.0 (s)      1.796        -     1  QUICK
          small   502.5  500.0 to 505.0 (s)  reference        -     1  QUICK
          large: threads 64 against 16, ISA AVX512 against AVX2

        ratio: the median to that of small, above 1 is faster
        interval (s): 95 % for the samples of one run; other runs may lie outside of it

        What differs between them:
          BLAS core: SkylakeX: large; Zen: small
    "]]
    .assert_eq(&outcome.stdout);
}

#[test]
fn one_host_is_nothing_to_compare_and_its_files_are() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "only", &SIX));
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(5));
    expect![[r"
        bench: cannot compare: there is only one record (name others)
    "]]
    .assert_eq(&outcome.stderr);
    assert!(outcome.stdout.contains("502.5"), "{}", outcome.stdout);
    write(directory.path(), &record(2, "only", &SIX));
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(5));
    expect![[r"
        bench: cannot compare: all 2 records are of only in one state (try --by file, or --reference with a file)
    "]].assert_eq(&outcome.stderr);
    let outcome = compare(directory.path(), &[".", "--by", "file"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("~1.000"), "{}", outcome.stdout);
}

/// The story: a host's memory flips a bit in a matrix before it is multiplied. Its own verification passes.
#[test]
fn a_host_that_computes_something_else_is_called_out() {
    let directory = tempfile::tempdir().unwrap();
    for id in 1..=3 {
        write(directory.path(), &record(id, &format!("node{id}"), &SIX));
    }
    let wrong = |relative: f64| -> Record {
        let mut wrong = record(4, "node4", &SIX);
        wrong.cases[0].samples[2].norm *= 1.0 + relative;
        sealed(wrong)
    };
    // Rounding may be anything within the bound.
    let path = write(directory.path(), &wrong(1e-14));
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    write(directory.path(), &wrong(1e-9));
    for format in ["text", "markdown", "csv", "json"] {
        let outcome = compare(directory.path(), &[".", "--format", format]);
        assert_eq!(outcome.code, Some(4));
        assert!(outcome.stdout.contains("node4"), "{}", outcome.stdout);
        assert!(
            outcome
                .stderr
                .contains("node4 computed another norm than node")
        );
    }
    let outcome = compare(directory.path(), &["."]);
    expect![[r"
        bench: possible silent data corruption: node4 computed another norm than node2: matmul-norm n=1000 f64, seed 3: 250002.00025000202 against 250002, relative 1.00e-9 where 2.59e-13 is possible (./node4-20260102T030405Z-00000004.json); most others agree with each other, so this host or its program errs silently
    "]].assert_eq(&outcome.stderr);
    assert!(outcome.stdout.contains("POSSIBLE SILENT DATA CORRUPTION:"));
    // With one other host only, either may be wrong.
    for id in 2..=3 {
        fs::remove_file(
            directory
                .path()
                .join(format!("node{id}-20260102T030405Z-{id:08x}.json")),
        )
        .unwrap();
    }
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(4));
    assert!(
        outcome.stderr.contains("one of the two errs silently"),
        "{}",
        outcome.stderr
    );
    assert!(path.exists());
}

#[test]
fn invalid_runs_are_shown_and_marked() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "good", &SIX));
    let mut bad = record(2, "bad", &[700.0; 6]);
    bad.cases[0].samples[0].verification.passed = false;
    write(directory.path(), &sealed(bad));
    // Of a host with sound runs only these count.
    write(directory.path(), &record(3, "bad", &[600.0; 6]));
    let mut alone = record(4, "alone", &[800.0; 6]);
    alone.cases[0].threads_used = 16;
    alone.cases[0].samples[5].verification.passed = false;
    write(directory.path(), &sealed(alone));
    let outcome = compare(directory.path(), &[".", "--reference", "good"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    expect![[r"
        3 sides, 4 records

        matmul-norm n=1000 f64, 16 threads, AVX2, OpenBLAS 0.3.21
          host   GFLOPS            interval      ratio  of peak    runs  grade
          alone   800.0                   -      1.592        -       1  INVALID
          bad     600.0  600.0 to 600.0 (s)      1.194        -  1 of 2  QUICK
          good    502.5  500.0 to 505.0 (s)  reference        -       1  QUICK

        ratio: the median to that of good, above 1 is faster
        interval (s): 95 % for the samples of one run; other runs may lie outside of it
        runs m of n: the others are graded INVALID or have no verified sample
    "]]
    .assert_eq(&outcome.stdout);
}

#[test]
fn what_differs_between_environments_is_named_and_only_that() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "one", &SIX));
    let mut other = record(2, "two", &SIX);
    other.host.cpu.microcode = Some("0x8301072".to_owned());
    other.host.topology.cpu_quota = Some(8.0);
    // Not the same from one minute to the next, so it is no difference.
    other.host.memory.available_bytes = Some(1);
    other.settings.clock_resolution_s = 1e-6;
    other.elapsed_s = 99.0;
    write(directory.path(), &sealed(other));
    let outcome = compare(directory.path(), &["."]);
    let differences: Vec<&str> = outcome
        .stdout
        .lines()
        .skip_while(|line| *line != "What differs between them:")
        .collect();
    expect![[r"
        What differs between them:
          microcode: 0x8301034: one; 0x8301072: two
          CPU quota: none: one; 8 CPUs: two"]]
    .assert_eq(&differences.join("\n"));
}

/// The story: somebody sends a record whose host has escape sequences for a name. They must not reach a terminal, nor change
/// what Markdown or a spreadsheet makes of the rest.
#[test]
fn hostile_names_do_nothing() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "good", &SIX));
    let name = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}=cmd|'<script>\r\n";
    let mut hostile = record(2, name, &SIX);
    hostile.host.cpu.model = name.to_owned();
    hostile.cases.push(case(2000, &SIX));
    hostile.cases[1].kernel = name.to_owned();
    write(directory.path(), &sealed(hostile));
    for format in ["text", "markdown", "csv", "json"] {
        let outcome = compare(directory.path(), &[".", "--format", format]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        for text in [&outcome.stdout, &outcome.stderr] {
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(harmful), "{format}: {text:?}");
        }
        if format == "markdown" {
            assert!(!outcome.stdout.contains("<script>"), "{}", outcome.stdout);
        }
        if format == "json" {
            let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
            let sides = value["sides"].as_array().unwrap();
            assert!(sides.iter().any(|side| side["name"] == name));
        }
    }
}

/// None in a pipe, unless they are asked for.
#[test]
fn bars_are_drawn_where_they_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    let piped = compare(directory.path(), &["."]).stdout;
    assert_eq!(
        compare(directory.path(), &[".", "--bars", "none"]).stdout,
        piped
    );
    let drawn = |bars: &str| {
        let text = compare(directory.path(), &[".", "--bars", bars]).stdout;
        let new = text.lines().filter(|line| !piped.contains(*line));
        new.map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    expect![[r"
        # GFLOPS, from 0
        fast  #################################################################  502.5
        slow  ###########################################################        452.5"]]
    .assert_eq(&drawn("ascii"));
    assert!(drawn("unicode").contains('█'));
}
