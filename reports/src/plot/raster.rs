//! plotters' bitmap backend, drawing as the SVG one is shown: with smooth edges, at a scale, and with letters where the
//! font wants them.
//!
//! plotters 0.3.7 sets the letters of a bitmap on whole pixels and without their left bearing, takes the font's height
//! for its em, and draws thick lines with stairs.

use ab_glyph::{Font, Glyph, point};
use plotters::prelude::{BitMapBackend, DrawingBackend};
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind,
};

use super::font;

type Drawn<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

/// A bitmap of `scale` pixels for each unit.
pub(super) struct Raster<'a> {
    bitmap: BitMapBackend<'a>,
    scale: u32,
}

impl<'a> Raster<'a> {
    /// Draws into this bitmap.
    pub(super) fn new(bitmap: BitMapBackend<'a>, scale: u32) -> Raster<'a> {
        Raster { bitmap, scale }
    }

    fn scaled(&self, (x, y): BackendCoord) -> BackendCoord {
        let scale = self.scale.cast_signed();
        (x * scale, y * scale)
    }

    /// Blends a colour into each pixel from `from` to `to`, as much of it as the pixel's centre is given.
    fn cover(
        &mut self,
        from: (f32, f32),
        to: (f32, f32),
        color: BackendColor,
        coverage: impl Fn(f32, f32) -> f32,
    ) -> Drawn<'a> {
        let (width, height) = self.bitmap.get_size();
        let first = |start: f32| (start.floor() - 1.0).max(0.0) as u32;
        let last = |end: f32, size: u32| ((end.ceil() + 1.0).max(0.0) as u32).min(size);
        for y in first(from.1)..last(to.1, height) {
            for x in first(from.0)..last(to.0, width) {
                let share = coverage(x as f32 + 0.5, y as f32 + 0.5).clamp(0.0, 1.0);
                if share > 0.0 {
                    let at = (x.cast_signed(), y.cast_signed());
                    self.bitmap.draw_pixel(at, faded(color, share))?;
                }
            }
        }
        Ok(())
    }
}

fn faded(color: BackendColor, share: f32) -> BackendColor {
    BackendColor {
        alpha: color.alpha * f64::from(share),
        rgb: color.rgb,
    }
}

impl<'a> DrawingBackend for Raster<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        let (width, height) = self.bitmap.get_size();
        (width / self.scale, height / self.scale)
    }

    fn ensure_prepared(&mut self) -> Drawn<'a> {
        self.bitmap.ensure_prepared()
    }

    fn present(&mut self) -> Drawn<'a> {
        self.bitmap.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Drawn<'a> {
        let (x, y) = at;
        self.bitmap
            .draw_rect(self.scaled(at), self.scaled((x + 1, y + 1)), &color, true)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn<'a> {
        self.bitmap
            .draw_rect(self.scaled(from), self.scaled(to), style, fill)
    }

    /// A line with ends cut off square, as SVG draws it.
    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn<'a> {
        let half = (style.stroke_width() * self.scale) as f32 / 2.0;
        let ((x1, y1), (x2, y2)) = (self.scaled(from), self.scaled(to));
        let (x1, y1, x2, y2) = (x1 as f32, y1 as f32, x2 as f32, y2 as f32);
        let length = (x2 - x1).hypot(y2 - y1);
        if length == 0.0 {
            return Ok(());
        }
        let (dx, dy) = ((x2 - x1) / length, (y2 - y1) / length);
        let coverage = |x: f32, y: f32| {
            let along = (x - x1) * dx + (y - y1) * dy;
            let across = ((y - y1) * dx - (x - x1) * dy).abs();
            let lengthwise = (along.min(length - along) + 0.5).clamp(0.0, 1.0);
            lengthwise * (half + 0.5 - across).clamp(0.0, 1.0)
        };
        let corner = |pick: fn(f32, f32) -> f32, outward: f32| {
            (pick(x1, x2) + outward, pick(y1, y2) + outward)
        };
        self.cover(
            corner(f32::min, -half),
            corner(f32::max, half),
            style.color(),
            coverage,
        )
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn<'a> {
        let points: Vec<BackendCoord> = path.into_iter().collect();
        points
            .windows(2)
            .try_for_each(|ends| self.draw_line(ends[0], ends[1], style))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Drawn<'a> {
        let (x, y) = self.scaled(center);
        let (x, y) = (x as f32, y as f32);
        let radius = (radius * self.scale) as f32;
        let coverage = |px: f32, py: f32| radius + 0.5 - (px - x).hypot(py - y);
        self.cover(
            (x - radius, y - radius),
            (x + radius, y + radius),
            style.color(),
            coverage,
        )
    }

    /// A convex polygon, which all of ours are.
    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn<'a> {
        let corners: Vec<(f32, f32)> = corners
            .into_iter()
            .map(|corner| self.scaled(corner))
            .map(|(x, y)| (x as f32, y as f32))
            .collect();
        let edges = || corners.iter().zip(corners.iter().cycle().skip(1));
        let turn: f32 = edges().map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        // How far a point is inside of the nearest edge.
        let coverage = |x: f32, y: f32| {
            let inside = edges().map(|(a, b)| {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let length = dx.hypot(dy).max(f32::MIN_POSITIVE);
                turn.signum() * (dx * (y - a.1) - dy * (x - a.0)) / length
            });
            inside.fold(f32::INFINITY, f32::min) + 0.5
        };
        let extreme = |pick: fn(f32, f32) -> f32, start: f32| {
            let start = (start, start);
            corners.iter().fold(start, |found, corner| {
                (pick(found.0, corner.0), pick(found.1, corner.1))
            })
        };
        let (from, to) = (
            extreme(f32::min, f32::INFINITY),
            extreme(f32::max, f32::NEG_INFINITY),
        );
        self.cover(from, to, style.color(), coverage)
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Drawn<'a> {
        let em = (style.size() / font::SIZE_OF_EM) as f32 * self.scale as f32;
        let (placed, width) = font::place(text, em);
        let (x, y) = self.scaled(at);
        let left = x as f32
            - match style.anchor().h_pos {
                HPos::Left => 0.0,
                HPos::Center => width / 2.0,
                HPos::Right => width,
            };
        // The same distances as in plotters' SVG.
        let baseline = y as f32
            + match style.anchor().v_pos {
                VPos::Top => 0.76 * em,
                VPos::Center => 0.5 * font::X_HEIGHT * em,
                VPos::Bottom => -0.5 * font::X_HEIGHT * em,
            };
        for letter in placed {
            let id = font::sans().glyph_id(letter.character);
            let position = point(left + letter.x, baseline);
            self.draw_glyph(
                id.with_scale_and_position(font::scale(em), position),
                style.color(),
            )?;
        }
        Ok(())
    }
}

impl<'a> Raster<'a> {
    fn draw_glyph(&mut self, glyph: Glyph, color: BackendColor) -> Drawn<'a> {
        let Some(outline) = font::sans().outline_glyph(glyph) else {
            return Ok(());
        };
        let corner = outline.px_bounds().min;
        let mut pixels = Vec::new();
        outline.draw(|x, y, share| {
            let at = (
                corner.x as i32 + x.cast_signed(),
                corner.y as i32 + y.cast_signed(),
            );
            pixels.push((at, share.clamp(0.0, 1.0)));
        });
        pixels
            .into_iter()
            .try_for_each(|(at, share)| self.bitmap.draw_pixel(at, faded(color, share)))
    }
}
