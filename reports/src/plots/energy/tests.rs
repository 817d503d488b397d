use expect_test::expect_file;

use super::*;
use crate::plots::examples;

#[test]
fn all_surveys_are_drawn_without_one_text_on_another() {
    examples::check_all("energy", figures);
}

/// What a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let figures = figures(&examples::small()).unwrap();
    let svg = figures[0].svg().unwrap();
    expect_file!["../../../tests/golden/plot-energy.svg"].assert_eq(&svg);
}

#[test]
fn bars_say_what_the_energy_is_of() {
    let figures = figures(&examples::small()).unwrap();
    let description = figures[0].description();
    assert!(description.contains("not wall power"), "{description}");
    // The i9 is fastest with 18 threads, and so is held against the other host.
    let hosts: Vec<(&str, &str)> = figures[0]
        .table
        .rows
        .iter()
        .map(|row| (row[0].as_str(), row[2].as_str()))
        .collect();
    assert_eq!(hosts, [("i9", "18"), ("ryzen-5800x", "8")]);
    for row in &figures[0].table.rows {
        let [per_watt, rate, power_w] = [4, 5, 6].map(|at: usize| row[at].parse::<f64>().unwrap());
        assert!((per_watt * power_w / rate - 1.0).abs() < 1e-3, "{row:?}");
    }
}

#[test]
fn no_energy_is_missing() {
    let host = examples::Example::new("i9", 4, 50.0);
    let missing = figures(&examples::survey_of(vec![host.record(1)])).unwrap_err();
    assert_eq!(missing.0, "no record tells what energy its samples took");
}
