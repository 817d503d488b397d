//! Strings of records on their way to a terminal. Anybody may have written a record: its strings are data, not commands.

use std::fmt::Write;

/// The text with everything in it spelled out that a terminal would act upon or that would change how the rest of a line is read:
/// control characters (escape sequences begin with one), line and paragraph separators, marks that turn the direction of
/// writing, and characters without a width.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            let _ = write!(cleaned, "\\u{{{:x}}}", u32::from(c));
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// The same for text of several lines: each line is cleaned by itself.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// Whether a character does more than to be seen.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}
