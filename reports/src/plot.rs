//! Pictures: a scene of plain marks, and the one function that draws it as SVG and as PNG.
//!
//! What is drawn where is decided before anything is drawn, as data that tests can look at: texts that overlap or leave
//! the picture are found without eyes.

pub(crate) mod axis;
#[cfg(test)]
pub(crate) mod boxes;
pub(crate) mod dark;
pub(crate) mod font;
pub(crate) mod labels;
pub(crate) mod line_ends;
pub(crate) mod log_axis;
pub(crate) mod palette;
pub(crate) mod placer;
mod raster;
pub(crate) mod scale;
pub(crate) mod scene;
pub(crate) mod series;
pub(crate) mod span;

use plotters::coord::Shift;
use plotters::drawing::IntoDrawingArea;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{
    BitMapBackend, DrawingArea, DrawingAreaErrorKind, DrawingBackend, SVGBackend,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, TextStyle};

use self::raster::Raster;
use self::scene::{Anchor, Mark, Scene};

/// Pixels of a PNG for each unit of its scene, so that it is sharp on the screens of today.
const PNG_SCALE: u32 = 2;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The drawing library failed.
    #[error("cannot draw the plot as {format}: {reason}")]
    Draw {
        /// `SVG` or `PNG`.
        format: &'static str,
        /// What the library said.
        reason: String,
    },
    /// The pixels could not be encoded.
    #[error("cannot encode the plot as PNG")]
    Encode(#[from] png::EncodingError),
}

/// The scene as an SVG document with real text, a title and a description.
///
/// # Errors
///
/// [`PlotError::Draw`] when the library refuses a mark.
pub(crate) fn svg(scene: &Scene) -> Result<String, PlotError> {
    let mut document = String::new();
    let backend = SVGBackend::with_string(&mut document, size(scene, 1));
    draw(scene, backend).map_err(|reason| PlotError::Draw {
        format: "SVG",
        reason: reason.to_string(),
    })?;
    Ok(with_description(&document, scene))
}

/// The scene as a PNG, two pixels for each unit.
///
/// # Errors
///
/// [`PlotError::Draw`] when the library refuses a mark, [`PlotError::Encode`] when the pixels cannot be encoded.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, PlotError> {
    let (width, height) = size(scene, PNG_SCALE);
    let mut pixels = vec![u8::MAX; width as usize * height as usize * 3];
    let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    draw(scene, Raster::new(backend, PNG_SCALE)).map_err(|reason| PlotError::Draw {
        format: "PNG",
        reason: reason.to_string(),
    })?;
    encode(&pixels, width, height, scene)
}

fn size(scene: &Scene, scale: u32) -> (u32, u32) {
    let side = |length: i32| length.max(1).unsigned_abs() * scale;
    (side(scene.width), side(scene.height))
}

fn encode(pixels: &[u8], width: u32, height: u32, scene: &Scene) -> Result<Vec<u8>, PlotError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    // Flat colours: a row that repeats the one above, or itself, is best left to the compressor.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.add_itxt_chunk("Title".to_owned(), scene.title.clone())?;
    encoder.add_itxt_chunk("Description".to_owned(), scene.description.clone())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

/// Draws the marks in their order. Generic over the backend, so that SVG and PNG cannot differ.
fn draw<B: DrawingBackend>(
    scene: &Scene,
    backend: B,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let area = backend.into_drawing_area();
    for mark in &scene.marks {
        draw_mark(&area, mark)?;
    }
    area.present()
}

fn draw_mark<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    mark: &Mark,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    match mark {
        Mark::Rect { from, to, color } => area.draw(&Rectangle::new([*from, *to], color.filled())),
        Mark::Path {
            points,
            width,
            color,
        } => area.draw(&PathElement::new(
            points.clone(),
            color.stroke_width(*width),
        )),
        Mark::Polygon { points, color } => area.draw(&Polygon::new(points.clone(), color.filled())),
        Mark::Dot {
            center,
            radius,
            color,
        } => area.draw(&Circle::new(*center, *radius, color.filled())),
        Mark::Hint { .. } => Ok(()),
        Mark::Text(text) => area.draw(&Text::new(text.content.as_str(), text.at, text_style(text))),
    }
}

/// Texts are placed by the middle of their small letters, which both backends can do alike.
fn text_style(text: &scene::Text) -> TextStyle<'static> {
    let h_pos = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    FontDesc::new(
        FontFamily::Name(font::FAMILY),
        f64::from(text.size) * font::SIZE_OF_EM,
        FontStyle::Normal,
    )
    .color(&text.color)
    .pos(Pos::new(h_pos, VPos::Center))
}

/// Adds what a screen reader says of the picture, and lets the picture shrink to a narrow page.
fn with_description(document: &str, scene: &Scene) -> String {
    let document = document.replacen(
        "<svg ",
        "<svg role=\"img\" style=\"max-width:100%;height:auto\" ",
        1,
    );
    let description = format!(
        ">\n<title>{}</title>\n<desc>{}</desc>\n",
        escaped(&scene.title),
        escaped(&scene.description)
    );
    document.replacen(">\n", &description, 1)
}

/// A text as it stands between marks of XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
