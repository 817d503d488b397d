//! The header `WWW-Authenticate`: how a server wants to be asked. Pure.

/// One way that the server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// With a token that another server gives.
    Bearer {
        /// The token server's URL.
        realm: String,
        /// What the token is for.
        service: Option<String>,
        /// What it must allow.
        scope: Option<String>,
    },
    /// With user and password.
    Basic,
    /// With something that is not known here.
    Other(String),
}

/// More parameters than this have no meaning.
const PARAMETERS_MAX: usize = 64;

/// The challenges in the headers of that name, in their order. What is no challenge is left out.
pub(crate) fn parse_challenges<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    headers.flat_map(parse_header).collect()
}

/// A header holds several challenges, and each of them several parameters; both are separated by commas (RFC 9110, 11.6.1).
fn parse_header(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = split_word(rest);
        if word.is_empty() {
            break;
        }
        let after_blank = after.trim_start_matches([' ', '\t']);
        if let Some(value) = after_blank.strip_prefix('=') {
            let (value, after_value) = split_value(value.trim_start_matches([' ', '\t']));
            if let Some((_, parameters)) = challenges.last_mut()
                && parameters.len() < PARAMETERS_MAX
            {
                parameters.push((word.to_ascii_lowercase(), value));
            }
            rest = after_value;
        } else {
            challenges.push((word.to_owned(), Vec::new()));
            rest = after;
        }
    }
    challenges.into_iter().filter_map(challenge).collect()
}

fn challenge((scheme, parameters): (String, Vec<(String, String)>)) -> Option<Challenge> {
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.clone())
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(Challenge::Bearer {
            realm: parameter("realm")?,
            service: parameter("service"),
            scope: parameter("scope"),
        }),
        "basic" => Some(Challenge::Basic),
        _ => Some(Challenge::Other(scheme)),
    }
}

/// RFC 9110's token, and after it the rest.
fn split_word(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

/// A value with or without quotation marks, and after it the rest.
fn split_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn what_servers_send() {
        let check = |header: &str, expected: &[Challenge]| {
            assert_eq!(parse_challenges([header].into_iter()), expected, "{header}");
        };
        let hub = "https://auth.docker.io/token";
        check(
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
             scope=\"repository:library/alpine:pull\"",
            &[bearer(
                hub,
                Some("registry.docker.io"),
                Some("repository:library/alpine:pull"),
            )],
        );
        // The scope's comma separates nothing.
        check(
            "bearer scope=\"repository:a:pull,push\" , REALM = \"https://auth.docker.io/token\"",
            &[bearer(hub, None, Some("repository:a:pull,push"))],
        );
        check("Basic realm=\"Registry\"", &[Challenge::Basic]);
        check(
            "Negotiate, Basic realm=x, Bearer realm=https://auth.docker.io/token,error=\"x\"",
            &[
                Challenge::Other("Negotiate".to_owned()),
                Challenge::Basic,
                bearer(hub, None, None),
            ],
        );
        check(
            "Bearer realm=\"a \\\"quoted\\\" \\\\ word\"",
            &[bearer("a \"quoted\" \\ word", None, None)],
        );
        check("Bearer service=\"without a realm\"", &[]);
        check(
            "Bearer realm=\"without an end",
            &[bearer("without an end", None, None)],
        );
        check("", &[]);
        check("=,=\"", &[]);
    }

    proptest! {
        #[test]
        fn anything_is_understood_or_left_out(header in "\\PC*") {
            let _ = parse_challenges([header.as_str()].into_iter());
        }

        #[test]
        fn quoting_is_undone(value in "[ -~]*") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{quoted}\", service=x");
            prop_assert_eq!(
                parse_challenges([header.as_str()].into_iter()),
                vec![bearer(&value, Some("x"), None)]
            );
        }
    }
}
