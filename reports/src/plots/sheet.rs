//! What all pictures of a report have in common: a title on top, a caption at the foot, and their width.

use plotters::style::RGBColor;

use crate::figure::{Figure, Table};
use crate::plot::scene::{Mark, Scene, Text};
use crate::plot::{font, palette};

/// Narrow, so that small letters are still letters when the picture is as wide as a phone.
pub(super) const WIDTH: i32 = 640;
pub(super) const MARGIN: i32 = 16;
/// What there is for text.
pub(super) const ROOM: i32 = WIDTH - 2 * MARGIN;

const TITLE_SIZE: i32 = 19;
/// Letters beside marks.
pub(super) const TEXT_SIZE: i32 = 14;
/// Letters of ticks and captions.
pub(super) const SMALL_SIZE: i32 = 13;
/// A picture that is written from the top down.
pub(super) struct Sheet {
    pub(super) scene: Scene,
    /// Where what comes next begins.
    pub(super) y: i32,
}

impl Sheet {
    /// A sheet with its title.
    pub(super) fn new(title: &str) -> Self {
        Self::titled(title, "")
    }

    /// With a title, and below it what else there is to say of all of it.
    pub(super) fn titled(title: &str, subtitle: &str) -> Self {
        let mut sheet = Self {
            scene: Scene::blank(WIDTH, 0),
            y: MARGIN,
        };
        sheet.scene.title = font::clean(title);
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

    /// A small grey text in a few lines.
    pub(super) fn caption(&mut self, text: &str) {
        self.words(text, SMALL_SIZE, palette::GREY, 5);
    }

    /// What a reader must know before trusting the picture.
    pub(super) fn warning(&mut self, text: &str) {
        self.words(text, SMALL_SIZE, palette::VERMILLION_TEXT, 3);
    }

    /// The figure, with its page behind it.
    pub(super) fn finish(mut self, name: String, description: &str, table: Table) -> Figure {
        self.scene.height = self.y + MARGIN / 2;
        self.scene.description = font::clean(description);
        let page = Mark::Rect {
            from: (0, 0),
            to: (self.scene.width, self.scene.height),
            color: palette::WHITE,
        };
        self.scene.marks.insert(0, page);
        Figure {
            name,
            table,
            scene: self.scene,
        }
    }
}
