//! What a run says of the host that it ran on: in its record always, on the terminal in as few words as asked for.

use std::process::{Command, Output};

use results::Record;
use results::grade::{Grade, grade};

fn bench(words: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(words)
        .current_dir(directory.path())
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    output
}

#[test]
fn every_sample_has_its_conditions_and_the_run_a_grade() {
    let output = bench(&["--size", "100,150", "--repeats", "4", "--output", "-"]);
    let record: Record = serde_json::from_slice(&output.stdout).unwrap();
    for sample in record.cases.iter().flat_map(|case| &case.samples) {
        let conditions = sample.conditions.as_ref().unwrap();
        assert!(conditions.observed_s >= sample.run_time_s);
        assert!(conditions.page_faults_minor.is_some());
        assert_eq!(conditions.energy_j, None, "too short");
    }
    assert!(record.stability.is_some());
    // Four samples are too few on every host, and anybody may grade the record again.
    let graded = record.grade.clone().unwrap();
    assert!(graded.grade >= Grade::Quick);
    assert_eq!(grade(&record), graded);
}

#[test]
fn one_line_says_the_grade_and_quiet_runs_say_nothing() {
    let output = bench(&["--size", "100"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .filter(|it| it.starts_with("grade: "))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(
        lines[0].contains("3 samples, 5 are needed (try --repeats 5)"),
        "{text}"
    );
    let output = bench(&["--size", "100", "--quiet"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
}

#[test]
fn energy_that_was_asked_for_is_there_or_there_is_a_reason() {
    let output = bench(&["--size", "100", "--energy"]);
    let message = String::from_utf8_lossy(&output.stderr);
    // Samples of this size have none on any host.
    assert_eq!(message.matches("energy").count(), 1, "{message}");
    assert!(message.contains("bench: warning: cannot "), "{message}");
    let output = bench(&["--size", "100"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!message.contains("energy"), "{message}");
}
