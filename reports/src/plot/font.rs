//! The one font: DejaVu Sans, embedded, since the program also runs where there are no fonts. Only its regular face is
//! linked.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

/// What an SVG's reader should use: the same font, or one with the same widths, or at the worst any without serifs.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// plotters' font size of a font whose em is 1: its SVG backend divides by this.
pub(crate) const SIZE_OF_EM: f64 = 1.24;

/// The height of a small x, as a share of the em.
pub(crate) const X_HEIGHT: f32 = 0.547;

static SANS: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(dejavu::sans::regular()).expect("the embedded font is a font")
});

/// A glyph of a text: its outline's font, and where it stands on the base line, from the start of the text.
pub(crate) struct Placed {
    pub(crate) character: char,
    pub(crate) x: f32,
}

/// The font.
pub(crate) fn sans() -> &'static FontRef<'static> {
    &SANS
}

/// The scale at which the font's em is this many pixels.
pub(crate) fn scale(em: f32) -> PxScale {
    let units = SANS.units_per_em().unwrap_or(2048.0);
    PxScale::from(em * SANS.height_unscaled() / units)
}

/// Where each character stands, and the width of them all.
pub(crate) fn place(text: &str, em: f32) -> (Vec<Placed>, f32) {
    let font = SANS.as_scaled(scale(em));
    let mut placed = Vec::new();
    let mut x = 0.0;
    let mut previous = None;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        if let Some(previous) = previous {
            x += font.kern(previous, glyph);
        }
        placed.push(Placed { character, x });
        // What this font lacks, Chinese for example, a reader of the SVG sees in another font, at most an em wide.
        x += if glyph.0 == 0 {
            em
        } else {
            font.h_advance(glyph)
        };
        previous = Some(glyph);
    }
    (placed, x)
}

/// The width of a text, rounded up.
pub(crate) fn width(text: &str, size: i32) -> i32 {
    place(text, size as f32).1.ceil() as i32
}

/// A record's text, fit to be drawn: on one line, without characters that XML forbids or that turn the direction of
/// writing.
pub(crate) fn clean(text: &str) -> String {
    let drawable: String = text
        .chars()
        .filter(|c| c.is_whitespace() || is_drawable(*c))
        .collect();
    let words: Vec<&str> = drawable.split_whitespace().collect();
    words.join(" ")
}

fn is_drawable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// The text's beginning, with an ellipsis when it does not fit.
pub(crate) fn ellipsized(text: &str, size: i32, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while !kept.is_empty() && width(&format!("{kept}…"), size) > room {
        kept.pop();
    }
    format!("{}…", kept.trim_end())
}

/// The text's beginning and end with an ellipsis between them when it does not fit: names often differ at their ends.
pub(crate) fn shortened(text: &str, size: i32, room: i32) -> String {
    // A name of ten thousand letters is measured no further than it can be seen.
    const SEEN_MAX: usize = 400;
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= SEEN_MAX && width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = letters.len().min(SEEN_MAX);
    loop {
        let head: String = letters[..kept.div_ceil(2)].iter().collect();
        let tail: String = letters[letters.len() - kept / 2..].iter().collect();
        let text = format!("{}…{}", head.trim_end(), tail.trim_start());
        if kept == 0 || width(&text, size) <= room {
            return text;
        }
        kept -= 1;
    }
}

/// The text in lines that fit, broken between words where that is possible; what does not fit on the last is cut off.
pub(crate) fn wrapped(text: &str, size: i32, room: i32, lines_max: usize) -> Vec<String> {
    // A name of a thousand letters is measured no further than it can be seen.
    let text: String = text.chars().take(2000).collect();
    let mut rest = text.trim();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        if lines.len() + 1 == lines_max {
            lines.push(ellipsized(rest, size, room));
            break;
        }
        let (line, after) = rest.split_at(break_at(rest, size, room));
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
    lines
}

/// Where a line that begins this text must end, in bytes; after one character at the least.
fn break_at(text: &str, size: i32, room: i32) -> usize {
    let (placed, total) = place(text, size as f32);
    if total <= room as f32 {
        return text.len();
    }
    let fits = |index: usize| placed.get(index + 1).map_or(total, |next| next.x) <= room as f32;
    let mut by_character = text.chars().next().map_or(0, char::len_utf8);
    let mut by_word = None;
    for (index, (at, character)) in text.char_indices().enumerate() {
        if character == ' ' {
            by_word = Some(at);
        }
        if !fits(index) {
            break;
        }
        by_character = by_character.max(at + character.len_utf8());
    }
    by_word
        .filter(|at| *at > by_character / 2)
        .unwrap_or(by_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_end_in_an_ellipsis() {
        let lines = wrapped("one two three four five six", 14, 80, 2);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "one two");
        assert!(lines[1].ends_with('…'), "{lines:?}");
        assert!(lines.iter().all(|line| width(line, 14) <= 80));
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken() {
        let lines = wrapped(&"W".repeat(40), 14, 100, 9);
        assert_eq!(lines.concat(), "W".repeat(40));
        assert!(lines.iter().all(|line| width(line, 14) <= 100));
    }

    #[test]
    fn no_room_and_no_text_are_no_trouble() {
        assert_eq!(wrapped("", 14, 100, 2), Vec::<String>::new());
        assert_eq!(ellipsized("word", 14, 0), "…");
        assert!(!wrapped("word", 14, 0, 9).is_empty());
    }

    #[test]
    fn names_keep_their_beginning_and_their_end() {
        let name = "node-0123456789abcdef-rack-17";
        assert_eq!(shortened(name, 14, 400), name);
        let short = shortened(name, 14, 110);
        assert!(
            short.starts_with("node") && short.contains('…') && short.ends_with("-17"),
            "{short}"
        );
        assert!(width(&short, 14) <= 110, "{short}");
        assert_eq!(shortened(name, 14, 0), "…");
        assert!(width(&shortened(&"W".repeat(10_000), 14, 110), 14) <= 110);
    }

    #[test]
    fn foreign_text_is_cleaned() {
        assert_eq!(clean("a\u{0}b\n\tc \u{202E}d\u{FFFF}  "), "ab c d");
    }
}
