//! The script that pipelines run `bench check` with, in a shell, with a `bench` that ends as the test says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Prints its arguments and something hostile, then ends with the code in the file `code`.
const FAKE_BENCH: &str = r#"#!/bin/sh
for word; do printf '[%s]' "$word"; done
printf '\n<script>&"\033[31m\n'
exit "$(cat code)"
"#;

struct Pipeline {
    directory: TempDir,
}

struct Ended {
    code: i32,
    text: String,
    summary: String,
    output: String,
    junit: String,
}

impl Pipeline {
    fn new(code: u8) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("code"), code.to_string()).unwrap();
        // Not executable, as artifacts arrive.
        fs::write(path.join("bench.run"), FAKE_BENCH).unwrap();
        fs::write(path.join("base line.run"), "").unwrap();
        Self { directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, variables: &[(&str, &str)]) -> Ended {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../.github/actions/bench-check/bench-check.sh");
        let output = Command::new("sh")
            .arg(script)
            .current_dir(self.directory.path())
            .env("BENCH_BASELINE", "base line.run")
            .env("GITHUB_STEP_SUMMARY", self.file("summary"))
            .env("GITHUB_OUTPUT", self.file("output"))
            .env("BENCH_JUNIT", self.file("junit.xml"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let read = |name| fs::read_to_string(self.file(name)).unwrap_or_default();
        Ended {
            code: output.status.code().unwrap(),
            text: String::from_utf8(output.stdout).unwrap(),
            summary: read("summary"),
            output: read("output"),
            junit: read("junit.xml"),
        }
    }
}

#[test]
fn each_exit_code_is_a_verdict_and_some_of_them_fail() {
    for (code, verdict, ends_with, element) in [
        (0, "pass", 0, ""),
        (1, "regression", 1, "<failure message=\"regression\"/>"),
        (3, "inconclusive", 0, "<skipped message=\"inconclusive\"/>"),
        (4, "invalid", 4, "<failure message=\"invalid\"/>"),
        (
            5,
            "not-comparable",
            0,
            "<skipped message=\"not-comparable\"/>",
        ),
        (2, "error", 2, "<error message=\"exit code 2\"/>"),
        (71, "error", 71, "<error message=\"exit code 71\"/>"),
    ] {
        let ended = Pipeline::new(code).run(&[]);
        assert_eq!(ended.code, ends_with, "{verdict}");
        assert_eq!(
            ended.output,
            format!("verdict={verdict}\nexit-code={code}\n")
        );
        assert!(
            ended
                .summary
                .starts_with(&format!("## bench check: {verdict}\n\n[check]"))
        );
        assert!(ended.junit.contains(element), "{}", ended.junit);
        assert_eq!(ended.junit.contains("message="), code != 0);
    }
}

#[test]
fn which_verdicts_fail_is_asked_for() {
    let ends_with = |code, fail_on| Pipeline::new(code).run(&[("BENCH_FAIL_ON", fail_on)]).code;
    assert_eq!(ends_with(1, "none"), 0);
    assert_eq!(ends_with(3, "regression,inconclusive"), 3);
    assert_eq!(ends_with(5, "not-comparable"), 5);
    assert_eq!(ends_with(4, "regression"), 0);
    // What went wrong is no verdict.
    assert_eq!(ends_with(70, "none"), 70);
}

#[test]
fn options_are_passed_on_word_by_word() {
    let ended = Pipeline::new(0).run(&[
        ("BENCH_CANDIDATE", "./other.run --size 100"),
        ("BENCH_THRESHOLD", "3%"),
        ("BENCH_MAX_TIME", "5m"),
        ("BENCH_ARGUMENTS", "--size 1000 *"),
    ]);
    let expected = "[check][--against][base line.run][--format][markdown][--size][1000][*][--candidate][./other.run --size 100][--threshold][3%][--max-time][5m]\n";
    assert!(ended.text.starts_with(expected), "{}", ended.text);
}

#[test]
fn what_is_printed_cannot_break_the_xml() {
    let ended = Pipeline::new(0).run(&[]);
    assert!(
        ended.junit.contains("&lt;script&gt;&amp;&quot;[31m"),
        "{}",
        ended.junit
    );
}

#[test]
fn a_first_run_has_no_baseline_and_passes_unless_told() {
    let pipeline = Pipeline::new(0);
    fs::remove_file(pipeline.file("base line.run")).unwrap();
    let ended = pipeline.run(&[]);
    assert_eq!(
        (ended.code, ended.output.as_str()),
        (0, "verdict=no-baseline\nexit-code=\n")
    );
    assert!(
        ended.text.contains("There is no baseline yet"),
        "{}",
        ended.text
    );
    assert_eq!(pipeline.run(&[("BENCH_FAIL_ON", "no-baseline")]).code, 1);
}

#[test]
fn bundles_from_artifacts_become_executable() {
    let pipeline = Pipeline::new(0);
    assert_eq!(pipeline.run(&[]).code, 0);
    for name in ["bench.run", "base line.run"] {
        let mode = fs::metadata(pipeline.file(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o100, 0o100, "{name}");
    }
}
