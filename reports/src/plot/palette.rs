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

/// What each colour is on a dark page. The page's style sheet is made of this, so that a picture is drawn once for both.
pub(crate) const DARK: [(RGBColor, RGBColor); 19] = [
    (WHITE, RGBColor(0x17, 0x19, 0x1D)),
    (INK, RGBColor(0xEC, 0xED, 0xEE)),
    (GREY, RGBColor(0xB2, 0xB8, 0xBF)),
    (AXIS, RGBColor(0x8A, 0x90, 0x99)),
    (GRID, RGBColor(0x38, 0x3D, 0x44)),
    (BAND, RGBColor(0x1F, 0x33, 0x42)),
    (BLUE, RGBColor(0x4D, 0xA3, 0xDE)),
    (BLUE_TEXT, RGBColor(0x7C, 0xC0, 0xF0)),
    (PALE_BLUE, RGBColor(0x2B, 0x4A, 0x60)),
    (VERMILLION, RGBColor(0xF0, 0x80, 0x3C)),
    (VERMILLION_TEXT, RGBColor(0xFF, 0x9F, 0x66)),
    (GREEN, RGBColor(0x2C, 0xC2, 0x95)),
    (GREEN_TEXT, RGBColor(0x4F, 0xD3, 0xAC)),
    (PURPLE, RGBColor(0xDB, 0x93, 0xBB)),
    (PURPLE_TEXT, RGBColor(0xE7, 0xA9, 0xCB)),
    (ORANGE, RGBColor(0xF0, 0xB0, 0x30)),
    (ORANGE_TEXT, RGBColor(0xF2, 0xBE, 0x55)),
    (SKY, RGBColor(0x6C, 0xC0, 0xEE)),
    (SKY_TEXT, RGBColor(0x86, 0xCD, 0xF4)),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG's contrast of two colours.
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let luminance = |color: RGBColor| {
            let [r, g, b] = [color.0, color.1, color.2].map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.040_45 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn each_colour_has_one_for_dark_pages() {
        let declared = include_str!("palette.rs")
            .lines()
            .filter(|line| line.starts_with("pub(crate) const") && line.contains(": RGBColor ="));
        assert_eq!(declared.count(), DARK.len());
        for (index, (light, _)) in DARK.iter().enumerate() {
            assert!(DARK[..index].iter().all(|(other, _)| other != light));
        }
    }

    #[test]
    fn texts_can_be_read_on_light_and_dark_pages() {
        let page = DARK[0].1;
        for text in [
            INK,
            GREY,
            BLUE_TEXT,
            VERMILLION_TEXT,
            GREEN_TEXT,
            PURPLE_TEXT,
            ORANGE_TEXT,
            SKY_TEXT,
        ] {
            assert!(contrast(text, WHITE) >= 4.5, "{text:?}");
            let dark = DARK.iter().find(|(light, _)| *light == text).unwrap().1;
            assert!(contrast(dark, page) >= 4.5, "{dark:?}");
        }
    }
}
