//! What the pictures of a report have in common: a title on top, words below, and axes whose labels keep apart.

use plotters::style::RGBColor;

use crate::figure::{Figure, Table};
use crate::plot::scene::{Anchor, Mark, Point, Scene, Text};
use crate::plot::{font, palette};

/// Narrow, so that small letters are still letters when the picture is as wide as a phone.
pub(super) const WIDTH: i32 = 640;
pub(super) const MARGIN: i32 = 16;
/// What there is for text.
pub(super) const ROOM: i32 = WIDTH - 2 * MARGIN;

const TITLE_SIZE: i32 = 19;
pub(super) const TEXT_SIZE: i32 = 15;
pub(super) const SMALL_SIZE: i32 = 13;

/// A picture that grows from the top down.
pub(super) struct Sheet {
    pub(super) scene: Scene,
    /// Where the next thing begins.
    pub(super) y: i32,
}

impl Sheet {
    /// With a title, and below it what else there is to say of all of it.
    pub(super) fn titled(title: &str, subtitle: &str) -> Sheet {
        let mut scene = Scene::blank(WIDTH, 0);
        scene.title = font::clean(title);
        let mut sheet = Sheet { scene, y: MARGIN };
        sheet.words(title, TITLE_SIZE, palette::INK, 3);
        sheet.words(subtitle, SMALL_SIZE, palette::GREY, 3);
        sheet.y += 6;
        sheet
    }

    /// Text across the picture in at most so many lines.
    pub(super) fn words(&mut self, text: &str, size: i32, color: RGBColor, lines_max: usize) {
        for line in font::wrapped(&font::clean(text), size, ROOM, lines_max) {
            let at = (MARGIN, self.y + size / 2);
            self.scene.text(Text::new(line, at, size).colored(color));
            self.y += size + 6;
        }
    }

    /// A small grey paragraph below the picture.
    pub(super) fn note(&mut self, text: &str) {
        self.words(text, SMALL_SIZE, palette::GREY, 5);
    }

    /// The picture is drawn: its words for those who do not see it, and its data.
    pub(super) fn finished(self, name: String, description: &str, table: Table) -> Figure {
        let Sheet { mut scene, y } = self;
        scene.height = y + MARGIN / 2;
        scene.description = font::clean(description);
        let page = Mark::Rect {
            from: (0, 0),
            to: (scene.width, scene.height),
            color: palette::WHITE,
        };
        scene.marks.insert(0, page);
        Figure { name, table, scene }
    }
}

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

/// A figure's name of these parts: small letters, digits and hyphens.
pub(crate) fn name(parts: &[&str]) -> String {
    const CHARS_MAX: usize = 60;
    let mut name = String::new();
    for c in parts.join("-").chars() {
        if name.len() >= CHARS_MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_owned()
}

/// Names that are the same after all get numbers.
pub(crate) fn named_apart(mut figures: Vec<Figure>) -> Vec<Figure> {
    for index in 1..figures.len() {
        let (before, rest) = figures.split_at_mut(index);
        let is_taken = |name: &str| before.iter().any(|figure| figure.name == name);
        let name = rest[0].name.clone();
        let mut number = 2;
        while is_taken(&rest[0].name) {
            rest[0].name = format!("{name}-{number}");
            number += 1;
        }
    }
    figures
}

/// A record's text as it stands in a sentence.
pub(crate) fn brief(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let text = font::clean(text);
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX).chain(['…']).collect()
}

/// A record's text as it stands in a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let text = crate::clean(text);
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    text.chars().take(CHARS_MAX).chain(['…']).collect()
}
