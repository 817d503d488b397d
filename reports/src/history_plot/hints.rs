//! What each point of a history says when somebody points at it.

use std::collections::BTreeMap;

use results::history::series::{Point, Series};

use super::Place;
use crate::figures::{counted, grouped};
use crate::history_text::{figure, moment, percent, short, unit};
use crate::plot::scene::{self, Scene};
use crate::plots::hint::{self, HINTS_MAX, Hint};

/// A hint for each run or commit, or for each few where they are many.
pub(super) fn tell(scene: &mut Scene, place: &Place) {
    let series = place.series;
    let changes: BTreeMap<usize, String> = series
        .changes()
        .map(|change| (change.at.index, percent(&change)))
        .collect();
    let points = series.points.iter().enumerate().map(|(index, point)| {
        let at = (place.x(index), place.y(point.rate));
        (at, (index, point))
    });
    let points: Vec<_> = points.collect();
    hint::tell(scene, &points, HINTS_MAX, |points| match points {
        [] => Hint::default(),
        [(_, (index, point))] => {
            let change = changes.get(index);
            let change = change.map_or_else(String::new, |it| format!("from here on {it}"));
            of_point(series, point).also(&change)
        }
        [(_, (begin, first)), .., (_, (end, last))] => {
            let hint = of_points(series, (first, last), points);
            match changes.range(begin..=end).count() {
                0 => hint,
                count => hint.also(&counted(count, "change")),
            }
        }
    });
}

fn of_point(series: &Series, point: &Point) -> Hint {
    let rate = |rate: f64| grouped(&figure(series, rate));
    let interval = point.interval.map(|(low, high)| (rate(low), rate(high)));
    let commit = point.commit.as_deref();
    let commit = commit.map_or_else(String::new, |it| format!("commit {}", short(it)));
    Hint::of(&[&moment(point), &commit])
        .value(&rate(point.rate), unit(series), interval)
        .median_of(point.runs)
}

fn of_points(
    series: &Series,
    (first, last): (&Point, &Point),
    points: &[(scene::Point, (usize, &Point))],
) -> Hint {
    let rates = points.iter().map(|(_, (_, point))| point.rate);
    let (low, high) = hint::ends(rates).unwrap_or_default();
    let rate = |rate: f64| grouped(&figure(series, rate));
    Hint::of(&[&format!("{} to {}", moment(first), moment(last))])
        .range((&rate(low), &rate(high)), unit(series))
        .also(&counted(points.len(), "point"))
}
