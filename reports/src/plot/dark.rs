//! Colours of dark pages: what each of the palette's is there.

use plotters::style::RGBColor;

use super::palette::{
    AXIS, BAND, BLUE, BLUE_TEXT, GREEN, GREEN_TEXT, GREY, GRID, INK, ORANGE, ORANGE_TEXT,
    PALE_BLUE, PURPLE, PURPLE_TEXT, SKY, SKY_TEXT, VERMILLION, VERMILLION_TEXT, WHITE,
};

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
        // The cells of a heat map and the letters on them keep their colours.
        let declared = include_str!("palette.rs").lines().filter(|line| {
            line.starts_with("pub(crate) const")
                && line.contains(": RGBColor =")
                && !line.contains("HEAT_")
        });
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
