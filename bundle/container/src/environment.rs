//! Variables for a container: `/etc/environment`, `environ.d/*.env`, and the argument of `--env`.

use std::ffi::OsString;

use crate::{ParseError, Reason, Variables, bytes, leading_name, lines, os_string, substitute};

/// Variables of these names steer the runtime. A file of an image cannot set them.
const RESERVED: [&str; 2] = ["BENCHRUN_", "ENROOT_"];

/// Reads lines `NAME=VALUE`, in their order; of a name that comes twice the last counts. `${NAME}` stands for the host's
/// variable, or for an earlier line's where the host has none, or for nothing. Quotes around a whole value are removed; no
/// other quote, escape or command means anything. As with Enroot, comments and lines that are no assignment are passed over.
///
/// # Errors
///
/// A zero byte; the error names the line.
pub fn parse_environment(
    text: &[u8],
    variable: Variables,
) -> Result<Vec<(String, OsString)>, ParseError> {
    let mut set: Vec<(String, OsString)> = Vec::new();
    for (number, line) in lines(text) {
        if line.contains(&0) {
            return Err(ParseError::Line {
                line: number,
                reason: Reason::ZeroByte,
            });
        }
        let Some((name, value)) = assignment(line.trim_ascii_start()) else {
            continue;
        };
        if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let known = |name: &str| {
            let earlier = || set.iter().rev().find(|(it, _)| it == name);
            variable(name).or_else(|| earlier().map(|(_, value)| value.clone()))
        };
        let value = substitute::braced(unquoted(value), &known);
        if value.contains(&0) {
            return Err(ParseError::Line {
                line: number,
                reason: Reason::ZeroByte,
            });
        }
        set.push((name.to_owned(), os_string(&value)));
    }
    Ok(set)
}

/// Reads the argument of `--env`: `NAME=VALUE`, taken as it is, or `NAME`, which passes on the host's variable. None if the
/// host has none.
///
/// # Errors
///
/// A name that no variable can have, or a zero byte.
pub fn parse_env_argument(
    argument: &[u8],
    variable: Variables,
) -> Result<Option<(String, OsString)>, ParseError> {
    let failed = |reason| ParseError::Argument {
        argument: String::from_utf8_lossy(argument).into_owned(),
        reason,
    };
    if argument.contains(&0) {
        return Err(failed(Reason::ZeroByte));
    }
    let name = leading_name(argument);
    let after = &argument[name.len()..];
    let value = match after.split_first() {
        _ if name.is_empty() => None,
        None => return Ok(variable(name).map(|value| (name.to_owned(), value))),
        Some((b'=', value)) => Some(os_string(value)),
        Some(_) => None,
    };
    let value = value.ok_or_else(|| {
        let name = argument.split(|&byte| byte == b'=').next();
        let name = String::from_utf8_lossy(name.unwrap_or_default());
        failed(Reason::Name(name.into_owned()))
    })?;
    Ok(Some((name.to_owned(), value)))
}

/// Writes variables as a text that [`parse_environment`] reads as these, but for values with line breaks, references or a zero
/// byte, which the form cannot hold.
pub fn print_environment(variables: &[(String, OsString)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in variables {
        out.extend(name.as_bytes());
        out.extend(b"=\"");
        out.extend(bytes(value));
        out.extend(b"\"\n");
    }
    out
}

fn assignment(line: &[u8]) -> Option<(&str, &[u8])> {
    let name = leading_name(line);
    let value = line[name.len()..].strip_prefix(b"=")?;
    (!name.is_empty()).then_some((name, value))
}

/// A value without the quotes around it.
fn unquoted(value: &[u8]) -> &[u8] {
    match value.trim_ascii_end() {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> Option<OsString> {
        match name {
            "DISPLAY" => Some(":0".into()),
            "QUOTED" => Some("\"q\" ${DISPLAY}".into()),
            "LATIN" => Some(OsString::from_vec(b"caf\xe9".to_vec())),
            _ => None,
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = parse_environment(text.as_bytes(), &host).expect("an environment");
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_assignments() {
        check("A=b\nC=d=e\n", &[("A", "b"), ("C", "d=e")]);
        check("  A=b \r\n\n# B=c\n\t#\nD=", &[("A", "b "), ("D", "")]);
        check("A=1\nA=2", &[("A", "1"), ("A", "2")]);
        check("export A=b\n=c\n1A=b\nA-B=c\nA\nA =b", &[]);
        check("ENROOT_X=1\nBENCHRUN_X=1\nENROOTX=1", &[("ENROOTX", "1")]);
    }

    #[test]
    fn values_are_substituted_and_unquoted_but_never_run() {
        check("D=${DISPLAY}.1", &[("D", ":0.1")]);
        check(
            "DISPLAY=:9\nD=${DISPLAY}",
            &[("DISPLAY", ":9"), ("D", ":0")],
        );
        check("A=a\nB=${A}${UNSET}b", &[("A", "a"), ("B", "ab")]);
        check("A=$DISPLAY `x` $(y) \\n", &[("A", "$DISPLAY `x` $(y) \\n")]);
        check(
            "A=\"b c\" \nB='d'\nC='e\"",
            &[("A", "b c"), ("B", "d"), ("C", "'e\"")],
        );
        check("A=\"\nB=\"a\" b", &[("A", "\""), ("B", "\"a\" b")]);
        check("A=${QUOTED}", &[("A", "\"q\" ${DISPLAY}")]);
        let latin = parse_environment(b"A=${LATIN}\xff", &host).expect("an environment");
        assert_eq!(latin[0].1.clone().into_vec(), b"caf\xe9\xff");
    }

    #[test]
    fn zero_bytes_are_refused() {
        let error = parse_environment(b"A=b\nB=\0", &host).expect_err("a zero byte");
        assert_eq!(error.to_string(), "line 2: it holds a zero byte");
    }

    #[test]
    fn an_argument_sets_or_passes_on() {
        #[track_caller]
        fn check(argument: &str, expected: Option<(&str, &str)>) {
            let expected = expected.map(|(name, value)| (name.to_owned(), value.into()));
            assert_eq!(parse_env_argument(argument.as_bytes(), &host), Ok(expected));
        }
        check("A=b c", Some(("A", "b c")));
        check("A=", Some(("A", "")));
        check("A=\"${DISPLAY}\"=", Some(("A", "\"${DISPLAY}\"=")));
        check("DISPLAY", Some(("DISPLAY", ":0")));
        check("UNSET", None);
        for argument in ["", "=a", "1A=b", "A-B", "A B=c"] {
            let error = parse_env_argument(argument.as_bytes(), &host).expect_err(argument);
            assert!(matches!(error.reason(), Reason::Name(_)), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_environment_is_read_back(
            variables in prop::collection::vec(("[A-Z][A-Z0-9_]{0,4}", "[^\0\r\n$]{0,8}"), 0..5)
        ) {
            let variables: Vec<_> = variables.into_iter().map(|(n, v)| (n, OsString::from(v))).collect();
            let text = print_environment(&variables);
            prop_assert_eq!(parse_environment(&text, &host), Ok(variables));
        }

        #[test]
        fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse_environment(&text, &host);
            let _ = parse_env_argument(&text, &host);
        }
    }
}
