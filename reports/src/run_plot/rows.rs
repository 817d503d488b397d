//! One row for each case: its label, its median in words, and a mark for each repeat.

use plotters::style::RGBColor;
use results::record::Case;

use crate::Rate;
use crate::figures::{grouped, percent};
use crate::plot::axis::Axis;
use crate::plot::scene::{Anchor, Mark, Scene, Text};
use crate::plot::{font, palette};
use crate::text::{best, failed_samples, median};

use super::{MARGIN, PLOT, SMALL_SIZE, TEXT_SIZE, WIDTH};
use crate::plot::labels::Labels;

/// The height that the marks of all rows share, and the least and the most that a repeat and a row get of it.
const DOTS_HEIGHT: i32 = 420;
const PITCH_MAX: i32 = 22;
const ROW_MIN: i32 = 30;

/// What the median's line is longer than the marks, at each end.
const INSET: i32 = 4;

/// Repeats are numbered, and INVALID ones labelled one by one, while they are this far apart.
const LABEL_PITCH: i32 = 15;

/// More rows than this are drawn closer together: the median's value beside the marks, the repeats not numbered.
const ROOMY_MAX: usize = 6;

const MEDIAN_SIZE: i32 = 17;
const HEADING_HEIGHT: i32 = 22;
const MEDIAN_HEIGHT: i32 = 22;
const GAP: i32 = 14;

/// A case with its place.
pub(super) struct Row<'a> {
    case: &'a Case,
    label: &'a str,
    /// Where the heading's and the median's text stand.
    heading_y: i32,
    median_y: i32,
    is_compact: bool,
    /// Top and bottom of the marks' area.
    pub(super) dots: (i32, i32),
}

/// Every value that a row may show.
pub(super) fn values(cases: &[Case]) -> impl Iterator<Item = f64> {
    cases.iter().flat_map(|case| {
        let samples = case.samples.iter().map(|sample| sample.gflops);
        let medians = case.summary.iter().map(|summary| summary.gflops_median);
        let rate = Rate::of(case);
        samples.chain(medians).map(move |gflops| rate.value(gflops))
    })
}

/// Rows from `y` down.
pub(super) fn layout<'a>(cases: &'a [Case], labels: &'a Labels, mut y: i32) -> Vec<Row<'a>> {
    let samples: usize = cases.iter().map(|case| case.samples.len()).sum();
    let share = f64::from(DOTS_HEIGHT) / samples.max(1) as f64;
    let pitch = share.min(f64::from(PITCH_MAX));
    let is_compact = cases.len() > ROOMY_MAX;
    let mut rows = Vec::new();
    for (case, label) in cases.iter().zip(&labels.rows) {
        let height = (pitch * case.samples.len() as f64).round() as i32;
        let heading_y = y + HEADING_HEIGHT / 2;
        y += HEADING_HEIGHT + if is_compact { 0 } else { MEDIAN_HEIGHT };
        let dots = (y, y + (height + 2 * INSET).max(ROW_MIN));
        let median_y = if is_compact {
            i32::midpoint(dots.0, dots.1)
        } else {
            y - MEDIAN_HEIGHT / 2
        };
        rows.push(Row {
            case,
            label,
            heading_y,
            median_y,
            is_compact,
            dots,
        });
        y = dots.1 + GAP;
    }
    rows
}

impl Row<'_> {
    pub(super) fn draw(&self, scene: &mut Scene, axis: &Axis) {
        let summary = self.case.summary.as_ref();
        let median_x = summary.and_then(|summary| {
            let median = Rate::of(self.case).value(summary.gflops_median);
            axis.position(median, PLOT)
        });
        let value = self.median_text(axis, median_x);
        self.draw_heading(scene, value.is_some());
        self.draw_numbers(scene);
        self.draw_order(scene, axis);
        scene.marks.extend(value.map(Mark::Text));
        if self.is_dense() {
            self.draw_samples(scene, axis, median_x);
            self.draw_median(scene, median_x);
        } else {
            self.draw_median(scene, median_x);
            self.draw_samples(scene, axis, median_x);
        }
    }

    fn draw_samples(&self, scene: &mut Scene, axis: &Axis, median_x: Option<i32>) {
        for (index, sample) in self.case.samples.iter().enumerate() {
            let y = self.sample_y(index);
            let x = axis.position(Rate::of(self.case).of_sample(sample), PLOT);
            match (sample.verification.passed, x) {
                (true, Some(x)) => {
                    // A rim keeps marks apart that overlap, while there are few.
                    if !self.is_dense() {
                        scene.dot((x, y), self.radius() + 1, palette::WHITE);
                    }
                    scene.dot((x, y), self.radius(), palette::BLUE);
                }
                (true, None) => self.note(scene, (PLOT.0, y), None, "no usable figure"),
                (false, Some(x)) => {
                    scene.cross((x, y), self.radius(), palette::VERMILLION);
                    self.note(scene, (x, y), median_x, "INVALID");
                }
                (false, None) => {
                    scene.cross((PLOT.0, y), self.radius(), palette::VERMILLION);
                    self.note(scene, (PLOT.0, y), None, "INVALID, no usable figure");
                }
            }
        }
    }

    /// The case's label to the left, and the rest of its figures to the right, or in the label's place without one.
    fn draw_heading(&self, scene: &mut Scene, median_is_elsewhere: bool) {
        let mut left = MARGIN;
        let label = font::clean(self.label);
        if !label.is_empty() {
            let label = font::ellipsized(&label, TEXT_SIZE, WIDTH - 2 * MARGIN);
            let text = Text::new(label, (left, self.heading_y), TEXT_SIZE).colored(palette::INK);
            left = text.extent().1 + GAP;
            scene.text(text);
        }
        let room = WIDTH - MARGIN - left;
        let (details, color) = self.details(median_is_elsewhere);
        let details = font::ellipsized(&details, SMALL_SIZE, room);
        if details != "…" {
            let text = if left == MARGIN {
                Text::new(details, (left, self.heading_y), SMALL_SIZE)
            } else {
                Text::new(details, (WIDTH - MARGIN, self.heading_y), SMALL_SIZE)
                    .anchored(Anchor::End)
            };
            scene.text(text.colored(color));
        }
    }

    fn details(&self, median_is_elsewhere: bool) -> (String, RGBColor) {
        let samples = self.case.samples.len();
        let failed = failed_samples(self.case).count();
        if samples == 0 {
            return ("no samples".to_owned(), palette::GREY);
        }
        let (count, color) = if failed > 0 {
            (
                format!("{failed} of {samples} INVALID"),
                palette::VERMILLION_TEXT,
            )
        } else {
            (format!("{samples} of {samples} verified"), palette::GREY)
        };
        let details = match (&self.case.summary, self.median_value()) {
            (None, _) => format!("{count}, no median"),
            (_, Some(value)) if !median_is_elsewhere => format!("{value}, {count}"),
            (Some(summary), _) if failed == 0 && samples > 1 => {
                let best = grouped(&best(summary, Rate::of(self.case)));
                let spread = percent(summary.spread_percent);
                format!("best {best}, spread {spread}, {count}")
            }
            _ => count,
        };
        (details, color)
    }

    /// The numbers of the repeats: all where there is room, else the first and the last.
    fn draw_numbers(&self, scene: &mut Scene) {
        let count = self.case.samples.len();
        if count == 0 || self.is_compact {
            return;
        }
        let x = PLOT.0 - 12;
        let title = Text::new("repeat", (x, self.median_y), SMALL_SIZE);
        scene.text(title.anchored(Anchor::End));
        let all = self.pitch() >= f64::from(LABEL_PITCH);
        let ends_fit = self.sample_y(count - 1) - self.sample_y(0) >= LABEL_PITCH;
        for index in 0..count {
            if all || index == 0 || (index == count - 1 && ends_fit) {
                // Digits are taller than the small letters by whose middle text is placed; and the first and the last
                // number keep off the texts above and below.
                let y = (self.sample_y(index) + 1).clamp(self.dots.0 + 8, self.dots.1 - 7);
                let number = Text::new((index + 1).to_string(), (x, y), SMALL_SIZE);
                scene.text(number.anchored(Anchor::End));
            }
        }
    }

    /// A pale line through the samples, so that their order is seen where they are close.
    fn draw_order(&self, scene: &mut Scene, axis: &Axis) {
        let samples = self.case.samples.iter().enumerate();
        let points: Vec<(i32, i32)> = samples
            .filter(|(_, sample)| sample.verification.passed)
            .filter_map(|(index, sample)| {
                Some((
                    axis.position(Rate::of(self.case).of_sample(sample), PLOT)?,
                    self.sample_y(index),
                ))
            })
            .collect();
        if points.len() > 1 {
            scene.marks.push(Mark::Path {
                points,
                width: 1,
                color: palette::PALE_BLUE,
            });
        }
    }

    fn draw_median(&self, scene: &mut Scene, median_x: Option<i32>) {
        if let Some(x) = median_x {
            scene.line((x, self.dots.0), (x, self.dots.1), 3, palette::INK);
        }
    }

    /// The median's value, to stand at the upper end of its line or beside it. `None` where there is no median or no
    /// room; then the heading says it.
    fn median_text(&self, axis: &Axis, median_x: Option<i32>) -> Option<Text> {
        let value = self.median_value()?;
        let x = median_x.unwrap_or(PLOT.0);
        let text = if self.is_compact {
            self.beside_marks(axis, x, &value)?
        } else {
            self.above_line(x, &value)
        };
        Some(text.colored(palette::INK))
    }

    fn median_value(&self) -> Option<String> {
        let summary = self.case.summary.as_ref()?;
        let rate = Rate::of(self.case);
        let median = grouped(&median(summary, rate));
        Some(format!("median {median} {}", rate.unit))
    }

    /// Centred on the line as far as the picture's edge allows.
    fn above_line(&self, x: i32, value: &str) -> Text {
        let half = (font::width(value, MEDIAN_SIZE) + 1) / 2;
        let center = x.clamp(PLOT.0 + half, WIDTH - MARGIN - half);
        Text::new(value, (center, self.median_y), MEDIAN_SIZE).anchored(Anchor::Middle)
    }

    /// In the gap between the row's marks, or between these and the picture's edges, that is nearest to the median;
    /// `None` when no gap is wide enough.
    fn beside_marks(&self, axis: &Axis, median_x: i32, value: &str) -> Option<Text> {
        let distance = self.radius() + 8;
        let width = font::width(value, TEXT_SIZE);
        let mut stops: Vec<i32> = values(std::slice::from_ref(self.case))
            .map(|value| axis.position(value, PLOT).unwrap_or(PLOT.0))
            .chain([PLOT.0 - distance, WIDTH - MARGIN + distance])
            .collect();
        stops.sort_unstable();
        let left = stops
            .windows(2)
            .filter(|gap| gap[1] - gap[0] >= width + 2 * distance)
            .flat_map(|gap| [gap[0] + distance, gap[1] - distance - width])
            .min_by_key(|left| (left + width / 2 - median_x).abs())?;
        Some(Text::new(value, (left, self.median_y), TEXT_SIZE))
    }

    /// A word beside a mark, on the side that is free of the median and has room; left out where there is none between
    /// the rows of marks.
    fn note(&self, scene: &mut Scene, (x, y): (i32, i32), median_x: Option<i32>, word: &str) {
        if self.is_compact || self.pitch() < f64::from(LABEL_PITCH) {
            return;
        }
        let distance = self.radius() + 6;
        let left = Text::new(word, (x - distance, y), SMALL_SIZE).anchored(Anchor::End);
        let right = Text::new(word, (x + distance, y), SMALL_SIZE);
        let crosses_median = |text: &Text| {
            let (from, to) = text.extent();
            median_x.is_some_and(|x| (from - 3..=to + 3).contains(&x))
        };
        let left_fits = left.extent().0 > PLOT.0;
        let right_fits = right.extent().1 <= WIDTH - MARGIN;
        let prefers_left = !crosses_median(&left) || crosses_median(&right) || !right_fits;
        let text = if left_fits && prefers_left {
            left
        } else {
            right
        };
        let (from, to) = text.extent();
        scene.marks.push(Mark::Rect {
            from: (from, y - SMALL_SIZE / 2),
            to: (to, y + SMALL_SIZE / 2),
            color: palette::WHITE,
        });
        scene.text(text.colored(palette::VERMILLION_TEXT));
    }

    /// The distance of two repeats.
    fn pitch(&self) -> f64 {
        f64::from(self.dots.1 - self.dots.0 - 2 * INSET) / self.case.samples.len().max(1) as f64
    }

    fn sample_y(&self, index: usize) -> i32 {
        self.dots.0 + INSET + (self.pitch() * (index as f64 + 0.5)).round() as i32
    }

    /// Whether the marks are too close to be told apart; then the median's line lies on them instead of behind.
    fn is_dense(&self) -> bool {
        self.pitch() < 4.0
    }

    fn radius(&self) -> i32 {
        match self.pitch() {
            pitch if pitch >= 14.0 => 5,
            pitch if pitch >= 7.0 => 4,
            _ if self.is_dense() => 2,
            _ => 3,
        }
    }
}
