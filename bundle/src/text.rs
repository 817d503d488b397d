//! Text from foreign files, for terminals.

use std::borrow::Cow;

/// The same text without anything that a terminal would obey, and without what turns the direction of writing.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c {
        c if is_active(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

fn is_active(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\t') || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_acts_is_escaped() {
        assert_eq!(escaped("größe\t1"), "größe\t1");
        assert_eq!(escaped("a\nb\x1b[2J"), "a\\u{a}b\\u{1b}[2J");
        assert_eq!(escaped("\u{202e}nur.x"), "\\u{202e}nur.x");
    }
}
