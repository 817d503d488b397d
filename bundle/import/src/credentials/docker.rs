//! Docker's `config.json` and the `auth.json` of Podman and Skopeo. Pure.

use std::collections::BTreeMap;

use ct_codecs::{Base64, Base64NoPadding, Decoder};
use serde::Deserialize;

use super::Login;
use crate::reference::DOCKER_REGISTRY;

/// What `docker login` calls its own registry.
const DOCKER_SERVER: &str = "https://index.docker.io/v1/";

/// Such a file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DockerFile {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(rename = "auth")]
    encoded: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What such a file says about a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This. None if an entry is there that says nothing.
    Login(Option<Login>),
    /// That a program knows.
    Helper {
        /// What follows `docker-credential-` in its name.
        program: String,
        /// What it knows the registry as.
        server: String,
    },
}

/// # Errors
/// Says what is wrong with it, without showing any of it.
pub(super) fn parse(text: &str) -> Result<DockerFile, String> {
    if text.trim().is_empty() {
        return Ok(DockerFile::default());
    }
    serde_json::from_str(text).map_err(|error| {
        // The parser's own words quote what it has found, which may be a secret.
        format!("it is not as expected in line {}", error.line())
    })
}

/// What the file says about an image: a helper for its registry counts most, then an entry, the longest name first, then the helper
/// for all registries.
pub(super) fn find(file: &DockerFile, registry: &str, repository: &str) -> Option<Found> {
    let is_dockers = registry == DOCKER_REGISTRY;
    let names: &[&str] = if is_dockers {
        &["docker.io", "index.docker.io", DOCKER_REGISTRY]
    } else {
        &[registry]
    };
    let server = if is_dockers { DOCKER_SERVER } else { registry };
    let helper = |program: &String| Found::Helper {
        program: program.clone(),
        server: server.to_owned(),
    };
    let own_helper = std::iter::once(&server)
        .chain(names)
        .find_map(|name| file.cred_helpers.get(*name));
    if let Some(program) = own_helper.filter(|program| !program.is_empty()) {
        return Some(helper(program));
    }
    let entry = names
        .iter()
        .flat_map(|name| prefixes(name, repository))
        .find_map(|wanted| {
            let is_wanted = |(name, _): &(&String, &Auth)| host_and_path(name) == wanted;
            file.auths.iter().find(is_wanted)
        });
    let login = entry.and_then(|(_, auth)| login(auth));
    if login.is_some() {
        return Some(Found::Login(login));
    }
    match &file.creds_store {
        Some(program) if !program.is_empty() => Some(helper(program)),
        _ => entry.map(|_| Found::Login(None)),
    }
}

/// `r/a/b`, `r/a`, `r` for the image `a/b` of the registry `r`.
fn prefixes(registry: &str, repository: &str) -> Vec<String> {
    let mut name = format!("{registry}/{repository}");
    let mut names = vec![name.clone()];
    while name.len() > registry.len() {
        name.truncate(name.rfind('/').unwrap_or_default());
        names.push(name.clone());
    }
    names
}

/// Old versions of Docker wrote whole URLs.
fn host_and_path(name: &str) -> String {
    let name = name
        .strip_prefix("https://")
        .or_else(|| name.strip_prefix("http://"))
        .unwrap_or(name);
    let name = name.trim_end_matches('/');
    let name = name
        .strip_suffix("/v1")
        .or_else(|| name.strip_suffix("/v2"))
        .unwrap_or(name);
    name.to_owned()
}

fn login(auth: &Auth) -> Option<Login> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&auth.identitytoken) {
        return Some(Login::IdentityToken(token));
    }
    if let Some(encoded) = given(&auth.encoded) {
        return decode(&encoded);
    }
    Some(Login::Password {
        user: given(&auth.username)?,
        password: given(&auth.password)?,
    })
}

/// `USER:PASSWORD` in base64; Docker's own files end with zeros sometimes.
fn decode(encoded: &str) -> Option<Login> {
    let encoded = encoded.trim();
    let bytes = Base64::decode_to_vec(encoded, None)
        .or_else(|_| Base64NoPadding::decode_to_vec(encoded, None))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.trim_end_matches('\0').split_once(':')?;
    let (user, password) = (user.to_owned(), password.to_owned());
    // What Docker calls the user of an identity token.
    if user == "<token>" {
        return Some(Login::IdentityToken(password));
    }
    Some(Login::Password { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, registry: &str, repository: &str) -> String {
        let file = match parse(text) {
            Ok(file) => file,
            Err(reason) => return reason,
        };
        match find(&file, registry, repository) {
            None => "nothing".to_owned(),
            Some(Found::Login(None)) => "no login".to_owned(),
            Some(Found::Login(Some(Login::Password { user, password }))) => {
                format!("{user} {password}")
            }
            Some(Found::Login(Some(Login::IdentityToken(token)))) => format!("token {token}"),
            Some(Found::Helper { program, server }) => format!("{program} for {server}"),
        }
    }

    #[test]
    fn what_docker_and_podman_write() {
        // bWU6c2VjcmV0 is me:secret, eW91OjE6Mg== is you:1:2.
        let text = r#"{
            "auths": {
                "https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"},
                "r.example": {"auth": "bWU6c2VjcmV0"},
                "r.example/team": {"auth": "eW91OjE6Mg=="},
                "http://old.example/v2/": {"username": "a", "password": "b"},
                "token.example": {"auth": "bWU6c2VjcmV0", "identitytoken": "t"},
                "empty.example": {},
                "broken.example": {"auth": "%%%"}
            },
            "credHelpers": {"aws.example": "ecr-login"},
            "HttpHeaders": {"X": "y"}
        }"#;
        let check = |registry: &str, repository: &str, expected: &str| {
            assert_eq!(
                shown(text, registry, repository),
                expected,
                "{registry}/{repository}"
            );
        };
        check(DOCKER_REGISTRY, "library/alpine", "me secret");
        check("r.example", "a", "me secret");
        check("r.example", "team/a", "you 1:2");
        check("r.example", "teams/a", "me secret");
        check("r.example:5000", "a", "nothing");
        check("old.example", "a", "a b");
        check("token.example", "a", "token t");
        check("empty.example", "a", "no login");
        check("broken.example", "a", "no login");
        check("aws.example", "a", "ecr-login for aws.example");
        check("other.example", "a", "nothing");
    }

    #[test]
    fn one_helper_for_all() {
        let text = r#"{"credsStore": "secretservice", "auths": {"r.example": {}, "s.example": {"auth": "bWU6c2VjcmV0"}}}"#;
        assert_eq!(shown(text, "r.example", "a"), "secretservice for r.example");
        assert_eq!(shown(text, "s.example", "a"), "me secret");
        assert_eq!(
            shown(text, DOCKER_REGISTRY, "library/a"),
            format!("secretservice for {DOCKER_SERVER}")
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_secrets() {
        assert_eq!(shown("", "r", "a"), "nothing");
        let reason = shown("{\"auths\":\n \"secret\"}", "r", "a");
        assert_eq!(reason, "it is not as expected in line 2");
    }
}
