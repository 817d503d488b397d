use expect_test::expect_file;

use super::*;
use crate::plots::examples;

#[test]
fn all_surveys_are_drawn_without_one_text_on_another() {
    examples::check_all("scaling", figures);
}

/// What a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let figures = figures(&examples::small()).unwrap();
    let svg = figures[0].svg().unwrap();
    expect_file!["../../../tests/golden/plot-scaling.svg"].assert_eq(&svg);
}

#[test]
fn efficiency_is_the_share_of_as_many_threads_alone() {
    let mut host = examples::Example::new("i9", 4, 50.0);
    host.threads = vec![2, 4, 8];
    let figures = figures(&examples::survey_of(vec![host.record(1)])).unwrap();
    let rows = &figures[0].table.rows;
    let cell = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert_eq!(
        rows.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(),
        ["2", "4", "8"]
    );
    for row in 0..3 {
        let expected = 100.0 * (cell(row, 3) / cell(row, 2)) / (cell(0, 3) / cell(0, 2));
        assert!((cell(row, 6) - expected).abs() < 0.1, "{rows:?}");
    }
    assert!(
        figures[0].title().contains("n = 10,000"),
        "{}",
        figures[0].title()
    );
    assert!(
        figures[0]
            .description()
            .contains("SMT begins beyond 4 threads"),
        "{}",
        figures[0].description()
    );
}

#[test]
fn one_number_of_threads_is_missing() {
    let host = examples::Example::new("i9", 4, 50.0);
    let missing = figures(&examples::survey_of(vec![host.record(1)])).unwrap_err();
    assert_eq!(
        missing.0,
        "no host measured a case with two numbers of threads or more"
    );
}
