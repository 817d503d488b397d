//! `bench history` as its users see it, over directories of records that were made for each test.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use results::Record;
use results::history::index::FILE_NAME;
use serde_json::Value;

/// A record as `bench` writes it, taken from one short run.
fn template() -> Record {
    let directory = tempfile::tempdir().unwrap();
    let output = bench(
        directory.path(),
        &[
            "--size",
            "50",
            "--repeats",
            "1",
            "--output",
            "-",
            "--no-peak",
        ],
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn bench(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn history(directory: &Path, words: &[&str], code: i32) -> Output {
    let mut all = vec!["history", "records"];
    all.extend(words);
    let output = bench(directory, &all);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{words:?}: {}",
        stderr(&output)
    );
    output
}

fn json(directory: &Path, words: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(words);
    serde_json::from_slice(&history(directory, &all, 0).stdout).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One run of a history.
#[derive(Clone)]
struct Run<'a> {
    commit: Option<String>,
    cpu: &'a str,
    gflops: f64,
}

/// Runs at these levels, a day apart, with a little noise that is the same in every test.
fn runs(levels: &[(usize, f64)]) -> Vec<Run<'static>> {
    let mut runs = Vec::new();
    for (count, level) in levels {
        for _ in 0..*count {
            let id = runs.len();
            let noise = ((id * id * 7919 + id * 31) % 101) as f64 / 101.0 - 0.5;
            runs.push(Run {
                commit: None,
                cpu: "CPU A",
                gflops: level * (1.0 + 0.02 * noise),
            });
        }
    }
    runs
}

/// Writes the runs as records, `0.json` the first. Their figures are planted: such a record has no digest, as those of before there
/// was one.
fn write(directory: &Path, runs: &[Run]) {
    let template = template();
    let records = directory.join("records");
    fs::create_dir_all(&records).unwrap();
    for (id, run) in runs.iter().enumerate() {
        let mut record = template.clone();
        record.id = format!("{id:08x}");
        record.samples_sha256 = None;
        record.started_utc = format!("2026-{:02}-{:02}T10:00:00Z", 1 + id / 28, 1 + id % 28);
        record.software.bench_commit.clone_from(&run.commit);
        run.cpu.clone_into(&mut record.host.cpu.model);
        set_rate(&mut record, run.gflops);
        let text = serde_json::to_vec_pretty(&record).unwrap();
        fs::write(records.join(format!("{id}.json")), text).unwrap();
    }
}

/// Every sample of the record has this rate.
fn set_rate(record: &mut Record, gflops: f64) {
    let case = &mut record.cases[0];
    for sample in &mut case.samples {
        sample.gflops = gflops;
        sample.run_time_s = 1e-9 * case.flop / gflops;
    }
}

/// The digest of a record covers its samples; who edits the summary is not to be believed.
#[test]
fn the_summary_of_a_record_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let path = directory.path().join("records/3.json");
    let mut record: Record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record.cases[0].summary.as_mut().unwrap().gflops_median = 1000.0;
    fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
    let text = stdout(&history(directory.path(), &[], 0));
    assert!(!text.contains("1000"), "{text}");
    assert!(text.contains("level 99.85 GFLOPS"), "{text}");
}

/// Anybody may have written a record, and what is printed ends in a terminal or in the log of a CI job.
#[test]
fn strings_of_records_are_no_commands_to_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    for entry in fs::read_dir(directory.path().join("records")).unwrap() {
        let path = entry.unwrap().path();
        let mut record: Record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        "\u{1b}[31mred\u{7}\n\u{202e}".clone_into(&mut record.host.hostname);
        fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
    }
    for format in ["text", "markdown"] {
        let text = stdout(&history(directory.path(), &["--format", format], 0));
        let is_harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(
            text.contains("red") && !text.contains(is_harmful),
            "{text:?}"
        );
        assert!(!text.lines().any(|line| line.starts_with('\u{202e}')));
    }
}

#[test]
fn a_planted_change_is_found_with_its_commits() {
    let directory = tempfile::tempdir().unwrap();
    let mut runs = runs(&[(30, 100.0), (12, 92.0)]);
    for (id, run) in runs.iter_mut().enumerate() {
        run.commit = Some(format!("{id:04x}aaaabbbb"));
    }
    write(directory.path(), &runs);
    let value = json(directory.path(), &[]);
    let changes = value["series"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["good_commit"], "001daaaabbbb");
    assert_eq!(changes[0]["bad_commit"], "001eaaaabbbb");
    assert_eq!(changes[0]["is_regression"], true);
    let text = stdout(&history(directory.path(), &[], 0));
    assert!(
        text.contains("slower")
            && text.contains("001daaaabbbb..001eaaaabbbb (2026-02-02 to 2026-02-03)"),
        "{text}"
    );
    let markdown = stdout(&history(directory.path(), &["--format", "markdown"], 0));
    assert!(
        markdown.contains("| 001daaaabbbb..001eaaaabbbb ("),
        "{markdown}"
    );
    history(directory.path(), &["--fail-on-change"], 1);
}

#[test]
fn what_was_accepted_is_marked_and_fails_nothing() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(30, 100.0), (12, 92.0)]));
    let threads = template().cases[0].threads_used;
    let change = serde_json::json!({
        "reason": "checks bounds now", "accepted_utc": "2026-02-10T00:00:00Z", "kernel": "matmul-norm", "n": 50, "dtype": "f64",
        "threads": [threads, threads], "ratio_before": 1.0, "ratio": 0.92, "ratio_interval": [0.91, 0.93],
        "baseline": "a", "candidate": "b",
    });
    let file = serde_json::json!({ "accepted_version": 1, "changes": [change] });
    fs::write(directory.path().join("accepted.json"), file.to_string()).unwrap();
    let words = ["--fail-on-change", "--accepted", "accepted.json"];
    let text = stdout(&history(directory.path(), &words, 0));
    assert!(
        text.contains(", accepted 2026-02-10: checks bounds now"),
        "{text}"
    );
    history(directory.path(), &["--fail-on-change"], 1);
    fs::write(directory.path().join("accepted.json"), "{}").unwrap();
    let message = stderr(&history(directory.path(), &words, 2));
    assert!(message.contains("accepted.json"), "{message}");
}

#[test]
fn only_a_regression_at_the_end_fails() {
    for levels in [
        &[(40, 100.0)][..],
        &[(30, 92.0), (12, 100.0)],
        &[(20, 100.0), (12, 92.0), (12, 100.0)],
    ] {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &runs(levels));
        history(directory.path(), &["--fail-on-change"], 0);
    }
}

/// Files with their contents, but for the index.
fn without_index(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.join("records"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != FILE_NAME)
        .collect();
    names.sort();
    names
}

#[test]
fn an_index_is_made_and_never_the_truth() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(20, 100.0), (10, 90.0)]));
    let index = directory.path().join("records").join(FILE_NAME);
    let files = without_index(directory.path());
    let expected = stdout(&history(directory.path(), &["--json"], 0));
    let made = fs::read(&index).unwrap();
    // From the index; without it; from one that is damaged, of another version, or something else altogether.
    assert_eq!(stdout(&history(directory.path(), &["--json"], 0)), expected);
    let mut flipped = made.clone();
    let middle = made.len() / 2;
    flipped[middle] ^= 1;
    let later = String::from_utf8(made.clone())
        .unwrap()
        .replacen(":1,", ":2,", 1);
    for damaged in [
        None,
        Some(&made[..middle]),
        Some(&flipped[..]),
        Some(later.as_bytes()),
        Some(b"\xff\x00{"),
        Some(b""),
    ] {
        match damaged {
            None => fs::remove_file(&index).unwrap(),
            Some(bytes) => fs::write(&index, bytes).unwrap(),
        }
        assert_eq!(stdout(&history(directory.path(), &["--json"], 0)), expected);
        assert_eq!(fs::read(&index).unwrap(), made);
    }
    assert_eq!(without_index(directory.path()), files);
}

#[test]
fn what_changes_in_the_directory_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    history(directory.path(), &[], 0);
    let records = directory.path().join("records");
    fs::remove_file(records.join("0.json")).unwrap();
    let text = fs::read_to_string(records.join("1.json")).unwrap();
    let mut record: Record = serde_json::from_str(&text).unwrap();
    set_rate(&mut record, 55.5);
    fs::write(records.join("1.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    fs::create_dir(records.join("more")).unwrap();
    record.id = "ffffffff".to_owned();
    record.started_utc = "2027-01-01T00:00:00Z".to_owned();
    fs::write(
        records.join("more/later.json"),
        serde_json::to_vec(&record).unwrap(),
    )
    .unwrap();
    let value = json(directory.path(), &[]);
    let points = value["series"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 8);
    assert_eq!(points[0]["rate"], 55.5);
    assert_eq!(points[7]["files"][0], "more/later.json");
}

#[test]
fn a_directory_that_cannot_be_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let records = directory.path().join("records");
    // Root may write where it may not: a directory of the index's name keeps it out, too.
    fs::create_dir(records.join(FILE_NAME)).unwrap();
    fs::set_permissions(&records, fs::Permissions::from_mode(0o555)).unwrap();
    let value = json(directory.path(), &[]);
    assert_eq!(value["runs"], 8);
    assert_eq!(value["skipped"].as_array().unwrap().len(), 0);
    fs::set_permissions(&records, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn machines_are_not_mixed() {
    let directory = tempfile::tempdir().unwrap();
    let mut runs = runs(&[(40, 100.0)]);
    for (id, run) in runs.iter_mut().enumerate() {
        if id % 2 == 1 {
            run.cpu = "CPU B";
            run.gflops *= 0.5;
        }
    }
    write(directory.path(), &runs);
    let value = json(directory.path(), &[]);
    let series = value["series"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    for series in series {
        assert_eq!(series["points"].as_array().unwrap().len(), 20);
        assert_eq!(series["changes"].as_array().unwrap().len(), 0);
    }
    let value = json(directory.path(), &["--only", "CPU B"]);
    assert_eq!(value["series"].as_array().unwrap().len(), 1);
}

#[test]
fn other_files_are_left_out_and_named() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let records = directory.path().join("records");
    fs::write(records.join("notes.txt"), "no record").unwrap();
    fs::write(records.join("package.json"), r#"{"name":"x"}"#).unwrap();
    fs::write(records.join("cut.json"), "{\"schema_version\":1,").unwrap();
    fs::write(records.join("later.json"), r#"{"schema_version":99}"#).unwrap();
    fs::copy(records.join("3.json"), records.join("copy.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", records.join("link.json")).unwrap();
    for _ in 0..2 {
        let value = json(directory.path(), &[]);
        let names: Vec<&str> = value["skipped"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["file"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["cut.json", "later.json", "package.json"]);
        assert_eq!(value["duplicates"][0], "copy.json");
        assert_eq!(value["series"][0]["points"].as_array().unwrap().len(), 8);
    }
    let text = stdout(&history(directory.path(), &[], 0));
    assert!(text.contains("3 files left out"), "{text}");
}

/// The story: an archive from another system brings names that are not UTF-8. What they hold is part of the history all the same.
#[test]
fn files_whose_names_are_no_text_are_read() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let records = directory.path().join("records");
    let odd = |name: &[u8]| records.join(OsStr::from_bytes(name));
    fs::rename(records.join("3.json"), odd(b"3-\xe4.json")).unwrap();
    fs::create_dir(odd(b"\xff")).unwrap();
    fs::rename(records.join("4.json"), odd(b"\xff/4.json")).unwrap();
    fs::write(odd(b"no-\xfe.json"), "[]").unwrap();
    for _ in 0..2 {
        let value = json(directory.path(), &[]);
        let points = value["series"][0]["points"].as_array().unwrap();
        assert_eq!(points.len(), 8);
        assert_eq!(points[3]["files"][0], "3-\u{fffd}.json");
        assert_eq!(points[4]["files"][0], "\u{fffd}/4.json");
        assert_eq!(value["skipped"][0]["file"], "no-\u{fffd}.json");
    }
}

#[test]
fn records_without_a_digest_are_noted() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let sealed = directory.path().join("records/3.json");
    let mut record: Record = serde_json::from_slice(&fs::read(&sealed).unwrap()).unwrap();
    record.samples_sha256 = Some(results::samples_digest::of(&record));
    fs::write(&sealed, serde_json::to_vec(&record).unwrap()).unwrap();
    // The second time from the index.
    for _ in 0..2 {
        assert_eq!(
            stderr(&history(directory.path(), &[], 0)),
            "bench: 7 of 8 records have no digest of their samples, so that an edit would go unnoticed (they are of an older bench)\n"
        );
    }
}

#[test]
fn records_of_one_run_that_differ_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(8, 100.0)]));
    let records = directory.path().join("records");
    let text = fs::read_to_string(records.join("3.json")).unwrap();
    let mut record: Record = serde_json::from_str(&text).unwrap();
    set_rate(&mut record, 200.0);
    fs::write(records.join("x.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    let message = stderr(&history(directory.path(), &[], 2));
    assert_eq!(
        message,
        "bench: cannot tell which of 3.json and x.json is right: they are records of the same run and differ (remove one)\n"
    );
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |words: &[&str]| {
        let output = history(directory.path(), words, 2);
        let message = stderr(&output);
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    assert!(refused(&[]).starts_with("bench: cannot read the records of records: no such file"));
    fs::create_dir(directory.path().join("records")).unwrap();
    assert!(
        refused(&[]).starts_with("bench: cannot show the history of records: it holds no records")
    );
    fs::write(directory.path().join("records/a.json"), "[]").unwrap();
    let message = refused(&[]);
    assert!(
        message.contains("none of its 1 JSON files is a record; a.json: "),
        "{message}"
    );
    write(directory.path(), &runs(&[(8, 100.0)]));
    let message = refused(&["--only", "n=77"]);
    assert!(
        message.contains("cannot show series with 'n=77'"),
        "{message}"
    );
    let message = refused(&["--git", "records"]);
    assert!(
        message.contains("cannot read the commits of records: "),
        "{message}"
    );
    let output = history(directory.path(), &["--svg", "missing/a.svg"], 73);
    assert!(
        stderr(&output).contains("cannot write missing/a.svg: "),
        "{}",
        stderr(&output)
    );
    let output = history(directory.path(), &["--min-segment", "1"], 2);
    assert_eq!(stderr(&output).lines().count(), 1);
}

fn git(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// Old commits may be measured later than new ones: then the order of time would show changes where there are none.
#[test]
fn commits_give_the_order() {
    let directory = tempfile::tempdir().unwrap();
    let repository = directory.path().join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet"]);
    let mut commits = Vec::new();
    for _ in 0..24 {
        git(
            &repository,
            &["commit", "--allow-empty", "--quiet", "-m", "x"],
        );
        commits.push(git(&repository, &["rev-parse", "--short=12", "HEAD"]));
    }
    let mut runs = runs(&[(12, 100.0), (12, 90.0)]);
    for (id, run) in runs.iter_mut().enumerate() {
        run.commit = Some(commits[id].clone());
    }
    // Measured from the newest to the oldest, and each third commit not at all.
    runs.reverse();
    let mut kept = Vec::new();
    for (id, run) in runs.into_iter().enumerate() {
        if id % 3 != 0 {
            kept.push(run);
        }
    }
    let mut stranger = kept[0].clone();
    stranger.commit = Some("0123456789ab".to_owned());
    kept.push(stranger);
    write(directory.path(), &kept);
    let value = json(directory.path(), &["--git", "repository"]);
    assert_eq!(value["order"], "commits");
    assert_eq!(value["not_in_order"][0], "16.json");
    let changes = value["series"][0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["is_regression"], true);
    let good = commits
        .iter()
        .position(|it| *it == changes[0]["good_commit"])
        .unwrap();
    let bad = commits
        .iter()
        .position(|it| *it == changes[0]["bad_commit"])
        .unwrap();
    assert!(good < 12 && 12 <= bad, "{good} {bad}");
    assert_eq!(changes[0]["commits_between"], bad - good);
    // In the order of time it is an improvement.
    let value = json(directory.path(), &["--by", "run"]);
    assert_eq!(value["series"][0]["changes"][0]["is_regression"], false);
}

#[test]
fn pictures_are_written() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &runs(&[(30, 100.0), (12, 92.0)]));
    history(directory.path(), &["--svg", "h.svg", "--png", "h.png"], 0);
    let svg = fs::read_to_string(directory.path().join("h.svg")).unwrap();
    assert!(svg.contains("<title>History of matmul-norm n=50"), "{svg}");
    let png = fs::read(directory.path().join("h.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
}
