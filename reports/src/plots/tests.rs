//! All pictures of a report, over many kinds of data: nothing overlaps, nothing is cut off, every table is whole, and nothing panics.

use std::collections::BTreeSet;

use super::{heat_map, hosts, ratios, samples, trace};
use crate::figure::Figures;
use crate::fixtures::{compared, plotted, traced};
use crate::plot::boxes::{assert_marks_are_inside, assert_texts_are_apart};
use crate::plot::palette;

/// What must be true of any figures.
fn check(name: &str, figures: &Figures) {
    let figures = match figures {
        Ok(figures) => figures,
        Err(missing) => {
            assert!(!missing.0.is_empty() && !missing.0.ends_with('.'), "{name}");
            return;
        }
    };
    assert!(!figures.is_empty(), "{name}");
    let names: BTreeSet<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names.len(), figures.len(), "{name}: {names:?}");
    for figure in figures {
        let name = format!("{name}: {}", figure.name);
        assert_texts_are_apart(&name, &figure.scene);
        assert_marks_are_inside(&name, &figure.scene);
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(figure.name.chars().all(is_plain), "{name}");
        assert!(
            !figure.title().is_empty() && figure.description().len() > 20,
            "{name}"
        );
        assert!(!figure.table.rows.is_empty(), "{name}");
        for row in &figure.table.rows {
            assert_eq!(row.len(), figure.table.columns.len(), "{name}: {row:?}");
        }
    }
}

#[test]
fn hosts_of_all_kinds() {
    for (name, survey) in plotted::surveys() {
        check(name, &hosts::figures(&survey));
        check(name, &heat_map::figures(&survey));
    }
}

#[test]
fn hosts_drawn_at_random() {
    for seed in 0..30 {
        let survey = plotted::drawn_survey(seed);
        check(&format!("hosts {seed}"), &hosts::figures(&survey));
        check(&format!("heat map {seed}"), &heat_map::figures(&survey));
    }
}

#[test]
fn records_of_all_kinds() {
    for (name, record) in traced::records() {
        let records = [record];
        check(name, &samples::figures(&records));
        check(name, &trace::figures(&records));
    }
    for (name, record) in crate::fixtures::gallery() {
        let records = [record.clone(), record];
        check(name, &samples::figures(&records));
        check(name, &trace::figures(&records));
    }
}

#[test]
fn records_drawn_at_random() {
    for seed in 0..30 {
        let records = [traced::drawn_record(seed)];
        check(&format!("samples {seed}"), &samples::figures(&records));
        check(&format!("trace {seed}"), &trace::figures(&records));
    }
}

#[test]
fn comparisons_of_all_kinds() {
    for (name, comparison) in compared::comparisons() {
        check(name, &ratios::figures(&[comparison]));
    }
    let all: Vec<_> = compared::comparisons()
        .into_iter()
        .map(|(_, it)| it)
        .collect();
    check("all", &ratios::figures(&all));
    check("none", &ratios::figures(&[]));
    for seed in 0..120 {
        let comparison = compared::drawn_comparison(seed);
        check(&format!("ratios {seed}"), &ratios::figures(&[comparison]));
    }
}

/// Relative luminance and contrast as WCAG 2 defines them.
#[test]
fn letters_in_cells_can_be_read() {
    let luminance = |color: plotters::style::RGBColor| {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
    };
    for share in [0.0, 45.0, 55.0, 65.0, 75.0, 85.0, 95.0, 150.0] {
        let (fill, letters) = heat_map::shade(share);
        let (one, other) = (luminance(fill), luminance(letters));
        let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
        assert!(contrast >= 4.5, "{share}: {contrast}");
    }
    let lightness: Vec<f64> = palette::HEAT.map(luminance).into();
    assert!(
        lightness.windows(2).all(|pair| pair[0] > pair[1]),
        "{lightness:?}"
    );
}
