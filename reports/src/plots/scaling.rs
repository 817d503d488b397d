//! Rates against threads, with what each thread adds.
//!
//! The ideal is the rate with the least threads that were measured, times as many threads; the parallel efficiency is the share of
//! that ideal that is reached. Beyond the physical cores the ideal stands still: hardware threads of a core share its
//! arithmetic.

mod boundaries;
mod efficiency;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use results::comparability::Means;
use results::survey::Survey;

use self::boundaries::Boundary;
use super::hint::{self, HINTS_MAX};
use super::line_panel::{self, EndLabel, LABEL_ROOM, LinePoint, PLOT, Panel, Vertical};
use super::names::{self, told};
use super::points::{self, Point, Subject, exact, figure};
use super::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, percent};
use crate::plot::axis::Axis;
use crate::plot::log_axis::LogAxis;
use crate::plot::palette;
use crate::plot::scale::Scale;
use crate::plot::scene::Text;
use crate::plot::series::{SERIES_MAX, style};
use crate::slugs::Slugs;

/// More pictures of one kind than this are not looked at.
const FIGURES_MAX: usize = 12;
/// The least height of the rates' panel.
const HEIGHT: i32 = 260;
/// What a share of the ideal is called.
const EFFICIENCY: &str = "efficiency";
/// The ideal is drawn up to this many times the largest rate; beyond that the rates would lie flat at the foot.
const IDEAL_MAX: f64 = 2.5;
/// The least distance of two numbers of threads on a linear axis, as a share of it.
const APART_MIN: f64 = 0.025;

/// One figure for each host, kernel and type that were measured with two numbers of threads or more, at the largest such size: a
/// line for each library.
///
/// # Errors
///
/// When nothing was measured with two numbers of threads.
pub fn figures(survey: &Survey) -> Figures {
    let points = points::points(survey);
    let mut cases: BTreeMap<(usize, Subject, usize), Vec<Point>> = BTreeMap::new();
    for point in &points {
        let key = (point.row.side, point.subject(), point.n());
        cases.entry(key).or_default().push(*point);
    }
    // The largest size of each host and kernel that has several numbers of threads: later ones replace earlier ones.
    let mut chosen: BTreeMap<(usize, Subject), (usize, Vec<Series>)> = BTreeMap::new();
    for ((side, subject, n), points) in &cases {
        let series = series(points);
        if threads(&series).len() > 1 {
            chosen.insert((*side, *subject), (*n, series));
        }
    }
    if chosen.is_empty() {
        return Err(Missing(
            if points.is_empty() {
                "no case was measured and verified"
            } else {
                "no host measured a case with two numbers of threads or more"
            }
            .to_owned(),
        ));
    }
    let mut slugs = Slugs::default();
    let more = chosen.len().saturating_sub(FIGURES_MAX);
    let last = chosen.len().min(FIGURES_MAX) - 1;
    let shown = chosen.iter().take(FIGURES_MAX).enumerate();
    Ok(shown
        .map(|(index, ((side, subject), (n, series)))| {
            let what = What {
                side: *side,
                subject: *subject,
                n: *n,
                left_out: if index == last { more } else { 0 },
            };
            of_case(survey, &what, series, &mut slugs)
        })
        .collect())
}

/// What a figure is of.
struct What<'a> {
    side: usize,
    subject: Subject<'a>,
    n: usize,
    /// How many figures are not drawn, which the last one tells.
    left_out: usize,
}

/// One line: what differs in the number of threads only, the least first.
struct Series<'a> {
    means: Means,
    points: Vec<Point<'a>>,
}

impl Series<'_> {
    /// The rate of one thread, by the point with the least threads.
    fn base(&self) -> f64 {
        self.points
            .first()
            .map_or(0.0, |point| point.value / point.threads() as f64)
    }

    fn best(&self) -> f64 {
        self.points
            .iter()
            .map(|point| point.value)
            .fold(0.0, f64::max)
    }

    /// The share of the ideal that a point reaches, in percent.
    fn efficiency(&self, point: &Point) -> f64 {
        100.0 * (point.value / self.base()) / point.threads() as f64
    }
}

/// The lines, those with several numbers of threads and the fastest first.
fn series<'a>(points: &[Point<'a>]) -> Vec<Series<'a>> {
    let mut all: BTreeMap<Means, Vec<Point>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.threads() > 0) {
        let mut means = point.row.means.clone();
        means.threads = 0;
        all.entry(means).or_default().push(*point);
    }
    let mut series: Vec<Series> = Vec::new();
    for (means, mut points) in all {
        points.sort_by_key(Point::threads);
        points.dedup_by_key(|point| point.threads());
        if points.len() > 1 {
            series.push(Series { means, points });
        }
    }
    series.sort_by(|a, b| b.best().total_cmp(&a.best()));
    series
}

/// All numbers of threads, the least first.
fn threads(series: &[Series]) -> Vec<usize> {
    let points = series.iter().flat_map(|series| &series.points);
    let mut threads: Vec<usize> = points.map(Point::threads).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

fn of_case(survey: &Survey, what: &What, series: &[Series], slugs: &mut Slugs) -> Figure {
    let host = points::side_name(survey, what.side);
    let title = format!(
        "{} by threads: {}, n = {}, {host}",
        what.subject.unit,
        what.subject.title(),
        points::size(what.n)
    );
    let drawn = &series[..series.len().min(SERIES_MAX)];
    let means: Vec<&Means> = drawn.iter().map(|series| &series.means).collect();
    let (libraries, common) = points::means_in_words(&means);
    let common = common.replace("0 threads, ", "");
    let boundaries = boundaries::of(survey, what.side, &threads(drawn));

    let mut sheet = Sheet::new(&title);
    draw(&mut sheet, survey, what, drawn, &libraries, &boundaries);
    sheet.caption(&format!(
        "{}, n = {}, {common}, host {host}.",
        what.subject.title(),
        points::size(what.n)
    ));
    let least = drawn.iter().filter_map(|series| series.points.first());
    let least = least.map(Point::threads).min().unwrap_or(1);
    let least = if least == 1 {
        "one thread".to_owned()
    } else {
        format!("{least} threads")
    };
    let all_points = || drawn.iter().flat_map(|series| &series.points);
    sheet.caption(&format!(
        "Ideal: for each thread the rate of one, measured with {least}, up to the physical cores. Efficiency: rate / (threads × rate \
         of one). {}",
        points::intervals_in_words(all_points())
    ));
    if let Some(words) = boundaries::in_words(&boundaries) {
        sheet.caption(&words);
    }
    if series.len() > drawn.len() {
        let rest = series.len() - drawn.len();
        sheet.caption(&format!("{rest} slower ones are in the table only."));
    }
    if what.left_out > 0 {
        sheet.caption(&format!(
            "{} more hosts and kernels are not drawn.",
            what.left_out
        ));
    }
    if let Some(warning) = points::invalid_in_words(survey, all_points()) {
        sheet.warning(&warning);
    }
    let description = description(what, &host, series, &boundaries);
    let words = format!(
        "scaling {} {} {host}",
        what.subject.kernel, what.subject.dtype
    );
    sheet.finish(
        slugs.take(&words),
        &description,
        table(survey, what, series),
    )
}

fn draw(
    sheet: &mut Sheet,
    survey: &Survey,
    what: &What,
    series: &[Series],
    libraries: &[String],
    boundaries: &[Boundary],
) {
    let counts = threads(series);
    let values: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    let scale = Scale::linear_if_apart(&values, APART_MIN);
    let title = if scale.is_log() {
        format!("{}, logarithmic", what.subject.axis_title())
    } else {
        what.subject.axis_title().to_owned()
    };
    sheet
        .scene
        .text(Text::new(title, (MARGIN, sheet.y + 8), SMALL_SIZE));
    let place = |value: f64| {
        scale.position(
            value,
            (PLOT.0 + line_panel::INSET, PLOT.1 - line_panel::INSET),
        )
    };
    let top = boundaries::draw_labels(&mut sheet.scene, sheet.y + 22, boundaries, place);
    let height = line_panel::height_for(3 * series.len() + 2, HEIGHT);
    let ideals: Vec<Vec<LinePoint>> = series
        .iter()
        .map(|it| ideal(it, &values, boundaries))
        .collect();
    let panel = Panel {
        x: &scale,
        y: vertical(survey, series, &ideals, scale.is_log()),
        top,
        bottom: top + height,
    };
    boundaries::draw_lines(
        &mut sheet.scene,
        boundaries,
        place,
        (panel.top, panel.bottom),
    );
    panel.draw_frame(&mut sheet.scene);
    let mut labels = Vec::new();
    if let [series] = series {
        draw_peaks(sheet, survey, &panel, series, &mut labels);
    }
    draw_ideals(sheet, &panel, &ideals, &mut labels);
    let fitted = names::fitted(libraries, SMALL_SIZE, LABEL_ROOM);
    let hints_max = hints_max(series);
    for (index, series) in series.iter().enumerate() {
        let style = style(index);
        let points = series.points.iter().map(|point| LinePoint {
            x: point.threads() as f64,
            y: point.value,
            interval: point.interval(),
            is_invalid: point.is_invalid(),
        });
        let points: Vec<LinePoint> = points.collect();
        let end = panel.draw_series(&mut sheet.scene, &points, style);
        let places = panel.places(&points).into_iter();
        let told: Vec<_> = places.zip(&series.points).collect();
        let line = [&*libraries[index], ""];
        hint::tell(&mut sheet.scene, &told, hints_max, |points| {
            let hint = points::hint(survey, line, threads_in_words, points);
            match points {
                [(_, point)] => hint.share(Some(series.efficiency(point)), EFFICIENCY),
                _ => hint,
            }
        });
        let last = series.points.last().map_or(0.0, |point| point.value);
        let mut lines = vec![(
            format!("{} {}", figure(last), what.subject.unit),
            style.text,
        )];
        if !fitted[index].is_empty() {
            lines.insert(0, (fitted[index].clone(), style.text));
        }
        let best = series
            .points
            .iter()
            .max_by(|a, b| a.value.total_cmp(&b.value));
        if let Some(best) = best.filter(|best| best.value > last) {
            let words = format!(
                "best {} with {}",
                figure(best.value),
                points::size(best.threads())
            );
            lines.push((words, palette::GREY));
        }
        labels.push(EndLabel {
            from: end,
            style: Some(style),
            lines,
        });
    }
    panel.draw_labels(&mut sheet.scene, &labels);
    for (value, _) in ticks(&counts, &scale) {
        let x = panel.x(value);
        sheet
            .scene
            .line((x, panel.bottom), (x, panel.bottom + 4), 1, palette::AXIS);
    }
    sheet.y = panel.bottom + 22;
    efficiency::draw(sheet, &scale, &counts, (series, libraries), boundaries);
}

/// Hints of a line in each of the two panels.
fn hints_max(series: &[Series]) -> usize {
    HINTS_MAX / (2 * series.len().max(1))
}

/// What tells the points of a line apart.
fn threads_in_words(point: &Point) -> String {
    counted(point.threads(), "thread")
}

/// The ideal: straight up to the physical cores, and on from there, on either kind of axes.
fn ideal(series: &Series, counts: &[f64], boundaries: &[Boundary]) -> Vec<LinePoint> {
    let first = series
        .points
        .first()
        .map_or(1.0, |point| point.threads() as f64);
    let last = counts.last().copied().unwrap_or(first);
    let cores = boundaries::cores(boundaries)
        .unwrap_or(last)
        .clamp(first, last);
    let at = |threads: f64| LinePoint {
        x: threads,
        y: series.base() * threads.min(cores),
        interval: None,
        is_invalid: false,
    };
    [first, cores, last].map(at).into()
}

/// Logarithmic where the numbers of threads are: only then is the ideal a straight line.
fn vertical(
    survey: &Survey,
    series: &[Series],
    ideals: &[Vec<LinePoint>],
    is_log: bool,
) -> Vertical {
    let points = || series.iter().flat_map(|series| &series.points);
    let values = || points().map(|point| point.value);
    let highest = points::highest(points());
    let peaks = points()
        .filter(|_| series.len() == 1)
        .filter_map(|point| point.peak(survey));
    let beyond = ideals.iter().flatten().map(|point| point.y).chain(peaks);
    if is_log {
        let low = values().fold(f64::INFINITY, f64::min);
        let high = beyond.chain([highest]).fold(0.0, f64::max);
        return Vertical::Log(LogAxis::between(0.85 * low, 1.1 * high));
    }
    let beyond = beyond.map(|value| value.min(IDEAL_MAX * highest));
    Vertical::Linear(Axis::from_zero(beyond.chain([highest])))
}

/// The peaks that were measured with as many threads: what the clocks leave of the ideal.
fn draw_peaks(
    sheet: &mut Sheet,
    survey: &Survey,
    panel: &Panel,
    series: &Series,
    labels: &mut Vec<EndLabel>,
) {
    let peaks = series.points.iter().filter_map(|point| {
        Some(LinePoint {
            x: point.threads() as f64,
            y: point.peak(survey).filter(|peak| panel.y.holds(*peak))?,
            interval: None,
            is_invalid: false,
        })
    });
    let places = panel.places(&peaks.collect::<Vec<_>>());
    if let [_, .., last] = places[..] {
        sheet.scene.dashed(&places, 1, palette::GREY, &[2, 3]);
        labels.push(EndLabel {
            from: last,
            style: None,
            lines: vec![("measured peak".to_owned(), palette::GREY)],
        });
    }
}

fn draw_ideals(
    sheet: &mut Sheet,
    panel: &Panel,
    ideals: &[Vec<LinePoint>],
    labels: &mut Vec<EndLabel>,
) {
    for ideal in ideals {
        let mut within: Vec<LinePoint> = ideal
            .iter()
            .copied()
            .filter(|point| panel.y.holds(point.y))
            .collect();
        let is_cut = within.len() < ideal.len();
        if let (true, Vertical::Linear(axis), [first, ..]) = (is_cut, &panel.y, &within[..]) {
            let exit = LinePoint {
                x: axis.max / first.y * first.x,
                y: axis.max,
                ..*first
            };
            within.push(exit);
        }
        let places = panel.places(&within);
        sheet.scene.dashed(&places, 1, palette::AXIS, &[7, 4]);
        let ([.., last], [_]) = (&places[..], ideals) else {
            continue;
        };
        if is_cut {
            // It leaves the panel on its way.
            let at = (last.0.min(PLOT.1 - 50) + 8, panel.top + 10);
            sheet.scene.text(Text::new("ideal", at, TEXT_SIZE));
        } else {
            labels.push(EndLabel {
                from: *last,
                style: None,
                lines: vec![("ideal".to_owned(), palette::GREY)],
            });
        }
    }
}

/// The numbers of threads, or round ones when there are many.
fn ticks(counts: &[usize], scale: &Scale) -> Vec<(f64, String)> {
    const OWN_MAX: usize = 16;
    if counts.len() <= OWN_MAX {
        counts
            .iter()
            .map(|count| (*count as f64, points::size(*count)))
            .collect()
    } else {
        scale.ticks().to_vec()
    }
}

fn description(what: &What, host: &str, series: &[Series], boundaries: &[Boundary]) -> String {
    let mut sentences = vec![format!(
        "{}, n = {}, on {host}",
        what.subject.title(),
        points::size(what.n)
    )];
    for series in series.iter().take(SERIES_MAX) {
        let mut of_threads = Vec::new();
        for point in &series.points {
            of_threads.push(format!(
                "{} with {} ({})",
                figure(point.value),
                point.threads(),
                percent(series.efficiency(point))
            ));
        }
        sentences.push(format!(
            "{}: {} by threads (efficiency): {}",
            told(&series.means.blas),
            what.subject.unit,
            of_threads.join(", ")
        ));
    }
    sentences.extend(boundaries.iter().map(Boundary::sentence));
    sentences.join(". ")
}

fn table(survey: &Survey, what: &What, series: &[Series]) -> Table {
    let unit = what.subject.unit;
    let mut table = Table::new(&[
        "library",
        "driver",
        "#threads",
        &format!("#median, {unit}"),
        &format!("#low, {unit}"),
        &format!("#high, {unit}"),
        "#efficiency, %",
        &format!("#measured peak, {unit}"),
        "#runs",
        "grade",
    ]);
    for series in series {
        for point in &series.points {
            let interval = point.interval();
            let end = |end: Option<f64>| end.map_or_else(String::new, |end| exact(end, interval));
            let peak = point.peak(survey);
            table.row([
                told(&series.means.blas),
                told(&series.means.driver),
                point.threads().to_string(),
                exact(point.value, interval),
                end(interval.map(|interval| interval.0)),
                end(interval.map(|interval| interval.1)),
                share(series.efficiency(point)),
                peak.map_or_else(String::new, |peak| exact(peak, None)),
                point.row.runs.to_string(),
                point.row.grade.to_string(),
            ]);
        }
    }
    table
}

/// A share in percent; empty for what is none.
fn share(share: f64) -> String {
    if share.is_finite() {
        exact(share, Some((0.0, share.abs() / 10.0)))
    } else {
        String::new()
    }
}
