//! References to variables, replaced by their values.

use crate::{Reason, Variables, bytes, leading_name};

/// So deeply may defaults hold references.
const DEPTH_MAX: usize = 8;

/// Replaces every `${NAME}` by the value of the variable, or by nothing where it has none. All else stays as it is, also a `$`
/// that begins no such reference, and what values hold is not looked at again.
pub(crate) fn braced(text: &[u8], variable: Variables) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&first) = rest.first() {
        if let Some((name, after)) = braced_name(rest) {
            out.extend(variable(name).as_deref().map(bytes).unwrap_or_default());
            rest = after;
        } else {
            out.push(first);
            rest = &rest[1..];
        }
    }
    out
}

/// The same where `\` and three octal digits stand for a byte and two backslashes for one. What variables hold is taken as it is.
pub(crate) fn braced_escaped(text: &[u8], variable: Variables) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let (literal, after) = match escaped_byte(rest) {
            Some((byte, after)) => (byte, after),
            None if first == b'\\' && after.first() == Some(&b'\\') => (b'\\', &after[1..]),
            None => match braced_name(rest) {
                Some((name, after)) => {
                    out.extend(variable(name).as_deref().map(bytes).unwrap_or_default());
                    rest = after;
                    continue;
                }
                None => (first, after),
            },
        };
        out.push(literal);
        rest = after;
    }
    out
}

/// The byte that `\ooo` at the head of a text stands for, and what follows.
fn escaped_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let digits = text.strip_prefix(b"\\")?.get(..3)?;
    let is_octal = digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let value = digits.iter().fold(0, |value, digit| {
        value * 8 + u32::from(digit.wrapping_sub(b'0'))
    });
    let byte = u8::try_from(value).ok().filter(|_| is_octal)?;
    Some((byte, &text[4..]))
}

/// The name in the `${NAME}` at the head of a text, and what follows.
fn braced_name(text: &[u8]) -> Option<(&str, &[u8])> {
    let inner = text.strip_prefix(b"${")?;
    let name = leading_name(inner);
    let after = inner[name.len()..].strip_prefix(b"}")?;
    (!name.is_empty()).then_some((name, after))
}

/// A value as a shell would read one word: `$NAME`, `${NAME}`, `${NAME:-default}`, `~/` at its head, and quotes. Runs nothing.
pub(crate) fn word(text: &[u8], variable: Variables) -> Result<Vec<u8>, Reason> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    if text == b"~" || text.starts_with(b"~/") {
        out.extend(variable("HOME").as_deref().map(bytes).unwrap_or_default());
        rest = &text[1..];
    }
    let mut quote = None;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, quote) {
            (b'\'' | b'"', None) => quote = Some(first),
            (b'\'', Some(b'\'')) | (b'"', Some(b'"')) => quote = None,
            (b'\\', None | Some(b'"')) if !rest.is_empty() => {
                out.push(rest[0]);
                rest = &rest[1..];
            }
            (b'`', None | Some(b'"')) => return Err(Reason::Command),
            (b'$', None | Some(b'"')) => rest = reference(rest, variable, DEPTH_MAX, &mut out)?,
            _ => out.push(first),
        }
    }
    match quote {
        None => Ok(out),
        Some(_) => Err(Reason::NotClosed("a quote")),
    }
}

/// Appends what the reference stands for whose `$` has been read, and gives what follows it.
fn reference<'t>(
    text: &'t [u8],
    variable: Variables,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<&'t [u8], Reason> {
    let depth = depth.checked_sub(1).ok_or(Reason::TooDeep)?;
    if text.starts_with(b"(") {
        return Err(Reason::Command);
    }
    let Some(inner) = text.strip_prefix(b"{") else {
        let name = leading_name(text);
        if name.is_empty() {
            out.push(b'$');
        } else {
            out.extend(variable(name).as_deref().map(bytes).unwrap_or_default());
        }
        return Ok(&text[name.len()..]);
    };
    let end = closing_brace(inner).ok_or(Reason::NotClosed("'${'"))?;
    let (inner, after) = (&inner[..end], &inner[end + 1..]);
    let name = leading_name(inner);
    let default = match &inner[name.len()..] {
        b"" => &b""[..],
        [b':', b'-', default @ ..] => default,
        _ => return Err(bad_name(inner)),
    };
    if name.is_empty() {
        return Err(bad_name(inner));
    }
    match variable(name) {
        Some(value) if !value.is_empty() => out.extend(bytes(&value)),
        _ => {
            let mut rest = default;
            while let Some((&first, after)) = rest.split_first() {
                rest = after;
                if first == b'$' {
                    rest = reference(rest, variable, depth, out)?;
                } else {
                    out.push(first);
                }
            }
        }
    }
    Ok(after)
}

fn bad_name(name: &[u8]) -> Reason {
    Reason::Name(String::from_utf8_lossy(name).into_owned())
}

/// Where the brace is that closes the one before this text.
fn closing_brace(text: &[u8]) -> Option<usize> {
    let mut open = 0_usize;
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(index),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn host(name: &str) -> Option<OsString> {
        match name {
            "HOME" => Some("/home/me".into()),
            "A" => Some("${B}".into()),
            "B" => Some("b".into()),
            "EMPTY" => Some("".into()),
            _ => None,
        }
    }

    #[track_caller]
    fn check_braced(text: &str, expected: &str) {
        assert_eq!(braced(text.as_bytes(), &host), expected.as_bytes());
    }

    #[track_caller]
    fn check_word(text: &str, expected: Result<&str, Reason>) {
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(word(text.as_bytes(), &host), expected);
    }

    #[test]
    fn braces_are_replaced_once_and_nothing_else_is() {
        check_braced("${HOME}/x${B}", "/home/me/xb");
        check_braced("${A}", "${B}");
        check_braced("[${UNSET}]", "[]");
        check_braced(
            "$HOME ${1} ${ B} ${B ${} $${B}",
            "$HOME ${1} ${ B} ${B ${} $b",
        );
        check_braced("${B:-x}", "${B:-x}");
        check_braced("$", "$");
    }

    #[test]
    fn a_word_is_read_as_a_shell_would_without_running_anything() {
        check_word("~/x", Ok("/home/me/x"));
        check_word("~you/x", Ok("~you/x"));
        check_word("$HOME/${B}", Ok("/home/me/b"));
        check_word("${UNSET:-${EMPTY:-$B/x}}y", Ok("b/xy"));
        check_word("${B:-x}", Ok("b"));
        check_word("'$B' \"$B\" \\$B", Ok("$B b $B"));
        check_word("a$ b", Ok("a$ b"));
        check_word("$(id -u)", Err(Reason::Command));
        check_word("`id`", Err(Reason::Command));
        check_word("'`id`'", Ok("`id`"));
        check_word("${B", Err(Reason::NotClosed("'${'")));
        check_word("'x", Err(Reason::NotClosed("a quote")));
        check_word("${B%x}", Err(Reason::Name("B%x".into())));
        let deep = "${U:-".repeat(9) + &"}".repeat(9);
        check_word(&deep, Err(Reason::TooDeep));
    }
}
