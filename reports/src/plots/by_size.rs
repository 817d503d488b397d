//! Rates against the size of the matrices, with the measured peak as the top line.
//!
//! In the manner of BLIS's performance pages (<https://github.com/flame/blis/blob/master/docs/Performance.md>): the top of the
//! vertical axis is the peak, so that a line's distance from the top is what is left to gain.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use results::comparability::Means;
use results::survey::Survey;

use super::hint::{self, HINTS_MAX};
use super::line_panel::{
    self, BARS_MAX, EndLabel, GAP, LABEL_ROOM, LinePoint, PLOT, Panel, Vertical,
};
use super::names::{self, told};
use super::points::{self, Point, Subject, exact, figure};
use super::sheet::{MARGIN, SMALL_SIZE, Sheet};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, percent};
use crate::plot::axis::Axis;
use crate::plot::palette;
use crate::plot::scale::Scale;
use crate::plot::scene::{Scene, Text};
use crate::plot::series::{SERIES_MAX, Style, style};
use crate::slugs::Slugs;

/// More pictures of one kind than this are not looked at.
const FIGURES_MAX: usize = 12;
/// More lines in grey than this are no context any more.
const GREY_MAX: usize = 60;
/// Series whose figures are in the table.
const TABLE_SERIES_MAX: usize = 200;
/// More different peaks than this are not drawn across the picture, but at its edge.
const WHOLE_PEAKS_MAX: usize = 2;
/// More sizes than this do not all have a tick of their own.
const OWN_TICKS_MAX: usize = 12;
/// The least height of the lines' panel.
const HEIGHT: i32 = 320;
/// Series that a description tells in full.
const DESCRIBED_MAX: usize = 12;

/// One figure for each kernel and type that was measured at two sizes or more: a line for each host, or, of a single host, for each
/// number of threads and each library.
///
/// # Errors
///
/// When no kernel was measured at two sizes.
pub fn figures(survey: &Survey) -> Figures {
    let points = points::points(survey);
    let mut slugs = Slugs::default();
    let mut figures = Vec::new();
    let subjects: Vec<(Subject, Vec<Series>)> = points::by_subject(&points)
        .into_iter()
        .map(|(subject, points)| (subject, series(&points)))
        .filter(|(_, series)| sizes(series).len() > 1)
        .collect();
    for (index, (subject, series)) in subjects.iter().take(FIGURES_MAX).enumerate() {
        let left_out = match subjects.len().saturating_sub(FIGURES_MAX) {
            more if more > 0 && index + 1 == FIGURES_MAX => Some(more),
            _ => None,
        };
        figures.push(of_subject(survey, *subject, series, left_out, &mut slugs));
    }
    if figures.is_empty() {
        return Err(Missing(
            if points.is_empty() {
                "no case was measured and verified"
            } else {
                "no kernel was measured at two sizes or more"
            }
            .to_owned(),
        ));
    }
    Ok(figures)
}

/// One line: a side and its means, a point for each size, the smallest first.
struct Series<'a> {
    side: usize,
    means: &'a Means,
    points: Vec<Point<'a>>,
    /// Whether the side has other means, too, which are not drawn.
    is_chosen: bool,
}

impl Series<'_> {
    fn best(&self) -> f64 {
        self.points
            .iter()
            .map(|point| point.value)
            .fold(0.0, f64::max)
    }

    /// The means but for the number of threads.
    fn library(&self) -> Means {
        Means {
            threads: 0,
            ..self.means.clone()
        }
    }

    fn last(&self) -> Option<&Point<'_>> {
        self.points.last()
    }

    /// The median over the sizes of the peak measured beside them.
    fn peak(&self, survey: &Survey) -> Option<f64> {
        let peaks: Vec<f64> = self
            .points
            .iter()
            .filter_map(|point| point.peak(survey))
            .collect();
        results::statistics::median(&peaks)
    }
}

/// The lines, the fastest first: of several sides one for each, with the means of which there are most sizes, and the fastest of these;
/// of one side with several libraries the same for each library; of one library all numbers of threads. What is compared is shown
/// at its best: more threads than cores, which are slower, are no fault of the host.
fn series<'a>(points: &[Point<'a>]) -> Vec<Series<'a>> {
    let mut all: BTreeMap<(usize, &Means), Vec<Point>> = BTreeMap::new();
    for point in points {
        let key = (point.row.side, &point.row.means);
        all.entry(key).or_default().push(*point);
    }
    let mut series: Vec<Series> = Vec::new();
    for ((side, means), mut points) in all {
        points.sort_by_key(Point::n);
        points.dedup_by_key(|point| point.n());
        series.push(Series {
            side,
            means,
            points,
            is_chosen: false,
        });
    }
    let has_several =
        |differ: fn(&Series, &Series) -> bool| series.iter().any(|one| differ(one, &series[0]));
    if has_several(|one, other| one.side != other.side) {
        keep_best_of_each(&mut series, |series| series.side);
    } else if has_several(|one, other| one.library() != other.library()) {
        keep_best_of_each(&mut series, Series::library);
    }
    series.sort_by(|a, b| b.best().total_cmp(&a.best()));
    series
}

/// Of lines with the same key, the one with most sizes, and the fastest of these.
fn keep_best_of_each<'a, K: Ord>(series: &mut Vec<Series<'a>>, key: fn(&Series<'a>) -> K) {
    series.sort_by(|a, b| {
        let by_sizes = b.points.len().cmp(&a.points.len());
        let by_rate = b.best().total_cmp(&a.best());
        key(a).cmp(&key(b)).then(by_sizes).then(by_rate)
    });
    series.dedup_by(|next, kept| {
        let is_same = key(next) == key(kept);
        kept.is_chosen |= is_same;
        is_same
    });
}

/// All sizes of these lines, the smallest first.
fn sizes(series: &[Series]) -> Vec<usize> {
    let points = series.iter().flat_map(|series| &series.points);
    let mut sizes: Vec<usize> = points.map(Point::n).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// What the lines are called, and what they have in common.
struct Words {
    /// The whole names, in the order of the series.
    names: Vec<String>,
    /// What is told below the names in the picture.
    details: Vec<String>,
    common: String,
    are_hosts: bool,
}

impl Words {
    fn of(survey: &Survey, series: &[Series]) -> Self {
        let means: Vec<&Means> = series.iter().map(|series| series.means).collect();
        let (differing, common) = points::means_in_words(&means);
        let are_hosts = series.iter().any(|one| one.side != series[0].side);
        let hosts = series
            .iter()
            .map(|series| points::side_name(survey, series.side));
        let host = hosts.clone().next().unwrap_or_default();
        if are_hosts {
            return Self {
                names: hosts.collect(),
                details: differing,
                common,
                are_hosts,
            };
        }
        let common = points::listed(&[&format!("host {host}"), &common]);
        let libraries: Vec<Means> = series.iter().map(Series::library).collect();
        let (libraries, _) = points::means_in_words(&libraries.iter().collect::<Vec<_>>());
        if libraries.iter().all(String::is_empty) {
            return Self {
                details: vec![String::new(); differing.len()],
                names: differing
                    .into_iter()
                    .map(|name| if name.is_empty() { host.clone() } else { name })
                    .collect(),
                common,
                are_hosts,
            };
        }
        let has_threads = means.iter().any(|it| it.threads != means[0].threads);
        let threads = |means: &&Means| {
            if has_threads {
                counted(means.threads, "thread")
            } else {
                String::new()
            }
        };
        Self {
            names: libraries,
            details: means.iter().map(threads).collect(),
            common,
            are_hosts,
        }
    }
}

fn of_subject(
    survey: &Survey,
    subject: Subject,
    series: &[Series],
    left_out: Option<usize>,
    slugs: &mut Slugs,
) -> Figure {
    let words = Words::of(survey, series);
    let drawn = &series[..series.len().min(SERIES_MAX)];
    let styles = styles(survey, drawn, words.are_hosts);
    let title = format!("{} by size: {}", subject.unit, subject.title());
    let mut sheet = Sheet::new(&title);
    draw(&mut sheet, survey, subject, series, &styles, &words);

    let sizes = match &sizes(series)[..] {
        [first, .., last] => format!("n = {} to {}", points::size(*first), points::size(*last)),
        _ => String::new(),
    };
    let settings = points::listed(&[&subject.title(), &sizes, &words.common]);
    sheet.caption(&format!("{settings}."));
    let all_points = || drawn.iter().flat_map(|series| &series.points);
    let intervals = if drawn.iter().any(|series| series.points.len() > BARS_MAX) {
        "How far they are known: in the table.".to_owned()
    } else {
        points::intervals_in_words(all_points())
    };
    let choice = if series.iter().any(|series| series.is_chosen) {
        if words.are_hosts {
            "Of each host the threads and library with most sizes, and the fastest of these. "
        } else {
            "Of each library the threads with most sizes, and the fastest of these. "
        }
    } else {
        ""
    };
    sheet.caption(&format!("{choice}Points: medians. {intervals}"));
    if drawn.iter().any(|series| series.peak(survey).is_some()) {
        let mark = if Peaks::of(survey, drawn).whole.is_empty() {
            "Short bars at the right edge"
        } else {
            "Dashed line without marks"
        };
        sheet.caption(&format!("{mark}: {}.", subject.peak_meaning()));
    }
    if series.len() > drawn.len() {
        let rest = series.len() - drawn.len();
        sheet.caption(&format!(
            "In grey: {rest} slower ones, which are in the table."
        ));
    }
    if let Some(count) = left_out {
        sheet.caption(&format!("{count} more kernels and types are not drawn."));
    }
    if let Some(warning) = points::invalid_in_words(survey, all_points()) {
        sheet.warning(&warning);
    }
    let description = description(survey, subject, series, &words);
    let name = slugs.take(&format!("by-size {} {}", subject.kernel, subject.dtype));
    sheet.finish(name, &description, table(survey, subject, series))
}

/// A host looks the same in all pictures as long as there are few.
fn styles(survey: &Survey, drawn: &[Series], are_hosts: bool) -> Vec<Style> {
    let is_by_side = are_hosts && survey.comparison.sides.len() <= SERIES_MAX;
    let index = |(rank, series): (usize, &Series)| if is_by_side { series.side } else { rank };
    drawn.iter().enumerate().map(index).map(style).collect()
}

fn draw(
    sheet: &mut Sheet,
    survey: &Survey,
    subject: Subject,
    series: &[Series],
    styles: &[Style],
    words: &Words,
) {
    let drawn = &series[..styles.len()];
    let peaks = Peaks::of(survey, drawn);
    let labels_lines = drawn.len()
        * if words.details.iter().any(|it| !it.is_empty()) {
            3
        } else {
            2
        };
    let height = line_panel::height_for(labels_lines + peaks.whole.len(), HEIGHT);

    sheet.scene.text(Text::new(
        subject.axis_title(),
        (MARGIN, sheet.y + 8),
        SMALL_SIZE,
    ));
    let top = sheet.y + 28;
    let sizes = sizes(series);
    let values: Vec<f64> = sizes.iter().map(|n| *n as f64).collect();
    let scale = Scale::of(&values);
    let panel = Panel {
        x: &scale,
        y: vertical(series, &peaks),
        top,
        bottom: top + height,
    };
    panel.draw_frame(&mut sheet.scene);
    for series in series[drawn.len()..].iter().take(GREY_MAX).rev() {
        let places = panel.places(&line_points(series));
        for ends in places.windows(2) {
            sheet.scene.line(ends[0], ends[1], 1, palette::GRID);
        }
        if let [place] = places[..] {
            sheet.scene.dot(place, 2, palette::GRID);
        }
    }
    let mut labels = peaks.draw(sheet, &panel, drawn, styles);
    let fitted = names::fitted(&words.names[..drawn.len()], SMALL_SIZE, LABEL_ROOM);
    // The fastest last, on top of the others.
    let mut ends = vec![(PLOT.1, panel.bottom); drawn.len()];
    for (index, series) in drawn.iter().enumerate().rev() {
        ends[index] = panel.draw_series(&mut sheet.scene, &line_points(series), styles[index]);
    }
    tell(
        &mut sheet.scene,
        survey,
        &panel,
        (series, drawn.len()),
        words,
    );
    for (index, series) in drawn.iter().enumerate() {
        let mut lines = vec![(fitted[index].clone(), styles[index].text)];
        lines.extend(last_in_words(survey, series).map(|line| (line, palette::GREY)));
        if !words.details[index].is_empty() {
            lines.push((words.details[index].clone(), palette::GREY));
        }
        labels.push(EndLabel {
            from: ends[index],
            style: Some(styles[index]),
            lines,
        });
    }
    panel.draw_labels(&mut sheet.scene, &labels);
    let ticks: Vec<(f64, String)> = if sizes.len() <= OWN_TICKS_MAX {
        sizes
            .iter()
            .map(|n| (*n as f64, points::size(*n)))
            .collect()
    } else {
        scale.ticks().to_vec()
    };
    let title = if scale.is_log() {
        format!("{} (logarithmic)", subject.size_meaning())
    } else {
        subject.size_meaning().to_owned()
    };
    sheet.y = panel.draw_x_axis(&mut sheet.scene, &ticks, &title) + 14;
}

/// What each point says; of a grey line, which has no name in the picture, the last one.
fn tell(
    scene: &mut Scene,
    survey: &Survey,
    panel: &Panel,
    (series, drawn): (&[Series], usize),
    words: &Words,
) {
    let place = |point: &Point| format!("n = {}", points::size(point.n()));
    for (index, series) in series.iter().take(drawn + GREY_MAX).enumerate() {
        let places = panel.places(&line_points(series)).into_iter();
        let mut told: Vec<_> = places.zip(&series.points).collect();
        if index >= drawn {
            told.drain(..told.len().saturating_sub(1));
        }
        let line = [&*words.names[index], &*words.details[index]];
        hint::tell(scene, &told, HINTS_MAX / drawn, |points| {
            points::hint(survey, line, place, points)
        });
    }
}

/// The axis: its top is the largest peak or, without one, a round value.
fn vertical(series: &[Series], peaks: &Peaks) -> Vertical {
    let highest = points::highest(series.iter().flat_map(|series| &series.points));
    let peak = peaks.values.iter().flatten().copied().fold(0.0, f64::max);
    Vertical::Linear(if peak >= highest {
        Axis::up_to(peak)
    } else {
        Axis::from_zero([highest, peak].into_iter())
    })
}

/// The measured peaks of the lines.
struct Peaks {
    /// Of each line, where there is one.
    values: Vec<Option<f64>>,
    /// The different ones, as far as they are few enough to be drawn across the picture.
    whole: Vec<f64>,
}

impl Peaks {
    fn of(survey: &Survey, drawn: &[Series]) -> Self {
        let values: Vec<Option<f64>> = drawn.iter().map(|series| series.peak(survey)).collect();
        let mut whole: Vec<f64> = values.iter().flatten().copied().collect();
        whole.sort_by(|a, b| b.total_cmp(a));
        whole.dedup();
        if whole.len() > WHOLE_PEAKS_MAX {
            whole.clear();
        }
        Self { values, whole }
    }

    /// Draws them: few across the picture, with labels, which are returned; many as strokes at its edge.
    fn draw(
        &self,
        sheet: &mut Sheet,
        panel: &Panel,
        drawn: &[Series],
        styles: &[Style],
    ) -> Vec<EndLabel> {
        let scene = &mut sheet.scene;
        if self.whole.is_empty() {
            for (peak, style) in self.values.iter().zip(styles) {
                let Some(peak) = peak else { continue };
                let y = panel.y(*peak);
                scene.line((PLOT.1 - 1, y), (PLOT.1 + GAP - 4, y), 3, style.color);
            }
            return Vec::new();
        }
        let mut labels = Vec::new();
        for peak in &self.whole {
            let of: Vec<usize> = (0..drawn.len())
                .filter(|index| self.values[*index] == Some(*peak))
                .collect();
            let color = match of[..] {
                [only] if drawn.len() > 1 => styles[only].text,
                _ => palette::GREY,
            };
            let y = panel.y(*peak);
            scene.dashed(&[(PLOT.0, y), (PLOT.1, y)], 1, color, &[7, 4]);
            labels.push(EndLabel {
                from: (PLOT.1, y),
                // The mark of the line that it is the peak of.
                style: match of[..] {
                    [only] if drawn.len() > 1 => Some(styles[only]),
                    _ => None,
                },
                lines: vec![(format!("peak {}", figure(*peak)), color)],
            });
        }
        labels
    }
}

fn line_points(series: &Series) -> Vec<LinePoint> {
    let of = |point: &Point| LinePoint {
        x: point.n() as f64,
        y: point.value,
        interval: point.interval(),
        is_invalid: point.is_invalid(),
    };
    series.points.iter().map(of).collect()
}

/// The figure at the end of a line, and what share of the peak that is.
fn last_in_words(survey: &Survey, series: &Series) -> Option<String> {
    let last = series.last()?;
    let share = series.peak(survey).map(|peak| 100.0 * last.value / peak);
    Some(match share {
        Some(share) if share.is_finite() => {
            format!("{}, {} of peak", figure(last.value), percent(share))
        }
        _ => figure(last.value),
    })
}

/// The picture in words: each line's begin, end and peak.
fn description(survey: &Survey, subject: Subject, series: &[Series], words: &Words) -> String {
    let mut sentences = vec![points::listed(&[&subject.title(), &words.common])];
    for (series, name) in series.iter().zip(&words.names).take(DESCRIBED_MAX) {
        let (Some(first), Some(last)) = (series.points.first(), series.last()) else {
            continue;
        };
        let at = |point: &Point| {
            let n = points::size(point.n());
            format!("{} {} at n = {n}", figure(point.value), subject.unit)
        };
        let mut sentence = format!("{name}: {}", at(first));
        if series.points.len() > 1 {
            sentence = format!("{sentence}, {}", at(last));
        }
        if let Some(peak) = series.peak(survey) {
            let share = percent(100.0 * last.value / peak);
            sentence = format!("{sentence}, {share} of the measured peak {}", figure(peak));
        }
        sentences.push(sentence);
    }
    if series.len() > DESCRIBED_MAX {
        sentences.push(format!(
            "{} more are in the table",
            series.len() - DESCRIBED_MAX
        ));
    }
    sentences.join(". ")
}

fn table(survey: &Survey, subject: Subject, series: &[Series]) -> Table {
    let unit = subject.unit;
    let mut table = Table::new(&[
        "host",
        "#n",
        "#threads",
        "library",
        &format!("#median, {unit}"),
        &format!("#low, {unit}"),
        &format!("#high, {unit}"),
        "low and high are",
        &format!("#measured peak, {unit}"),
        "#% of peak",
        "#runs",
        "grade",
    ]);
    for series in series.iter().take(TABLE_SERIES_MAX) {
        let name = points::side_name(survey, series.side);
        for point in &series.points {
            let interval = point.interval();
            let end = |end: Option<f64>| end.map_or_else(String::new, |end| exact(end, interval));
            let peak = point.peak(survey);
            let share = peak.map(|peak| 100.0 * point.value / peak);
            let basis = point.row.interval.filter(|_| interval.is_some());
            table.row([
                name.clone(),
                point.n().to_string(),
                point.threads().to_string(),
                told(&point.row.means.blas),
                exact(point.value, interval),
                end(interval.map(|interval| interval.0)),
                end(interval.map(|interval| interval.1)),
                basis
                    .map_or("", |it| points::basis_in_words(it.basis))
                    .to_owned(),
                peak.map_or_else(String::new, |peak| exact(peak, None)),
                share.map_or_else(String::new, |share| format!("{share:.1}")),
                point.row.runs.to_string(),
                point.row.grade.to_string(),
            ]);
        }
    }
    table
}
