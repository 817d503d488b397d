//! What the pictures with lines have in common: a title on top, a caption at the foot, and their width.

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
/// The distance of a caption's lines.
const CAPTION_LINE: i32 = 18;

/// A picture that is written from the top down.
pub(super) struct Sheet {
    pub(super) scene: Scene,
    /// Where what comes next begins.
    pub(super) y: i32,
}

impl Sheet {
    /// A sheet with its title.
    pub(super) fn new(title: &str) -> Self {
        let mut sheet = Self {
            scene: Scene::blank(WIDTH, 0),
            y: MARGIN,
        };
        sheet.scene.title = font::clean(title);
        sheet.lines(title, (TITLE_SIZE, TITLE_SIZE + 6, 2), palette::INK);
        sheet.y += 6;
        sheet
    }

    /// A small grey text in a few lines.
    pub(super) fn caption(&mut self, text: &str) {
        self.lines(text, (SMALL_SIZE, CAPTION_LINE, 4), palette::GREY);
    }

    /// What a reader must know before trusting the picture.
    pub(super) fn warning(&mut self, text: &str) {
        self.lines(
            text,
            (SMALL_SIZE, CAPTION_LINE, 3),
            palette::VERMILLION_TEXT,
        );
    }

    /// Text across the picture; `style` is the letters' size, the lines' distance and how many there may be.
    fn lines(&mut self, text: &str, style: (i32, i32, usize), color: RGBColor) {
        let (size, distance, lines_max) = style;
        for line in font::wrapped(&font::clean(text), size, ROOM, lines_max) {
            let at = (MARGIN, self.y + distance / 2);
            self.scene.text(Text::new(line, at, size).colored(color));
            self.y += distance;
        }
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
