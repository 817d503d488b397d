//! Colours: Okabe and Ito's, which people with any colour vision can tell apart, and greys. No meaning rests on colour
//! alone: what differs in colour differs in its mark, too.

use plotters::style::RGBColor;

/// A sample that was verified.
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// The line through the samples in their order.
pub(crate) const PALE_BLUE: RGBColor = RGBColor(0xB3, 0xD5, 0xE8);
/// A sample that is INVALID.
pub(crate) const VERMILLION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// The same in words, darker so that small letters have contrast enough (5.9 : 1).
pub(crate) const VERMILLION_TEXT: RGBColor = RGBColor(0xA8, 0x43, 0x00);
/// Titles, medians.
pub(crate) const INK: RGBColor = RGBColor(0x1A, 0x1A, 0x1A);
/// Captions and ticks.
pub(crate) const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);
/// The line of zero.
pub(crate) const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
/// The other lines of the grid.
pub(crate) const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// The page.
pub(crate) const WHITE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// A level of a history, and what became faster.
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// The same in words, darker so that small letters have contrast enough (5.5 : 1).
pub(crate) const GREEN_TEXT: RGBColor = RGBColor(0x00, 0x72, 0x53);
/// Where the runs of a level usually lie.
pub(crate) const BAND: RGBColor = RGBColor(0xE3, 0xEF, 0xF7);
