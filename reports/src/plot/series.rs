//! How several series are told apart: by colour, by the shape of their marks, and by the dashes of their lines, each of which is
//! enough by itself.

use plotters::style::RGBColor;

use super::palette;
use super::scene::{Mark, Point, Scene};

/// What a point of a series looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// A triangle that stands on its tip.
    Wedge,
    Cross,
    Ring,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    pub(crate) color: RGBColor,
    /// The same, dark enough for small letters on white (at least 4.5 : 1).
    pub(crate) text: RGBColor,
    pub(crate) marker: Marker,
    /// Lengths of strokes and gaps; empty for a whole line.
    pub(crate) dash: &'static [i32],
}

/// Series that can be told apart in one picture.
pub(crate) const SERIES_MAX: usize = 7;

/// The style of a series by its index; beyond [`SERIES_MAX`] they repeat.
pub(crate) fn style(index: usize) -> Style {
    use Marker::{Circle, Cross, Diamond, Ring, Square, Triangle, Wedge};
    let (color, text, marker, dash): (RGBColor, RGBColor, Marker, &'static [i32]) =
        match index % SERIES_MAX {
            0 => (palette::BLUE, palette::BLUE_TEXT, Circle, &[]),
            1 => (
                palette::VERMILLION,
                palette::VERMILLION_TEXT,
                Square,
                &[9, 4],
            ),
            2 => (palette::GREEN, palette::GREEN_TEXT, Triangle, &[3, 3]),
            3 => (
                palette::PURPLE,
                palette::PURPLE_TEXT,
                Diamond,
                &[12, 3, 3, 3],
            ),
            4 => (palette::ORANGE, palette::ORANGE_TEXT, Wedge, &[6, 6]),
            5 => (palette::SKY, palette::SKY_TEXT, Ring, &[14, 5]),
            _ => (palette::INK, palette::INK, Cross, &[2, 5]),
        };
    Style {
        color,
        text,
        marker,
        dash,
    }
}

impl Scene {
    /// A mark of a series, about twice as wide as `radius`.
    pub(crate) fn marker(&mut self, (x, y): Point, radius: i32, style: Style) {
        let (r, color) = (radius, style.color);
        let polygon = |points: Vec<Point>| Mark::Polygon { points, color };
        match style.marker {
            Marker::Circle => self.dot((x, y), r, color),
            Marker::Square => self.marks.push(Mark::Rect {
                from: (x - r, y - r),
                to: (x + r, y + r),
                color,
            }),
            Marker::Triangle => self.marks.push(polygon(vec![
                (x, y - r - 1),
                (x + r + 1, y + r),
                (x - r - 1, y + r),
            ])),
            Marker::Wedge => self.marks.push(polygon(vec![
                (x, y + r + 1),
                (x + r + 1, y - r),
                (x - r - 1, y - r),
            ])),
            Marker::Diamond => self.marks.push(polygon(vec![
                (x, y - r - 2),
                (x + r + 2, y),
                (x, y + r + 2),
                (x - r - 2, y),
            ])),
            Marker::Cross => self.cross((x, y), r, color),
            Marker::Ring => {
                self.dot((x, y), r + 1, color);
                self.dot((x, y), r - 2, palette::WHITE);
            }
        }
    }

    /// A line through points in a style's dashes.
    pub(crate) fn styled_line(&mut self, points: &[Point], width: u32, style: Style) {
        if style.dash.is_empty() {
            self.marks.push(Mark::Path {
                points: points.to_vec(),
                width,
                color: style.color,
            });
        } else {
            self.dashed(points, width, style.color, style.dash);
        }
    }

    /// A line through points in strokes and gaps of these lengths.
    pub(crate) fn dashed(&mut self, points: &[Point], width: u32, color: RGBColor, dash: &[i32]) {
        let period: i32 = dash.iter().sum();
        if period <= 0 {
            return;
        }
        // Where in the pattern the last piece ended: dashes go on around corners.
        let mut phase = 0.0;
        for ends in points.windows(2) {
            let [from, to] = [ends[0], ends[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |along: f64| {
                let share = along / length;
                let x = from.0 + share * (to.0 - from.0);
                let y = from.1 + share * (to.1 - from.1);
                (x.round() as i32, y.round() as i32)
            };
            let mut along = 0.0;
            while along < length {
                let (is_stroke, left) = place_in(dash, phase);
                let end = (along + left).min(length);
                if is_stroke {
                    self.line(at(along), at(end), width, color);
                }
                phase = (phase + end - along) % f64::from(period);
                along = end;
            }
        }
    }
}

/// Whether a place in the pattern is in a stroke, and how long it goes on; never zero.
fn place_in(dash: &[i32], phase: f64) -> (bool, f64) {
    let mut end = 0.0;
    for (index, length) in dash.iter().enumerate() {
        end += f64::from(*length);
        if phase + 1e-9 < end {
            return (index % 2 == 0, end - phase);
        }
    }
    (true, f64::from(dash[0].max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_around_corners() {
        let mut scene = Scene::blank(100, 100);
        let points = [(0, 0), (10, 0), (10, 10)];
        scene.dashed(&points, 1, palette::INK, &[6, 2]);
        let strokes: Vec<_> = scene
            .marks
            .iter()
            .map(|mark| match mark {
                Mark::Path { points, .. } => points.clone(),
                _ => Vec::new(),
            })
            .collect();
        assert_eq!(
            strokes,
            [
                vec![(0, 0), (6, 0)],
                vec![(8, 0), (10, 0)],
                vec![(10, 0), (10, 4)],
                vec![(10, 6), (10, 10)],
            ]
        );
    }

    #[test]
    fn styles_differ_in_each_way() {
        for one in 0..SERIES_MAX {
            for other in 0..one {
                let (one, other) = (style(one), style(other));
                assert_ne!(one.color, other.color);
                assert_ne!(one.marker, other.marker);
                assert_ne!(one.dash, other.dash);
            }
        }
    }
}
