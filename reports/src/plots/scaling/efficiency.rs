//! The panel below the rates: the share of the ideal that each number of threads reaches.

use super::super::hint::{self, Hint};
use super::super::line_panel::{self, EndLabel, LinePoint, PLOT, Panel, Vertical};
use super::super::points::Point;
use super::super::sheet::{MARGIN, SMALL_SIZE, Sheet};
use super::boundaries::{self, Boundary};
use super::{EFFICIENCY, Series, hints_max, threads_in_words, ticks};
use crate::figures::{counted, percent};
use crate::plot::axis::Axis;
use crate::plot::palette;
use crate::plot::scale::Scale;
use crate::plot::scene::{self, Text};
use crate::plot::series::style;

/// The least height of the panel.
const HEIGHT: i32 = 130;

/// Draws it from the sheet's place down, with the axis of threads that is common to it and the rates.
pub(super) fn draw(
    sheet: &mut Sheet,
    scale: &Scale,
    counts: &[usize],
    (series, libraries): (&[Series], &[String]),
    boundaries: &[Boundary],
) {
    let title = "parallel efficiency, % of the ideal for as many threads";
    sheet
        .scene
        .text(Text::new(title, (MARGIN, sheet.y + 8), SMALL_SIZE));
    let top = sheet.y + 28;
    let shares = series
        .iter()
        .flat_map(|it| it.points.iter().map(|point| it.efficiency(point)));
    let panel = Panel {
        x: scale,
        y: Vertical::Linear(Axis::up_to(shares.fold(100.0, f64::max).min(1000.0))),
        top,
        bottom: top + line_panel::height_for(series.len(), HEIGHT),
    };
    boundaries::draw_lines(
        &mut sheet.scene,
        boundaries,
        |value| panel.x(value),
        (panel.top, panel.bottom),
    );
    panel.draw_frame(&mut sheet.scene);
    let ideal = panel.y(100.0);
    sheet.scene.dashed(
        &[(PLOT.0, ideal), (PLOT.1, ideal)],
        1,
        palette::AXIS,
        &[7, 4],
    );
    let mut labels = Vec::new();
    let hints_max = hints_max(series);
    for (index, series) in series.iter().enumerate() {
        let style = style(index);
        let points = series.points.iter().map(|point| LinePoint {
            x: point.threads() as f64,
            y: series.efficiency(point),
            interval: None,
            is_invalid: point.is_invalid(),
        });
        let points: Vec<LinePoint> = points.collect();
        let end = panel.draw_series(&mut sheet.scene, &points, style);
        let places = panel.places(&points).into_iter();
        let told: Vec<_> = places.zip(&series.points).collect();
        hint::tell(&mut sheet.scene, &told, hints_max, |points| {
            in_words(series, &libraries[index], points)
        });
        let last = points.last().map_or(0.0, |point| point.y);
        labels.push(EndLabel {
            from: end,
            style: Some(style),
            lines: vec![(percent(last), style.text)],
        });
    }
    panel.draw_labels(&mut sheet.scene, &labels);
    let title = if scale.is_log() {
        "threads (logarithmic)"
    } else {
        "threads"
    };
    sheet.y = panel.draw_x_axis(&mut sheet.scene, &ticks(counts, scale), title) + 14;
}

/// Neighbouring points of a line in words.
fn in_words(series: &Series, library: &str, points: &[(scene::Point, &Point)]) -> Hint {
    match points {
        [] => Hint::default(),
        [(_, point)] => Hint::of(&[library, &threads_in_words(point)])
            .share(Some(series.efficiency(point)), EFFICIENCY)
            .of_row(point.row),
        [(_, first), .., (_, last)] => {
            let shares = points.iter().map(|(_, point)| series.efficiency(point));
            let (low, high) = hint::ends(shares).unwrap_or_default();
            let places = format!("{} to {}", threads_in_words(first), threads_in_words(last));
            Hint::of(&[library, &places])
                .range((&percent(low), &percent(high)), EFFICIENCY)
                .also(&counted(points.len(), "point"))
        }
    }
}
