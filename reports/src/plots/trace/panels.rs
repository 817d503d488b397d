//! The panels of a trace, one below the other on one axis of events.

use plotters::style::RGBColor;

use super::events::{self, Event, Trace};
use super::hints;
use crate::plot::axis::Axis;
use crate::plot::line_ends::spread;
use crate::plot::palette;
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};
use crate::plot::span::Span;
use crate::plots::layout::{tick_labels, within};
use crate::plots::sheet::{MARGIN, SMALL_SIZE, Sheet, TEXT_SIZE, WIDTH};

/// Where events begin and end; figures stand beyond.
const PLOT: (i32, i32) = (MARGIN + 58, WIDTH - MARGIN - 78);
/// What there is for figures beyond the panels.
const FIGURE_ROOM: i32 = WIDTH - MARGIN - PLOT.1 - 8;
/// Events keep off the panel's edges.
const INSET: i32 = 8;
const RATE_HEIGHT: i32 = 170;
const OTHER_HEIGHT: i32 = 70;
/// Between a panel and the next one's title.
const GAP: i32 = 22;
/// What a panel's title takes.
const TITLE: i32 = 22;
/// More events than this are drawn as the range of each column.
pub(super) const DOTS_MAX: usize = 600;
/// What can be drawn.
const DRAWABLE_MAX: f64 = 1e300;

/// All panels, and the axis below them.
pub(super) fn draw(sheet: &mut Sheet, trace: &Trace) {
    rate(sheet, trace);
    let clock_source = trace
        .events
        .iter()
        .find_map(|event| event.conditions()?.clock_source.clone());
    let clock = clock_source.map_or_else(
        || "clock (GHz)".to_owned(),
        |source| format!("clock (GHz, by {})", crate::plots::names::brief(&source)),
    );
    readings(sheet, trace, &clock, Event::clock_ghz, (palette::GREEN, 2));
    let temperature = "temperature after the sample (°C)";
    readings(
        sheet,
        trace,
        temperature,
        Event::temperature_c,
        (palette::PURPLE, 0),
    );
    if trace.has_others() {
        others(sheet, trace);
    }
    axis(sheet, trace);
}

/// Where an event is.
fn x(trace: &Trace, index: usize) -> i32 {
    let (from, to) = (PLOT.0 + INSET, PLOT.1 - INSET);
    let last = trace.events.len().saturating_sub(1).max(1);
    from + (index as f64 / last as f64 * f64::from(to - from)).round() as i32
}

/// A panel that begins here: its title, its grid, and which stretches of it are warm-up.
struct Panel {
    top: i32,
    bottom: i32,
}

impl Panel {
    fn titled(sheet: &mut Sheet, title: &str, height: i32) -> Panel {
        let at = (PLOT.0, sheet.y + SMALL_SIZE / 2);
        sheet.scene.text(Text::new(title, at, SMALL_SIZE));
        let top = sheet.y + TITLE;
        sheet.y = top + height + GAP;
        Panel {
            top,
            bottom: top + height,
        }
    }

    /// Ticks from the bottom up, each with its place between the ends.
    fn grid(&self, scene: &mut Scene, ticks: &[(i32, String)]) {
        // Every second, third, … label where close ones would touch.
        let nearest = ticks.windows(2).map(|pair| pair[0].0 - pair[1].0).min();
        let stride = match nearest {
            Some(distance) if distance > 0 => (SMALL_SIZE + 2) / distance + 1,
            _ => 1,
        };
        for (index, (y, label)) in ticks.iter().enumerate() {
            scene.line((PLOT.0, *y), (PLOT.1, *y), 1, palette::GRID);
            if index.is_multiple_of(stride as usize) {
                let text = Text::new(label, (PLOT.0 - 8, *y), SMALL_SIZE);
                scene.text(text.anchored(Anchor::End));
            }
        }
        scene.line((PLOT.0, self.top), (PLOT.0, self.bottom), 1, palette::AXIS);
    }

    fn span(&self, scene: &mut Scene, span: &Span) {
        let place = |value: f64| span.position(value, (self.bottom, self.top));
        let ticks = span
            .ticks
            .iter()
            .map(|(value, label)| (place(*value), label.clone()));
        self.grid(scene, &ticks.collect::<Vec<_>>());
        if span.is_broken() {
            // The axis does not begin at zero: two strokes say so.
            for y in [self.bottom + 5, self.bottom + 10] {
                scene.line((PLOT.0 - 6, y + 3), (PLOT.0 + 6, y - 3), 2, palette::AXIS);
            }
        }
    }

    fn warmups(&self, scene: &mut Scene, trace: &Trace) {
        let mut begin = None;
        for index in 0..=trace.events.len() {
            let is_warmup = trace
                .events
                .get(index)
                .is_some_and(|event| event.sample.is_none());
            match (begin, is_warmup) {
                (None, true) => begin = Some(index),
                (Some(first), false) => {
                    scene.marks.push(Mark::Rect {
                        from: (edge(trace, first), self.top),
                        to: (edge(trace, index), self.bottom),
                        color: palette::BAND,
                    });
                    begin = None;
                }
                _ => {}
            }
        }
    }
}

/// Between an event and the one before it.
fn edge(trace: &Trace, index: usize) -> i32 {
    if index == 0 {
        PLOT.0
    } else if index >= trace.events.len() {
        PLOT.1
    } else {
        i32::midpoint(x(trace, index - 1), x(trace, index))
    }
}

fn span_of<'a>(trace: &Trace<'a>, of: impl Fn(&Event<'a>) -> Option<f64>) -> Option<Span> {
    let (low, high) = trace.range(|event| of(event).filter(|value| *value <= DRAWABLE_MAX))?;
    Some(Span::between(low, high))
}

fn rate(sheet: &mut Sheet, trace: &Trace) {
    let unit = trace.rate.unit;
    let panel = Panel::titled(sheet, &format!("speed ({unit})"), RATE_HEIGHT);
    let scene = &mut sheet.scene;
    panel.warmups(scene, trace);
    let Some(span) = span_of(trace, |event| event.rate) else {
        let at = (
            i32::midpoint(PLOT.0, PLOT.1),
            i32::midpoint(panel.top, panel.bottom),
        );
        scene.text(Text::new("no usable figure", at, SMALL_SIZE).anchored(Anchor::Middle));
        return;
    };
    panel.span(scene, &span);
    let y = |rate: f64| span.position(rate, (panel.bottom, panel.top));
    if let Some(median) = trace.median.filter(|median| *median <= DRAWABLE_MAX) {
        let y = y(median);
        scene.line((PLOT.0, y), (PLOT.1, y), 1, palette::INK);
        let figure = within(trace.figure(median), median, TEXT_SIZE, FIGURE_ROOM);
        let figure = Text::new(figure, (PLOT.1 + 8, y), TEXT_SIZE);
        scene.text(figure.colored(palette::INK));
        // Below the figure, unless that would leave the panel.
        let below = if y + 17 > panel.bottom {
            y - 17
        } else {
            y + 17
        };
        scene.text(Text::new("median", (PLOT.1 + 8, below), SMALL_SIZE));
    }
    let points: Vec<(Point, &Event)> = trace
        .events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| Some(((x(trace, index), y(event.rate?)), event)))
        .collect();
    if points.len() > DOTS_MAX {
        let samples = points.iter().filter(|(_, event)| event.sample.is_some());
        columns(scene, samples.map(|(point, _)| *point), palette::BLUE);
    } else {
        connect(
            scene,
            points
                .iter()
                .filter(|(_, event)| event.verified_rate().is_some())
                .map(|(point, _)| *point),
        );
        let radius = if points.len() <= 150 { 4 } else { 2 };
        for (point, event) in &points {
            if event.sample.is_none() {
                scene.dot(*point, radius, palette::AXIS);
                scene.dot(*point, radius - 1, palette::WHITE);
            } else if !event.has_failed() {
                scene.dot(*point, radius, palette::BLUE);
            }
        }
    }
    for (point, _) in points.iter().filter(|(_, event)| event.has_failed()) {
        scene.cross(*point, 4, palette::VERMILLION);
    }
    hints::events(scene, trace, &points);
    for (index, event) in trace.events.iter().enumerate() {
        if event.is_throttled() {
            let (x, y) = (x(trace, index), panel.top - 2);
            scene.marks.push(Mark::Polygon {
                points: vec![(x, y), (x - 4, y - 7), (x + 4, y - 7)],
                color: palette::VERMILLION,
            });
        }
    }
}

fn connect(scene: &mut Scene, points: impl Iterator<Item = Point>) {
    let points: Vec<Point> = points.collect();
    if points.len() > 1 {
        scene.marks.push(Mark::Path {
            points,
            width: 1,
            color: palette::PALE_BLUE,
        });
    }
}

/// The range of all points that fall into a column.
fn columns(scene: &mut Scene, points: impl Iterator<Item = Point>, color: RGBColor) {
    let mut columns: Vec<(i32, i32, i32)> = Vec::new();
    for (x, y) in points {
        match columns.last_mut() {
            Some((at, top, bottom)) if *at == x => {
                *top = y.min(*top);
                *bottom = y.max(*bottom);
            }
            _ => columns.push((x, y, y)),
        }
    }
    for (x, top, bottom) in columns {
        scene.line((x, top - 1), (x, bottom + 1), 1, color);
    }
}

/// A panel of what was read after each sample, if it was.
fn readings<'a>(
    sheet: &mut Sheet,
    trace: &Trace<'a>,
    title: &str,
    of: impl Fn(&Event<'a>) -> Option<f64>,
    (color, decimals): (RGBColor, usize),
) {
    let Some(span) = span_of(trace, &of) else {
        return;
    };
    let panel = Panel::titled(sheet, title, OTHER_HEIGHT);
    let scene = &mut sheet.scene;
    panel.warmups(scene, trace);
    panel.span(scene, &span);
    let events: Vec<(Point, &Event)> = trace
        .events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| {
            let y = span.position(of(event)?, (panel.bottom, panel.top));
            Some(((x(trace, index), y), event))
        })
        .collect();
    hints::events(scene, trace, &events);
    let points: Vec<Point> = events.iter().map(|(point, _)| *point).collect();
    let last = points.last().copied();
    if points.len() > DOTS_MAX {
        columns(scene, points.into_iter(), color);
    } else {
        for point in &points {
            scene.dot(*point, 2, color);
        }
        if points.len() > 1 {
            scene.marks.push(Mark::Path {
                points,
                width: 2,
                color,
            });
        }
    }
    // What it was in the end.
    let value = trace.events.iter().rev().find_map(of);
    if let (Some((_, y)), Some(value)) = (last, value) {
        let text = Text::new(format!("{value:.decimals$}"), (PLOT.1 + 8, y), TEXT_SIZE);
        scene.text(text.colored(palette::INK));
    }
}

/// What a span tells of somebody.
type Of = fn(&events::Span) -> Option<f64>;

/// A panel of the CPUs that others used.
fn others(sheet: &mut Sheet, trace: &Trace) {
    let spans = trace.spans();
    let values = spans
        .iter()
        .flat_map(|span| [span.steal, span.foreign])
        .flatten();
    let scale = Axis::from_zero(values);
    let panel = Panel::titled(sheet, "CPUs that others used (mean)", OTHER_HEIGHT);
    let scene = &mut sheet.scene;
    panel.warmups(scene, trace);
    let place = |value: f64| scale.position(value, (panel.bottom, panel.top));
    let ticks = scale
        .ticks
        .iter()
        .filter_map(|(value, label)| Some((place(*value)?, label.clone())));
    panel.grid(scene, &ticks.collect::<Vec<_>>());
    let mut ends = Vec::new();
    let kinds: [(&str, Of, RGBColor, RGBColor, &[i32]); 2] = [
        (
            "processes",
            |span| span.foreign,
            palette::ORANGE,
            palette::ORANGE_TEXT,
            &[],
        ),
        (
            "steal",
            |span| span.steal,
            palette::VERMILLION,
            palette::VERMILLION_TEXT,
            &[5, 3],
        ),
    ];
    for (name, of, color, text, dash) in kinds {
        // A path for each stretch of spans without a gap.
        let mut paths: Vec<Vec<Point>> = Vec::new();
        for span in &spans {
            if let Some(y) = of(span).and_then(place) {
                let (first, last) = span.events;
                let (from, to) = (edge(trace, first), edge(trace, last + 1));
                match paths.last_mut() {
                    Some(path) if path.last().is_some_and(|(x, _)| *x == from) => {
                        path.extend([(from, y), (to, y)]);
                    }
                    _ => paths.push(vec![(from, y), (to, y)]),
                }
            }
        }
        let Some((_, y)) = paths.last().and_then(|path| path.last()).copied() else {
            continue;
        };
        // What never was is not drawn.
        if !spans
            .iter()
            .any(|span| of(span).is_some_and(|value| value > 0.0))
        {
            continue;
        }
        for points in paths {
            if dash.is_empty() {
                scene.marks.push(Mark::Path {
                    points,
                    width: 2,
                    color,
                });
            } else {
                scene.dashed(&points, 2, color, dash);
            }
        }
        ends.push((name, y, text));
    }
    let told = spans.iter().filter_map(|span| {
        let (first, last) = span.events;
        let (from, to) = (edge(trace, first), edge(trace, last + 1));
        let y = span.foreign.or(span.steal).and_then(place)?;
        Some(((i32::midpoint(from, to), y), span))
    });
    hints::spans(scene, trace, &told.collect::<Vec<_>>());
    let heights: Vec<i32> = ends.iter().map(|(_, y, _)| *y).collect();
    let middles = spread(&heights, SMALL_SIZE + 3, (panel.top, panel.bottom));
    for ((name, _, color), y) in ends.into_iter().zip(middles) {
        scene.text(Text::new(name, (PLOT.1 + 8, y), SMALL_SIZE).colored(color));
    }
}

/// The samples' numbers.
fn axis(sheet: &mut Sheet, trace: &Trace) {
    const TICKS_MAX: usize = 10;
    let y = sheet.y - GAP;
    let scene = &mut sheet.scene;
    scene.line((PLOT.0, y), (PLOT.1, y), 1, palette::AXIS);
    let samples = trace.events.len() - trace.warmups();
    let stride = stride(samples, TICKS_MAX);
    let numbered = trace
        .events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| {
            let number = event.sample?.0 + 1;
            // The first one where it keeps off the next.
            ((number == 1 && stride > 2) || number.is_multiple_of(stride))
                .then(|| (x(trace, index), number.to_string()))
        });
    let ticks: Vec<(i32, String)> = numbered.collect();
    for (x, _) in &ticks {
        scene.line((*x, y), (*x, y + 5), 1, palette::AXIS);
    }
    tick_labels(scene, y + 15, &ticks);
    let middle = i32::midpoint(PLOT.0, PLOT.1);
    let text = Text::new("number of the sample", (middle, y + 35), SMALL_SIZE);
    scene.text(text.anchored(Anchor::Middle));
    sheet.y = y + 54;
}

/// The least of 1, 2, 5, 10, … of which there are no more than so many in `count`.
fn stride(count: usize, most: usize) -> usize {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if count / (factor * power) <= most {
                return factor * power;
            }
        }
        power *= 10;
    }
}
