//! The store under faults: a record is there whole or not at all, and what cannot be read is refused with its reason.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use results::Record;
use results::accepted::AcceptedFile;
use results::store::{
    StoreError, check_file, prepare_directory, read_bounded, read_record, write_all, write_record,
    write_whole,
};

mod common;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Reads this text as a record; it must be refused, with its file's name.
fn refusal(text: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.json");
    fs::write(&path, text).unwrap();
    let error = read_record(&path).unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }), "{error:?}");
    let prefix = format!("cannot use {} as a record: ", path.display());
    error.to_string().strip_prefix(&prefix).unwrap().to_owned()
}

fn text_of(record: &Record) -> String {
    serde_json::to_string_pretty(record).unwrap()
}

#[test]
fn a_record_is_written_under_its_name_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let record = common::article();
    let stored = write_record(directory.path(), &record).unwrap();
    assert_eq!(
        names(directory.path()),
        ["i9-20211001T170358Z-5d0c2f71.json"]
    );
    assert_eq!(read_record(&stored.json).unwrap(), record);
    assert_eq!(
        stored.beside("svg"),
        directory.path().join("i9-20211001T170358Z-5d0c2f71.svg")
    );
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/record-v1.json");
    assert_eq!(fs::read(&stored.json).unwrap(), fs::read(golden).unwrap());
}

#[test]
fn a_host_name_cannot_lead_out_of_the_directory() {
    for (hostname, expected) in [
        ("../../etc/passwd", "etc-passwd"),
        ("a b\n<c>\u{4E2D}", "a-b--c"),
        ("node7.example.org", "node7.example.org"),
        (".", "host"),
        ("", "host"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut record = common::article();
        record.host.hostname = hostname.to_owned();
        write_record(directory.path(), &record).unwrap();
        let name = format!("{expected}-20211001T170358Z-5d0c2f71.json");
        assert_eq!(names(directory.path()), [name], "{hostname:?}");
    }
}

#[test]
fn others_may_read_what_the_umask_lets_them() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    fs::write(&plain, "").unwrap();
    let stored = write_record(directory.path(), &common::article()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&stored.json), mode(&plain));
}

#[test]
fn a_missing_directory_is_made_and_left_empty() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("bench-results/of/today");
    prepare_directory(&directory).unwrap();
    assert_eq!(names(&directory), Vec::<String>::new());
}

/// The story: `--output` names something under a file, or a place where nothing can be made. That must be known before
/// minutes are spent on measuring.
#[test]
fn a_directory_that_cannot_be_written_is_refused_before_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for directory in [
        file.join("below"),
        file.clone(),
        "/proc/bench-results".into(),
    ] {
        let error = prepare_directory(&directory).unwrap_err();
        assert!(matches!(error, StoreError::Directory { .. }), "{error:?}");
        let text = error.to_string();
        let expected = format!(
            "cannot write results to the directory {}: ",
            directory.display()
        );
        assert!(
            text.starts_with(&expected) && text.contains("--output"),
            "{text}"
        );
        assert!(!text.contains("os error"), "{text}");
    }
    assert_eq!(names(parent.path()), ["file"]);
}

#[test]
fn writing_where_there_is_no_directory_is_an_error_and_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let error = write_record(&parent.path().join("gone"), &common::article()).unwrap_err();
    assert!(matches!(error, StoreError::Write { .. }), "{error:?}");
    assert_eq!(names(parent.path()), Vec::<String>::new());
}

/// A file system of 16 KiB, unmounted when dropped.
struct TinyFileSystem(tempfile::TempDir);

impl TinyFileSystem {
    /// `None` where this process may not mount; the caller says that it skips.
    fn mount() -> Option<TinyFileSystem> {
        let directory = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"])
            .arg(directory.path())
            .output();
        status
            .is_ok_and(|output| output.status.success())
            .then(|| TinyFileSystem(directory))
    }
}

impl Drop for TinyFileSystem {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.0.path().display()
        );
    }
}

/// The story: the disk fills up while the result of a long run is written. The run says so, no half of a file is left,
/// and the file of that name that was there before is as it was.
#[test]
fn a_full_file_system_leaves_what_was_there_and_nothing_else() {
    let Some(file_system) = TinyFileSystem::mount() else {
        // Not through `eprintln!`, which a passing test keeps to itself.
        let notice = "SKIPPED a_full_file_system_leaves_what_was_there_and_nothing_else: cannot mount a tmpfs (run as root)\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    };
    let directory = file_system.0.path();
    let mut record = common::article();
    let stored = write_record(directory, &record).unwrap();
    let before = fs::read(&stored.json).unwrap();

    record.warnings = vec!["a warning that does not fit any more".to_owned(); 1000];
    let error = write_record(directory, &record).unwrap_err();
    let expected = format!(
        "cannot write {}: no space left on device (make room or name another directory with --output DIR)",
        stored.json.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(names(directory), ["i9-20211001T170358Z-5d0c2f71.json"]);
    assert_eq!(fs::read(&stored.json).unwrap(), before);
}

/// The story: an export of several files ran out of room at the third one, and its reader took the first two for all.
#[test]
fn several_files_are_written_all_or_none() {
    let Some(file_system) = TinyFileSystem::mount() else {
        let notice =
            "SKIPPED several_files_are_written_all_or_none: cannot mount a tmpfs (run as root)\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    };
    let directory = file_system.0.path();
    let file = |name: &str, length: usize| (name.into(), "x".repeat(length));
    let small = [file("list.json", 10), file("host/machine.json", 20)];
    write_all(directory, &small).unwrap();
    assert_eq!(names(directory), ["host", "list.json"]);
    let larger = [
        file("list.json", 100),
        file("other/deep/machine.json", 100),
        file("other/run.json", 1 << 20),
    ];
    let error = write_all(directory, &larger).unwrap_err();
    let expected = format!(
        "cannot write {}: no space left on device (name a file in a directory that can be written and has room)",
        directory.join("other/run.json").display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(names(directory), ["host", "list.json"]);
    assert_eq!(fs::read(directory.join("list.json")).unwrap(), [b'x'; 10]);
}

#[test]
fn several_files_do_not_replace_directories() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::create_dir(directory.join("b")).unwrap();
    let files = ["a", "c/a", "b"].map(|name| (name.into(), "text".to_owned()));
    let error = write_all(directory, &files).unwrap_err();
    assert!(error.to_string().contains("/b: is a directory"), "{error}");
    assert_eq!(names(directory), ["b"]);
    write_all(directory, &files[..2]).unwrap();
    assert_eq!(names(directory), ["a", "b", "c"]);
}

/// The story: a comparison of twenty minutes ended with a file name in a directory that was not there.
#[test]
fn whether_a_file_can_be_written_is_known_before_and_changes_nothing() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    fs::write(place("present"), "text").unwrap();
    symlink("present", place("link")).unwrap();
    for good in ["new", "present", "link"] {
        check_file(&place(good)).unwrap();
    }
    check_file(Path::new("/dev/null")).unwrap();
    check_file(Path::new("a-name-without-a-directory")).unwrap();
    for (bad, reason) in [
        ("", "is a directory"),
        ("new/", "is a directory"),
        ("missing/new", "no such file or directory"),
        ("present/new", "not a directory"),
    ] {
        let error = check_file(&place(bad)).unwrap_err();
        let expected = format!(
            "cannot write {}: {reason} (name a file in a directory that can be written and has room)",
            place(bad).display()
        );
        assert_eq!(error.to_string(), expected);
    }
    assert!(check_file(Path::new("/proc/new")).is_err());
    assert!(check_file(Path::new("/proc/version")).is_err());
    assert_eq!(names(directory.path()), ["link", "present"]);
    assert_eq!(fs::read(place("present")).unwrap(), b"text");
}

#[test]
fn a_file_is_replaced_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plot.svg");
    write_whole(&path, b"a long first version").unwrap();
    write_whole(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(directory.path()), ["plot.svg"]);
}

#[test]
fn a_record_of_a_later_schema_is_refused_by_its_number() {
    let mut record = common::article();
    record.schema_version = 2;
    assert_eq!(
        refusal(text_of(&record).as_bytes()),
        "its schema version is 2 and this bench knows up to 1 (use a newer bench)"
    );
    // Also when nothing else of it is as this version knows it.
    assert_eq!(
        refusal(br#"{"schema_version": 7, "runs": []}"#),
        "its schema version is 7 and this bench knows up to 1 (use a newer bench)"
    );
}

/// The story: a copy was interrupted. Wherever it was cut off, the file is refused and nothing panics.
#[test]
fn a_truncated_record_is_refused_wherever_it_ends() {
    let text = text_of(&common::article());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.json");
    for length in 0..text.len() {
        fs::write(&path, &text[..length]).unwrap();
        let error = read_record(&path).unwrap_err();
        assert!(
            matches!(error, StoreError::Format { .. }),
            "{length}: {error:?}"
        );
    }
    assert!(refusal(&text.as_bytes()[..text.len() / 2]).contains("EOF"));
}

#[test]
fn what_is_no_record_is_refused_with_a_reason() {
    for text in [&b"null"[..], b"[]", b"{}"] {
        assert!(
            refusal(text).starts_with("it has no schema_version ("),
            "{text:?}"
        );
    }
    for text in [&b""[..], b"\xFF\xFE", b"{\"schema_version\""] {
        assert!(
            refusal(text).starts_with("it is not whole JSON ("),
            "{text:?}"
        );
    }
    for version in ["0", "-1", "1.5", "4294967296"] {
        assert_eq!(
            refusal(format!("{{\"schema_version\": {version}}}").as_bytes()),
            format!("there is no schema version {version} (it was made by something else)")
        );
    }
    assert_eq!(
        refusal(b"{\"schema_version\": \"1\"}"),
        "its schema_version is no number"
    );
    assert!(refusal(b"{\"schema_version\": 1}").contains("missing field `id`"));
    // Brackets enough to overflow the stack of a reader that recurses into each.
    let deep = format!("{{\"schema_version\": 1, \"id\": {}", "[".repeat(1_000_000));
    assert!(refusal(deep.as_bytes()).contains("EOF"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = read_record(Path::new("/nowhere/record.json")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the record /nowhere/record.json: no such file or directory"
    );
}

/// The story: a product was wrong, its norm is NaN. The record must still be written, and read back as it was.
#[test]
fn undefined_figures_survive_the_round_trip() {
    let mut record = common::article();
    let sample = &mut record.cases[0].samples[1];
    sample.gflops = f64::NAN;
    sample.norm = f64::NAN;
    sample.verification.passed = false;
    sample.verification.scaled_residual = f64::NAN;
    sample.verification.norm_error = f64::NAN;
    let directory = tempfile::tempdir().unwrap();
    let stored = write_record(directory.path(), &record).unwrap();
    let text = fs::read_to_string(&stored.json).unwrap();
    assert_eq!(
        text.matches(": null").count(),
        4 + text_of(&common::article()).matches(": null").count()
    );

    let read = read_record(&stored.json).unwrap();
    let sample = &read.cases[0].samples[1];
    let undefined = [
        sample.gflops,
        sample.norm,
        sample.verification.scaled_residual,
        sample.verification.norm_error,
    ];
    assert!(undefined.iter().all(|figure| figure.is_nan()), "{sample:?}");
    assert!(!read.is_valid());
    assert_eq!(text_of(&read), text_of(&record));
}

/// An output option may name a device, a pipe or a link: a file in its place would be a surprise, or a host without `/dev/full`.
#[test]
fn what_is_no_ordinary_file_stays_what_it_is() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    symlink("/dev/full", &link).unwrap();
    let error = write_whole(&link, b"text").unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    let full = fs::metadata("/dev/full").unwrap();
    assert!(full.file_type().is_char_device());

    let target = directory.path().join("target");
    let link = directory.path().join("to-it");
    fs::write(&target, "old").unwrap();
    symlink(&target, &link).unwrap();
    write_whole(&link, b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    let pipe = directory.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    write_whole(&pipe, b"text").unwrap();
    assert_eq!(reader.join().unwrap(), b"text");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    assert!(write_whole(directory.path(), b"text").is_err());
}

#[test]
fn what_never_ends_is_not_read_to_its_end() {
    let zeros = fs::File::open("/dev/zero").unwrap();
    let error = read_bounded(zeros, 1000).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert_eq!(read_bounded(&b"1234"[..], 4).unwrap(), b"1234");
    let error = AcceptedFile::read(Path::new("/dev/zero")).unwrap_err();
    let StoreError::Accepted { reason, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(reason, "file too large");
}
