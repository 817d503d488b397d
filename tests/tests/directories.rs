//! Hosts whose directories cannot be written to, or do not allow execution. What is mounted here is mounted in a namespace
//! of the test's own.

use std::process::Output;

use tests::bench::{only_record, seed_lines};
use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::site::{Bundle, SHELL, Site, assert_code, everywhere};
use tests::{stderr, stdout};

/// Shell functions: `again DIRECTORY OPTIONS` mounts a directory on itself with other options.
const AGAIN: &str =
    "again() { mount --bind \"$1\" \"$1\"; mount -o remount,bind,\"$2\" \"$1\"; }; ";

/// What a payload shows of itself.
const SHOW: [&str; 2] = ["-c", "echo \"$BENCHRUN_ROOT\""];

/// Mounting is root's.
fn may_mount(test: &str) -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        tests::skip(test, "mounting needs root");
    }
    is_root
}

/// Runs the shell's bundle after `script`.
fn shell_after(site: &Site, script: &str, rung: &str) -> Output {
    finish(site.mounted(&format!("{AGAIN}{script}"), rung, &SHOW))
}

#[test]
fn tmp_that_is_read_only() {
    if !may_mount("tmp_that_is_read_only") {
        return;
    }
    everywhere("tmp_that_is_read_only", Bundle::Bench, |site, rung| {
        let script =
            format!("{AGAIN} again /tmp ro; again \"$SITE/work\" rw; again \"$SITE/cache\" rw");
        let output = finish(site.mounted(&script, rung, &["--size", "test"]));
        assert_code(&output, 0);
        assert_eq!(seed_lines(&stdout(&output)).len(), 3);
        let results = site.path("work/bench-results");
        only_record(&results);
        std::fs::remove_dir_all(results).expect("it goes");
    });
}

/// Everything but one directory refuses execution: that one is found, wherever in the order it stands.
#[test]
fn one_directory_that_allows_execution() {
    let name = "one_directory_that_allows_execution";
    if !may_mount(name) {
        return;
    }
    everywhere(name, SHELL, |site, rung| {
        for place in ["cache", "tmp", "home", "work"] {
            let output = shell_after(
                site,
                &format!("{NO_EXECUTION} again \"$SITE/{place}\" exec"),
                rung,
            );
            assert_code(&output, 0);
            let root = stdout(&output);
            let expected = site.path(place);
            assert!(
                rung != "4" || root.starts_with(&*expected.to_string_lossy()),
                "{root} is not in {expected:?}"
            );
            assert_nothing_left(site);
        }
    });
}

/// Nothing can be written to anywhere.
const NO_WRITING: &str =
    "for place in /tmp /var/tmp /dev/shm /run \"$SITE\"; do again \"$place\" ro; done;";

/// Nothing but the bundle's own directory allows execution.
const NO_EXECUTION: &str = "for place in /tmp /var/tmp /dev/shm /run \"$SITE\"; do again \"$place\" noexec; done; \
                            again \"$SITE/bundle\" exec;";

/// As in a container whose root is somebody else's: the image's files go to anonymous memory.
#[test]
fn no_directory_that_allows_execution() {
    let name = "no_directory_that_allows_execution";
    if !may_mount(name) {
        return;
    }
    everywhere(name, SHELL, |site, rung| {
        let output = shell_after(site, NO_EXECUTION, rung);
        assert_code(&output, 0);
        assert_eq!(stdout(&output).lines().count(), 1, "{}", stdout(&output));
        assert_nothing_left(site);
    });
}

#[test]
fn no_directory_that_can_be_written_to() {
    let name = "no_directory_that_can_be_written_to";
    if !may_mount(name) {
        return;
    }
    everywhere(name, SHELL, |site, rung| {
        let output = shell_after(site, NO_WRITING, rung);
        if rung != "4" {
            // A mount of its own needs nobody's permission.
            return assert_code(&output, 0);
        }
        let message = stderr(&output);
        assert_code(&output, 125);
        assert_eq!(stdout(&output), "");
        assert_eq!(message.lines().count(), 1, "{message}");
        for part in [
            "bundle: no directory allows writing and execution: ",
            "/tmp: Read-only file system",
            "/dev/shm: ",
            "set TMPDIR to one that does",
        ] {
            assert!(message.contains(part), "{message} lacks {part:?}");
        }
        for place in ["cache", "tmp", "home", "work"] {
            let place = site.path(place);
            assert!(
                message.contains(&*place.to_string_lossy()),
                "{message} lacks {place:?}"
            );
        }
    });
}

/// Every rung is tried, and each one's reason is said, the same reason once.
#[test]
fn no_rung_holds() {
    if !may_mount("no_rung_holds") {
        return;
    }
    everywhere("no_rung_holds", SHELL, |site, _| {
        // The limits hold for this one namespace, and end with it.
        let limits = "echo 0 >/proc/sys/user/max_user_namespaces; echo 0 >/proc/sys/user/max_mnt_namespaces; exec \"$@\"";
        let file = site.bundle.to_string_lossy();
        let words = [
            &[
                "--user",
                "--map-root-user",
                "sh",
                "-euc",
                limits,
                "sh",
                &file,
            ],
            &SHOW[..],
        ]
        .concat();
        let script = format!("{AGAIN}{NO_WRITING}");
        let output = finish(site.mounted_for(&script, "", "unshare".as_ref(), &words));
        let message = stderr(&output);
        assert_code(&output, 125);
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines.len(), 2, "{message}");
        assert!(
            lines[0].starts_with("bundle: rungs 1, 2 and 3 do not hold: cannot make "),
            "{message}"
        );
        assert!(
            lines[1].starts_with("bundle: rung 4 does not hold: no directory "),
            "{message}"
        );
    });
}

/// A full file system: the next place is taken, and nothing stays of the first attempt.
#[test]
fn a_full_directory() {
    if !may_mount("a_full_directory") {
        return;
    }
    everywhere("a_full_directory", SHELL, |site, rung| {
        let script = "mount -t tmpfs -o size=300k,mode=1777 none \"$SITE/cache\";";
        let words = ["-c", "echo \"$BENCHRUN_ROOT\"; ls -A \"$SITE/cache\""];
        let output = finish(site.mounted(script, rung, &words));
        assert_code(&output, 0);
        let text = stdout(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        let expected = site.path("tmp");
        assert!(
            rung != "4" || text.starts_with(&*expected.to_string_lossy()),
            "{text}"
        );
    });
}

#[test]
fn no_home_and_no_other_variable() {
    let name = "no_home_and_no_other_variable";
    everywhere(name, Bundle::Bench, |site, rung| {
        let mut command = site.command(rung, &["--size", "test"]);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SITE", site.marker());
        let output = finish({
            command.env("BENCHRUN_FORCE_RUNG", rung);
            command
        });
        assert_code(&output, 0);
        let results = site.path("work/bench-results");
        only_record(&results);
        std::fs::remove_dir_all(results).expect("it goes");
    });
}

/// Variables that name nothing usable are passed over.
#[test]
fn variables_that_lead_nowhere() {
    let name = "variables_that_lead_nowhere";
    everywhere(name, SHELL, |site, rung| {
        for value in [
            "",
            "relative/path",
            "/nonexistent/x",
            "/dev/null",
            "/proc",
            "/proc/self/fd",
        ] {
            let mut command = site.command(rung, &SHOW);
            command.env("XDG_CACHE_HOME", value).env("HOME", value);
            let output = finish(command);
            assert_code(&output, 0);
            let root = stdout(&output);
            let expected = site.path("tmp");
            assert!(
                rung != "4" || root.starts_with(&*expected.to_string_lossy()),
                "{root}"
            );
        }
    });
}

/// Rung 2 mounts on an empty directory that the user does not need. One that the user stands in, or names, is not taken.
#[test]
fn what_the_user_names_stays_visible() {
    let name = "what_the_user_names_stays_visible";
    everywhere(name, SHELL, |site, rung| {
        let named = "/proc/fs/nfsd";
        for words in [
            &["-c", "echo \"$BENCHRUN_ROOT\"", "sh", named][..],
            &[
                "-c",
                "echo \"$BENCHRUN_ROOT\"",
                "sh",
                "--out=/proc/fs/nfsd/x",
            ],
        ] {
            let output = site.run(rung, words);
            assert_code(&output, 0);
            assert_ne!(stdout(&output).trim_end(), named);
        }
    });
}
