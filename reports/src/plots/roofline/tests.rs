use expect_test::expect_file;

use super::*;
use crate::plots::examples;

#[test]
fn all_surveys_are_drawn_without_one_text_on_another() {
    examples::check_all("roofline", figures);
}

/// What a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let figures = figures(&examples::small()).unwrap();
    let svg = figures[0].svg().unwrap();
    expect_file!["../../../tests/golden/plot-roofline.svg"].assert_eq(&svg);
}

/// By hand: at n = 100 in f64 2·100³ operations over 3·100²·8 bytes are 8.33 flop/byte; the peak of 4 cores is
/// 4 · 50 · 0.85 = 170 GFLOPS and the bandwidth 32 GB/s, so that the ridge is at 5.31.
#[test]
fn points_and_ridge_are_where_the_formulas_put_them() {
    let mut host = examples::Example::new("i9", 4, 50.0);
    host.kernels = vec!["gemm", "triad", "fma-peak"];
    let mut record = host.record(1);
    for case in &mut record.cases {
        if case.kernel == "gemm" {
            case.flop = 2.0 * (case.n as f64).powi(3);
        }
    }
    let figures = figures(&examples::survey_of(vec![record])).unwrap();
    let [figure] = &figures[..] else {
        panic!("{}", figures.len())
    };
    let row = |kernel: &str, n: &str| {
        let mut rows = figure.table.rows.iter();
        rows.find(|row| row[0] == kernel && row[2] == n).cloned()
    };
    let gemm = row("gemm", "100").unwrap();
    assert_eq!(
        [&gemm[4], &gemm[6], &gemm[8]],
        ["8.33", "170.0", "arithmetic"]
    );
    let triad = row("triad", "100").unwrap();
    assert_eq!(
        [&triad[4], &triad[6], &triad[8]],
        ["0.0833", "2.667", "memory"]
    );
    assert_eq!(row("fma-peak", "100"), None);
    assert!(
        figure.description().contains("Below 5.31 flop/byte"),
        "{}",
        figure.description()
    );
}

#[test]
fn no_limits_are_missing() {
    let mut host = examples::Example::new("i9", 4, 50.0);
    host.has_limits = false;
    let missing = figures(&examples::survey_of(vec![host.record(1)])).unwrap_err();
    assert!(
        missing.0.starts_with("no record has measured limits"),
        "{missing:?}"
    );
}
