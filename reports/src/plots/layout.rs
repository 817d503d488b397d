//! What several pictures draw alike: labels below an axis, ranges, and what lies beyond an edge.

use plotters::style::RGBColor;

use super::sheet::SMALL_SIZE;
use crate::plot::font;
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};

/// Labels below an axis at these places, as many of them as there is room for, evenly chosen.
pub(super) fn tick_labels(scene: &mut Scene, y: i32, ticks: &[(i32, String)]) {
    let texts: Vec<Text> = ticks
        .iter()
        .map(|(x, label)| Text::new(label, (*x, y), SMALL_SIZE).anchored(Anchor::Middle))
        .collect();
    for index in fitting(&texts) {
        scene.text(texts[index].clone());
    }
}

/// Every first, second, … of the texts, so that none touches the next.
fn fitting(texts: &[Text]) -> Vec<usize> {
    const GAP: i32 = 8;
    let strided = |stride: usize| (0..texts.len()).step_by(stride).collect::<Vec<_>>();
    let is_apart = |chosen: &Vec<usize>| {
        chosen
            .windows(2)
            .all(|pair| texts[pair[0]].extent().1 + GAP <= texts[pair[1]].extent().0)
    };
    (1..=texts.len().max(1))
        .map(strided)
        .find(is_apart)
        .unwrap_or_default()
}

/// A range as a line with short ends.
pub(super) fn whisker(scene: &mut Scene, (from, to): (i32, i32), y: i32, color: RGBColor) {
    const END: i32 = 5;
    scene.line((from, y), (to, y), 2, color);
    for x in [from, to] {
        scene.line((x, y - END), (x, y + END), 2, color);
    }
}

/// A figure, with fewer digits when it has no room: huge and tiny ones.
pub(super) fn within(figure: String, value: f64, size: i32, room: i32) -> String {
    if font::width(&figure, size) > room {
        format!("{value:.1e}")
    } else {
        figure
    }
}

/// A small triangle that points out of the picture's panel: what it stands for lies beyond.
pub(super) fn beyond(scene: &mut Scene, (x, y): Point, to_the_right: bool, color: RGBColor) {
    let tip = if to_the_right { x + 7 } else { x - 7 };
    scene.marks.push(Mark::Polygon {
        points: vec![(tip, y), (x, y - 5), (x, y + 5)],
        color,
    });
}
