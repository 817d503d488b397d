//! Enroot's `.credentials`: netrc's form, `machine HOST login USER password SECRET`. Pure.

use crate::settings::Variables;

/// The user and the password for a registry, the first of that user if one is asked for.
///
/// A password that begins with `$` stands for the variable of that name. Enroot also runs commands that stand there; here that is
/// refused.
///
/// # Errors
/// If the entry has no password, or one that is a command or an unset variable.
pub(super) fn find(
    text: &str,
    registry: &str,
    user: Option<&str>,
    variables: Variables<'_>,
) -> Result<Option<(String, String)>, String> {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let is_asked_for = |entry: &Entry<'_>| {
        (entry.machine == registry || entry.machine == host)
            && user.is_none_or(|user| entry.login == Some(user))
    };
    let Some(entry) = entries(text).into_iter().find(is_asked_for) else {
        return Ok(None);
    };
    let Some(login) = entry.login else {
        return Ok(None);
    };
    let failed = |reason: &str| format!("the entry for '{}' {reason}", entry.machine);
    let password = entry.password.ok_or_else(|| failed("has no password"))?;
    let password = match password.strip_prefix('$') {
        None => password.to_owned(),
        Some(name) => {
            let name = match name.strip_prefix('{') {
                Some(name) => name.strip_suffix('}').unwrap_or_default(),
                None => name,
            };
            let is_name = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                return Err(failed(
                    "has a command as its password, which is not run (put its output into a variable and name that: $NAME)",
                ));
            }
            variables(name).ok_or_else(|| failed(&format!("names ${name}, which is not set")))?
        }
    };
    Ok(Some((login.to_owned(), password)))
}

#[derive(Default)]
struct Entry<'a> {
    machine: &'a str,
    login: Option<&'a str>,
    password: Option<&'a str>,
}

/// Words that netrc does not know are passed over, and so is all behind a `#` that begins a word where a keyword could be.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word.starts_with('#') {
                break;
            }
            let last = entries.last_mut();
            match (word, last) {
                ("machine", _) => entries.extend(words.next().map(|machine| Entry {
                    machine,
                    ..Entry::default()
                })),
                ("login", Some(entry)) => entry.login = words.next(),
                // A command has spaces in it; what is shown of it is not more than its first word.
                ("password", Some(entry)) => {
                    entry.password = words.next();
                    if entry.password.is_some_and(|word| word.starts_with("$(")) {
                        break;
                    }
                }
                ("account", Some(_)) => {
                    words.next();
                }
                _ => {}
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enroots_examples() {
        let text = "# NVIDIA GPU Cloud\n\
             machine nvcr.io login $oauthtoken password secret-1\n\
             machine registry-1.docker.io login me password $HUB\n\
             machine registry-1.docker.io login you\n  password ${YOURS}\n\
             machine with.port:5000 login port password 'p'\n\
             machine gcr.example login oauth2accesstoken password $(gcloud auth print-access-token)\n\
             machine unset.example login me password $NOWHERE\n\
             machine half.example login me\n\
             machine nobody.example password x # nobody\n\
             machine strange.example account a macdef b login c password d#e\n";
        let variables = |name: &str| match name {
            "HUB" => Some("secret 2".to_owned()),
            "YOURS" => Some("secret-3".to_owned()),
            _ => None,
        };
        let check = |registry: &str, user: Option<&str>, expected: &str| {
            let shown = match find(text, registry, user, &variables) {
                Ok(None) => "none".to_owned(),
                Ok(Some((user, password))) => format!("{user} {password}"),
                Err(reason) => reason,
            };
            assert!(shown.contains(expected), "{registry} {user:?}: {shown}");
        };
        check("nvcr.io", None, "$oauthtoken secret-1");
        check("nvcr.io:443", Some("$oauthtoken"), "$oauthtoken secret-1");
        check("nvcr.io", Some("me"), "none");
        check("registry-1.docker.io", None, "me secret 2");
        check("registry-1.docker.io", Some("you"), "you secret-3");
        check("with.port:5000", None, "port 'p'");
        check("with.port:5001", None, "none");
        check(
            "gcr.example",
            None,
            "a command as its password, which is not run",
        );
        check("unset.example", None, "names $NOWHERE, which is not set");
        check("half.example", None, "has no password");
        check("nobody.example", None, "none");
        check("strange.example", None, "c d#e");
        check("evil-nvcr.io", None, "none");
    }
}
