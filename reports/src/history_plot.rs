//! The picture of a history: for each series its points in their order, the levels between change points with the band in
//! which runs usually lie, and what changed where.

mod hints;
mod labels;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use plotters::style::RGBColor;
use results::history::series::{Change, History, Series};
use results::statistics::{median, median_absolute_deviation};

use crate::figure::{Figure, Figures, Missing};
use crate::figures;
use crate::history_text::{case_title, change_line, date, figure, range, title, unit};
use crate::plot::scene::{Anchor, Mark, Scene, Text};
use crate::plot::span::Span;
use crate::plot::{self, PlotError, font, palette};
use crate::slugs::named_apart;

const WIDTH: i32 = 640;
const MARGIN: i32 = 16;
const ROOM: i32 = WIDTH - 2 * MARGIN;
/// Where points begin and end, from left to right; the newest level's figure stands beyond it.
const PLOT: (i32, i32) = (72, WIDTH - 96);
/// The height of a series' points.
const PANEL_HEIGHT: i32 = 170;
/// Points keep off the panel's frame.
const INSET: i32 = 8;

const TITLE_SIZE: i32 = 18;
const TEXT_SIZE: i32 = 14;
const SMALL_SIZE: i32 = 13;
/// Distance of the rows of labels over a panel.
const LABEL_ROW: i32 = 18;

/// More series than this make a picture that nobody reads.
const SERIES_MAX: usize = 12;
/// The commits of more changes than this are not named.
const NAMED_MAX: usize = 4;
/// Changes that are told in words, the newest.
const DESCRIBED_MAX: usize = 20;
/// More changes than this are thin lines without the bars of where else they may have been.
const DASHED_MAX: usize = 60;
/// More points than this are drawn as the range of each column.
const DOTS_MAX: usize = 900;

/// The history as an SVG document.
///
/// # Errors
///
/// [`PlotError::Draw`] when the drawing library fails, which no history is known to make it do.
pub fn svg(history: &History) -> Result<String, PlotError> {
    plot::svg(&scene(history))
}

/// The history as a PNG, the same picture at two pixels for each unit of the SVG.
///
/// # Errors
///
/// [`PlotError::Draw`] when the drawing library fails, [`PlotError::Encode`] when the pixels cannot be encoded.
pub fn png(history: &History) -> Result<Vec<u8>, PlotError> {
    plot::png(&scene(history))
}

/// More pictures than this nobody looks at one by one.
const FIGURES_MAX: usize = 24;

/// A picture of its own for each series: first those that end in a regression, then others that changed, then the rest, of each
/// those with the newest runs first; at most 24.
///
/// # Errors
///
/// [`Missing`] when no series has two points.
pub fn figures(history: &History) -> Figures {
    let mut series: Vec<&Series> = history
        .series
        .iter()
        .filter(|series| series.points.len() > 1)
        .collect();
    if series.is_empty() {
        return Err(Missing(
            "no case was measured twice on one kind of machine".to_owned(),
        ));
    }
    series.sort_by_key(|series| {
        let newest = series.points.iter().map(|point| &point.started_utc).max();
        let is_changed = !series.segmentation.changes.is_empty();
        Reverse((series.ends_in_a_regression(), is_changed, newest))
    });
    series.truncate(FIGURES_MAX);
    let figures = series.into_iter().map(|series| Figure {
        name: ["history", &case_title(series), &series.machine.cpu].join(" "),
        table: table::table(series),
        scene: picture(std::slice::from_ref(series), 0),
    });
    Ok(named_apart(figures.collect()))
}

fn scene(history: &History) -> Scene {
    let shown = &history.series[..history.series.len().min(SERIES_MAX)];
    picture(shown, history.series.len() - shown.len())
}

/// Series one below the other; `rest` are those that are not drawn.
fn picture(shown: &[Series], rest: usize) -> Scene {
    let mut scene = Scene {
        width: WIDTH,
        height: 0,
        title: match shown {
            [series] => font::clean(&format!("History of {}", case_title(series))),
            _ => format!("History of {} series", shown.len() + rest),
        },
        description: description(shown),
        marks: Vec::new(),
    };
    let mut y = MARGIN;
    for series in shown {
        y = panel(&mut scene, y, series) + 14;
    }
    if rest > 0 {
        let note = format!("{rest} more series are not drawn (--only TEXT chooses).");
        y = lines(&mut scene, y, &note, TEXT_SIZE, palette::INK);
    }
    y = legend(&mut scene, y, shown);
    scene.height = y + MARGIN / 2;
    let page = Mark::Rect {
        from: (0, 0),
        to: (scene.width, scene.height),
        color: palette::WHITE,
    };
    scene.marks.insert(0, page);
    scene
}

/// Text in at most three lines across the picture. Returns where the next line would be.
fn lines(scene: &mut Scene, mut y: i32, text: &str, size: i32, color: RGBColor) -> i32 {
    for line in font::wrapped(&font::clean(text), size, ROOM, 3) {
        let at = (MARGIN, y + size / 2);
        scene.text(Text::new(line, at, size).colored(color));
        y += size + 6;
    }
    y
}

/// Where things are in a panel.
struct Place<'a> {
    series: &'a Series,
    span: Span,
    /// Bottom and top.
    y: (i32, i32),
}

impl Place<'_> {
    /// The middle of a point.
    fn x(&self, index: usize) -> i32 {
        let (from, to) = (PLOT.0 + INSET, PLOT.1 - INSET);
        let last = self.series.points.len().saturating_sub(1).max(1);
        from + (index as f64 / last as f64 * f64::from(to - from)).round() as i32
    }

    /// The edge between a point and the one before it.
    fn edge(&self, index: usize) -> i32 {
        if index == 0 {
            PLOT.0
        } else if index >= self.series.points.len() {
            PLOT.1
        } else {
            i32::midpoint(self.x(index - 1), self.x(index))
        }
    }

    fn y(&self, rate: f64) -> i32 {
        self.span.position(rate, self.y)
    }
}

/// Draws a series from `y` down. Returns where it ends.
fn panel(scene: &mut Scene, y: i32, series: &Series) -> i32 {
    let mut y = lines(scene, y, &case_title(series), TITLE_SIZE, palette::INK);
    let machine = title(series);
    let machine = machine
        .split_once(" on ")
        .map_or("", |(_, machine)| machine);
    y = lines(scene, y, machine, SMALL_SIZE, palette::GREY) + 4;
    let bands: Vec<Option<(f64, f64)>> = (0..series.segmentation.segments.len())
        .map(|at| band(series, at))
        .collect();
    let (low, high) = extent(series, &bands);
    let (labels, unlabelled) = labels::labels(series);
    let rows = labels.iter().map(|label| label.row + 1).max().unwrap_or(0);
    let top = y + 4 + LABEL_ROW * i32::try_from(rows).unwrap_or(0);
    let place = Place {
        series,
        span: Span::between(low, high),
        y: (top + PANEL_HEIGHT, top),
    };
    grid(scene, &place);
    draw_bands(scene, &place, &bands);
    let changes: Vec<Change> = series.changes().collect();
    let is_dense = is_dense(series);
    if is_dense {
        draw_dense(scene, &place, &changes);
    }
    for change in changes.iter().filter(|_| !is_dense) {
        let (from, to) = (
            place.edge(change.at.plausible.start),
            place.edge(change.at.plausible.end - 1),
        );
        let color = color(change).0;
        let x = place.edge(change.at.index);
        if change.accepted.is_some() {
            scene.line((x, place.y.1), (x, place.y.0), 2, color);
        } else {
            dashed(scene, x, place.y, color);
        }
        if to > from {
            // Where else it may have been: a bar along the bottom.
            scene.line((from, place.y.0 - 2), (to, place.y.0 - 2), 4, color);
        }
    }
    draw_points(scene, &place);
    hints::tell(scene, &place);
    draw_levels(scene, &place);
    for (index, label) in labels.iter().enumerate() {
        let middle = y + LABEL_ROW * i32::try_from(label.row).unwrap_or(0) + LABEL_ROW / 2;
        let hidden = labels
            .iter()
            .enumerate()
            .any(|(at, other)| at != index && other.row > label.row && other.covers(label.x));
        if !hidden {
            scene.line((label.x, middle + 8), (label.x, top), 1, label.color);
        }
        let text = Text::new(&label.text, (label.text_x(), middle), SMALL_SIZE);
        scene.text(text.colored(label.color).anchored(label.anchor));
    }
    newest(scene, &place);
    days(scene, &place, unlabelled)
}

/// Fewer points of a level do not tell how far points usually lie from it.
const BAND_MIN: usize = 5;

/// Two standard deviations to both sides of a level, by the median deviation of its points; `None` where there are too few.
fn band(series: &Series, at: usize) -> Option<(f64, f64)> {
    let segment = &series.segmentation.segments[at];
    if segment.runs.len() < BAND_MIN {
        return None;
    }
    let logs: Vec<f64> = series.points[segment.runs.clone()]
        .iter()
        .map(|point| point.rate.ln())
        .collect();
    let center = median(&logs)?;
    let reach = 2.0 * 1.4826 * median_absolute_deviation(&logs)?;
    Some(((center - reach).exp(), (center + reach).exp()))
}

/// The least and the largest value that has to find room.
fn extent(series: &Series, bands: &[Option<(f64, f64)>]) -> (f64, f64) {
    let rates = series.points.iter().map(|point| point.rate);
    let ends = bands.iter().flatten().flat_map(|band| [band.0, band.1]);
    let values = rates.chain(ends).filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

fn grid(scene: &mut Scene, place: &Place) {
    for (value, label) in &place.span.ticks {
        let y = place.y(*value);
        scene.line((PLOT.0, y), (PLOT.1, y), 1, palette::GRID);
        let text = Text::new(label, (PLOT.0 - 8, y), SMALL_SIZE);
        scene.text(text.anchored(Anchor::End));
    }
    let (bottom, top) = place.y;
    scene.line((PLOT.0, top), (PLOT.0, bottom), 1, palette::AXIS);
    if place.span.is_broken() {
        // The axis does not begin at zero: a gap with two strokes says so.
        for y in [bottom + 6, bottom + 11] {
            scene.line((PLOT.0 - 6, y + 3), (PLOT.0 + 6, y - 3), 2, palette::AXIS);
        }
    }
}

fn draw_bands(scene: &mut Scene, place: &Place, bands: &[Option<(f64, f64)>]) {
    for (segment, band) in place.series.segmentation.segments.iter().zip(bands) {
        let (from, to) = (place.edge(segment.runs.start), place.edge(segment.runs.end));
        if let Some((low, high)) = band.filter(|_| from < to) {
            scene.marks.push(Mark::Rect {
                from: (from, place.y(high)),
                to: (to, place.y(low)),
                color: palette::BAND,
            });
        }
    }
}

/// The first point of the newest epoch: an accepted change begins one, and what was before is nothing to hold new runs against.
fn epoch_begin(series: &Series) -> usize {
    let mut accepted = series.changes().filter(|change| change.accepted.is_some());
    accepted.next_back().map_or(0, |change| change.at.index)
}

fn draw_points(scene: &mut Scene, place: &Place) {
    let points = &place.series.points;
    let epoch = epoch_begin(place.series);
    let color = |index: usize| {
        if index < epoch {
            palette::SKY
        } else {
            palette::BLUE
        }
    };
    if points.len() <= DOTS_MAX {
        let radius = if points.len() <= 150 { 3 } else { 2 };
        for (index, point) in points.iter().enumerate() {
            if let Some((low, high)) = point.interval.filter(|_| points.len() <= 150) {
                let x = place.x(index);
                scene.line((x, place.y(low)), (x, place.y(high)), 1, color(index));
            }
            let center = (place.x(index), place.y(point.rate));
            scene.dot(center, radius, color(index));
        }
        return;
    }
    // The range of all points that fall into a column.
    let mut columns: Vec<(i32, i32, i32, RGBColor)> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let (x, y) = (place.x(index), place.y(point.rate));
        match columns.last_mut() {
            Some((at, top, bottom, _)) if *at == x => {
                *top = y.min(*top);
                *bottom = y.max(*bottom);
            }
            _ => columns.push((x, y, y, color(index))),
        }
    }
    for (x, top, bottom, color) in columns {
        scene.line((x, top - 1), (x, bottom + 1), 1, color);
    }
}

fn draw_levels(scene: &mut Scene, place: &Place) {
    for segment in &place.series.segmentation.segments {
        let (from, to) = (place.edge(segment.runs.start), place.edge(segment.runs.end));
        if segment.level.is_finite() && from < to {
            let y = place.y(segment.level);
            scene.line((from, y), (to, y), 2, palette::INK);
        }
    }
}

/// Whether there are more changes than dashes and bars can show, which would also be most of a picture's bytes.
fn is_dense(series: &Series) -> bool {
    series.segmentation.segments.len() > DASHED_MAX + 1
}

/// Many changes: a thin line where there is at least one, a thicker one where one was accepted.
fn draw_dense(scene: &mut Scene, place: &Place, changes: &[Change]) {
    let mut lines: BTreeMap<i32, (u32, RGBColor)> = BTreeMap::new();
    for change in changes {
        let width = if change.accepted.is_some() { 2 } else { 1 };
        let line = lines
            .entry(place.edge(change.at.index))
            .or_insert((0, palette::GREY));
        if width >= line.0 {
            *line = (width, color(change).0);
        }
    }
    for (x, (width, color)) in lines {
        scene.line((x, place.y.1), (x, place.y.0), width, color);
    }
}

fn dashed(scene: &mut Scene, x: i32, (bottom, top): (i32, i32), color: RGBColor) {
    let mut y = top;
    while y < bottom {
        scene.line((x, y), (x, (y + 6).min(bottom)), 2, color);
        y += 10;
    }
}

/// A line's colour and that of words about it.
fn color(change: &Change) -> (RGBColor, RGBColor) {
    if change.at.ratio < 1.0 {
        (palette::VERMILLION, palette::VERMILLION_TEXT)
    } else {
        (palette::GREEN, palette::GREEN_TEXT)
    }
}

/// The newest level's figure at the end of its line.
fn newest(scene: &mut Scene, place: &Place) {
    let series = place.series;
    let Some(level) = series.level().filter(|level| level.is_finite()) else {
        return;
    };
    let y = place.y(level);
    let at = (PLOT.1 + 8, y);
    let text = figures::grouped(&figure(series, level));
    scene.text(Text::new(text, at, TEXT_SIZE).colored(palette::INK));
    scene.text(Text::new(unit(series), (at.0, y + 17), SMALL_SIZE));
}

/// The days of the first and the last point, and what lies between them. Returns where the panel ends.
fn days(scene: &mut Scene, place: &Place, unlabelled: usize) -> i32 {
    let (bottom, _) = place.y;
    scene.line((PLOT.0, bottom), (PLOT.1, bottom), 1, palette::AXIS);
    let y = bottom + 16;
    let points = &place.series.points;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return y;
    };
    let first = Text::new(font::clean(&date(first)), (PLOT.0 + INSET, y), SMALL_SIZE);
    let last = Text::new(font::clean(&date(last)), (PLOT.1, y), SMALL_SIZE).anchored(Anchor::End);
    let mut what = if points.iter().any(|point| point.runs > 1) {
        format!("{} commits", points.len())
    } else {
        format!("{} runs", points.len())
    };
    if unlabelled > 0 {
        // What has no label is in the list all the same.
        what = format!("{what}, {unlabelled} labels left out");
    }
    let middle = (i32::midpoint(PLOT.0, PLOT.1), y);
    scene.text(Text::new(figures::grouped(&what), middle, SMALL_SIZE).anchored(Anchor::Middle));
    if points.len() > 1 {
        scene.text(last);
    }
    scene.text(first);
    y + SMALL_SIZE
}

/// What the marks mean.
fn legend(scene: &mut Scene, y: i32, shown: &[Series]) -> i32 {
    let changes: Vec<Change> = shown.iter().flat_map(Series::changes).collect();
    let mut text = "Dots: the median of each run or commit. Lines: levels".to_owned();
    let has_band = |series: &Series| {
        (0..series.segmentation.segments.len()).any(|at| band(series, at).is_some())
    };
    if shown.iter().any(has_band) {
        text.push_str("; shaded: where about 95 of 100 runs lie");
    }
    text.push('.');
    if !changes.is_empty() {
        let is_dense = shown.iter().any(is_dense);
        text.push_str(if is_dense {
            " Dashed, or thin where they are many: changes"
        } else {
            " Dashed: changes"
        });
        let is_named = |series: &&Series| series.segmentation.changes.len() <= NAMED_MAX;
        let mut named = shown.iter().filter(is_named).flat_map(Series::changes);
        if named.any(|change| range(&change).is_some()) {
            text.push_str(", with the commits they lie between");
        }
        if changes.iter().any(|change| change.at.plausible.len() > 1) {
            text.push_str("; a bar at the foot: where else they may have been");
        }
        if changes.iter().any(|change| change.accepted.is_some()) {
            text.push_str("; not dashed: accepted, a new epoch begins (paler dots: before it)");
        }
        text.push('.');
    }
    if shown.is_empty() {
        "There is nothing to draw.".clone_into(&mut text);
    }
    lines(scene, y, &text, SMALL_SIZE, palette::GREY)
}

/// The picture in words.
fn description(shown: &[Series]) -> String {
    let mut sentences = Vec::new();
    for series in shown {
        let level = series.level().map_or_else(String::new, |level| {
            format!(": newest level {} {}", figure(series, level), unit(series))
        });
        sentences.push(format!("{}{level}", title(series)));
        if series.segmentation.changes.is_empty() {
            sentences.push("no change".to_owned());
        }
        let before = series.changes().count().saturating_sub(DESCRIBED_MAX);
        if before > 0 {
            sentences.push(format!("{before} changes before these"));
        }
        let newest = series.changes().skip(before);
        sentences.extend(newest.map(|change| change_line(series, &change)));
    }
    font::clean(&sentences.join(". "))
}
