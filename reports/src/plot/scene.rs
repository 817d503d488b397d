//! A picture as data: marks in the order in which they are drawn, in units of which the picture is `width` wide.

use plotters::style::RGBColor;

use super::{font, palette};

/// x to the right, y down.
pub(crate) type Point = (i32, i32);

/// A picture.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// What it shows, in one line.
    pub(crate) title: String,
    /// What there is to see in it, for those who do not see it.
    pub(crate) description: String,
    pub(crate) marks: Vec<Mark>,
}

/// One thing drawn.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A filled rectangle.
    Rect {
        from: Point,
        to: Point,
        color: RGBColor,
    },
    /// A line through points.
    Path {
        points: Vec<Point>,
        width: u32,
        color: RGBColor,
    },
    /// A filled polygon.
    Polygon { points: Vec<Point>, color: RGBColor },
    /// A filled circle.
    Dot {
        center: Point,
        radius: i32,
        color: RGBColor,
    },
    /// One line of text.
    Text(Text),
    /// What a page tells of a point when somebody points at it. Not drawn.
    Hint { at: Point, text: String },
}

/// One line of text. `at` is the middle of its small letters' height; `size` the font's em.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) content: String,
    pub(crate) at: Point,
    pub(crate) anchor: Anchor,
    pub(crate) size: i32,
    pub(crate) color: RGBColor,
}

/// Which point of a text is where it is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Text {
    /// Grey text from `at` to the right.
    pub(crate) fn new(content: impl Into<String>, at: Point, size: i32) -> Text {
        Text {
            content: content.into(),
            at,
            anchor: Anchor::Start,
            size,
            color: palette::GREY,
        }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Text {
        Text { anchor, ..self }
    }

    pub(crate) fn colored(self, color: RGBColor) -> Text {
        Text { color, ..self }
    }

    /// Left and right end.
    pub(crate) fn extent(&self) -> (i32, i32) {
        let width = font::width(&self.content, self.size);
        let left = match self.anchor {
            Anchor::Start => self.at.0,
            Anchor::Middle => self.at.0 - width / 2,
            Anchor::End => self.at.0 - width,
        };
        (left, left + width)
    }
}

impl Scene {
    /// A white page.
    pub(crate) fn blank(width: i32, height: i32) -> Scene {
        Scene {
            width,
            height,
            title: String::new(),
            description: String::new(),
            marks: Vec::new(),
        }
    }

    pub(crate) fn text(&mut self, text: Text) {
        self.marks.push(Mark::Text(text));
    }

    /// What a page tells of a point when somebody points at it.
    pub(crate) fn hint(&mut self, at: Point, text: String) {
        self.marks.push(Mark::Hint { at, text });
    }

    /// All of these.
    pub(crate) fn hints(&self) -> impl Iterator<Item = (Point, &str)> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Hint { at, text } => Some((*at, text.as_str())),
            _ => None,
        })
    }

    pub(crate) fn line(&mut self, from: Point, to: Point, width: u32, color: RGBColor) {
        self.marks.push(Mark::Path {
            points: vec![from, to],
            width,
            color,
        });
    }

    pub(crate) fn dot(&mut self, center: Point, radius: i32, color: RGBColor) {
        self.marks.push(Mark::Dot {
            center,
            radius,
            color,
        });
    }

    /// An x, twice as wide as `radius`.
    pub(crate) fn cross(&mut self, (x, y): Point, radius: i32, color: RGBColor) {
        let r = radius;
        self.line((x - r, y - r), (x + r, y + r), 3, color);
        self.line((x - r, y + r), (x + r, y - r), 3, color);
    }
}
