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
/// Blue in words (7.4 : 1).
pub(crate) const BLUE_TEXT: RGBColor = RGBColor(0x00, 0x5A, 0x8E);
/// The fourth series.
pub(crate) const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// The same in words (6.0 : 1).
pub(crate) const PURPLE_TEXT: RGBColor = RGBColor(0x9A, 0x46, 0x76);
/// The fifth series.
pub(crate) const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// The same in words (6.0 : 1).
pub(crate) const ORANGE_TEXT: RGBColor = RGBColor(0x85, 0x5C, 0x00);
/// The sixth series.
pub(crate) const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// The same in words (5.5 : 1).
pub(crate) const SKY_TEXT: RGBColor = RGBColor(0x1A, 0x6F, 0xA3);
/// The cells of a heat map, from the least to the most: lightness alone tells their order.
pub(crate) const HEAT: [RGBColor; 7] = [
    RGBColor(0xF1, 0xF6, 0xFA),
    RGBColor(0xDC, 0xEA, 0xF4),
    RGBColor(0xBA, 0xD7, 0xEA),
    RGBColor(0x8F, 0xC0, 0xDE),
    RGBColor(0x5C, 0xA2, 0xCE),
    RGBColor(0x1F, 0x78, 0xB0),
    RGBColor(0x0A, 0x54, 0x88),
];
/// Letters on the light ones of these cells (6.8 : 1 and more). Neither is the ink nor the page: cells keep their colours in the dark.
pub(crate) const HEAT_INK: RGBColor = RGBColor(0x10, 0x10, 0x10);
/// Letters on the two darkest (4.7 : 1 and more).
pub(crate) const HEAT_PAPER: RGBColor = RGBColor(0xFD, 0xFD, 0xFD);
