//! `bench check` as CI sees it: verdicts, exit codes, accepted changes, records of earlier runs.

mod fake;

use std::fs;
use std::path::Path;

use expect_test::expect;
use fake::{program, run, set_rate, stderr, stdout, steady, steady_rates, template};
use results::accepted::AcceptedFile;
use results::comparison::Comparison;
use serde_json::{Value, json};

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

const CHECK: [&str; 7] = [
    "check",
    "--against",
    "./base",
    "--candidate",
    "./new",
    "--max-time",
    "30s",
];

#[track_caller]
fn check(directory: &Path, more: &[&str], code: i32) -> String {
    stdout(&run(directory, &[&CHECK[..], more].concat(), code))
}

#[test]
fn verdicts_and_their_exit_codes() {
    let directory = scratch();
    let directory = directory.path();
    steady(directory, "base", 100);
    steady(directory, "new", 100);
    assert!(check(directory, &[], 0).starts_with("pass: no slowdown beyond 1.0 % in 1 case\n"));
    steady(directory, "new", 120);
    check(directory, &[], 0);
    steady(directory, "new", 90);
    let text = check(directory, &[], 1);
    assert!(
        text.starts_with(
            "regression: slower beyond the threshold, and confirmed, in 1 of 1 case\n"
        ),
        "{text}"
    );
    // What does not count by the threshold is none.
    check(directory, &["--threshold", "15%"], 0);
    check(directory, &["--threshold", "5%"], 1);

    let mut record = template();
    record["cases"][0]["samples"][0]["verification"]["passed"] = json!(false);
    program(directory, "new", &record, "1000");
    assert!(check(directory, &[], 4).starts_with("invalid\n"));
    let mut record = template();
    record["cases"][0]["dtype"] = json!("f32");
    program(directory, "new", &record, "1000");
    assert!(check(directory, &[], 5).starts_with("not comparable\n"));
    let wild = "10000 * (1 + count * 7919 % 21)";
    program(directory, "new", &template(), wild);
    let text = stdout(&run(
        directory,
        &[&CHECK[..5], &["--max-time", "2s"]].concat(),
        3,
    ));
    assert!(text.starts_with("inconclusive\n"), "{text}");
}

/// A candidate that is slow at first and never again: found once, and not confirmed.
#[test]
fn what_is_not_found_again_is_no_regression() {
    let directory = scratch();
    steady(directory.path(), "base", 100);
    // Two in the warm-up, twelve in the six blocks of the first look.
    let rates = format!(
        "count < 14 ? ({}) : ({})",
        steady_rates(80),
        steady_rates(100)
    );
    program(directory.path(), "new", &template(), &rates);
    let text = check(directory.path(), &[], 3);
    assert!(
        text.contains("inconclusive, 0.") && text.contains("in 6 fresh blocks alone p = "),
        "{text}"
    );
}

/// The slowdown of one case among three is found; the others do not make it less.
#[test]
fn several_cases_are_judged_together() {
    let directory = scratch();
    let three = |second: Value| {
        let mut record = template();
        let case = record["cases"][0].clone();
        let sized = |n: usize, rate: Value| {
            let mut case = case.clone();
            case["n"] = json!(n);
            set_rate(&mut case, &rate);
            case
        };
        let open = || json!("@RATE@");
        record["cases"] = json!([
            sized(1000, open()),
            sized(2000, second),
            sized(3000, open())
        ]);
        record
    };
    let rates = steady_rates(100);
    program(directory.path(), "base", &three(json!("@RATE@")), &rates);
    program(directory.path(), "new", &three(json!(50_000.0)), &rates);
    let text = check(directory.path(), &[], 1);
    assert!(text.contains("in 1 of 3 cases"), "{text}");
    assert!(
        text.contains("n=2000 f64, 18 threads: regression"),
        "{text}"
    );
    assert!(text.contains("n=1000 f64, 18 threads: pass"), "{text}");
}

#[test]
fn accepted_changes_are_expected_from_then_on() {
    let directory = scratch();
    let directory = directory.path();
    // Programs that are no bundles, known by their files.
    let mut record = template();
    record["software"]["bundle"] = Value::Null;
    let steady = |directory: &Path, name: &str, rate: u32| {
        program(directory, name, &record, &steady_rates(rate));
    };
    steady(directory, "base", 100);
    steady(directory, "new", 80);
    assert!(
        stderr(&run(
            directory,
            &[&CHECK[..], &["--accept", " "]].concat(),
            2
        ))
        .contains("without a reason")
    );
    check(directory, &[], 1);
    let text = check(directory, &["--accept", "checks bounds now"], 0);
    assert!(text.starts_with("accepted: "), "{text}");
    let path = directory.join(".bench-accepted.json");
    let file = AcceptedFile::read(&path).unwrap();
    assert_eq!(file.changes.len(), 1);
    assert!((file.changes[0].ratio - 0.8).abs() < 0.005, "{file:?}");
    let text = check(directory, &[], 0);
    let is_told = |text: &str| {
        text.contains("0.800 times the baseline's speed is expected, accepted 20")
            && text.contains(": checks bounds now")
    };
    assert!(is_told(&text), "{text}");
    assert!(
        text.starts_with("pass: ")
            && text.contains("1 of them against a change that was accepted before")
    );
    for format in ["markdown", "json"] {
        let text = check(directory, &["--format", format], 0);
        assert!(is_told(&text), "{text}");
    }
    // It was accepted of threads that are bound in one way, and is a regression of others.
    let elsewhere = check(directory, &["--affinity", "scatter"], 1);
    assert!(!is_told(&elsewhere), "{elsewhere}");
    check(directory, &["--affinity", "compact"], 0);
    // Slower than that is a regression again; accepting nothing changes nothing.
    check(directory, &["--accept", "again"], 0);
    assert_eq!(AcceptedFile::read(&path).unwrap(), file);
    steady(directory, "new", 70);
    check(directory, &[], 1);
    // The accepted candidate becomes the baseline under the same name, and the next one is slower by as much again: that was not accepted.
    steady(directory, "base", 80);
    steady(directory, "new", 64);
    let text = check(directory, &[], 1);
    assert!(
        text.contains("was accepted against other baselines and does not count"),
        "{text}"
    );
    fs::write(&path, "{").unwrap();
    run(directory, &CHECK, 2);
}

/// Records of `bench run` that were never run: the template's with a rate and a name of its own.
fn write_records(directory: &Path, rates: &[f64], change: impl Fn(&mut Value)) {
    fs::create_dir_all(directory).unwrap();
    for (index, rate) in rates.iter().enumerate() {
        let mut record = template();
        record["id"] = json!(format!("{index:08x}"));
        set_rate(&mut record["cases"][0], &json!(rate));
        change(&mut record);
        let path = directory.join(format!("{index}.json"));
        fs::write(path, serde_json::to_string(&record).unwrap()).unwrap();
    }
}

const RATES: [f64; 6] = [99e3, 100e3, 101e3, 100.5e3, 99.5e3, 100.1e3];
const AGAINST: [&str; 7] = [
    "check",
    "--against",
    "kept",
    "--candidate",
    "./new",
    "--max-time",
    "30s",
];

#[test]
fn records_are_runs() {
    let directory = scratch();
    let directory = directory.path();
    write_records(&directory.join("kept"), &RATES, |_| ());
    let check = |rate: u32, code: i32| {
        steady(directory, "new", rate);
        stdout(&run(directory, &AGAINST, code))
    };
    let text = check(100, 0);
    assert!(text.contains("from 6 runs then and 6 now"), "{text}");
    assert!(
        text.contains("threshold 5.0 % (the least, 1.5 times the noise is less)"),
        "{text}"
    );
    assert!(text.contains("warning: runs of other hours"), "{text}");
    let text = check(80, 1);
    assert!(text.contains("slower in fresh runs alone"), "{text}");
}

#[test]
fn records_that_cannot_be_compared_are_refused() {
    let refused = |rates: &[f64], change: fn(&mut Value), reason: &str| {
        let directory = scratch();
        write_records(&directory.path().join("kept"), rates, change);
        steady(directory.path(), "new", 100);
        let text = stdout(&run(directory.path(), &AGAINST, 5));
        assert!(
            text.starts_with("not comparable\n") && text.contains(reason),
            "{text}"
        );
    };
    refused(
        &RATES,
        |record| record["host"]["cpu"]["model"] = json!("another"),
        "of other hardware: CPU ",
    );
    refused(&RATES[..4], |_| (), "4 of 4 records have matmul-norm n=");
    refused(
        &RATES,
        |record| record["cases"][0]["threads_used"] = json!(1),
        "0 of 6 records have",
    );
    // Samples of one run are one run.
    let directory = scratch();
    write_records(&directory.path().join("kept"), &RATES[..1], |record| {
        let sample = record["cases"][0]["samples"][0].clone();
        let samples = record["cases"][0]["samples"].as_array_mut().unwrap();
        samples.extend((0..50).map(|_| sample.clone()));
    });
    steady(directory.path(), "new", 100);
    let words = ["check", "--against", "kept/0.json", "--candidate", "./new"];
    let text = stdout(&run(directory.path(), &words, 5));
    assert!(text.contains("1 of 1 records have"), "{text}");
}

#[test]
fn a_summary_for_ci() {
    let directory = scratch();
    let directory = directory.path();
    program(directory, "base", &template(), "100000");
    program(directory, "new", &template(), "90000");
    let words = [&CHECK[..], &["--format", "markdown"]].concat();
    let text = stdout(&run(directory, &words, 1));
    let table: Vec<&str> = text.lines().take(5).collect();
    expect![[r"
        ### bench check: regression

        | case | verdict | candidate / baseline | 95 % interval | threshold | noise |
        | --- | --- | --- | --- | --- | --- |
        | matmul-norm n=10000 f64, 18 threads | regression | 0.9000 | 0.9000 to 0.9000 | 1.0 % (the least, 1.5 times the noise is less) | ±0.0 % |"]].assert_eq(&table.join("\n"));
    let words = [&CHECK[..], &["--format", "json"]].concat();
    let output = run(directory, &words, 1);
    let comparison: Comparison = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(comparison.command, "check");
}

/// The story: a directory of kept records holds one without samples and one that somebody has made faster. Neither counts as a run, and
/// who reads the verdict is told.
#[test]
fn kept_records_that_cannot_have_been_measured_are_named() {
    let directory = scratch();
    let directory = directory.path();
    let kept = directory.join("kept");
    write_records(&directory.join("bad"), &[0.5], |record| {
        record["cases"][0]["samples"] = json!([]);
    });
    write_records(&kept, &RATES, |_| ());
    fs::copy(directory.join("bad/0.json"), kept.join("empty.json")).unwrap();
    steady(directory, "new", 100);
    let output = run(directory, &AGAINST, 0);
    expect![[r"
        bench: warning: kept/empty.json is left out: no measurement can have found what it says: nothing was measured: it has no sample (use the original)
    "]].assert_eq(&stderr(&output));
    let mut named = AGAINST;
    named[2] = "kept/empty.json";
    let output = run(directory, &named, 4);
    expect![[r"
        bench: cannot use kept/empty.json as a record: no measurement can have found what it says: nothing was measured: it has no sample (use the original)
    "]].assert_eq(&stderr(&output));
}
