//! The journal of an unfinished sweep: what was kept is read again, whatever has torn its end.

use std::fs;

use results::StoreError;
use results::journal::{Header, Journal, PlannedCase, Visit, find};

mod common;

fn header() -> Header {
    let mut record = common::article();
    record.cases.clear();
    let planned = vec![PlannedCase {
        kernel: "matmul-norm".to_owned(),
        blas: None,
        driver: "team".to_owned(),
        n: 10_000,
        dtype: "f64".to_owned(),
        threads: 18,
        cpus: None,
    }];
    Header::new(record, planned)
}

fn visit(elapsed_s: f64) -> Visit {
    Visit {
        case: 0,
        spent_s: 1.5,
        elapsed_s,
        part: common::article().cases.remove(0),
    }
}

#[test]
fn what_was_kept_is_read_again_and_added_to() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(directory.path(), header()).unwrap();
    journal.visit(visit(0.1 + 0.2)).unwrap();
    let path = journal.path().to_owned();
    assert_eq!(find(directory.path()), std::slice::from_ref(&path));
    drop(journal);

    let (mut journal, contents) = Journal::open(&path).unwrap();
    assert_eq!(contents.header, header());
    assert_eq!(contents.visits, [visit(0.1 + 0.2)]);
    journal.resumed("2026-01-02T03:04:05Z").unwrap();
    journal.visit(visit(2.0)).unwrap();
    drop(journal);

    let (journal, contents) = Journal::open(&path).unwrap();
    assert_eq!(contents.visits.len(), 2);
    assert_eq!(contents.resumed_utc, ["2026-01-02T03:04:05Z"]);
    journal.remove().unwrap();
    assert_eq!(find(directory.path()).len(), 0);
}

/// The power fails while a line is written: any part of it may be on the disk. What was there before is read, and what
/// comes after it can be read, too.
#[test]
fn a_line_torn_anywhere_is_as_if_it_had_not_been_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(directory.path(), header()).unwrap();
    journal.visit(visit(1.0)).unwrap();
    let path = journal.path().to_owned();
    let whole = fs::read(&path).unwrap();
    journal.visit(visit(2.0)).unwrap();
    drop(journal);
    let with_last = fs::read(&path).unwrap();
    // Every length would take the disk a quarter of a minute.
    let some = (whole.len()..with_last.len()).step_by(41);
    for length in some.chain([with_last.len() - 1]) {
        fs::write(&path, &with_last[..length]).unwrap();
        let (mut journal, contents) = Journal::open(&path).unwrap();
        assert_eq!(contents.visits, [visit(1.0)], "{length}");
        journal.visit(visit(3.0)).unwrap();
        drop(journal);
        let (_, contents) = Journal::open(&path).unwrap();
        assert_eq!(contents.visits, [visit(1.0), visit(3.0)], "{length}");
    }
}

#[test]
fn what_is_no_journal_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(directory.path(), header()).unwrap();
    journal.visit(visit(1.0)).unwrap();
    journal.visit(visit(2.0)).unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    let header_length = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let mut damaged = whole.clone();
    damaged[header_length + 5] = b'\0';
    for content in [
        &damaged[..],
        &whole[..header_length],
        b"",
        b"{}\n",
        b"\xff\n",
    ] {
        fs::write(&path, content).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Journal { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn only_one_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::create(directory.path(), header()).unwrap();
    let error = Journal::open(journal.path()).unwrap_err();
    assert!(error.to_string().contains("another bench"), "{error}");
}
