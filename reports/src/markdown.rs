//! Strings of records in Markdown: data, not markup.

use crate::clean;

/// One line with everything escaped that Markdown, HTML within it, or a terminal would act upon.
pub(crate) fn escaped(text: &str) -> String {
    let line = clean(&text.replace(['\n', '\r'], " "));
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
