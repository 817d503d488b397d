//! Work for each joule: the rate for each watt of the processor packages, by host.
//!
//! The energy is not what a plug delivers: it is what the record says that it is, mostly the processor's own estimate
//! ([`results::energy::MEANING`]), which the caption repeats.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use results::survey::Survey;

use super::hint::Hint;
use super::names::{self, told};
use super::points::{self, Point, Subject, drawable, exact, figure};
use super::sheet::{MARGIN, ROOM, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};
use crate::figure::{Figure, Figures, Missing, Table};
use crate::figures::{counted, grouped};
use crate::plot::axis::Axis;
use crate::plot::scene::{Anchor, Mark, Point as Place, Scene, Text};
use crate::plot::{font, palette};
use crate::slugs::Slugs;

/// More pictures of one kind than this are not looked at.
const FIGURES_MAX: usize = 12;
/// Bars that are drawn.
const BARS_MAX: usize = 24;
/// Rows of a table.
const ROWS_MAX: usize = 200;
/// Cases that a description tells.
const DESCRIBED_MAX: usize = 12;

/// Where zero and the last tick are.
const PLOT: (i32, i32) = (MARGIN, WIDTH - 112);
/// Room for the rate and the power.
const DETAIL_ROOM: i32 = 210;
const BAR: i32 = 14;
/// A name, its bar, and what is free below.
const NAME: i32 = 20;
const GAP: i32 = 10;

/// One figure for each kernel and type whose energy was measured: a bar for each host, or, of a single host, for each case.
///
/// # Errors
///
/// When no record tells what energy its samples took.
pub fn figures(survey: &Survey) -> Figures {
    let mut points = points::points(survey);
    points.retain(|point| point.per_watt().is_some());
    let subjects = points::by_subject(&points);
    if subjects.is_empty() {
        return Err(Missing(
            "no record tells what energy its samples took".to_owned(),
        ));
    }
    let mut slugs = Slugs::default();
    let more = subjects.len().saturating_sub(FIGURES_MAX);
    let last = subjects.len().min(FIGURES_MAX) - 1;
    let shown = subjects.into_iter().take(FIGURES_MAX).enumerate();
    Ok(shown
        .map(|(index, (subject, points))| {
            let left_out = if index == last { more } else { 0 };
            of_subject(survey, subject, &points, left_out, &mut slugs)
        })
        .collect())
}

/// One bar.
struct Bar<'a> {
    name: String,
    point: Point<'a>,
    per_watt: f64,
}

impl Bar<'_> {
    /// What the packages took by these two figures, in watts.
    fn power_w(&self) -> Option<f64> {
        drawable(self.point.value / self.per_watt)
    }
}

/// The bars, the most work for each joule first, and what all of them are of.
fn bars<'a>(survey: &Survey, points: &[Point<'a>]) -> (Vec<Bar<'a>>, String) {
    let has_hosts = points
        .iter()
        .any(|point| point.row.side != points[0].row.side);
    let n = common_size(points);
    let of_size = || points.iter().filter(|point| point.n() == n);
    // Of a single host the bars are threads and libraries, or sizes when there is one way only.
    let has_ways = of_size().count() > 1;
    let common = format!("n = {}", points::size(n));
    let (chosen, common) = if has_hosts {
        (fastest_of_each(of_size()), common)
    } else if has_ways {
        (of_size().copied().collect(), common)
    } else {
        (points.to_vec(), String::new())
    };
    let means: Vec<_> = chosen.iter().map(|point| &point.row.means).collect();
    let (differing, same) = points::means_in_words(&means);
    let parts = |parts: [String; 2]| {
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(", ")
    };
    let mut bars: Vec<Bar> = chosen
        .iter()
        .zip(differing)
        .filter_map(|(point, differing)| {
            let what = if has_hosts {
                points::side_name(survey, point.row.side)
            } else if has_ways {
                String::new()
            } else {
                format!("n = {}", points::size(point.n()))
            };
            Some(Bar {
                name: parts([what, differing]),
                point: *point,
                per_watt: point.per_watt()?,
            })
        })
        .collect();
    bars.sort_by(|a, b| b.per_watt.total_cmp(&a.per_watt));
    let common = if has_hosts {
        parts([common, same])
    } else {
        let host = points.first().map_or(0, |point| point.row.side);
        let host = format!("host {}", points::side_name(survey, host));
        parts([host, parts([common, same])])
    };
    (bars, common)
}

/// The size that most hosts have, the largest of several.
fn common_size(points: &[Point]) -> usize {
    let mut of_size: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for point in points {
        of_size.entry(point.n()).or_default().insert(point.row.side);
    }
    // The last of the largest: sizes ascend.
    let most = of_size.iter().max_by_key(|(_, sides)| sides.len());
    most.map_or(0, |(n, _)| *n)
}

/// Each host at its best: with the threads and the library with which it is fastest.
fn fastest_of_each<'p, 'a: 'p>(points: impl Iterator<Item = &'p Point<'a>>) -> Vec<Point<'a>> {
    let mut fastest: Vec<Point> = points.copied().collect();
    fastest.sort_by(|a, b| {
        a.row
            .side
            .cmp(&b.row.side)
            .then(b.value.total_cmp(&a.value))
    });
    fastest.dedup_by_key(|point| point.row.side);
    fastest
}

fn of_subject(
    survey: &Survey,
    subject: Subject,
    points: &[Point],
    left_out: usize,
    slugs: &mut Slugs,
) -> Figure {
    let (bars, common) = bars(survey, points);
    let drawn = &bars[..bars.len().min(BARS_MAX)];
    let mut sheet = Sheet::new(&format!("{} per watt: {}", subject.unit, subject.title()));
    draw(&mut sheet, subject, drawn);
    let settings = points::listed(&[&subject.title(), &common]);
    sheet.caption(&format!("{settings}."));
    for meaning in meanings(survey, drawn) {
        sheet.caption(&meaning);
    }
    if points
        .iter()
        .any(|point| point.row.side != points[0].row.side)
    {
        sheet.caption(
            "Each host with the threads and library with which it is fastest at this size.",
        );
    }
    if bars.len() > drawn.len() {
        let rest = counted(bars.len() - drawn.len(), "case");
        sheet.caption(&format!(
            "{rest} with less for each watt: in the table only."
        ));
    }
    if left_out > 0 {
        sheet.caption(&format!("{left_out} more kernels and types are not drawn."));
    }
    if let Some(warning) = points::invalid_in_words(survey, drawn.iter().map(|bar| &bar.point)) {
        sheet.warning(&warning);
    }
    let description = description(survey, subject, &bars, &common);
    let name = slugs.take(&format!("energy {} {}", subject.kernel, subject.dtype));
    sheet.finish(name, &description, table(survey, subject, &bars))
}

/// What the energy is of, each meaning with the hosts that it holds for when there are several.
fn meanings(survey: &Survey, bars: &[Bar]) -> Vec<String> {
    let mut meanings: Vec<(String, Vec<String>)> = Vec::new();
    for bar in bars {
        let host = survey.hosts.get(bar.point.row.side);
        let meaning = host.and_then(|host| host.newest.energy_meaning.as_deref());
        let meaning = meaning.map_or_else(|| "not told by the newest record".to_owned(), told);
        let name = points::side_name(survey, bar.point.row.side);
        match meanings.iter_mut().find(|(known, _)| *known == meaning) {
            Some((_, hosts)) if hosts.contains(&name) => {}
            Some((_, hosts)) => hosts.push(name),
            None => meanings.push((meaning, vec![name])),
        }
    }
    let has_one = meanings.len() == 1;
    let lines = meanings.into_iter().take(3).map(|(meaning, hosts)| {
        let of = if has_one {
            String::new()
        } else {
            format!(" ({})", names::list(&hosts))
        };
        format!("Energy: {meaning}{of}.")
    });
    lines.collect()
}

fn draw(sheet: &mut Sheet, subject: Subject, bars: &[Bar]) {
    let axis = Axis::from_zero(bars.iter().map(|bar| bar.per_watt));
    let scene = &mut sheet.scene;
    let top = sheet.y + 2;
    let names: Vec<String> = bars.iter().map(|bar| bar.name.clone()).collect();
    let names = names::fitted(&names, TEXT_SIZE, ROOM - DETAIL_ROOM);
    let mut y = top;
    for (bar, name) in bars.iter().zip(names) {
        let at = draw_bar(scene, subject, bar, name, y, &axis);
        scene.hint(at, hint(subject, bar).sentence());
        y += NAME + BAR + GAP;
    }
    let bottom = y;
    scene.line((PLOT.0, bottom), (PLOT.1, bottom), 1, palette::AXIS);
    for (value, label) in &axis.ticks {
        if let Some(x) = axis.position(*value, PLOT) {
            scene.line((x, bottom), (x, bottom + 5), 1, palette::AXIS);
            // Zero is at the margin: its label begins there.
            let anchor = if x - PLOT.0 < 8 {
                Anchor::Start
            } else {
                Anchor::Middle
            };
            scene.text(Text::new(label, (x, bottom + 16), SMALL_SIZE).anchored(anchor));
        }
    }
    let title = format!("{} for each watt", subject.unit);
    let middle = i32::midpoint(PLOT.0, PLOT.1);
    scene.text(Text::new(title, (middle, bottom + 37), SMALL_SIZE).anchored(Anchor::Middle));
    sheet.y = bottom + 64;
}

/// A name and what the figure is made of; below them the bar with the figure at its end. Returns where the bar ends.
fn draw_bar(
    scene: &mut Scene,
    subject: Subject,
    bar: &Bar,
    name: String,
    y: i32,
    axis: &Axis,
) -> Place {
    scene.text(Text::new(name, (PLOT.0, y + NAME / 2), TEXT_SIZE).colored(palette::INK));
    if let Some(power_w) = bar.power_w() {
        let detail = format!(
            "{} {} at {} W",
            figure(bar.point.value),
            subject.unit,
            figure(power_w)
        );
        let detail = font::ellipsized(&detail, SMALL_SIZE, DETAIL_ROOM - 12);
        let at = (WIDTH - MARGIN, y + NAME / 2);
        scene.text(Text::new(detail, at, SMALL_SIZE).anchored(Anchor::End));
    }
    let (top, bottom) = (y + NAME, y + NAME + BAR);
    let end = axis
        .position(bar.per_watt, PLOT)
        .unwrap_or(PLOT.0)
        .max(PLOT.0 + 1);
    let x = if bar.point.is_invalid() {
        end + 24
    } else {
        end + 6
    };
    let text = Text::new(
        figure(bar.per_watt),
        (x, i32::midpoint(top, bottom)),
        TEXT_SIZE,
    );
    let written = end..=text.extent().1 + 3;
    for (value, _) in &axis.ticks {
        if let Some(x) = axis.position(*value, PLOT).filter(|x| !written.contains(x)) {
            let color = if *value == 0.0 {
                palette::AXIS
            } else {
                palette::GRID
            };
            scene.line((x, top - 2), (x, bottom + 2), 1, color);
        }
    }
    scene.marks.push(Mark::Rect {
        from: (PLOT.0, top),
        to: (end, bottom),
        color: palette::BLUE,
    });
    if bar.point.is_invalid() {
        scene.cross(
            (end + 12, i32::midpoint(top, bottom)),
            5,
            palette::VERMILLION,
        );
    }
    scene.text(text.colored(palette::INK));
    (end, i32::midpoint(top, bottom))
}

/// A bar in words.
fn hint(subject: Subject, bar: &Bar) -> Hint {
    let made_of = bar.power_w().map_or_else(String::new, |power_w| {
        let rate = grouped(&exact(bar.point.value, bar.point.interval()));
        format!("{rate} {} at {} W", subject.unit, figure(power_w))
    });
    let unit = format!("{} per watt", subject.unit);
    Hint::of(&[&bar.name])
        .value(&grouped(&exact(bar.per_watt, None)), &unit, None)
        .also(&made_of)
        .of_row(bar.point.row)
}

fn description(survey: &Survey, subject: Subject, bars: &[Bar], common: &str) -> String {
    let mut sentences = vec![points::listed(&[&subject.title(), common])];
    for bar in bars.iter().take(DESCRIBED_MAX) {
        let unit = subject.unit;
        let mut sentence = format!("{}: {} {unit} per watt", bar.name, figure(bar.per_watt));
        if let Some(power_w) = bar.power_w() {
            let rate = figure(bar.point.value);
            sentence = format!("{sentence}, {rate} {unit} at {} W", figure(power_w));
        }
        sentences.push(sentence);
    }
    if bars.len() > DESCRIBED_MAX {
        sentences.push(format!(
            "{} more are in the table",
            bars.len() - DESCRIBED_MAX
        ));
    }
    let meanings = meanings(survey, &bars[..bars.len().min(BARS_MAX)]);
    sentences.extend(
        meanings
            .iter()
            .map(|it| it.trim_end_matches('.').to_owned()),
    );
    sentences.join(". ")
}

fn table(survey: &Survey, subject: Subject, bars: &[Bar]) -> Table {
    let unit = subject.unit;
    let mut table = Table::new(&[
        "host",
        "#n",
        "#threads",
        "library",
        &format!("#{unit} per watt"),
        &format!("#median, {unit}"),
        "#power (the one over the other), W",
        "#runs",
        "grade",
    ]);
    for bar in bars.iter().take(ROWS_MAX) {
        let point = &bar.point;
        table.row([
            points::side_name(survey, point.row.side),
            point.n().to_string(),
            point.threads().to_string(),
            told(&point.row.means.blas),
            exact(bar.per_watt, None),
            exact(point.value, point.interval()),
            bar.power_w()
                .map_or_else(String::new, |power_w| exact(power_w, None)),
            point.row.runs.to_string(),
            point.row.grade.to_string(),
        ]);
    }
    table
}
