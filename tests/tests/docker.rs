//! In a container of Docker's with its default seccomp profile, made from an image that holds the file and nothing else: no
//! namespaces, no shell, no libraries, and for an ordinary user no directory to write in.

use std::process::Output;
use std::sync::Arc;

use results::Record;
use tests::bench::seed_lines;
use tests::docker::Engine;
use tests::site::assert_code;
use tests::{stderr, stdout};

/// As root and as somebody without privileges.
const USERS: [&str; 2] = ["0", "1000"];

const MEASURE: [&str; 4] = ["--size", "test", "--output", "-"];

fn with_engine(test: &str, check: impl Fn(&Arc<Engine>)) {
    match Engine::shared() {
        Ok(engine) => check(&engine),
        Err(why) => tests::skip(test, &why),
    }
}

/// Asserts that a measurement ran and that its record is all of standard output.
#[track_caller]
fn assert_measured(output: &Output, how: &str) -> Record {
    assert_eq!(output.status.code(), Some(0), "{how}: {}", stderr(output));
    let record: Record = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{how}: {error}: {}", stdout(output)));
    let bundle = record.software.bundle.as_ref().expect("it is in a bundle");
    assert_eq!(bundle.rung.as_deref(), Some("4"), "{how}");
    record
}

/// Asserts that the launcher's own lines are all of standard error.
#[track_caller]
fn assert_only_the_launcher_speaks(output: &Output, how: &str) {
    let message = stderr(output);
    assert!(
        message.lines().all(|line| line.starts_with("bundle: ")),
        "{how}: {message}"
    );
}

#[test]
fn the_file_alone_measures() {
    with_engine("the_file_alone_measures", |engine| {
        for user in USERS {
            let output = engine.run(&["--user", user], &MEASURE);
            assert_measured(&output, user);
            assert_only_the_launcher_speaks(&output, user);
        }
    });
}

#[test]
fn with_a_writable_tmp_it_measures_even_if_the_root_is_read_only() {
    let name = "with_a_writable_tmp_it_measures_even_if_the_root_is_read_only";
    with_engine(name, |engine| {
        for user in USERS {
            for options in [
                &["--tmpfs", "/tmp:exec"][..],
                &["--read-only", "--tmpfs", "/tmp:exec"],
                &[
                    "--read-only",
                    "--tmpfs",
                    "/elsewhere:exec",
                    "--env",
                    "TMPDIR=/elsewhere",
                ],
                // Nobody can write to the first place, nothing can be executed in the second.
                &["--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp:exec"],
                &["--tmpfs", "/tmp:exec,size=64k", "--tmpfs", "/var/tmp:exec"],
            ] {
                let how = format!("{user} {options:?}");
                let output = engine.run(&[&["--user", user], options].concat(), &MEASURE);
                assert_measured(&output, &how);
                assert_only_the_launcher_speaks(&output, &how);
            }
        }
    });
}

/// Where there is no place at all for a copy, it measures all the same.
#[test]
fn without_any_place_it_measures() {
    with_engine("without_any_place_it_measures", |engine| {
        for user in USERS {
            for options in [
                &["--read-only"][..],
                &["--read-only", "--tmpfs", "/tmp"],
                &["--read-only", "--tmpfs", "/tmp:exec,size=64k"],
                &[
                    "--read-only",
                    "--tmpfs",
                    "/tmp:exec,mode=0500",
                    "--workdir",
                    "/tmp",
                ],
            ] {
                let how = format!("{user} {options:?}");
                let output = engine.run(&[&["--user", user], options].concat(), &MEASURE);
                assert_measured(&output, &how);
                assert_only_the_launcher_speaks(&output, &how);
            }
        }
    });
}

#[test]
fn lines_and_exit_codes_are_the_payloads() {
    with_engine("lines_and_exit_codes_are_the_payloads", |engine| {
        for user in USERS {
            let options = ["--user", user, "--tmpfs", "/tmp:exec"];
            let output = engine.run(&options, &["--size", "test", "--output", "/tmp"]);
            assert_code(&output, 0);
            assert_eq!(
                seed_lines(&stdout(&output)).len(),
                3,
                "{user}: {}",
                stdout(&output)
            );

            let output = engine.run(&options, &["--no-such-option"]);
            assert_code(&output, 2);
            assert_eq!(stdout(&output), "", "{user}");

            let output = engine.run(&options, &["--version"]);
            assert_code(&output, 0);
            assert!(
                stdout(&output).starts_with("bench "),
                "{user}: {}",
                stdout(&output)
            );
        }
    });
}

/// What a run changed in the container's own file system is what was asked for: the results.
#[test]
fn nothing_is_left_in_the_container() {
    with_engine("nothing_is_left_in_the_container", |engine| {
        for (words, expected) in [(&MEASURE[..], false), (&["--size", "test"], true)] {
            let container = engine.start(&[], words);
            assert_eq!(container.wait(), 0, "{}", container.ask(&["logs"]));
            let changes = container.ask(&["diff"]);
            let is_result = |line: &&str| line.contains("/bench-results");
            assert_eq!(
                changes.lines().any(|line| is_result(&line)),
                expected,
                "{changes}"
            );
            let others: Vec<&str> = changes.lines().filter(|line| !is_result(line)).collect();
            assert_eq!(others, Vec::<&str>::new(), "{words:?}");
        }
    });
}

/// The launcher is the container's process 1, for which the kernel ignores every signal that it does not handle: an engine
/// that stops such a container waits in vain and then kills it.
#[test]
fn stopping_the_container_stops_the_payload() {
    with_engine("stopping_the_container_stops_the_payload", |engine| {
        for user in USERS {
            let options = ["--user", user, "--tmpfs", "/tmp:exec"];
            let words = ["--size", "3000", "--repeats", "10000", "--output", "-"];
            let container = engine.start(&options, &words);
            // Running it says once on which rung; the payload follows at once.
            tests::process::eventually(|| {
                let running = container.ask(&["top"]);
                if running
                    .lines()
                    .any(|line| line.contains("3000") && line.contains("ld-linux"))
                {
                    Ok(())
                } else {
                    Err(running)
                }
            });
            container.ask(&["stop", "--time", "30"]);
            assert_eq!(container.wait(), 128 + libc::SIGTERM, "{user}");
        }
    });
}
