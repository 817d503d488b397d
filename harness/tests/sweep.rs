//! Sweeps as their users see them: plans, ranges, interruptions, precision.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::Record;
use results::sampling::StoppedBecause;
use results::store::read_record;

fn bench(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command
        .args(words)
        .current_dir(directory)
        .env_remove("OMP_NUM_THREADS")
        .env_remove("OPENBLAS_NUM_THREADS")
        .env_remove("GOTO_NUM_THREADS")
        .stdin(Stdio::null());
    command
}

fn run(directory: &Path, words: &[&str], code: i32) -> Output {
    let output = bench(directory, words).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{words:?}: {}",
        stderr(&output)
    );
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Without what depends on the host that the test runs on.
fn stderr(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with("bench: warning: "))
        .collect()
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn recorded(output: &Output) -> Record {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Files of the output directory whose names end so.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory.join("bench-results")) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect()
}

fn journal(directory: &Path) -> PathBuf {
    let mut found = files(directory, ".partial.jsonl");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn norms(record: &Record) -> Vec<Vec<f64>> {
    let cases = record.cases.iter();
    cases
        .map(|case| case.samples.iter().map(|sample| sample.norm).collect())
        .collect()
}

/// Long enough to be interrupted anywhere: 90 visits.
const SWEEP: [&str; 7] = [
    "--size",
    "300..460:20",
    "--repeats",
    "10",
    "--threads",
    "1",
    "--no-plot",
];

/// Starts the sweep and waits until it has kept this many visits.
fn start_sweep(directory: &Path, words: &[&str], visits: usize) -> Child {
    wait_for_visits(directory, bench(directory, words), visits)
}

fn wait_for_visits(directory: &Path, mut command: Command, visits: usize) -> Child {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_mins(2);
    loop {
        let kept = files(directory, ".partial.jsonl")
            .first()
            .and_then(|path| fs::read_to_string(path).ok())
            .map_or(0, |text| text.matches("\n{\"visit\"").count());
        if kept >= visits {
            return child;
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was interrupted"
        );
        assert!(Instant::now() < patience, "nothing is kept");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn end(child: Child, signal: Signal) -> Output {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    child.wait_with_output().unwrap()
}

/// `nohup bench` goes on when its terminal is closed, and what a script has put into the background when it is stopped.
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let directory = scratch();
    let mut ignoring = Command::new("sh");
    ignoring
        .args([
            "-c",
            "trap '' INT; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_bench"),
        ])
        .args(SWEEP)
        .current_dir(directory.path());
    let child = wait_for_visits(directory.path(), ignoring, 1);
    let output = end(child, Signal::SIGINT);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(only_record(directory.path()).cases.len(), 9);
}

fn only_record(directory: &Path) -> Record {
    let found = files(directory, ".json");
    assert_eq!(found.len(), 1, "{found:?}");
    read_record(&found[0]).unwrap()
}

/// Somebody presses Ctrl-C in the middle of a sweep, and goes on with it after lunch.
#[test]
fn an_interrupted_sweep_says_how_to_go_on_and_does() {
    let directory = scratch();
    let output = end(start_sweep(directory.path(), &SWEEP, 3), Signal::SIGINT);
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32));
    let message = stderr(&output);
    assert_eq!(message.lines().count(), 1, "{message}");
    let path = journal(directory.path());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(message.starts_with("bench: interrupted with "), "{message}");
    let remedy = format!(
        "of 9 cases done; go on with {} run --resume bench-results/.",
        env!("CARGO_BIN_EXE_bench")
    );
    assert!(message.contains(&remedy), "{message}");
    assert!(message.trim_end().ends_with(&name), "{message}");
    assert_eq!(files(directory.path(), ".json").len(), 0);

    let resumed = run(directory.path(), &["--resume"], 0);
    assert_eq!(stdout(&resumed).matches("GFLOPS: ").count(), 90);
    check_like_uninterrupted(directory.path(), 1);
}

/// Whoever started a bundle has no `bench` to type.
#[test]
fn a_bundle_is_named_where_one_carries_the_program() {
    let directory = scratch();
    let mut command = bench(directory.path(), &SWEEP);
    command.env("BENCHRUN_BUNDLE", "/home/me/my bench.run");
    let message = stderr(&end(
        wait_for_visits(directory.path(), command, 1),
        Signal::SIGTERM,
    ));
    let remedy = "go on with '/home/me/my bench.run' run --resume bench-results/.";
    assert!(message.contains(remedy), "{message}");
}

/// The machine goes down twice: nothing can be done in time, and the last line may be torn.
#[test]
fn a_killed_sweep_goes_on_with_what_it_had() {
    let directory = scratch();
    let killed = end(start_sweep(directory.path(), &SWEEP, 4), Signal::SIGKILL);
    assert_eq!(stderr(&killed), "");
    let path = journal(directory.path());
    let before = fs::read(&path).unwrap();
    let mut torn = before.clone();
    torn.extend_from_slice(b"{\"visit\":{\"case\":3,\"spent_s\":0.0");
    fs::write(&path, torn).unwrap();
    let words = ["run", "--resume", path.to_str().unwrap()];
    let again = end(start_sweep(directory.path(), &words, 8), Signal::SIGKILL);
    assert_eq!(stderr(&again), "");
    assert!(fs::read(&path).unwrap().starts_with(&before));

    run(directory.path(), &words, 0);
    check_like_uninterrupted(directory.path(), 2);
}

/// What was resumed has the samples that an uninterrupted run has, in the same order, and says that it was.
fn check_like_uninterrupted(directory: &Path, resumed: usize) {
    assert_eq!(files(directory, ".partial.jsonl").len(), 0);
    let record = only_record(directory);
    let sampling = record.settings.sampling.clone().unwrap();
    assert_eq!(sampling.resumed_utc.len(), resumed);
    assert_eq!(sampling.order, "interleaved");
    let words = [&SWEEP[..], &["--output", "-"]].concat();
    let whole = recorded(&run(directory, &words, 0));
    assert_eq!(norms(&record), norms(&whole));
    for (case, other) in record.cases.iter().zip(&whole.cases) {
        assert_eq!((case.n, case.samples.len()), (other.n, 10));
        assert_eq!(case.stopped_because, Some(StoppedBecause::Repeats));
        assert!(case.warmup_samples.len() >= other.warmup_samples.len().min(1));
        assert_eq!(case.summary.as_ref().unwrap().valid_samples, 10);
    }
}

#[test]
fn what_would_not_be_the_same_run_is_not_resumed() {
    let directory = scratch();
    end(start_sweep(directory.path(), &SWEEP, 1), Signal::SIGKILL);
    let path = journal(directory.path());
    let text = fs::read_to_string(&path).unwrap();
    let hostname = nix::unistd::gethostname().unwrap();
    let hostname = hostname.to_string_lossy();
    for (from, to, named) in [
        (
            format!("\"hostname\":\"{hostname}\""),
            "\"hostname\":\"elsewhere\"",
            "the host was elsewhere and is",
        ),
        (
            "\"name\":\"OpenBLAS\"".to_owned(),
            "\"name\":\"MKL\"",
            "the BLAS was MKL ",
        ),
        (
            "\"bundle\":null".to_owned(),
            "\"bundle\":{\"digest\":\"ab\"}",
            "the bundle was ab and is none",
        ),
        (
            "\"n\":460".to_owned(),
            "\"n\":461",
            "its cases would be others",
        ),
    ] {
        let changed = text.replacen(&from, to, 1);
        assert_ne!(changed, text, "{from}");
        fs::write(&path, &changed).unwrap();
        let message = stderr(&run(directory.path(), &["--resume"], 2));
        assert!(message.contains(named), "{named}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), changed);
    }
    fs::write(&path, &text).unwrap();
    let message = stderr(&run(directory.path(), &["--resume", "--size", "test"], 2));
    assert!(message.contains("cannot be used with"), "{message}");
    let message = stderr(&run(directory.path(), &["--resume", "nowhere"], 2));
    assert!(message.contains("nowhere"), "{message}");
    let message = stderr(&run(directory.path(), &["--resume", "--output", "."], 2));
    assert!(message.contains("no interrupted run in ."), "{message}");
    fs::copy(&path, path.with_file_name(".00000000.partial.jsonl")).unwrap();
    let message = stderr(&run(directory.path(), &["--resume"], 2));
    assert!(message.contains("2 interrupted runs"), "{message}");
}

#[test]
fn a_plan_is_printed_and_nothing_measured() {
    let directory = scratch();
    let words = [
        "--size",
        "100..300:100",
        "--threads",
        "1,physical,1",
        "--dtype",
        "f64,f32",
        "--plan",
    ];
    let text = stdout(&run(directory.path(), &words, 0));
    let cases = if text.contains("12 cases") { 12 } else { 6 };
    assert!(
        text.starts_with(&format!(
            "plan: {cases} cases in interleaved order, 3 repeats each, about "
        )),
        "{text}"
    );
    assert!(text.contains("n = 200, f32, 1 thread "), "{text}");
    assert_eq!(text.lines().count(), cases + 2, "{text}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_terminal_is_shown_the_plan_first() {
    let directory = scratch();
    let output = Command::new("script")
        .args([
            "-qec",
            "\"$BENCH\" --size 100,200 --repeats 2 --no-plot",
            "/dev/null",
        ])
        .current_dir(directory.path())
        .env("BENCH", env!("CARGO_BIN_EXE_bench"))
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("a_terminal_is_shown_the_plan_first skipped: there is no script(1)");
        return;
    };
    let text = stdout(&output);
    let plan = text
        .find("plan: 2 cases in interleaved order")
        .expect(&text);
    assert!(plan < text.find("GFLOPS: ").expect(&text), "{text}");
    // Short cases follow each other faster than the bar is drawn.
    assert!(text.contains(" of 2, n = "), "{text}");
}

#[test]
fn every_order_measures_the_same_and_prints_it_in_the_plan_s_order() {
    let directory = scratch();
    let of = |order: &str| {
        let words = ["--size", "300,100,200", "--order", order, "--output", "-"];
        recorded(&run(directory.path(), &words, 0))
    };
    let sequential = of("sequential");
    let orders: Vec<usize> = sequential.cases.iter().map(|case| case.n).collect();
    assert_eq!(orders, [300, 100, 200]);
    assert_eq!(norms(&sequential), norms(&of("interleaved")));
    let random = of("random");
    assert_eq!(norms(&sequential), norms(&random));
    assert_eq!(random.settings.sampling.unwrap().order_seed, Some(1));

    let quiet = stdout(&run(
        directory.path(),
        &["--size", "300,100,200", "--quiet"],
        0,
    ));
    let printed: Vec<&str> = quiet
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    let expected: Vec<String> = norms(&sequential)
        .concat()
        .iter()
        .map(|norm| format!("norm: {norm:.2}"))
        .collect();
    assert_eq!(printed, expected);
}

fn check_refused(words: &[&str], expected: &str) {
    let directory = scratch();
    let output = run(directory.path(), words, 2);
    let message = stderr(&output);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.starts_with("bench: cannot "), "{message}");
    assert!(message.contains(expected), "{words:?}: {message}");
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        0,
        "{words:?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check_refused(&["--size", "500..100:50"], "try --size 100..500:50");
    check_refused(&["--size", "500..1000:0"], "never end");
    check_refused(&["--size", "500..1000"], "a step or a factor");
    check_refused(&["--size", "1..20000:1"], "more than 10000");
    check_refused(
        &["--size", "1..9999:1", "--dtype", "f64,f32"],
        "more than 10000",
    );
    check_refused(&["--threads", "1,"], "whole number");
    check_refused(&["--threads", "all"], "whole number");
    check_refused(&["--dtype", "f64,f16"], "'f16'");
    check_refused(&["--until", "0%"], "--until 0%");
    check_refused(&["--until", "-1%"], "--until -1%");
    check_refused(&["--max-time", "soon"], "--max-time soon");
    check_refused(&["--warmup", "some"], "--warmup some");
    check_refused(&["--order", "sorted"], "'sorted'");
    check_refused(&["--resume"], "no interrupted run");
}

#[test]
fn a_precision_is_reached_or_the_time_is_over() {
    let directory = scratch();
    let words = [
        "--size",
        "64,128",
        "--threads",
        "1",
        "--until",
        "99%",
        "--output",
        "-",
    ];
    let record = recorded(&run(directory.path(), &words, 0));
    for case in &record.cases {
        let summary = case.summary.as_ref().unwrap();
        let (low, high) = (
            summary.gflops_median_low.unwrap(),
            summary.gflops_median_high.unwrap(),
        );
        if case.stopped_because == Some(StoppedBecause::Precision) {
            assert!(case.samples.len() >= 6);
            assert!(high - low <= 2.0 * 0.99 * summary.gflops_median);
        }
        assert!(low <= summary.gflops_median && summary.gflops_median <= high);
        assert!(summary.confidence.unwrap() >= 0.95);
    }

    // No machine is that steady, and two samples of this size take longer.
    let words = [
        "--size",
        "600",
        "--until",
        "0.000001%",
        "--max-time",
        "1ms",
        "--output",
        "-",
    ];
    let record = recorded(&run(directory.path(), &words, 0));
    let case = &record.cases[0];
    assert_eq!(case.stopped_because, Some(StoppedBecause::MaxTime));
    assert_eq!(case.samples.len(), 1);
    let sampling = record.settings.sampling.unwrap();
    assert_eq!(sampling.until_percent, Some(0.000_001));
    assert_eq!(sampling.max_time_s, Some(0.001));
}

#[test]
fn wrong_results_end_an_impatient_run_too() {
    let directory = scratch();
    let words = [
        "--size",
        "100",
        "--until",
        "1%",
        "--max-time",
        "100ms",
        "--output",
        "-",
    ];
    let output = bench(directory.path(), &words)
        .env("BENCHRUN_INJECT_FAULT", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let case = recorded(&output).cases.remove(0);
    assert_eq!(case.summary, None);
}

#[test]
fn warm_up_is_recorded_and_can_be_set() {
    let directory = scratch();
    let record = recorded(&run(
        directory.path(),
        &["--size", "200", "--output", "-"],
        0,
    ));
    let case = &record.cases[0];
    assert!((3..=10).contains(&case.warmup_samples.len()), "{case:?}");
    assert!(case.warmup_ended.is_some());
    assert_eq!(case.samples.len(), 3);
    assert_eq!(record.settings.sampling.unwrap().warmup, "auto");

    let words = ["--size", "200", "--warmup", "0", "--output", "-"];
    let record = recorded(&run(directory.path(), &words, 0));
    assert_eq!(record.cases[0].warmup_samples, []);
    assert_eq!(record.settings.warmup, 0);
}
