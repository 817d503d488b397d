//! Bars in terminals of several widths.

use expect_test::expect;
use reports::bars::{Bar, Style, draw, of_run};
use unicode_width::UnicodeWidthStr;

mod fixtures;

fn bar(label: &str, value: f64, end: Option<f64>) -> Bar {
    Bar {
        label: label.to_owned(),
        value: Some(value),
        end,
        figure: format!("{value:.1}"),
    }
}

/// A sweep over threads with the peak of each number of them.
fn sweep() -> Vec<Bar> {
    [
        (1, 57.1, 61.0),
        (2, 110.4, 121.0),
        (4, 190.2, 240.5),
        (8, 203.0, 320.0),
    ]
    .into_iter()
    .map(|(threads, value, end)| bar(&format!("{threads} threads"), value, Some(end)))
    .collect()
}

fn drawn(bars: &[Bar], style: Style, width: usize) -> String {
    flush(&draw(bars, "GFLOPS", style, width).join("\n"))
}

/// Without the two columns that all lines begin with, which `expect!` would take for its own.
fn flush(text: &str) -> String {
    let lines = text.lines().map(|line| line.strip_prefix("  ").unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn at_forty_columns() {
    expect![[r"
          █ GFLOPS, from 0, │ the measured peak
          1 threads  ███▋                   57.1
          2 threads  ██████▉│              110.4
          4 threads  ███████████▉   │      190.2
          8 threads  ████████████▊      │  203.0"]]
    .assert_eq(&drawn(&sweep(), Style::Unicode, 40));
    expect![[r"
          # GFLOPS, from 0, | the measured peak
          1 threads  ####                   57.1
          2 threads  #######|              110.4
          4 threads  ############   |      190.2
          8 threads  #############      |  203.0"]]
    .assert_eq(&drawn(&sweep(), Style::Ascii, 40));
}

#[test]
fn at_eighty_columns() {
    expect![[r"
          █ GFLOPS, from 0, │ the measured peak
          1 threads  ██████████▊│                                                   57.1
          2 threads  ████████████████████▊ │                                       110.4
          4 threads  ███████████████████████████████████▋         │                190.2
          8 threads  ██████████████████████████████████████▏                    │  203.0"]]
    .assert_eq(&drawn(&sweep(), Style::Unicode, 80));
}

#[test]
fn at_a_hundred_and_twenty_columns_in_ascii() {
    expect![[r"
          # GFLOPS, from 0, | the measured peak
          1 threads  ################## |                                                                                   57.1
          2 threads  ###################################  |                                                                110.4
          4 threads  ###########################################################                |                          190.2
          8 threads  ###############################################################                                    |  203.0"]].assert_eq(&drawn(&sweep(), Style::Ascii, 120));
}

#[test]
fn odd_figures_and_long_names() {
    let mut none = bar("without a figure", 0.0, None);
    none.value = None;
    none.figure = "-".to_owned();
    let bars = vec![
        bar(
            "a-node-with-a-long-name-0123456789.cluster.example.org",
            1000.0,
            None,
        ),
        bar("漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字", 0.4, None),
        bar("above its peak", 900.0, Some(850.0)),
        bar("not a number", f64::NAN, Some(f64::INFINITY)),
        bar("negative", -5.0, None),
        none,
    ];
    expect![[r"
          █ GFLOPS, from 0, │ the measured peak
          a-node-with-a-l…er.example.org  ██████████████████  1000.0
          漢字漢字漢字漢…字漢字漢字漢字   ▏                      0.4
          above its peak                  ████████████████▎    900.0
          not a number                                           NaN
          negative                                              -5.0
          without a figure                                         -"]]
    .assert_eq(&drawn(&bars, Style::Unicode, 60));
}

#[test]
fn nothing_to_compare_is_not_drawn() {
    assert_eq!(drawn(&[], Style::Ascii, 80), "");
    assert_eq!(drawn(&[bar("one", 5.0, None)], Style::Ascii, 80), "");
    assert_eq!(
        drawn(&vec![bar("one", f64::NAN, Some(5.0)); 3], Style::Ascii, 80),
        ""
    );
    assert_ne!(drawn(&[bar("one", 5.0, Some(6.0))], Style::Ascii, 80), "");
    assert_eq!(
        drawn(&vec![bar("one", 5.0, None); 41], Style::Ascii, 80),
        ""
    );
}

#[test]
fn lines_fit_at_any_width() {
    for width in 0..300 {
        for style in [Style::Ascii, Style::Unicode] {
            let mut bars = sweep();
            bars.push(bar(&"long ".repeat(2000), 1e-300, Some(1e308)));
            for line in draw(&bars, "GFLOPS", style, width) {
                assert!(line.width() <= width.clamp(40, 200), "{width}: {line}");
            }
        }
    }
}

#[test]
fn runs_of_all_kinds() {
    for (name, record) in fixtures::gallery() {
        for style in [Style::Ascii, Style::Unicode] {
            let text = of_run(&record, style, 80).unwrap_or_default();
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{name}: {text:?}"
            );
        }
    }
    let sizes = [500, 1000, 2000].map(|n| fixtures::case(n, &[40.0 + n as f64 / 20.0; 3]));
    let text = of_run(&fixtures::record(sizes.to_vec()), Style::Unicode, 60);
    expect![[r"
          █ GFLOPS, from 0
          n = 500   ███████████████████                        65.00
          n = 1000  ██████████████████████████▍                90.00
          n = 2000  █████████████████████████████████████████  140.0"]]
    .assert_eq(&flush(&text.unwrap()));
}
