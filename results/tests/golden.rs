//! One record of every schema version that was ever released: it must be read, whatever else changes, and mean what it
//! meant. The schema is committed beside the crate, so that a change of it is seen where it is reviewed.

use std::path::Path;

use expect_test::expect_file;
use results::record::{Record, SCHEMA_VERSION};
use results::statistics::summarize;
use results::store::read_record;

mod common;
mod schema;

fn golden_v1() -> Record {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/record-v1.json");
    read_record(&path).unwrap()
}

#[test]
fn the_committed_schema_is_this_one() {
    expect_file!["../record.schema.json"].assert_eq(&Record::json_schema());
}

/// What a record serializes to, byte for byte: two spaces of indentation, a newline at the end.
#[test]
fn version_1_is_written_as_committed() {
    assert_eq!(
        SCHEMA_VERSION, 1,
        "a new version needs a golden record of its own; this one stays as it is"
    );
    let mut text = serde_json::to_string_pretty(&common::article()).unwrap();
    text.push('\n');
    expect_file!["golden/record-v1.json"].assert_eq(&text);
}

#[test]
fn version_1_is_read_as_it_was_meant() {
    assert_eq!(golden_v1(), common::article());
}

#[test]
fn version_1_agrees_with_itself() {
    let record = golden_v1();
    assert!(record.is_valid());
    assert_eq!(record.cases.len(), 1);
    let case = &record.cases[0];
    assert_eq!(case.samples.len(), record.settings.repeats);
    assert_eq!(case.summary, summarize(&case.samples));
    let printed: Vec<String> = case
        .samples
        .iter()
        .map(|sample| format!("{:.0}", sample.gflops))
        .collect();
    assert_eq!(printed, ["1028", "1025", "1031"], "the article's GFLOPS");
    for sample in &case.samples {
        let check = &sample.verification;
        let is_right = check.scaled_residual < check.scaled_residual_bound
            && check.norm_error < check.norm_error_bound
            && (sample.norm - check.norm_expected).abs() < check.norm_tolerance;
        assert!(is_right, "{sample:?}");
        assert!((sample.gflops * sample.run_time_s * 1e9 / case.flop - 1.0).abs() < 1e-12);
    }
}

#[test]
fn version_1_conforms_to_the_schema() {
    let record = serde_json::to_value(golden_v1()).unwrap();
    schema::check(&record).unwrap();
}

#[test]
fn what_is_undefined_conforms_to_the_schema_too() {
    let mut record = golden_v1();
    let case = &mut record.cases[0];
    case.samples[0].gflops = f64::NAN;
    case.samples[0].norm = f64::INFINITY;
    case.samples[0].verification.scaled_residual = f64::NAN;
    case.samples[0].verification.norm_error = f64::NAN;
    case.summary = None;
    record.software.bundle = None;
    record.software.bench_commit = None;
    schema::check(&serde_json::to_value(record).unwrap()).unwrap();
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let whole = serde_json::to_value(golden_v1()).unwrap();
    let refused = |change: fn(&mut serde_json::Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        schema::check(&changed).unwrap_err()
    };
    assert_eq!(
        refused(|r| r["id"] = 5.into()),
        "/id: 5 is not of type \"string\""
    );
    assert_eq!(
        refused(|r| r["cases"][0]["n"] = (-1).into()),
        "/cases/0/n: -1 is below 0"
    );
    assert_eq!(
        refused(|r| r["elapsed_s"] = serde_json::Value::Null),
        "/elapsed_s: null is not of type \"number\""
    );
    assert_eq!(
        refused(|r| {
            r["host"].as_object_mut().unwrap().remove("cpu");
        }),
        "/host: \"cpu\" is missing"
    );
}
