//! `bench ab` as its users see it: verdicts, exit codes, and what is left when something goes wrong.

mod fake;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fake::{bench, program, run, stderr, stdout, steady, template, write_script};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use results::comparison::{Comparison, Verdict};
use results::verdict::Difference;
use serde_json::json;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Compares with time enough, and asserts the exit code.
#[track_caller]
fn ab(directory: &Path, code: i32) -> String {
    stdout(&run(
        directory,
        &["ab", "./a", "./b", "--max-time", "30s"],
        code,
    ))
}

#[test]
fn verdicts_and_their_exit_codes() {
    for (rate, expected) in [
        (100, "no difference beyond 1.0 %"),
        (90, "B is slower by more than 1.0 %: 0.9"),
        (110, "B is faster by more than 1.0 %: 1.1"),
    ] {
        let directory = scratch();
        steady(directory.path(), "a", 100);
        steady(directory.path(), "b", rate);
        let text = ab(directory.path(), 0);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_told_is_inconclusive() {
    let directory = scratch();
    let wild = |from: u32| format!("100000 * (1 + (count + {from}) * 7919 % 13)");
    program(directory.path(), "a", &template(), &wild(0));
    program(directory.path(), "b", &template(), &wild(5));
    let words = ["ab", "./a", "./b", "--max-time", "2s"];
    let text = stdout(&run(directory.path(), &words, 3));
    assert!(text.contains("inconclusive"), "{text}");
    // Too little time for anything.
    let words = ["ab", "./a", "./b", "--max-time", "50ms"];
    let text = stdout(&run(directory.path(), &words, 3));
    assert!(text.contains("the time held fewer than 6 blocks"), "{text}");
}

/// A difference that is sure, and as likely below what matters as above, is not called faster.
#[test]
fn a_difference_across_what_matters_is_inconclusive() {
    let directory = scratch();
    program(directory.path(), "a", &template(), "100000");
    let rates = "count % 3 == 0 ? 100400 : (count % 3 == 1 ? 101700 : 100900)";
    program(directory.path(), "b", &template(), rates);
    let words = ["ab", "./a", "./b", "--max-time", "10s", "--until", "20%"];
    let text = stdout(&run(directory.path(), &words, 3));
    assert!(
        text.contains("B seems faster, and whether by more than 1.0 % cannot be told: 1.0"),
        "{text}"
    );
    assert!(
        text.contains("the difference is too near to --within"),
        "{text}"
    );
}

#[test]
fn wrong_results_and_other_norms_are_invalid() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let mut record = template();
    record["cases"][0]["samples"][0]["verification"]["passed"] = json!(false);
    program(directory.path(), "b", &record, "1000");
    let text = ab(directory.path(), 4);
    assert!(
        text.contains("side B: 1 results failed their verification"),
        "{text}"
    );

    let mut record = template();
    let norm = record["cases"][0]["samples"][0]["norm"].as_f64().unwrap();
    record["cases"][0]["samples"][0]["norm"] = json!(norm * (1.0 + 1e-9));
    program(directory.path(), "b", &record, "1000");
    let text = ab(directory.path(), 4);
    assert!(
        text.contains("differ by more than rounding explains"),
        "{text}"
    );
}

/// A side that says itself that something is wrong is not taken for right, whatever its record shows.
#[test]
fn a_good_record_does_not_outweigh_a_bad_end() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let good = steady(directory.path(), "good", 100);
    write_script(
        &directory.path().join("b"),
        &format!("'{}'\necho a norm is wrong >&2; exit 4", good.display()),
    );
    let text = ab(directory.path(), 4);
    assert!(
        text.contains("'./b': it ended with code 4: a norm is wrong, although each result"),
        "{text}"
    );
}

#[test]
fn norms_of_other_matrices_are_not_compared_and_that_is_said() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let mut record = template();
    record["cases"][0]["samples"][0]["seed"] = json!(4_321);
    record["cases"][0]["samples"][0]["norm"] = json!(7.0);
    program(directory.path(), "b", &record, &fake::steady_rates(100));
    let text = ab(directory.path(), 0);
    assert!(
        text.contains("warning: the sides multiply matrices of different seeds"),
        "{text}"
    );
    steady(directory.path(), "b", 100);
    assert!(!ab(directory.path(), 0).contains("seeds"));
}

#[test]
fn different_things_are_not_compared() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let mut record = template();
    record["cases"][0]["n"] = json!(7);
    program(directory.path(), "b", &record, "1000");
    let text = ab(directory.path(), 5);
    assert!(
        text.contains("the sides measure different things: n "),
        "{text}"
    );

    let mut record = template();
    let mut second = record["cases"][0]["samples"][0].clone();
    second["seed"] = json!(99);
    record["cases"][0]["samples"]
        .as_array_mut()
        .unwrap()
        .push(second);
    program(directory.path(), "b", &record, "1000");
    let text = ab(directory.path(), 5);
    assert!(text.contains("different numbers of repetitions"), "{text}");
}

#[test]
fn a_side_that_fails_is_told_in_one_line() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let failure = |script: &str, code: i32| {
        write_script(&directory.path().join("b"), script);
        let words = ["ab", "./a", "./b", "--timeout", "1s"];
        let message = stderr(&run(directory.path(), &words, code));
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    let message = failure("echo first >&2; echo the last line >&2; exit 9", 71);
    assert_eq!(
        message,
        "bench: cannot measure './b': it ended with code 9: the last line\n"
    );
    assert!(failure("echo bench: no such size >&2; exit 2", 2).contains("code 2: no such size"));
    assert!(failure("kill -9 $$", 71).contains("ended by signal 9"));
    assert!(failure("echo hello", 2).contains("printed no record that can be read"));
    assert!(failure("exec sleep 60", 71).contains("took longer than 1 s"));
    assert!(failure("exec >&- 2>&-; exec sleep 60", 71).contains("took longer than 1 s"));
    write_script(&directory.path().join("b"), "exec sleep 0.05");
    let words = ["ab", "./b", "./b", "--timeout", "1ms"];
    let message = stderr(&run(directory.path(), &words, 71));
    assert!(message.contains("took longer than 0.001 s"), "{message}");
    fs::remove_file(directory.path().join("b")).unwrap();
    let message = stderr(&run(directory.path(), &["ab", "./a", "./b"], 2));
    assert!(message.contains("there is no file ./b"), "{message}");
    let message = stderr(&run(directory.path(), &["ab", "./a", "no-such-program"], 2));
    assert!(message.contains("does not start"), "{message}");
}

#[test]
fn bad_options_are_refused_before_anything_runs() {
    let directory = scratch();
    write_script(&directory.path().join("a"), "touch ran");
    for words in [
        ["--within", "0"],
        ["--until", "x"],
        ["--max-time", "never"],
        ["--timeout", "-1s"],
        ["--statistic", "mean"],
    ] {
        let words = [&["ab", "./a", "./a"][..], &words].concat();
        let message = stderr(&run(directory.path(), &words, 2));
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert!(!directory.path().join("ran").exists());
}

/// The story: minutes of measuring, and then a name that cannot be written.
#[test]
fn outputs_that_cannot_be_written_are_refused_before_anything_runs() {
    let directory = scratch();
    fs::create_dir(directory.path().join("directory")).unwrap();
    write_script(&directory.path().join("a"), "touch ran");
    let against = ["check", "--against", "./a", "--candidate", "./a"];
    let accepting = [&against[..], &["--accept", "why", "--accepted"]].concat();
    let output = |words: &[&'static str]| [words, &["--output"]].concat();
    for words in [output(&["ab", "./a", "./a"]), output(&against), accepting] {
        for (name, reason) in [
            ("missing/kept.json", "no such file or directory"),
            ("directory", "is a directory"),
        ] {
            // What is to be read, too, is found out when it is read.
            if name == "directory" && words.contains(&"--accept") {
                continue;
            }
            let words = [&words[..], &[name]].concat();
            let message = stderr(&run(directory.path(), &words, 73));
            assert_eq!(
                message,
                format!(
                    "bench: cannot write {name}: {reason} (name a file in a directory that can be written and has room)\n"
                )
            );
        }
    }
    assert!(!directory.path().join("ran").exists());
    assert!(!directory.path().join("missing").exists());
}

/// The story: the directory was there when measuring began, and was gone when it ended. The comparison is printed, and kept with all that
/// was measured.
#[test]
fn a_file_that_cannot_be_written_any_more_loses_nothing() {
    let directory = scratch();
    for name in ["kept", "elsewhere"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    steady(directory.path(), "a", 100);
    let good = steady(directory.path(), "good", 95);
    write_script(
        &directory.path().join("b"),
        &format!("rm -rf kept\nexec '{}'", good.display()),
    );
    let words = ["ab", "./a", "./b", "--output", "kept/it.json"];
    let elsewhere = directory.path().join("elsewhere");
    let output = bench(directory.path(), &words)
        .env("TMPDIR", &elsewhere)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", stderr(&output));
    assert!(stdout(&output).contains("B is slower"));
    let message = stderr(&output);
    let (_, path) = message.trim_end().split_once("; it is kept in ").unwrap();
    assert!(path.starts_with(elsewhere.to_str().unwrap()), "{path}");
    let comparison: Comparison = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(!comparison.processes.is_empty());
}

/// Who reads along and goes away does not take the file with it.
#[test]
fn the_comparison_is_kept_where_it_cannot_be_printed() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    steady(directory.path(), "b", 95);
    let status = bench(
        directory.path(),
        &["ab", "./a", "./b", "--output", "kept.json"],
    )
    .stdout(fs::File::create("/dev/full").unwrap())
    .stderr(std::process::Stdio::null())
    .status()
    .unwrap();
    assert_eq!(status.code(), Some(74));
    assert!(directory.path().join("kept.json").exists());
}

#[test]
fn the_comparison_is_kept_with_each_process() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    steady(directory.path(), "b", 95);
    let words = [
        "ab",
        "./a",
        "./b",
        "--json",
        "--output",
        "kept.json",
        "--order-seed",
        "7",
    ];
    let output = run(directory.path(), &words, 0);
    assert_eq!(stderr(&output), "");
    let comparison: Comparison = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        fs::read(directory.path().join("kept.json")).unwrap(),
        output.stdout
    );
    assert_eq!(comparison.verdict, Verdict::Told);
    let case = &comparison.cases[0];
    assert_eq!(case.difference, Some(Difference::Slower));
    assert_eq!(comparison.processes.len(), 4 * (case.first.len() + 1));
    let ratio = case.ratio.unwrap();
    assert!((ratio.estimate - 0.95).abs() < 0.003, "{ratio:?}");
    assert_eq!(comparison.settings.order_seed, 7);
}

/// What was started ends with the comparison, and what is known so far is told.
#[test]
fn an_interruption_ends_what_is_running() {
    // A key, a terminal that is closed, a script.
    for signal in [
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTERM,
    ] {
        interrupted_by(signal);
    }
}

fn interrupted_by(signal: Signal) {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    write_script(
        &directory.path().join("b"),
        "sleep 1000 &\necho $! $$ > pids\nwait",
    );
    let mut command = bench(directory.path(), &["ab", "./a", "./b", "--order-seed", "1"]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pids = directory.path().join("pids");
    let patience = Instant::now() + Duration::from_mins(1);
    while !fs::read_to_string(&pids).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < patience, "it never ran");
        std::thread::sleep(Duration::from_millis(5));
    }
    // As some terminals and `timeout` do.
    for _ in 0..2 {
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&output.status),
        Some(signal as i32)
    );
    assert!(
        stdout(&output).contains(&format!("ended by signal {}", signal as i32)),
        "{}",
        stdout(&output)
    );
    for pid in fs::read_to_string(&pids).unwrap().split_whitespace() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

/// A script that leaves a process in a session of its own, which ignores requests to end or does not, holds the output open or does not,
/// and then goes on with this. The numbers of all such processes are in `pids`.
fn leaving(trap: &str, output: &str, then: &str) -> String {
    format!(
        "(setsid sh -c '{trap} echo $$ >> pids; sleep 1000' {output} &)\nuntil test -s pids; do sleep 0.01; done\n{then}"
    )
}

/// Nothing of these is left, not even an entry of somebody who was not waited for.
#[track_caller]
fn none_is_left(pids: &Path) {
    for pid in fs::read_to_string(pids).unwrap().split_whitespace() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        assert!(stat.is_err(), "{stat:?}");
    }
}

/// The story: a side started a server in a session of its own, which nobody could signal with the side's group; it took a core from
/// everything that was measured after it, and its open output was waited for.
#[test]
fn what_a_side_leaves_behind_is_ended() {
    let directory = scratch();
    steady(directory.path(), "a", 100);
    let good = steady(directory.path(), "good", 100);
    let then = format!("exec '{}'", good.display());
    let pids = directory.path().join("pids");
    for output in ["", "> /dev/null 2>&1"] {
        write_script(&directory.path().join("b"), &leaving("", output, &then));
        let text = ab(directory.path(), 0);
        assert!(
            text.contains("side B left processes running that would have disturbed what follows"),
            "{text}"
        );
        assert!(!text.contains("side A left"), "{text}");
        none_is_left(&pids);
        fs::remove_file(&pids).unwrap();
    }
    // Who does not want to end is made to, also when the side itself has to be ended.
    let stubborn = leaving("trap \"\" TERM;", "", "exec sleep 1000");
    write_script(&directory.path().join("b"), &stubborn);
    let words = ["ab", "./b", "./a", "--timeout", "1s"];
    let message = stderr(&run(directory.path(), &words, 71));
    assert!(message.contains("took longer than 1 s"), "{message}");
    none_is_left(&pids);
}

#[test]
fn two_settings_of_this_bench() {
    let directory = scratch();
    let words = [
        "ab",
        "--threads 1",
        "--threads 1 --affinity none",
        "--size",
        "test",
        "--json",
        "--max-time",
        "10s",
    ];
    let output = bench(directory.path(), &words).output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        stderr(&output)
    );
    let comparison: Comparison = serde_json::from_slice(&output.stdout).unwrap();
    assert!(comparison.cases[0].ratio.is_some());
    assert!(comparison.baseline.software.is_some());
    // Nothing is written where nothing was asked for.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
