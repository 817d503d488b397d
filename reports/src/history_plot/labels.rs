//! What stands over the change points of a series.

use plotters::style::RGBColor;
use results::history::series::Series;

use super::{MARGIN, NAMED_MAX, Place, SMALL_SIZE, WIDTH, color};
use crate::history_text::{percent, range};
use crate::plot::font;
use crate::plot::scene::{Anchor, Text};
use crate::plot::span::Span;

/// Characters of a reason that may be seen.
const REASON_MAX: usize = 200;

/// What stands over a change point.
pub(super) struct Label {
    /// Where its line is.
    pub(super) x: i32,
    /// Whether the text begins or ends there.
    pub(super) anchor: Anchor,
    pub(super) row: usize,
    pub(super) text: String,
    pub(super) color: RGBColor,
}

impl Label {
    /// Where the text begins or ends: its arrow stands over the line.
    pub(super) fn text_x(&self) -> i32 {
        let half_an_arrow = SMALL_SIZE * 2 / 5;
        match self.anchor {
            Anchor::End => self.x + half_an_arrow,
            _ => self.x - half_an_arrow,
        }
    }

    /// From left to right.
    fn extent(&self) -> (i32, i32) {
        Text::new(&self.text, (self.text_x(), 0), SMALL_SIZE)
            .anchored(self.anchor)
            .extent()
    }

    pub(super) fn covers(&self, x: i32) -> bool {
        let (left, right) = self.extent();
        (left - 2..=right + 2).contains(&x)
    }
}

/// Labels in rows without one lying on another, the first change's on top, and how many changes have none for want of room.
/// Each has an arrow, so that nothing rests on its colour; the commits are named while there are few.
pub(super) fn labels(series: &Series) -> (Vec<Label>, usize) {
    const ROWS_MAX: usize = 6;
    let place = Place {
        series,
        span: Span::between(0.0, 1.0),
        y: (1, 0),
    };
    let count = series.segmentation.changes.len();
    let mut ends: Vec<i32> = Vec::new();
    let mut labels = Vec::new();
    for change in series.changes() {
        let arrow = if change.at.ratio < 1.0 { '▼' } else { '▲' };
        let x = place.edge(change.at.index);
        // Why it was accepted says more than between which commits it came.
        let words = match (change.accepted, range(&change)) {
            (Some(acceptance), _) => {
                let reason: String = acceptance.reason.chars().take(REASON_MAX).collect();
                format!("{}, accepted: {reason}", percent(&change))
            }
            (None, Some(range)) if count <= NAMED_MAX => format!("{}, {range}", percent(&change)),
            _ => percent(&change),
        };
        // What there is to the one side of its line or to the other, less the arrow and the gap before it.
        let room = (WIDTH - MARGIN - x).max(x - MARGIN) - 2 * SMALL_SIZE;
        let words = font::ellipsized(&font::clean(&words), SMALL_SIZE, room);
        let mut label = Label {
            x,
            anchor: Anchor::Start,
            row: 0,
            text: format!("{arrow} {words}"),
            color: color(&change).1,
        };
        if label.extent().1 > WIDTH - MARGIN {
            label.anchor = Anchor::End;
            label.text = format!("{words} {arrow}");
        }
        let (left, right) = label.extent();
        let row = ends.iter().position(|end| *end + 10 < left);
        label.row = row.unwrap_or(ends.len());
        if label.row >= ROWS_MAX {
            continue;
        }
        match ends.get_mut(label.row) {
            Some(end) => *end = right,
            None => ends.push(right),
        }
        labels.push(label);
    }
    let unlabelled = count - labels.len();
    (labels, unlabelled)
}
