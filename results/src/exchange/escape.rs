//! Foreign text made harmless for what reads it. A record is a file that anybody may have written: a host may be named
//! `<script>` or `=HYPERLINK(...)`.

use std::fmt::Write;

/// One line of visible text: what breaks lines, controls terminals or turns the direction of writing becomes a space, and spaces at
/// the ends go.
pub fn one_line(text: &str) -> String {
    let visible = text
        .chars()
        .map(|letter| if is_unseen(letter) { ' ' } else { letter });
    visible.collect::<String>().trim().to_owned()
}

/// Control characters, line and paragraph separators, marks of the direction of writing (CVE-2021-42574), and what is no character
/// at all.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || u32::from(letter) & 0xfffe == 0xfffe
}

/// Text for XML 1.0, in elements and in attributes. Line breaks and tabs are kept as references, since a reader makes spaces of them
/// in an attribute; what XML cannot hold in any way becomes U+FFFD.
///
/// Source: Extensible Markup Language 1.0, fifth edition, 2.2 (Char) and 3.3.3 (normalization of attributes).
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&apos;",
            '\n' | '\r' | '\t' => push_reference(&mut escaped, letter),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// One line of text in Markdown, in a table's cell too: everything that could mean something, to Markdown, to HTML or to GitHub
/// (`@name`, `#1`, links), is a character reference, which means the character and nothing else.
///
/// Source: `GitHub` Flavored Markdown, 6.2 (references cannot be used in place of symbols of structure) and 4.10 (cells).
pub fn markdown(text: &str) -> String {
    let line = one_line(text);
    let mut escaped = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let is_plain = match letter {
            // `:tada:` would be a picture, `//` the middle of an address; times, notes and names of cases stay readable.
            ':' => next.is_some_and(|next| next == ' ' || next.is_ascii_digit()),
            '/' => next != Some('/'),
            '.' | ',' | '=' | '%' | '-' | '(' | ')' => true,
            _ => !letter.is_ascii_punctuation(),
        };
        if is_plain {
            escaped.push(letter);
        } else {
            push_reference(&mut escaped, letter);
        }
    }
    // A bare address becomes a link without `//`, too.
    escaped.replace("www.", "www&#46;")
}

/// A character as a reference by its number, for XML and HTML alike.
fn push_reference(escaped: &mut String, letter: char) {
    let _ = write!(escaped, "&#{};", u32::from(letter));
}

/// A field of CSV (RFC 4180) that holds text. A field that a spreadsheet would take for a formula gets an apostrophe in front, by which
/// it is text.
///
/// Source: OWASP, CSV Injection: `=`, `+`, `-`, `@`, tab and carriage return, also in their full-width forms.
pub fn csv(text: &str) -> String {
    let mut field = one_line(text);
    if field.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\'']) {
        field.insert(0, '\'');
    }
    if field.contains([',', '"', ';', '\'']) {
        field = format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}
