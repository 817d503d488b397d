//! A comparison's text in terminals of any width.

use expect_test::expect;
use results::Record;
use results::compare::{By, Comparison, Request, Run, compare};
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
    broken.host.hostname = String::from("broken");
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
    expect![[r"
        4 sides, 4 records

        matmul-norm n=10000 f64, 18 library threads, SkylakeX,
          OpenBLAS 0.3.21
          host             GFLOPS      ratio  of peak  runs  grade
          a-node-…ple.org    1129      1.097        -     1  QUICK
          i9                 1029  reference        -     1  QUICK
          漢字漢…字漢字      1028      1.000        -     1  QUICK
          broken            900.0      0.875        -     1  INVALID

        ratio: the median to that of i9, above 1 is faster
        interval (s): 95 % for the samples of one run; other runs
          may lie outside of it"]]
    .assert_eq(&text);
}

/// The story: the files of one host all begin with its name and end in `.json`, and that is what was left of them.
#[test]
fn files_of_one_host_are_told_apart_in_a_narrow_terminal() {
    let files = [
        ("i9-20211001T170358Z-5d0c2f71.json", 1028.3),
        ("i9-20211001T171422Z-77aa01e2.json", 1011.0),
        ("i9-20211004T080017Z-0b93cd45.json", 990.0),
    ];
    let loaded: Vec<LoadedRecord<Run>> = files
        .iter()
        .map(|(file, gflops)| LoadedRecord {
            path: file.into(),
            seal: Seal::Absent,
            record: Run::of(&named("i9", &[*gflops])),
        })
        .collect();
    let request = Request {
        by: By::File,
        ..Request::default()
    };
    let comparison = compare(&loaded, &request).unwrap();
    let table = |width| {
        let text = reports::compare::text(&comparison, Some(width));
        let table = text.split("\n\n").nth(1).unwrap();
        table.to_owned()
    };
    expect![[r"
        matmul-norm n=10000 f64, 18 library
          threads, SkylakeX, OpenBLAS 0.3.21
          host          GFLOPS      ratio  grade
          …20211…c2f71    1028  reference  QUICK
          …20211…a01e2    1011      0.983  QUICK
          …20211…3cd45   990.0      0.963  QUICK

        matmul-norm n=10000 f64, 18 library threads, SkylakeX,
          OpenBLAS 0.3.21
          host               GFLOPS      ratio  of peak  runs  grade
          i9 (i9-2…71.json)    1028  reference        -     1  QUICK
          i9 (i9-2…e2.json)    1011      0.983        -     1  QUICK
          i9 (i9-2…45.json)   990.0      0.963        -     1  QUICK"]]
    .assert_eq(&format!("{}\n\n{}", table(40), table(60)));
}

#[test]
fn lines_fit_and_what_is_invalid_is_said_at_any_width() {
    let comparison = hosts();
    for width in 0..150 {
        let text = reports::compare::text(&comparison, Some(width));
        assert!(text.contains("INVALID"), "{width}: {text}");
        let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
        // Below that, the columns that nothing can be said without take more.
        assert!(width < 40 || widest <= width, "{width}: {widest}\n{text}");
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
        reports::clean("a\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{feff}ä漢"),
        "a\\u{1b}[2J\\u{9b}\\u{202e}\\u{200b}\\u{feff}ä漢"
    );
}
