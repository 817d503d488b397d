//! Hosts that refuse namespaces: the launcher takes rung 4 and says why, or says what to do if it may not.

use std::process::Output;

use tests::bench::{only_record, seed_lines};
use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::seccomp::without_namespaces;
use tests::site::{Bundle, SHELL, Site, Who, assert_code};
use tests::{stderr, stdout};

/// What a payload shows of itself.
const SHOW: [&str; 2] = ["-c", "echo rung $BENCHRUN_RUNG"];

/// Asserts that the payload ran on rung 4, announced in one line that gives this reason.
#[track_caller]
fn assert_rung_4(output: &Output, reason: &str) {
    let message = stderr(output);
    assert_code(output, 0);
    assert_eq!(stdout(output), "rung 4\n", "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.starts_with("bundle: running without a private namespace (cannot "),
        "{message}"
    );
    assert!(message.contains(reason), "{message} lacks {reason:?}");
}

/// Asserts that the launcher gave up in one line with a reason and a remedy.
#[track_caller]
fn assert_given_up(output: &Output, parts: &[&str]) {
    let message = stderr(output);
    assert_code(output, 125);
    assert_eq!(stdout(output), "");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.starts_with("bundle: cannot "), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message} lacks {part:?}");
    }
}

#[test]
fn a_seccomp_profile_like_dockers() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL).without_opening_fuse();
        let output = without_namespaces(|| site.run("", &SHOW));
        assert_rung_4(
            &output,
            "cannot make a private user namespace: EPERM: Operation not permitted (allow user namespaces: ",
        );
        assert_nothing_left(&site);

        let output = without_namespaces(|| site.run("2", &SHOW));
        assert_given_up(&output, &["EPERM", "seccomp profile"]);
        assert_nothing_left(&site);
    }
}

#[test]
fn bench_measures_under_a_seccomp_profile_like_dockers() {
    for who in Who::all() {
        let site = Site::new(*who, Bundle::Bench).without_opening_fuse();
        let output = without_namespaces(|| site.run("", &["--size", "test"]));
        assert_code(&output, 0);
        assert_eq!(seed_lines(&stdout(&output)).len(), 3);
        let record = only_record(&site.path("work/bench-results"));
        let rung = record.software.bundle.and_then(|bundle| bundle.rung);
        assert_eq!(rung.as_deref(), Some("4"));
        assert_nothing_left(&site);
    }
}

/// In a user namespace of its own, where this one's limits can be set without asking the host: they end with it. The
/// payload is its root by id; `drop` also takes root's capabilities away.
fn in_user_namespace(site: &Site, limit: &str, drop: bool, rung: &str) -> Output {
    let script = format!("echo 0 >/proc/sys/user/{limit}; exec \"$@\"");
    let mut words = vec!["--user", "--map-root-user", "sh", "-euc", &script, "sh"];
    if drop {
        words.extend(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]);
    }
    let bundle = site.bundle.to_string_lossy().into_owned();
    words.push(&bundle);
    words.extend(SHOW);
    finish(site.wrapped(&[], rung, "unshare".as_ref(), &words))
}

/// Is a user namespace to be had at all?
fn can_nest(site: &Site) -> bool {
    let words = ["--user", "--map-root-user", "true"];
    finish(site.wrapped(&[], "", "unshare".as_ref(), &words))
        .status
        .success()
}

#[test]
fn no_more_namespaces() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        if !can_nest(&site) {
            return tests::skip("no_more_namespaces", "this host refuses user namespaces");
        }
        for (limit, drop, reason) in [
            (
                "max_user_namespaces",
                true,
                "make a private user namespace: ENOSPC",
            ),
            (
                "max_mnt_namespaces",
                false,
                "make a private mount namespace: ENOSPC",
            ),
        ] {
            assert_rung_4(&in_user_namespace(&site, limit, drop, ""), reason);
            let output = in_user_namespace(&site, limit, drop, "2");
            assert_given_up(&output, &[reason, "sysctl user.max_"]);
            assert_nothing_left(&site);
        }
    }
}

/// Root without capabilities is an ordinary user with the number 0. The kernel lets it keep that number in a user namespace
/// only if it has the capability to set capabilities of files.
#[test]
fn root_without_capabilities() {
    if !Who::all().contains(&Who::Root) {
        return tests::skip("root_without_capabilities", "this test is for root");
    }
    let site = Site::new(Who::Root, SHELL);
    for (kept, expected) in [("", "rung 4\n"), (",+setfcap", "rung 1\n")] {
        let bounding_set = format!("--bounding-set=-all{kept}");
        let wrapper = ["setpriv", &bounding_set, "--inh-caps=-all", "--"];
        let output = finish(site.wrapped(&wrapper, "", &site.bundle, &SHOW));
        assert_code(&output, 0);
        assert_eq!(stdout(&output), expected, "{}", stderr(&output));
        assert_nothing_left(&site);
    }
}

#[test]
fn no_new_privileges() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        for rung in ["", "4"] {
            let wrapper = ["setpriv", "--no-new-privs", "--"];
            let output = finish(site.wrapped(&wrapper, rung, &site.bundle, &SHOW));
            assert_code(&output, 0);
            assert_nothing_left(&site);
        }
    }
}
