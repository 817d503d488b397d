//! A comparison's text in terminals of any width.

use expect_test::expect;
use results::Record;
use results::compare::{Comparison, Request, Run, compare};
use results::load::LoadedRecord;
use results::samples_digest::Seal;
use unicode_width::UnicodeWidthStr;

mod fixtures;

fn comparison(records: &[Record]) -> Comparison {
    let loaded: Vec<LoadedRecord<Run>> = records
        .iter()
        .map(|record| LoadedRecord {
            path: format!("{}.json", record.host.hostname).into(),
            seal: Seal::Absent,
            record: Run::of(record),
        })
        .collect();
    compare(&loaded, &Request::default()).unwrap()
}

fn named(hostname: &str, gflops: &[f64]) -> Record {
    let mut record = fixtures::record(vec![fixtures::case(10_000, gflops)]);
    hostname.clone_into(&mut record.host.hostname);
    record
}

fn hosts() -> Comparison {
    let mut broken = fixtures::record(vec![fixtures::case_of(
        10_000,
        vec![
            fixtures::sample(10_000, 900.0),
            fixtures::failed(10_000, 700.0),
        ],
    )]);
    broken.host.hostname = "broken".to_owned();
    comparison(&[
        named("i9", &[1028.3, 1025.0, 1031.2, 1030.0, 1029.0, 1026.0]),
        named(
            "a-node-with-a-long-name-0123456789.cluster.example.org",
            &[1128.3, 1125.0, 1131.2, 1130.0, 1129.0, 1126.0],
        ),
        named(
            "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
            &[1028.3],
        ),
        broken,
    ])
}

#[test]
fn a_narrow_terminal_has_fewer_columns() {
    let text = reports::compare::text(&hosts(), Some(60));
    expect![[""]].assert_eq(&text);
}

#[test]
fn lines_fit_and_what_is_invalid_is_said_at_any_width() {
    let comparison = hosts();
    for width in 0..150 {
        let text = reports::compare::text(&comparison, Some(width));
        assert!(text.contains("INVALID"), "{width}: {text}");
        let widest = text.lines().map(|line| line.width()).max().unwrap();
        // Below that, the columns that nothing can be said without take more.
        assert!(width < 52 || widest <= width, "{width}: {widest}\n{text}");
    }
}

#[test]
fn a_pipe_gets_everything() {
    let text = reports::compare::text(&hosts(), None);
    assert!(text.contains("a-node-with-a-long-name-0123456789.cluster.example.org "));
    assert!(!text.contains('…'));
}

#[test]
fn what_a_terminal_would_act_upon_is_spelled_out() {
    assert_eq!(
        reports::compare::clean("a\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{feff}ä漢"),
        "a\\u{1b}[2J\\u{9b}\\u{202e}\\u{200b}\\u{feff}ä漢"
    );
}
