//! Starting `bench.run` from anywhere, by anybody, on every rung: what a user does without a thought must work.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};

use tests::bench::{only_record, records, seed_lines};
use tests::leftovers::assert_nothing_left;
use tests::process::{finish, start, wait};
use tests::site::{Bundle, SHELL, assert_code, assert_signal, everywhere};
use tests::{stderr, stdout};

const QUICK: [&str; 2] = ["--size", "test"];

/// Asserts that a quick run has succeeded, and said so on the rung that it was to use.
#[track_caller]
fn assert_quick(output: &Output) {
    assert_code(output, 0);
    assert_eq!(seed_lines(&stdout(output)).len(), 3, "{}", stdout(output));
}

#[test]
fn a_run_leaves_a_record_that_is_the_users() {
    let name = "a_run_leaves_a_record_that_is_the_users";
    everywhere(name, Bundle::Bench, |site, rung| {
        let results = site.path("work/bench-results");
        assert_quick(&site.run(rung, &QUICK));
        let record = only_record(&results);
        let bundle = record.software.bundle.expect("the record's bundle");
        assert_eq!(bundle.rung.as_deref(), Some(rung));
        for (path, _) in records(&results) {
            assert_eq!(fs::metadata(path).expect("a record").uid(), site.who.id());
        }
        assert_eq!(
            fs::metadata(&results).expect("a directory").uid(),
            site.who.id()
        );
        fs::remove_dir_all(results).expect("it goes");
    });
}

#[test]
fn rung_4_says_once_that_the_host_stays_visible() {
    let name = "rung_4_says_once_that_the_host_stays_visible";
    everywhere(name, SHELL, |site, rung| {
        let output = site.run(rung, &["-c", "exit 0"]);
        let message = stderr(&output);
        if rung == "4" {
            assert_eq!(message.lines().count(), 1, "{message}");
            assert!(
                message.starts_with("bundle: running without a private namespace ("),
                "{message}"
            );
        } else {
            assert_eq!(message, "");
        }
    });
}

#[test]
fn from_another_directory_by_a_link_and_by_path() {
    let name = "from_another_directory_by_a_link_and_by_path";
    everywhere(name, SHELL, |site, rung| {
        let show = ["-c", "printf %s \"$BENCHRUN_BUNDLE\""];
        let resolved = fs::canonicalize(&site.bundle).expect("the bundle's path");
        let check = |output: &Output| {
            assert_code(output, 0);
            assert_eq!(stdout(output), resolved.to_string_lossy());
        };

        let mut command = site.command(rung, &show);
        check(&finish({
            command.current_dir("/");
            command
        }));

        let link = site.path("bundle").join(format!("link-{rung}"));
        symlink("payload.run", &link).expect("a link");
        check(&finish(site.command_of(rung, &link, &show)));

        let relative = OsStr::new("../bundle/payload.run");
        check(&finish(site.command_of(rung, relative.as_ref(), &show)));

        let by_path = [
            "sh",
            "-c",
            "PATH=$SITE/bundle:$PATH; exec \"$@\"",
            "sh",
            "payload.run",
        ];
        let words = [&by_path[4..], &show].concat();
        check(&finish(site.wrapped(
            &[],
            rung,
            "sh".as_ref(),
            &[&by_path[1..4], &words].concat(),
        )));
    });
}

#[test]
fn from_a_path_with_any_bytes_in_it() {
    let name = "from_a_path_with_any_bytes_in_it";
    everywhere(name, SHELL, |site, rung| {
        for bytes in [
            &b"with space and 'quotes'"[..],
            "mit Umlaut äöü €".as_bytes(),
            b"not UTF-8 \xff\xfe",
            b"new\nline",
            b"-dash",
        ] {
            let directory = site.make_directory(OsStr::from_bytes(bytes));
            let file = directory.join(OsStr::from_bytes(bytes));
            tests::site::copy(&site.bundle, &file);
            let mut command =
                site.command_of(rung, &file, &["-c", "printf %s \"$BENCHRUN_BUNDLE\""]);
            command.current_dir(&directory);
            let output = finish(command);
            assert_code(&output, 0);
            assert_eq!(OsStr::from_bytes(&output.stdout), file);
            fs::remove_dir_all(directory).expect("it goes");
        }
    });
}

#[test]
fn from_a_directory_that_is_gone() {
    let name = "from_a_directory_that_is_gone";
    everywhere(name, SHELL, |site, rung| {
        site.make_directory("work/gone");
        let script = "cd \"$SITE/work/gone\"; rmdir ../gone; exec \"$SITE/bundle/payload.run\" -c 'echo ran'";
        let output = finish(site.wrapped(&[], rung, "sh".as_ref(), &["-c", script]));
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "ran\n");
    });
}

/// Deleted by somebody else, that is: the payload itself cannot (see attacks.rs).
#[test]
fn from_a_file_that_is_deleted_while_it_runs() {
    let name = "from_a_file_that_is_deleted_while_it_runs";
    everywhere(name, SHELL, |site, rung| {
        let file = site.path("bundle").join("deleted.run");
        tests::site::copy(&site.bundle, &file);
        let script =
            "echo ready; read line; \"$BENCHRUN_ROOT\"/lib*/ld-* --help >/dev/null && echo ran";
        let mut command = site.command_of(rung, &file, &["-c", script]);
        let mut child = start(command.stdin(Stdio::piped()));
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.as_mut().expect("its output"));
        reader.read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        fs::remove_file(&file).expect("it goes");
        drop(child.stdin.take());
        let output = wait(child);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "ran\n");
    });
}

#[test]
fn eight_at_once() {
    everywhere("eight_at_once", Bundle::Bench, |site, rung| {
        let words = ["--size", "test", "--threads", "1"];
        let runs: Vec<_> = (0..8)
            .map(|_| start(site.command(rung, &words).stdin(Stdio::null())))
            .collect();
        for run in runs {
            assert_quick(&wait(run));
        }
        let results = site.path("work/bench-results");
        assert_eq!(records(&results).len(), 8);
        fs::remove_dir_all(results).expect("it goes");
    });
}

/// `bench.run | head -1`, from the point of view of the run.
#[test]
fn a_reader_that_goes_away() {
    everywhere("a_reader_that_goes_away", SHELL, |site, rung| {
        let mut child = start(&mut site.command(rung, &["-c", "while :; do echo line; done"]));
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("its output"));
        reader.read_line(&mut line).expect("a line");
        drop(reader);
        assert_eq!(line, "line\n");
        assert_signal(&wait(child), libc::SIGPIPE);
    });
    everywhere("a_reader_that_goes_away", Bundle::Bench, |site, rung| {
        let words = ["--size", "test", "--repeats", "500"];
        let mut child = start(&mut site.command(rung, &words));
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("its output"));
        reader.read_line(&mut line).expect("a line");
        drop(reader);
        let output = wait(child);
        let status = output.status;
        assert!(
            status.signal() == Some(libc::SIGPIPE) || status.success(),
            "{status}"
        );
        let message = stderr(&output);
        assert!(
            !message.contains("panick") && !message.contains("cannot"),
            "{message}"
        );
        let _ = fs::remove_dir_all(site.path("work/bench-results"));
    });
}

#[test]
fn standard_descriptors_that_are_closed() {
    let name = "standard_descriptors_that_are_closed";
    everywhere(name, Bundle::Bench, |site, rung| {
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"] {
            let script = format!("exec \"$@\" {closed}");
            let words = [
                "-c",
                &script,
                "sh",
                "../bundle/payload.run",
                "--size",
                "test",
            ];
            let output = finish(site.wrapped(&[], rung, "sh".as_ref(), &words));
            assert_code(&output, 0);
            let results = site.path("work/bench-results");
            only_record(&results);
            fs::remove_dir_all(results).expect("it goes");
        }
    });
}

/// Whatever the user's mask takes away, the copy that is unpacked must stay usable.
#[test]
fn any_mask_for_new_files() {
    everywhere("any_mask_for_new_files", SHELL, |site, rung| {
        for mask in ["000", "022", "077", "177", "777"] {
            let script = format!("umask {mask}; exec \"$@\"");
            let show = "umask; stat -c %a \"$BENCHRUN_ROOT\"/lib*";
            let words = ["-c", &script, "sh", "../bundle/payload.run", "-c", show];
            let output = finish(site.wrapped(&[], rung, "sh".as_ref(), &words));
            assert_code(&output, 0);
            assert_eq!(stdout(&output), format!("0{mask}\n755\n"), "rung {rung}");
        }
    });
}

#[test]
fn limits_of_the_shell() {
    everywhere("limits_of_the_shell", SHELL, |site, rung| {
        for limit in ["-n 64", "-v 500000", "-f 100000", "-c 0", "-s 512"] {
            let script = format!("ulimit {limit}; exec \"$@\"");
            let words = [
                "-c",
                &script,
                "sh",
                "../bundle/payload.run",
                "-c",
                "echo ran",
            ];
            let output = finish(site.wrapped(&[], rung, "sh".as_ref(), &words));
            assert_code(&output, 0);
            assert_eq!(stdout(&output), "ran\n", "{limit}");
        }
    });
}

#[test]
fn nothing_is_left_after_a_failing_payload() {
    let name = "nothing_is_left_after_a_failing_payload";
    everywhere(name, Bundle::Bench, |site, rung| {
        assert_code(&site.run(rung, &["--size", "medium"]), 2);
        assert_nothing_left(site);
    });
}
