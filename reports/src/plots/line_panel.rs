//! A panel of lines over a common horizontal axis, with what each line is at its end.

use plotters::style::RGBColor;

use super::sheet::{SMALL_SIZE, TEXT_SIZE, WIDTH};
use crate::plot::axis::Axis;
use crate::plot::log_axis::LogAxis;
use crate::plot::scale::{Scale, draw_ticks};
use crate::plot::scene::{Anchor, Point, Scene, Text};
use crate::plot::series::Style;
use crate::plot::{font, line_ends, palette};

/// Where the panel is, from left to right; labels stand beyond it.
pub(super) const PLOT: (i32, i32) = (72, 440);
/// Points keep off the panel's frame.
pub(super) const INSET: i32 = 10;
/// What is free for short bars between the panel and the lines to the labels.
pub(super) const GAP: i32 = 14;
/// Where the marks before the labels are.
const LABEL_MARK: i32 = PLOT.1 + 38;
/// Where labels begin.
const LABEL: i32 = LABEL_MARK + 10;
/// What there is for a label.
pub(super) const LABEL_ROOM: i32 = WIDTH - 12 - LABEL;
/// The distance of lines of labels.
pub(super) const LABEL_LINE: i32 = 17;

/// More points of a line than this have no bars for how far they are known.
pub(super) const BARS_MAX: usize = 14;

/// A panel.
pub(super) struct Panel<'a> {
    pub(super) x: &'a Scale,
    pub(super) y: Vertical,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

/// The axis of the rates.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Vertical {
    /// From zero.
    Linear(Axis),
    Log(LogAxis),
}

impl Vertical {
    fn ticks(&self) -> &[(f64, String)] {
        match self {
            Self::Linear(axis) => &axis.ticks,
            Self::Log(axis) => &axis.ticks,
        }
    }

    /// Whether a value does not lie above the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        match self {
            Self::Linear(axis) => value <= axis.max * 1.001,
            Self::Log(_) => true,
        }
    }

    /// At the nearer end of the axis for what lies beyond it.
    fn position(&self, value: f64, ends: (i32, i32)) -> i32 {
        match self {
            Self::Linear(axis) => axis
                .position(value.clamp(0.0, axis.max), ends)
                .unwrap_or(ends.0),
            Self::Log(axis) => axis.position(value, ends),
        }
    }
}

/// One point of a line.
#[derive(Clone, Copy)]
pub(super) struct LinePoint {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<(f64, f64)>,
    pub(super) is_invalid: bool,
}

/// What stands at the end of a line.
pub(super) struct EndLabel {
    /// Where the line ends.
    pub(super) from: Point,
    /// The mark of the line; `None` for one without marks.
    pub(super) style: Option<Style>,
    pub(super) lines: Vec<(String, RGBColor)>,
}

impl Panel<'_> {
    pub(super) fn x(&self, value: f64) -> i32 {
        self.x.position(value, (PLOT.0 + INSET, PLOT.1 - INSET))
    }

    pub(super) fn y(&self, value: f64) -> i32 {
        self.y.position(value, (self.bottom, self.top))
    }

    /// Lines of the grid with their labels.
    pub(super) fn draw_frame(&self, scene: &mut Scene) {
        for (value, label) in self.y.ticks() {
            let y = self.y(*value);
            let color = if *value == 0.0 {
                palette::AXIS
            } else {
                palette::GRID
            };
            scene.line((PLOT.0, y), (PLOT.1, y), 1, color);
            let text = Text::new(label, (PLOT.0 - 8, y), SMALL_SIZE);
            scene.text(text.anchored(Anchor::End));
        }
        if let Vertical::Log(_) = self.y {
            // No zero, no line of zero: the frame's foot alone.
            scene.line(
                (PLOT.0, self.bottom),
                (PLOT.1, self.bottom),
                1,
                palette::AXIS,
            );
        }
    }

    /// The horizontal axis: labels at these values. Returns where it ends.
    pub(super) fn draw_x_axis(
        &self,
        scene: &mut Scene,
        ticks: &[(f64, String)],
        title: &str,
    ) -> i32 {
        let ticks: Vec<(i32, String)> = ticks
            .iter()
            .map(|(value, label)| (self.x(*value), label.clone()))
            .collect();
        let y = draw_ticks(scene, self.bottom, &ticks, SMALL_SIZE);
        if self.x.is_broken() {
            // The axis does not begin at zero: two strokes across it say so.
            for x in [PLOT.0 + 2, PLOT.0 + 7] {
                let (from, to) = ((x - 3, self.bottom + 6), (x + 3, self.bottom - 6));
                scene.line(from, to, 2, palette::AXIS);
            }
        }
        let middle = i32::midpoint(PLOT.0, PLOT.1);
        scene.text(Text::new(title, (middle, y + 21), SMALL_SIZE).anchored(Anchor::Middle));
        y + 34
    }

    /// A line of a series: its intervals, then the line, then its marks. Returns where it ends.
    pub(super) fn draw_series(
        &self,
        scene: &mut Scene,
        points: &[LinePoint],
        style: Style,
    ) -> Point {
        for point in points {
            if let Some((low, high)) = point.interval.filter(|_| points.len() <= BARS_MAX) {
                let x = self.x(point.x);
                let (from, to) = (self.y(low), self.y(high));
                scene.line((x, from), (x, to), 1, style.color);
                for y in [from, to] {
                    scene.line((x - 3, y), (x + 3, y), 1, style.color);
                }
            }
        }
        let places = self.places(points);
        scene.styled_line(&places, 2, style);
        let radius = if points.len() > BARS_MAX { 3 } else { 4 };
        for (point, place) in points.iter().zip(&places) {
            if point.is_invalid {
                scene.cross(*place, 5, palette::VERMILLION);
            } else {
                scene.marker(*place, radius, style);
            }
        }
        places.last().copied().unwrap_or((PLOT.1, self.bottom))
    }

    /// Where points are.
    pub(super) fn places(&self, points: &[LinePoint]) -> Vec<Point> {
        points
            .iter()
            .map(|point| (self.x(point.x), self.y(point.y)))
            .collect()
    }

    /// What each line is, as near to its end as the others leave it.
    pub(super) fn draw_labels(&self, scene: &mut Scene, labels: &[EndLabel]) {
        let wishes: Vec<i32> = labels
            .iter()
            .flat_map(|label| label.lines.iter().map(|_| label.from.1))
            .collect();
        let middles = line_ends::spread(&wishes, LABEL_LINE, (self.top, self.bottom));
        let mut next = 0;
        for label in labels {
            let own = &middles[next..next + label.lines.len()];
            next += label.lines.len();
            let (Some(first), Some((_, color))) = (own.first(), label.lines.first()) else {
                continue;
            };
            // From the line's end to the edge of the panel, and from there to the label.
            let edge = (PLOT.1 + GAP, label.from.1);
            let color = label.style.map_or(*color, |style| style.color);
            if label.from.0 < PLOT.1 - INSET {
                let from = (label.from.0 + 8, label.from.1);
                scene.dashed(&[from, edge], 1, color, &[1, 4]);
            }
            scene.line(edge, (LABEL_MARK - 8, *first), 1, color);
            match label.style {
                Some(style) => scene.marker((LABEL_MARK, *first), 4, style),
                None => scene.line((LABEL_MARK - 8, *first), (LABEL_MARK + 5, *first), 1, color),
            }
            for (index, (middle, (line, color))) in own.iter().zip(&label.lines).enumerate() {
                let is_large = index == 0 && font::width(line, TEXT_SIZE) <= LABEL_ROOM;
                let size = if is_large { TEXT_SIZE } else { SMALL_SIZE };
                let line = font::ellipsized(line, size, LABEL_ROOM);
                scene.text(Text::new(line, (LABEL, *middle), size).colored(*color));
            }
        }
    }
}

/// The height that labels with so many lines together need.
pub(super) fn height_for(lines: usize, least: i32) -> i32 {
    let lines = i32::try_from(lines).unwrap_or(0);
    least.max(LABEL_LINE * (lines - 1))
}
