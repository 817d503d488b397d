//! Records that are none, not any more, or not what was measured: one clear line, the right exit code, never a panic.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use expect_test::{Expect, expect};

use crate::records::{command, compare, compared, record, sealed, two_hosts, write, write_text};

/// A directory with two good records, and beside them `bad.json` with this text.
fn with_bad(text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("r")).unwrap();
    two_hosts(&directory.path().join("r"));
    write_text(&directory.path().join("r"), "bad.json", text);
    directory
}

/// The bad file ends the program when it is named, with this code and line; when it is found beside good ones, it is left out
/// with this note.
fn check(text: impl AsRef<[u8]>, code: i32, named: &Expect, found: &Expect) {
    let directory = with_bad(text);
    let outcome = compare(directory.path(), &["r", "r/bad.json"]);
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    named.assert_eq(&outcome.stderr);
    assert_eq!(outcome.stdout, "");
    let below = compare(directory.path(), &["r"]);
    let matched = compare(directory.path(), &["r/*"]);
    assert_eq!(below.stderr, matched.stderr);
    assert_eq!(below.stdout, matched.stdout);
    assert_eq!(below.code, Some(0), "{}", below.stderr);
    found.assert_eq(&below.stderr);
    assert!(below.stdout.contains("0.900"), "{}", below.stdout);
}

fn text_of(record: &results::Record) -> String {
    serde_json::to_string_pretty(record).unwrap()
}

#[test]
fn a_truncated_record() {
    let text = text_of(&record(3, "torn", &[1.0, 2.0]));
    check(
        &text[..text.len() / 2],
        2,
        &expect![[r"
        bench: cannot use r/bad.json as a record: it is not whole JSON (EOF while parsing an object at line 71 column 0)
    "]],
        &expect![[r"
            bench: r/bad.json is left out: it is not whole JSON (EOF while parsing an object at line 71 column 0)
        "]],
    );
}

#[test]
fn foreign_json_and_no_json() {
    check(
        r#"{"name": "left-pad", "version": "1.3.0"}"#,
        2,
        &expect![[r"
            bench: cannot use r/bad.json as a record: it has no schema_version (missing field `schema_version` at line 1 column 40)
        "]],
        &expect![[r"
            bench: r/bad.json is no record: it has no schema_version (missing field `schema_version` at line 1 column 40)
        "]],
    );
    check(
        b"\x7fELF\x00\xff",
        2,
        &expect![[r"
        bench: cannot use r/bad.json as a record: it is not whole JSON (expected value at line 1 column 1)
    "]],
        &expect![[r"
            bench: r/bad.json is no record: it is not whole JSON (expected value at line 1 column 1)
        "]],
    );
    check(
        "",
        2,
        &expect![[r"
        bench: cannot use r/bad.json as a record: it is not whole JSON (EOF while parsing a value at line 1 column 0)
    "]],
        &expect![[r"
        bench: r/bad.json is no record: it is not whole JSON (EOF while parsing a value at line 1 column 0)
    "]],
    );
}

#[test]
fn a_record_of_the_future() {
    check(
        text_of(&record(3, "future", &[1.0]))
            .replace("\"schema_version\": 1", "\"schema_version\": 9"),
        2,
        &expect![[r"
            bench: cannot use r/bad.json as a record: its schema version is 9 and this bench knows up to 1 (use a newer bench)
        "]],
        &expect![[r"
            bench: r/bad.json is left out: its schema version is 9 and this bench knows up to 1 (use a newer bench)
        "]],
    );
}

#[test]
fn a_record_without_a_part() {
    let text = text_of(&record(3, "part", &[1.0])).replace("\"n\": 1000,", "");
    check(
        text,
        2,
        &expect![[r"
        bench: cannot use r/bad.json as a record: missing field `n` at line 104 column 5
    "]],
        &expect![[r"
            bench: r/bad.json is left out: missing field `n` at line 104 column 5
        "]],
    );
}

#[test]
fn a_record_that_was_edited_by_hand() {
    let text = text_of(&record(3, "edited", &[300.0, 301.0]));
    let faster = text.replace("\"gflops\": 300.0", "\"gflops\": 900.0");
    assert_ne!(faster, text);
    check(
        faster,
        4,
        &expect![[r"
        bench: cannot use r/bad.json as a record: it was edited by hand: its samples are not those of its digest (use the original)
    "]],
        &expect![[r"
            bench: r/bad.json is left out: it was edited by hand: its samples are not those of its digest (use the original)
        "]],
    );
    let unseen = text.replace("\"passed\": true", "\"passed\": false");
    let directory = with_bad(unseen);
    assert_eq!(compare(directory.path(), &["r/bad.json"]).code, Some(4));
    // The host's name may be removed: the samples are what was measured.
    let directory = with_bad(text.replace("\"edited\"", "\"anonymous\""));
    let outcome = compare(directory.path(), &["r", "r/bad.json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("anonymous"), "{}", outcome.stdout);
}

#[test]
fn a_record_without_a_digest_is_used_and_noted() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    let mut old = record(3, "old", &[480.0]);
    old.samples_sha256 = None;
    write(directory.path(), &old);
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0));
    expect![[r"
        bench: 1 of 3 records have no digest of their samples, so that an edit would go unnoticed (they are of an older bench)
    "]].assert_eq(&outcome.stderr);
    assert!(outcome.stdout.contains("old "), "{}", outcome.stdout);
}

#[test]
fn copies_count_once_and_contradictions_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let [fast, _] = two_hosts(directory.path());
    fs::copy(&fast, directory.path().join("copy.json")).unwrap();
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    expect![[r"
        bench: 1 copy of a record is not counted again
    "]]
    .assert_eq(&outcome.stderr);
    assert!(
        outcome.stdout.contains("2 sides, 2 records"),
        "{}",
        outcome.stdout
    );
    // The same file, named twice.
    let fast = fast.to_str().unwrap();
    assert_eq!(compare(directory.path(), &[fast, fast, "."]).code, Some(0));

    let other = sealed(record(1, "fast", &[900.0]));
    write_text(directory.path(), "other.json", text_of(&other));
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(4));
    assert_eq!(outcome.stdout, "");
    expect![[r"
        bench: cannot tell which of ./copy.json and ./other.json is right: they are records of the same run 00000001 and differ (remove one)
    "]].assert_eq(&outcome.stderr);
}

#[test]
fn ten_thousand_unrelated_files() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    for index in 0..5000 {
        write_text(
            directory.path(),
            &format!("other-{index:04}.json"),
            "{\"a\": [1, 2]}",
        );
        write_text(directory.path(), &format!("other-{index:04}.txt"), "text");
    }
    write_text(directory.path(), "plot.svg", "<svg/>");
    write_text(directory.path(), ".5d0c2f71.partial.jsonl", "{}");
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0));
    expect![[r"
        bench: 5000 files are no records, for example ./other-0000.json: it has no schema_version (missing field `schema_version` at line 1 column 13)
    "]].assert_eq(&outcome.stderr);
}

#[test]
fn no_records_at_all() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    fs::create_dir(directory.path().join("other")).unwrap();
    write_text(&directory.path().join("other"), "package.json", "{}");
    for (word, expected) in [
        (
            "empty",
            expect![[r"
            bench: cannot find a record in empty: no file there could be one (bench run writes them to bench-results)
        "]],
        ),
        (
            "other",
            expect![[r"
            bench: cannot find a record in other: 1 other file is there, for example other/package.json: it has no schema_version (missing field `schema_version` at line 1 column 2)
        "]],
        ),
        (
            "gone.json",
            expect![[r"
            bench: cannot read gone.json: no such file or directory
        "]],
        ),
        (
            "gone/*.json",
            expect![[r"
            bench: cannot find a record in gone/*.json: the pattern matches no file
        "]],
        ),
        (
            "a**b",
            expect![[r"
            bench: cannot use 'a**b' as a pattern: recursive wildcards must form a single path component (write [*], [?] or [[] for the character itself)
        "]],
        ),
    ] {
        let outcome = compare(directory.path(), &[word]);
        assert_eq!(outcome.code, Some(2), "{word}");
        assert_eq!(outcome.stdout, "");
        expected.assert_eq(&outcome.stderr);
    }
}

#[test]
fn what_the_system_does_not_let_be_read() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    // Root may read everything; a directory in the place of a file is unreadable for all.
    fs::create_dir(directory.path().join("directory.json")).unwrap();
    let outcome = compare(directory.path(), &["."]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let locked = write_text(directory.path(), "locked.json", "{}");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = fs::read(&locked).is_ok();
    let outcome = compare(directory.path(), &["locked.json"]);
    assert_eq!(outcome.code, Some(if is_root { 2 } else { 74 }));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    // Reading the memory of a process at the address 0 is an error of input and output for everybody.
    let outcome = compare(directory.path(), &["/proc/self/mem"]);
    assert_eq!(outcome.code, Some(74));
    expect![[r"
        bench: cannot use /proc/self/mem as a record: it cannot be read: input/output error
    "]]
    .assert_eq(&outcome.stderr);
}

#[test]
fn a_pipe_in_a_directory_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    let pipe = directory.path().join("pipe.json");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(compare(directory.path(), &["."]).code, Some(0));
}

/// The story: a host wrote NaN for a rate, one has no samples, one has rates that no machine has. Nobody's median moves, and none of them
/// stands in the table as if it had been measured.
#[test]
fn what_no_measurement_can_have_found() {
    let mut without_cases = record(3, "caseless", &[]);
    without_cases.cases.clear();
    let mut in_no_year = record(3, "late", &[460.0]);
    in_no_year.started_utc = "9999-12-31T23:59:59Z".to_owned();
    let mut of_nothing = record(3, "empty", &[460.0]);
    of_nothing.cases[0].n = 0;
    let mut in_no_time = record(3, "quick", &[460.0]);
    in_no_time.cases[0].samples[0].run_time_s = -2.0;
    let mut lying = record(3, "liar", &[460.0]);
    lying.cases[0].samples[0].gflops = 920.0;
    let records = [
        record(3, "nan", &[f64::NAN, f64::NAN]),
        record(3, "none", &[]),
        record(3, "negative", &[-1.0, 0.0, 460.0]),
        without_cases,
        in_no_year,
        of_nothing,
        in_no_time,
        lying,
    ];
    let found: String = records
        .into_iter()
        .map(|record| {
            let directory = with_bad(text_of(&sealed(record)));
            let named = compare(directory.path(), &["r/bad.json"]);
            assert_eq!(named.code, Some(4), "{}", named.stderr);
            assert_eq!(named.stdout, "");
            let found = compare(directory.path(), &["r"]);
            assert_eq!(found.code, Some(0), "{}", found.stderr);
            assert!(
                found.stdout.contains("2 sides, 2 records"),
                "{}",
                found.stdout
            );
            found.stderr
        })
        .collect();
    expect![[r"
        bench: r/bad.json is left out: no measurement can have found what it says: sample 1 of case 1 has no rate although it passed its verification (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: nothing was measured: it has no sample (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: sample 1 of case 1 has -1 GFLOPS, and 2.002e9 operations in 1 s are 2.002 (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: nothing was measured: it has no sample (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: it began at '9999-12-31T23:59:59Z', which is no time of a run: RFC 3339 in UTC, 1970 to 2099 (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: case 1 has n = 0 (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: sample 1 of case 1 has a run time of -2 s (use the original)
        bench: r/bad.json is left out: no measurement can have found what it says: sample 1 of case 1 has 920 GFLOPS, and 2.002e9 operations in 0.0044 s are 460 (use the original)
    "]].assert_eq(&found);
}

#[test]
fn a_version_that_is_none() {
    check(
        text_of(&record(3, "past", &[1.0]))
            .replace("\"schema_version\": 1", "\"schema_version\": -1"),
        2,
        &expect![[r"
            bench: cannot use r/bad.json as a record: there is no schema version -1 (it was made by something else)
        "]],
        &expect![[r"
            bench: r/bad.json is no record: there is no schema version -1 (it was made by something else)
        "]],
    );
}

#[test]
fn mixed_sizes_are_not_comparable() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &record(1, "one", &[500.0]));
    let mut other = record(2, "other", &[500.0]);
    other.cases[0].n = 2000;
    write(directory.path(), &sealed(other));
    let refused = compare(directory.path(), &["."]);
    assert_eq!(refused.code, Some(5));
    expect![[r"
        bench: cannot compare: no other host has a verified figure for a kernel, size and type that one has, too
    "]].assert_eq(&refused.stderr);
    // No way around it: the work is not the same.
    let asked_for = compare(directory.path(), &[".", "--anyway"]);
    assert_eq!(asked_for.code, Some(5));
    assert_eq!(asked_for.stderr, refused.stderr);
}

#[test]
fn standard_input_holds_records_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let both = [record(1, "one", &[500.0]), record(2, "two", &[400.0])];
    let good: String = both.iter().map(text_of).collect();
    for (input, code, expected) in [
        (good.clone(), 0, expect![[""]]),
        (
            good[..good.len() - 9].to_owned(),
            2,
            expect![[r"
            bench: cannot use - as a record: it is not whole JSON (EOF while parsing a string at line 107 column 79)
        "]],
        ),
        (
            String::new(),
            2,
            expect![[r"
            bench: cannot use - as a record: it is not whole JSON (EOF while parsing a value at line 1 column 0)
        "]],
        ),
    ] {
        let mut child = command(directory.path(), &["-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let outcome = compared(directory.path(), &output);
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        expected.assert_eq(&outcome.stderr);
    }
}

#[test]
fn numbers_beyond_all_bounds() {
    let text = text_of(&record(3, "huge", &[300.0]));
    check(
        text.replace("\"gflops\": 300.0", "\"gflops\": 1e999"),
        2,
        &expect![[r"
            bench: cannot use r/bad.json as a record: number out of range at line 82 column 25
        "]],
        &expect![[r"
            bench: r/bad.json is left out: number out of range at line 82 column 25
        "]],
    );
}

/// The story: a name in an archive that somebody sent is a command to the terminal.
#[test]
fn names_of_files_are_no_commands() {
    let directory = tempfile::tempdir().unwrap();
    two_hosts(directory.path());
    write_text(directory.path(), "\u{1b}[2J.json", "{}");
    let found = compare(directory.path(), &["."]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let named = compare(directory.path(), &["\u{1b}[2J.json"]);
    assert_eq!(named.code, Some(2));
    for text in [found.stderr, named.stderr] {
        assert!(text.contains("\\u{1b}[2J.json"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
