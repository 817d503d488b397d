//! What `./bench.run` does for its users: lines, records, plots, exit codes, messages. The bundle itself, and the hosts
//! that it must run on, are tested beside this file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use results::Record;
use tests::bench::{only_record, records, seed_lines};
use tests::{bench, bench_run, scratch, stderr, stderr_but_warnings, stdout};

/// Runs `bench.run` with these words in a fresh directory, which must exit with this code.
fn run(directory: &Path, words: &[&str], code: i32) -> Output {
    let output = bench(directory, words).output().expect("it starts");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{words:?}: {}",
        stderr(&output)
    );
    output
}

#[test]
fn the_articles_lines_and_a_summary() {
    let directory = scratch();
    let output = run(directory.path(), &["--size", "test"], 0);
    let text = stdout(&output);
    let lines = seed_lines(&text);
    assert_eq!(lines.len(), 3, "{text}");
    for line in lines {
        // n²/4 + 7n/72 with a standard deviation of 0.204·n, six of which are the tolerance.
        assert!((line.norm - 2509.7).abs() < 123.0, "{line:?}");
    }
    assert!(text.contains("matmul-norm n=100 f64"), "{text}");
    assert!(text.contains("3 of 3 samples verified"), "{text}");
    assert!(text.contains("\ngrade: "), "{text}");
    // Not a terminal: no progress, nothing to complain about.
    assert_eq!(stderr_but_warnings(&output), "");
}

#[test]
fn the_record_says_what_was_measured_and_on_what() {
    let directory = scratch();
    run(
        directory.path(),
        &["--size", "200,test", "--dtype", "float32", "--seed", "7"],
        0,
    );
    let record = only_record(&directory.path().join("bench-results"));
    let orders: Vec<usize> = record.cases.iter().map(|case| case.n).collect();
    assert_eq!(orders, [200, 100]);
    assert!(record.is_valid());
    for case in &record.cases {
        assert_eq!(case.dtype, "f32");
        assert_eq!(case.samples.len(), 3);
        let seeds: Vec<u64> = case.samples.iter().map(|sample| sample.seed).collect();
        assert_eq!(seeds, [7, 8, 9]);
        assert!(case.samples.iter().all(|sample| sample.run_time_s > 0.0));
        assert_eq!(case.threads_used, case.threads_requested);
    }
    assert_eq!(record.software.blas.name, "OpenBLAS");
    assert!(!record.software.blas.core.is_empty());
    assert!(record.host.memory.total_bytes > Some(0));
    let bundle = record.software.bundle.expect("it was carried by a bundle");
    assert_eq!(bundle.digest.len(), 64, "{bundle:?}");
    assert!(bundle.rung.is_some());
}

#[test]
fn a_plot_lies_beside_the_record_unless_it_is_not_wanted() {
    let directory = scratch();
    run(directory.path(), &["--size", "test"], 0);
    let (json, _) = records(&directory.path().join("bench-results")).remove(0);
    let svg = fs::read_to_string(json.with_extension("svg")).expect("an SVG");
    assert!(svg.contains("<svg") && svg.contains("GFLOPS"));
    let png = fs::read(json.with_extension("png")).expect("a PNG");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));

    run(
        directory.path(),
        &["--size", "test", "--no-plot", "--output", "bare"],
        0,
    );
    let files = fs::read_dir(directory.path().join("bare"))
        .expect("a directory")
        .count();
    assert_eq!(files, 1);
}

#[test]
fn threads_come_from_the_option_then_the_environment() {
    let directory = scratch();
    let output = bench(directory.path(), &["--size", "300", "--output", "-"])
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("it starts");
    let record: Record = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!(record.settings.threads.count, 1);
    assert_eq!(record.settings.threads.source, "OMP_NUM_THREADS");
    assert_eq!(record.cases[0].threads_used, 1);

    let output = bench(
        directory.path(),
        &["--size", "300", "--threads", "1", "--output", "-"],
    )
    .env("OMP_NUM_THREADS", "99999")
    .output()
    .expect("it starts");
    let record: Record = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!(record.settings.threads.source, "--threads");
    assert_eq!(record.cases[0].threads_used, 1);
}

#[test]
fn one_thread_uses_one_cpu() {
    let directory = scratch();
    let words = ["--size", "1500", "--threads", "1", "--output", "-"];
    let output = run(directory.path(), &words, 0);
    let record: Record = serde_json::from_slice(&output.stdout).expect("a record");
    for sample in &record.cases[0].samples {
        // The clocks differ in resolution; a second thread would double it.
        assert!(
            sample.cpu_time_s < 1.3 * sample.run_time_s + 0.02,
            "{sample:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_norms() {
    let directory = scratch();
    let norms = |threads: &str| -> Vec<f64> {
        let words = ["--size", "400", "--threads", threads, "--output", "-"];
        let output = run(directory.path(), &words, 0);
        let record: Record = serde_json::from_slice(&output.stdout).expect("a record");
        record.cases[0]
            .samples
            .iter()
            .map(|sample| sample.norm)
            .collect()
    };
    let first = norms("1");
    assert_eq!(first, norms("1"));
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    for (one, two) in first.iter().zip(norms(&cpus.to_string())) {
        assert!((one - two).abs() / one < 1e-12, "{one} {two}");
    }
}

#[test]
fn json_and_quiet_print_only_that() {
    let directory = scratch();
    let output = run(directory.path(), &["--size", "test", "--output", "-"], 0);
    serde_json::from_slice::<Record>(&output.stdout).expect("nothing but a record");
    assert!(!directory.path().join("bench-results").exists());

    let output = run(directory.path(), &["--size", "test", "--json"], 0);
    let printed: Record = serde_json::from_slice(&output.stdout).expect("nothing but a record");
    assert_eq!(
        printed,
        only_record(&directory.path().join("bench-results"))
    );

    // `--` ends the launcher's own options, of which this is none.
    for words in [
        &["--quiet", "--size", "test"][..],
        &["--", "--quiet", "--size", "test"],
    ] {
        let output = run(directory.path(), words, 0);
        assert_eq!(stdout(&output).lines().count(), 3);
        assert_eq!(seed_lines(&stdout(&output)).len(), 3);
    }
}

#[test]
fn a_wrong_result_is_invalid() {
    let directory = scratch();
    let output = bench(directory.path(), &["--size", "test"])
        .env("BENCHRUN_INJECT_FAULT", "1")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(4));
    assert!(stdout(&output).contains("INVALID"), "{}", stdout(&output));
    let record = only_record(&directory.path().join("bench-results"));
    assert!(!record.is_valid());
    assert!(record.cases[0].summary.is_none());
}

/// What is refused says so in one line, with this code, prints nothing else and leaves nothing behind.
fn check_refused(words: &[&str], variables: &[(&str, &str)], code: i32, expected: &[&str]) {
    let directory = scratch();
    let output = bench(directory.path(), words)
        .envs(variables.iter().copied())
        .output()
        .expect("it starts");
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {message}");
    assert_eq!(
        message.trim_end().lines().count(),
        1,
        "{words:?}: {message}"
    );
    assert!(
        message.starts_with("bench: cannot "),
        "{words:?}: {message}"
    );
    for part in expected {
        assert!(
            message.contains(part),
            "{words:?}: {message:?} lacks {part:?}"
        );
    }
    assert_eq!(stdout(&output), "", "{words:?}");
    let left = fs::read_dir(directory.path())
        .expect("the scratch directory")
        .count();
    assert_eq!(left, 0, "{words:?} left something behind");
}

#[test]
fn bad_input_is_one_line() {
    check_refused(
        &["--size", "medium"],
        &[],
        2,
        &["'medium'", "try --size small"],
    );
    check_refused(&["--size", "0"], &[], 2, &["size 0"]);
    check_refused(&["--size", "test,"], &[], 2, &["size ''"]);
    check_refused(&["--size", "2147483648"], &[], 2, &["32 bits"]);
    check_refused(
        &["--size", "2000000000"],
        &[],
        2,
        &["GB", "the largest that fits is --size"],
    );
    check_refused(&["--threads", "0"], &[], 2, &["--threads", "whole number"]);
    check_refused(&["--threads", "-1"], &[], 2, &["--threads", "whole number"]);
    check_refused(
        &["--threads", "99999"],
        &[],
        2,
        &["99999 threads", "logical CPUs"],
    );
    check_refused(
        &[],
        &[("OMP_NUM_THREADS", "99999")],
        2,
        &["from OMP_NUM_THREADS"],
    );
    check_refused(
        &[],
        &[("OMP_NUM_THREADS", "many")],
        2,
        &["from OMP_NUM_THREADS"],
    );
    check_refused(&["--dtype", "f16"], &[], 2, &["'f16'", "f64"]);
    check_refused(&["--repeats", "0"], &[], 2, &["--repeats 0"]);
    check_refused(&["--seed", "x"], &[], 2, &["seed 'x'"]);
    check_refused(&["--sise", "test"], &[], 2, &["'--sise'", "try --size"]);
    check_refused(&["--size"], &[], 2, &["--size"]);
    check_refused(&["meassure"], &[], 2, &["'meassure'"]);
    check_refused(
        &["--size", "test", "--output", "/proc/nowhere"],
        &[],
        73,
        &["/proc/nowhere"],
    );
    check_refused(
        &["--size", "test", "--output", "/dev/null"],
        &[],
        73,
        &["/dev/null"],
    );
}

#[test]
fn an_argument_that_is_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let directory = scratch();
    let words = [OsStr::new("--size"), OsStr::from_bytes(b"te\xffst")];
    let output = bench(directory.path(), &words).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("is not UTF-8"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output).lines().count(), 1);
    let left = fs::read_dir(directory.path()).expect("the scratch directory");
    assert_eq!(left.count(), 0);

    // A directory may have any name.
    let words = [
        OsStr::new("--size"),
        OsStr::new("test"),
        OsStr::new("--output"),
        OsStr::from_bytes(b"r\xffsults"),
    ];
    let output = bench(directory.path(), &words).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    only_record(&directory.path().join(OsStr::from_bytes(b"r\xffsults")));
}

/// Runs a shell script with `$BENCH` set, in a private mount namespace so that what it mounts is gone afterwards.
fn in_private_mounts(directory: &Path, script: &str) -> Output {
    Command::new("unshare")
        .args(["--mount", "sh", "-euc", script])
        .current_dir(directory)
        .env("BENCH", bench_run())
        .env_remove("OMP_NUM_THREADS")
        .output()
        .expect("unshare (util-linux) runs")
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    if !nix::unistd::geteuid().is_root() {
        return tests::skip(
            "a_full_disk_leaves_nothing_half_written",
            "mounting needs root",
        );
    }
    let directory = scratch();
    // Two pages leave room for the first look at the directory and none for a record; one page leaves no room at all.
    for size in ["8k", "4k"] {
        let script = format!(
            "mkdir -p full; mount -t tmpfs -o size={size} none full; head -c 3000 /dev/zero > full/other; \
             code=0; \"$BENCH\" --size test --output full || code=$?; ls -A full >&2; exit $code"
        );
        let output = in_private_mounts(directory.path(), &script);
        let message = stderr_but_warnings(&output);
        assert_eq!(output.status.code(), Some(74), "{message}");
        let lines: Vec<&str> = message.lines().collect();
        assert!(lines[0].contains("no space left on device"), "{message}");
        assert_eq!(lines[1..], ["other"], "{message}");
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let directory = scratch();
    for words in [
        &["--size", "test"][..],
        &["--size", "test", "--output", "-"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let output = bench(directory.path(), words)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("it starts");
        let message = stderr_but_warnings(&output);
        assert_eq!(output.status.code(), Some(74), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains("standard output"), "{message}");
    }
}

#[test]
fn an_address_space_limit_is_respected_before_allocating() {
    let directory = scratch();
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 1500000; exec \"$BENCH\" --size 10000 --output -",
        ])
        .current_dir(directory.path())
        .env("BENCH", bench_run())
        .output()
        .expect("sh runs");
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("ulimit -v"), "{message}");
}

#[test]
fn a_terminal_sees_progress() {
    let directory = scratch();
    // script(1) gives the command a terminal; its typescript goes nowhere.
    let output = Command::new("script")
        .args(["-qec", "\"$BENCH\" --size 700 --repeats 2", "/dev/null"])
        .current_dir(directory.path())
        .env("BENCH", bench_run())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .expect("script (bsdutils) runs");
    let text = stdout(&output);
    assert!(text.contains("repeat 1 of 2"), "{text:?}");
    assert_eq!(text.matches("GFLOPS: ").count(), 2, "{text:?}");
}

#[test]
fn help_version_and_completions() {
    let directory = scratch();
    let help = stdout(&run(directory.path(), &["--help"], 0));
    for word in ["--size", "--threads", "Examples:", "Exit codes:"] {
        assert!(help.contains(word), "{word}");
    }
    let version = stdout(&run(directory.path(), &["--version"], 0));
    assert!(version.starts_with("bench 0."), "{version}");
    let completions = stdout(&run(directory.path(), &["completions", "bash"], 0));
    assert!(completions.contains("--dtype"));
}
