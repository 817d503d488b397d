//! `bench export` and `bench import` as users call them. That each format's own reader takes it is tests/exchange/validate.py's to show.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use results::Record;
use results::grade::Grade;
use results::samples_digest::{self, Seal};
use serde_json::Value;
use tempfile::TempDir;

const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/exchange/records");

/// The article's first run.
const LINES: &str = "running numpy norm test\nnorm: 25003427.73\t Run time: 3.06277 seconds\t GFLOPS: 653\n\
    running numpy norm test\nnorm: 25002406.43\t Run time: 3.04929 seconds\t GFLOPS: 656\n\
    running numpy norm test\nnorm: 24998160.53\t Run time: 3.08600 seconds\t GFLOPS: 648\n";

/// The options that every import needs.
const TOLD: [&str; 6] = ["--dtype", "f64", "--threads", "36", "--host", "i9"];

fn bench(directory: &TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(words).current_dir(directory.path());
    command.output().unwrap()
}

/// Imports a text from standard input.
fn import(text: &str, words: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["import", "seed", "-"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Words that are refused end the program before it reads.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn file_names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn every_format_goes_to_a_file_or_to_standard_output() {
    let directory = directory();
    let record = format!("{RECORDS}/base.json");
    for format in [
        "bmf",
        "github-action-benchmark",
        "google-benchmark",
        "hyperfine",
        "pyperf",
        "junit",
        "markdown",
        "csv",
    ] {
        let printed = bench(&directory, &["export", "--to", format, &record]);
        assert_eq!((code(&printed), message(&printed).as_str()), (0, ""));
        let written = bench(
            &directory,
            &["export", "--to", format, &record, "-o", format],
        );
        assert_eq!((code(&written), written.stdout.len()), (0, 0));
        assert_eq!(
            fs::read(directory.path().join(format)).unwrap(),
            printed.stdout
        );
    }
}

#[test]
fn records_come_from_directories_and_patterns() {
    let directory = directory();
    let pattern = format!("{RECORDS}/*.json");
    let exported = |word: &str| {
        let output = bench(&directory, &["export", "--to", "pyperf", word]);
        assert_eq!(code(&output), 0, "{}", message(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let suite = exported(RECORDS);
    assert_eq!(exported(&pattern), suite);
    assert_eq!(suite["benchmarks"][0]["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn asv_s_directory_grows_with_each_commit() {
    let directory = directory();
    let export = |record: &str, commit: &str| {
        let record = format!("{RECORDS}/{record}.json");
        let words = [
            "export", "--to", "asv", &record, "--commit", commit, "-o", "results",
        ];
        let output = bench(&directory, &words);
        assert_eq!(code(&output), 0, "{}", message(&output));
    };
    export("base", "aaaaaaaaaa");
    export("candidate", "bbbbbbbbbb");
    let results = directory.path().join("results");
    assert_eq!(file_names(&results), ["benchmarks.json", "example"]);
    assert_eq!(
        file_names(&results.join("example")),
        ["aaaaaaaa-bench.json", "bbbbbbbb-bench.json", "machine.json"]
    );
    // Somebody else's file is not replaced.
    fs::write(results.join("benchmarks.json"), "{}").unwrap();
    let record = format!("{RECORDS}/base.json");
    let output = bench(
        &directory,
        &["export", "--to", "asv", &record, "-o", "results"],
    );
    assert_eq!(code(&output), 2);
    assert!(
        message(&output).contains("is not a list of benchmarks"),
        "{}",
        message(&output)
    );
    assert_eq!(
        fs::read_to_string(results.join("benchmarks.json")).unwrap(),
        "{}"
    );
}

#[test]
fn what_cannot_be_exported_is_refused_in_one_line() {
    let directory = directory();
    fs::write(directory.path().join("other.json"), "{}").unwrap();
    let record = format!("{RECORDS}/base.json");
    for (words, exit, part) in [
        (vec!["--to", "xml", &record], 2, "invalid value 'xml'"),
        (vec!["--to", "bmf", "missing.json"], 2, "missing.json"),
        (
            vec!["--to", "bmf", "other.json"],
            2,
            "cannot use other.json as a record",
        ),
        (
            vec!["--to", "asv", &record],
            2,
            "name one with --output DIR",
        ),
        (
            vec!["--to", "bmf", &record, "-o", "no/where"],
            73,
            "cannot write no/where",
        ),
    ] {
        let words: Vec<&str> = ["export"].into_iter().chain(words).collect();
        let output = bench(&directory, &words);
        assert_eq!(code(&output), exit, "{words:?}: {}", message(&output));
        assert!(
            message(&output).contains(part),
            "{words:?}: {}",
            message(&output)
        );
        assert_eq!(message(&output).lines().count(), 1, "{}", message(&output));
    }
}

#[test]
fn a_failed_verification_is_the_exit_code_of_its_export() {
    let directory = directory();
    let text = fs::read_to_string(format!("{RECORDS}/base.json")).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    for sample in record["cases"][0]["samples"].as_array_mut().unwrap() {
        sample["verification"]["passed"] = false.into();
    }
    fs::write(directory.path().join("r.json"), record.to_string()).unwrap();
    let output = bench(&directory, &["export", "--to", "bmf", "r.json"]);
    assert_eq!(code(&output), 4);
    assert!(message(&output).contains("is left out: none of its samples was verified"));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results.as_object().unwrap().len(), 3);
}

#[test]
fn the_article_s_lines_are_a_record_that_claims_no_more_than_it_knows() {
    let output = import(LINES, &TOLD);
    assert_eq!(code(&output), 0, "{}", message(&output));
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record.host.hostname, "i9");
    let imported = record.imported.as_ref().unwrap();
    assert_eq!(
        (imported.format.as_str(), imported.program.as_str()),
        ("seed", "numpy script")
    );
    assert_eq!(imported.derived.len(), 2, "n and the time: {imported:?}");
    assert!(
        message(&output).contains("n = 10000 is derived"),
        "{}",
        message(&output)
    );
    let [case] = &record.cases[..] else { panic!() };
    assert_eq!(
        (case.kernel.as_str(), case.n, case.threads_used),
        ("matmul-norm", 10_000, 36)
    );
    let gflops: Vec<String> = case
        .samples
        .iter()
        .map(|it| format!("{:.0}", it.gflops))
        .collect();
    assert_eq!(gflops, ["653", "656", "648"]);
    for sample in &case.samples {
        let check = &sample.verification;
        assert!(check.passed && check.norm_tolerance.is_finite());
        assert!(check.scaled_residual.is_nan() && check.norm_error.is_nan());
    }
    assert!(record.grade.as_ref().unwrap().grade >= Grade::Quick);
    assert_eq!(
        results::grade::grade(&record),
        record.grade.clone().unwrap()
    );
    assert_eq!(samples_digest::check(&record), Seal::Fits);
}

#[test]
fn a_host_without_a_name_is_not_imported() {
    let told = |host, program| {
        let words = ["--host", host, "--program", program];
        [&TOLD[..4], &words].concat()
    };
    for words in [told("", "numpy"), told(" \t", "numpy"), told("i9", "")] {
        let output = import(LINES, &words);
        assert_eq!(code(&output), 2, "{}", message(&output));
        let message = message(&output);
        assert!(
            message.ends_with(" is no name (say what it was)\n"),
            "{message}"
        );
    }
}

#[test]
fn an_imported_record_is_stored_and_exported_like_any_other() {
    let directory = directory();
    fs::write(directory.path().join("out.txt"), LINES).unwrap();
    let words = ["import", "auto", "out.txt", "-o", "records"];
    let words: Vec<&str> = words.into_iter().chain(TOLD).collect();
    for _ in 0..2 {
        let output = bench(&directory, &words);
        assert_eq!(code(&output), 0, "{}", message(&output));
    }
    assert_eq!(
        file_names(&directory.path().join("records")).len(),
        1,
        "the same run is one record"
    );
    let output = bench(
        &directory,
        &["export", "--to", "github-action-benchmark", "records"],
    );
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results[0]["name"], "matmul-norm/f64/n=10000/threads=36");
    assert!((results[0]["value"].as_f64().unwrap() - 653.1).abs() < 0.1);
}

#[test]
fn a_norm_that_cannot_be_is_found() {
    for norm in ["25103427.73", "nan", "inf", "-25003427.73"] {
        let output = import(&LINES.replace("25003427.73", norm), &TOLD);
        assert_eq!(code(&output), 4, "{norm}");
        let record: Record = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(record.grade.unwrap().grade, Grade::Invalid);
    }
    // numpy's own norm in f32 is less exact; no product is wrong for it.
    let rounded = LINES.replace("25003427.73", "25070000.00");
    let words = ["--dtype", "f32", "--threads", "1", "--host", "i9"];
    assert_eq!(code(&import(&rounded, &words)), 0);
    assert_eq!(code(&import(&rounded, &TOLD)), 4);
}

#[test]
fn what_is_ambiguous_or_contradicts_itself_is_refused() {
    let thousand = "norm: 250097.00\t Run time: 0.02100 seconds\t GFLOPS: 95\n";
    let refused = |text: &str, more: &[&str], part: &str| {
        let words: Vec<&str> = TOLD.into_iter().chain(more.iter().copied()).collect();
        let output = import(text, &words);
        assert_eq!(code(&output), 2, "{}", message(&output));
        assert!(message(&output).contains(part), "{}", message(&output));
        assert_eq!(output.stdout.len(), 0);
    };
    refused(
        thousand,
        &[],
        "line 1 may be of any n from 997 to 1000 (say which with --size)",
    );
    refused(thousand, &["--size", "1001"], "line 1 is not of n = 1001");
    refused(LINES, &["--size", "tiny"], "line 2 is not of n = 5000");
    refused("hello\n", &[], "there is no line 'norm:");
    refused(
        "norm: 1.0 Run time\n",
        &[],
        "line 1 begins with 'norm:' but is not whole",
    );
    refused(
        thousand,
        &["--size", "1000", "--started", "yesterday"],
        "--started yesterday is no time",
    );
    let words: Vec<&str> = TOLD.into_iter().chain(["--size", "1000"]).collect();
    let output = import(thousand, &words);
    assert_eq!(code(&output), 0, "{}", message(&output));
    assert!(
        !message(&output).contains("derived"),
        "{}",
        message(&output)
    );
}

#[test]
fn this_host_is_described_and_bench_s_own_lines_can_be_imported() {
    let directory = directory();
    let lines = bench(
        &directory,
        &[
            "--size",
            "1000",
            "--repeats",
            "2",
            "--threads",
            "1",
            "--quiet",
        ],
    );
    let text = String::from_utf8(lines.stdout).unwrap();
    let words = [
        "--dtype",
        "f64",
        "--threads",
        "1",
        "--host",
        "this",
        "--size",
        "1000",
    ];
    let output = import(&text, &words);
    assert_eq!(code(&output), 0, "{}", message(&output));
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    assert!(record.host.topology.physical_cores > 0 && record.host.memory.total_bytes.is_some());
    assert_eq!(record.cases[0].samples.len(), 2);
}
