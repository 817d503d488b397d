//! The pictures of a report as their readers get them.

use expect_test::{ExpectFile, expect_file};
use reports::Figures;
use reports::plots::{heat_map, hosts, ratios, samples, trace};

mod fixtures;

use fixtures::{compared, plotted, traced};

fn named<T>(all: Vec<(&'static str, T)>, name: &str) -> T {
    let (_, found) = all.into_iter().find(|(n, _)| *n == name).unwrap();
    found
}

/// The first of some figures, and whether drawing it again gives the same bytes.
fn check(figures: impl Fn() -> Figures, expected: &ExpectFile) {
    let first = |figures: Figures| figures.unwrap().swap_remove(0);
    let figure = first(figures());
    let document = figure.svg().unwrap();
    assert_eq!(document, first(figures()).svg().unwrap());
    assert_eq!(figure.png().unwrap(), first(figures()).png().unwrap());
    assert!(document.starts_with("<svg role=\"img\" "), "{document}");
    expected.assert_eq(&document);
}

/// The pictures that are committed: what a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let seven = named(plotted::surveys(), "seven");
    check(|| hosts::figures(&seven), &expect_file!["golden/hosts.svg"]);
    check(
        || heat_map::figures(&seven),
        &expect_file!["golden/heat-map.svg"],
    );
    let sweep = [named(traced::records(), "sweep")];
    check(
        || samples::figures(&sweep),
        &expect_file!["golden/samples.svg"],
    );
    let failed = [named(traced::records(), "failed")];
    check(
        || trace::figures(&failed),
        &expect_file!["golden/trace.svg"],
    );
    let gate = [named(compared::comparisons(), "check")];
    check(
        || ratios::figures(&gate),
        &expect_file!["golden/ratios.svg"],
    );
}

/// A host may name itself as it likes: what stands in a record is text in the picture, never markup.
#[test]
fn names_are_text_and_nothing_else() {
    let survey = named(plotted::surveys(), "odd-values");
    for figure in hosts::figures(&survey).unwrap() {
        let document = figure.svg().unwrap();
        assert!(!document.contains("<host"), "{document}");
        assert!(document.contains("&lt;host 6&gt;"), "{document}");
        assert!(!document.contains(['\u{1}', '\u{202E}']), "{document}");
    }
}

/// What is shown can be read from the tables: the numbers, their units, and what is missing.
#[test]
fn tables_have_the_figures() {
    let survey = named(plotted::surveys(), "seven");
    let figures = hosts::figures(&survey).unwrap();
    let triad = figures.iter().find(|it| it.name.contains("triad")).unwrap();
    let titles: Vec<&str> = triad
        .table
        .columns
        .iter()
        .map(|(title, _)| title.as_str())
        .collect();
    assert!(titles.contains(&"median (GB/s)"), "{titles:?}");
    assert_eq!(triad.table.rows.len(), 7);
    assert_eq!(triad.table.rows[0][1], "epyc-rack3-17");
    // What is INVALID has no rank.
    assert_eq!(triad.table.rows[6][..2], ["", "pi5"]);
    assert_eq!(triad.table.rows[6][7], "INVALID");

    let heat = &heat_map::figures(&survey).unwrap()[0];
    let pi = heat.table.rows.iter().find(|row| row[0] == "pi5").unwrap();
    assert!(pi[1].ends_with("INVALID") && pi[5].is_empty(), "{pi:?}");

    let record = [named(traced::records(), "one")];
    let trace = &trace::figures(&record).unwrap()[0];
    assert_eq!(trace.table.rows.len(), 64);
    assert_eq!(trace.table.rows[3][0], "warm-up");
    assert_eq!(trace.table.rows[4][0], "1");
}

/// A kind without data says which it would need.
#[test]
fn nothing_to_draw_is_said() {
    let survey = named(plotted::surveys(), "nothing");
    let records = [named(traced::records(), "empty")];
    for figures in [
        hosts::figures(&survey),
        heat_map::figures(&survey),
        samples::figures(&records),
        trace::figures(&records),
        ratios::figures(&[]),
    ] {
        assert!(figures.unwrap_err().0.starts_with("no "));
    }
}
