//! Programs that print records of what they never measured: shell scripts whose rates are chosen.
#![allow(dead_code, reason = "each test file uses parts of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A record of one case with one sample, whose rate is left open.
pub(crate) fn template() -> Value {
    let text = include_str!("../../../results/tests/golden/record-v1.json");
    let mut record: Value = serde_json::from_str(text).unwrap();
    record.as_object_mut().unwrap().remove("samples_sha256");
    record.as_object_mut().unwrap().remove("grade");
    let case = &mut record["cases"][0];
    case["samples"].as_array_mut().unwrap().truncate(1);
    set_rate(case, &json!(OPEN_RATE));
    case["samples"][0]["verification"]["passed"] = json!(true);
    let case = case.take();
    record["cases"] = json!([case]);
    record
}

/// What stands for a rate that is left open, and for the time that belongs to it.
const OPEN_RATE: &str = "@RATE@";
const OPEN_TIME: &str = "@TIME@";

/// Gives a case of one sample a rate (10⁹ operations a second), or leaves it open: it has 10⁹ operations, so that its time is the inverse.
pub(crate) fn set_rate(case: &mut Value, rate: &Value) {
    case["flop"] = json!(1e9);
    case["samples"][0]["gflops"] = rate.clone();
    case["samples"][0]["run_time_s"] = match rate.as_f64() {
        Some(rate) => json!(1.0 / rate),
        None => json!(OPEN_TIME),
    };
}

/// Writes a program that prints this record with a rate of its own each time: `rates` is a shell expression over `$count`, which
/// counts its runs from 0.
pub(crate) fn program(directory: &Path, name: &str, record: &Value, rates: &str) -> PathBuf {
    let path = directory.join(name);
    let record_file = path.with_extension("template");
    fs::write(&record_file, serde_json::to_string(record).unwrap()).unwrap();
    let script = format!(
        "count=$(cat \"$0.count\" 2>/dev/null || echo 0)\necho $((count + 1)) > \"$0.count\"\nrate=$(({rates}))\ntime=$((1000000000000000 / rate))e-15\nsed \"s/\\\"{OPEN_RATE}\\\"/$rate/g; s/\\\"{OPEN_TIME}\\\"/$time/g\" '{}'\n",
        record_file.display()
    );
    write_script(&path, &script);
    path
}

/// Writes a shell script.
pub(crate) fn write_script(path: &Path, script: &str) {
    // Written by another process: what this one has open for writing cannot be executed while another thread forks.
    let draft = path.with_extension("draft");
    fs::write(&draft, format!("#!/bin/sh\n{script}")).unwrap();
    assert!(
        Command::new("cp")
            .arg(&draft)
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program of about this rate, with noise of some thousandths.
pub(crate) fn steady(directory: &Path, name: &str, rate: u32) -> PathBuf {
    program(directory, name, &template(), &steady_rates(rate))
}

/// The expression for it: whole numbers, so rates are thousands.
pub(crate) fn steady_rates(rate: u32) -> String {
    format!("{rate} * (1000 + count * 7 % 5 - 2)")
}

/// `bench` with these words in this directory.
pub(crate) fn bench(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null());
    for variable in [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "BENCHRUN_INJECT_FAULT",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs it and asserts how it ends.
#[track_caller]
pub(crate) fn run(directory: &Path, words: &[&str], code: i32) -> Output {
    let output = bench(directory, words).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{words:?}: {}{}",
        stdout(&output),
        stderr(&output)
    );
    output
}

/// Standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
