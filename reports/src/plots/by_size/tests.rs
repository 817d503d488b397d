use expect_test::expect_file;

use super::*;
use crate::plots::examples;

#[test]
fn all_surveys_are_drawn_without_one_text_on_another() {
    examples::check_all("by-size", figures);
}

/// What a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let figures = figures(&examples::small()).unwrap();
    let svg = figures[0].svg().unwrap();
    expect_file!["../../../tests/golden/plot-by-size.svg"].assert_eq(&svg);
}

fn the_only(survey: &Survey) -> Figure {
    let mut figures = figures(survey).unwrap();
    assert_eq!(figures.len(), 1);
    figures.remove(0)
}

fn texts(figure: &Figure) -> Vec<String> {
    let marks = figure.scene.marks.iter();
    marks
        .filter_map(|mark| match mark {
            crate::plot::scene::Mark::Text(text) => Some(text.content.clone()),
            _ => None,
        })
        .collect()
}

/// Of more threads than cores, which are slower, a host is shown without.
#[test]
fn a_host_is_shown_at_its_best_below_its_peak() {
    let figure = the_only(&examples::survey_of(
        [("i9", 18, 74.0), ("r7", 8, 62.0)]
            .map(|(name, cores, gflops)| {
                let mut host = examples::Example::new(name, cores, gflops);
                host.threads = vec![1, cores, 2 * cores];
                host.record(cores as u64)
            })
            .into(),
    ));
    let texts = texts(&figure);
    for expected in [
        "i9",
        "r7",
        "18 threads",
        "8 threads",
        "peak 1132",
        "peak 422",
    ] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected}: {texts:?}"
        );
    }
    assert_eq!(figure.table.rows.len(), 14);
    assert_eq!(
        figure.table.rows[0][..3],
        ["i9", "100", "18"].map(str::to_owned)
    );
}

#[test]
fn one_size_and_none_are_missing() {
    let mut host = examples::Example::new("one", 4, 50.0);
    host.sizes = vec![1000];
    for (records, reason) in [
        (
            vec![host.record(1)],
            "no kernel was measured at two sizes or more",
        ),
        (Vec::new(), "no case was measured and verified"),
    ] {
        assert_eq!(
            figures(&examples::survey_of(records)).unwrap_err().0,
            reason
        );
    }
}

#[test]
fn hosts_beyond_the_styles_are_grey_and_in_the_table() {
    let hosts = (0..9).map(|at| {
        examples::Example::new(&format!("host-{at}"), 4, 50.0 + f64::from(at)).record(at as u64)
    });
    let figure = the_only(&examples::survey_of(hosts.collect()));
    let texts = texts(&figure);
    assert!(
        texts
            .iter()
            .any(|text| text == "In grey: 2 slower ones, which are in the table."),
        "{texts:?}"
    );
    assert!(texts.contains(&"host-8".to_owned()) && !texts.contains(&"host-0".to_owned()));
    assert_eq!(figure.table.rows.len(), 9 * 7);
}
