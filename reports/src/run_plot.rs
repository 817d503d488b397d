//! The picture of one run: each repeat and the median of every case, beside its record.
//!
//! One row for each case on a common axis of GFLOPS (or GB/s) that starts at zero, so that lengths can be compared by eye; in a
//! row one mark for each repeat, from the top in the order in which they were measured, so that a machine that slows
//! down leans to the left.

pub(crate) mod caption;
mod rows;
#[cfg(test)]
mod tests;

use plotters::style::RGBColor;
use results::Record;

use crate::Rate;
use crate::plot::axis::Axis;
use crate::plot::labels::Labels;
use crate::plot::palette;
use crate::plot::scene::{Anchor, Mark, Scene, Text};
use crate::plot::{self, PlotError, font};
use crate::text::{case_summary, failed_samples};

use self::rows::Row;

/// Narrow, so that small letters are still letters when the picture is as wide as a phone.
const WIDTH: i32 = 560;
const MARGIN: i32 = 16;
/// What there is for text.
const ROOM: i32 = WIDTH - 2 * MARGIN;
/// Where zero and the last tick are.
const PLOT: (i32, i32) = (76, WIDTH - 40);

const TITLE_SIZE: i32 = 20;
const TEXT_SIZE: i32 = 15;
const SMALL_SIZE: i32 = 14;

/// More cases than this make a picture that nobody reads.
const CASES_MAX: usize = 40;

/// The run as an SVG document: real text, a title and a description for screen readers, no font needed.
///
/// # Errors
///
/// [`PlotError::Draw`] when the drawing library fails, which no record is known to make it do.
pub fn svg(record: &Record) -> Result<String, PlotError> {
    plot::svg(&scene(record))
}

/// The run as a PNG, the same picture at two pixels for each unit of the SVG.
///
/// # Errors
///
/// [`PlotError::Draw`] when the drawing library fails, [`PlotError::Encode`] when the pixels cannot be encoded.
pub fn png(record: &Record) -> Result<Vec<u8>, PlotError> {
    plot::png(&scene(record))
}

/// Everything that is drawn, from the top down.
fn scene(record: &Record) -> Scene {
    let cases = &record.cases[..record.cases.len().min(CASES_MAX)];
    let labels = Labels::of_cases(cases);
    let mut scene = Scene {
        width: WIDTH,
        height: 0,
        title: labels.title.clone(),
        description: description(record),
        marks: Vec::new(),
    };
    let mut y = MARGIN + TITLE_SIZE / 2;
    y = lines(
        &mut scene,
        y,
        &labels.title,
        (TITLE_SIZE, 26, 3),
        palette::INK,
    );
    if cases.iter().any(|case| !case.samples.is_empty()) {
        y = legend(&mut scene, y, record);
    }
    let axis = Axis::from_zero(rows::values(cases));
    let rows = rows::layout(cases, &labels, y + 4);
    if let Some(last) = rows.last() {
        y = last.dots.1;
        draw_rows(&mut scene, &rows, &axis);
        y = draw_axis(&mut scene, y, &axis, Rate::axis_title(cases));
    }
    if record.cases.len() > cases.len() {
        let rest = record.cases.len() - cases.len();
        let note = format!("{rest} more cases are in the record.");
        y = lines(&mut scene, y + 8, &note, (TEXT_SIZE, 20, 1), palette::INK);
    }
    y += 10;
    for line in caption::lines(record) {
        y = lines(&mut scene, y, &line, (SMALL_SIZE, 19, 2), palette::GREY);
    }
    for line in caption::warnings(record) {
        y = lines(
            &mut scene,
            y,
            &line,
            (SMALL_SIZE, 19, 3),
            palette::VERMILLION_TEXT,
        );
    }
    scene.height = y - SMALL_SIZE / 2 + MARGIN;
    let page = Mark::Rect {
        from: (0, 0),
        to: (scene.width, scene.height),
        color: palette::WHITE,
    };
    scene.marks.insert(0, page);
    scene
}

/// Text in lines across the picture; `style` is the letters' size, the lines' distance and how many there may be.
/// Returns where the next line would be.
fn lines(
    scene: &mut Scene,
    mut y: i32,
    text: &str,
    style: (i32, i32, usize),
    color: RGBColor,
) -> i32 {
    let (size, distance, lines_max) = style;
    for line in font::wrapped(&font::clean(text), size, ROOM, lines_max) {
        scene.text(Text::new(line, (MARGIN, y), size).colored(color));
        y += distance;
    }
    y
}

/// What the marks mean; only those that there are.
fn legend(scene: &mut Scene, y: i32, record: &Record) -> i32 {
    let mut x = MARGIN + 6;
    let mut entry = |scene: &mut Scene, text: &str| {
        let text = Text::new(text, (x + 12, y), SMALL_SIZE);
        let center = (x, y);
        x = text.extent().1 + 24;
        scene.text(text);
        center
    };
    let cases = &record.cases;
    if cases
        .iter()
        .flat_map(|case| &case.samples)
        .any(|sample| sample.verification.passed)
    {
        let at = entry(scene, "one repeat, the first on top");
        scene.dot(at, 5, palette::BLUE);
    }
    if cases.iter().any(|case| case.summary.is_some()) {
        let (x, y) = entry(scene, "median");
        scene.line((x, y - 8), (x, y + 8), 3, palette::INK);
    }
    if cases
        .iter()
        .any(|case| failed_samples(case).next().is_some())
    {
        let at = entry(scene, "INVALID result");
        scene.cross(at, 5, palette::VERMILLION);
    }
    y + 22
}

fn draw_rows(scene: &mut Scene, rows: &[Row], axis: &Axis) {
    for row in rows {
        for (value, _) in &axis.ticks {
            if let Some(x) = axis.position(*value, PLOT) {
                let color = if *value == 0.0 {
                    palette::AXIS
                } else {
                    palette::GRID
                };
                scene.line((x, row.dots.0), (x, row.dots.1), 1, color);
            }
        }
        row.draw(scene, axis);
    }
}

/// Ticks, and what is on the axis in which unit. Returns where the next line would be.
fn draw_axis(scene: &mut Scene, y: i32, axis: &Axis, unit: &str) -> i32 {
    scene.line((PLOT.0, y), (PLOT.1, y), 1, palette::AXIS);
    for (value, label) in &axis.ticks {
        if let Some(x) = axis.position(*value, PLOT) {
            scene.line((x, y), (x, y + 5), 1, palette::AXIS);
            scene.text(Text::new(label, (x, y + 15), SMALL_SIZE).anchored(Anchor::Middle));
        }
    }
    let middle = i32::midpoint(PLOT.0, PLOT.1);
    scene.text(Text::new(unit, (middle, y + 35), SMALL_SIZE).anchored(Anchor::Middle));
    y + 54
}

/// The picture in words: each case's summary, and what it was measured on.
fn description(record: &Record) -> String {
    let mut sentences: Vec<String> = record
        .cases
        .iter()
        .take(CASES_MAX)
        .map(case_summary)
        .collect();
    if sentences.is_empty() {
        sentences.push("nothing was measured".to_owned());
    }
    sentences.extend(caption::lines(record));
    sentences.extend(caption::warnings(record));
    font::clean(&sentences.join(". "))
}
