//! What `docker://`, `dockerd://` and `podman://` name. Pure.

use crate::digest::Sha256;

/// Docker's own registry, and the one of an image that names none.
pub const DOCKER_REGISTRY: &str = "registry-1.docker.io";

/// Where images of Docker's registry are that name no owner.
const DOCKER_OWNER: &str = "library/";

/// A tag that names none.
const LATEST: &str = "latest";

/// The longest repository name that a registry must take, and the longest tag.
const REPOSITORY_SIZE_BYTES_MAX: usize = 255;
const TAG_SIZE_BYTES_MAX: usize = 128;

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As whom to log in.
    pub user: Option<String>,
    /// The registry's host, with a port if it is not the usual one.
    pub registry: String,
    /// The image's name there, such as `library/alpine`.
    pub repository: String,
    /// Which of its versions.
    pub version: Version,
}

/// Which version of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// What bears this tag now.
    Tag(String),
    /// The one with this digest, such as `sha256:…`.
    Digest(String),
}

impl Version {
    /// The tag or the digest.
    pub fn as_str(&self) -> &str {
        match self {
            Version::Tag(text) | Version::Digest(text) => text,
        }
    }
}

/// An image that an engine on this host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// Who has it.
    pub engine: Engine,
    /// What it is called there.
    pub image: String,
}

/// Who keeps images on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker's daemon.
    Docker,
    /// Podman, without a daemon.
    Podman,
}

/// Why a text names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use '{uri}': {reason}")]
pub struct ReferenceError {
    uri: String,
    reason: String,
}

/// What `docker://[USER@][REGISTRY#]IMAGE[:TAG][@DIGEST]` names; Docker's own form `docker://REGISTRY/IMAGE` is understood, too.
///
/// The part before the first slash is a registry in Docker's form if it has a dot or a colon, or is `localhost`. A digest
/// outweighs a tag.
///
/// # Errors
/// Says which part is not as it must be.
pub fn parse_reference(uri: &str) -> Result<Reference, ReferenceError> {
    let failed = |reason: String| ReferenceError {
        uri: uri.escape_default().to_string(),
        reason,
    };
    let rest = uri
        .strip_prefix("docker://")
        .ok_or_else(|| failed("it does not begin with docker://".to_owned()))?;
    let (rest, digest) = split_digest(rest).map_err(failed)?;
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let (registry, rest) = split_registry(rest);
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    check_user(user).map_err(failed)?;
    check_registry(registry).map_err(failed)?;
    check_repository(repository).map_err(failed)?;
    check_tag(tag).map_err(failed)?;

    let registry = match registry.unwrap_or(DOCKER_REGISTRY) {
        "docker.io" | "index.docker.io" => DOCKER_REGISTRY,
        registry => registry,
    };
    let owner = if registry == DOCKER_REGISTRY && !repository.contains('/') {
        DOCKER_OWNER
    } else {
        ""
    };
    Ok(Reference {
        user: user.map(str::to_owned),
        registry: registry.to_owned(),
        repository: format!("{owner}{repository}"),
        version: digest.map_or_else(
            || Version::Tag(tag.unwrap_or(LATEST).to_owned()),
            |digest| Version::Digest(digest.to_owned()),
        ),
    })
}

/// What `dockerd://IMAGE` or `podman://IMAGE` names.
///
/// # Errors
/// If it names nothing, or has characters that no image's name has.
pub fn parse_engine_image(uri: &str) -> Result<EngineImage, ReferenceError> {
    let failed = |reason: &str| ReferenceError {
        uri: uri.escape_default().to_string(),
        reason: reason.to_owned(),
    };
    let (engine, image) = match uri.split_once("://") {
        Some(("dockerd", image)) => (Engine::Docker, image),
        Some(("podman", image)) => (Engine::Podman, image),
        _ => return Err(failed("it does not begin with dockerd:// or podman://")),
    };
    let is_in_names = |c: char| c.is_ascii_alphanumeric() || "/._:@-".contains(c);
    if !image.starts_with(|c: char| c.is_ascii_alphanumeric()) || !image.chars().all(is_in_names) {
        return Err(failed(
            "expected an image's name after :// (such as dockerd://alpine:3)",
        ));
    }
    Ok(EngineImage {
        engine,
        image: image.to_owned(),
    })
}

impl Reference {
    /// What a file made from the image is called unless its user says otherwise: Enroot's rule, such as `alpine+3.sqsh`.
    pub fn file_name(&self) -> String {
        let name = match self.repository.strip_prefix(DOCKER_OWNER) {
            Some(name) if self.registry == DOCKER_REGISTRY => name,
            _ => &self.repository,
        };
        format!("{}+{}.sqsh", name.replace('/', "+"), self.version.as_str())
    }
}

impl EngineImage {
    /// What a file made from the image is called unless its user says otherwise: Enroot's rule, such as `alpine+3.sqsh`.
    pub fn file_name(&self) -> String {
        format!("{}.sqsh", self.image.replace(['/', ':'], "+"))
    }
}

/// A user may contain an at sign, so a digest is told by what follows it.
fn split_digest(text: &str) -> Result<(&str, Option<&str>), String> {
    let Some((rest, digest)) = text.rsplit_once('@') else {
        return Ok((text, None));
    };
    match digest.split_once(':') {
        Some(("sha256", _)) if Sha256::parse(digest).is_some() => Ok((rest, Some(digest))),
        Some(("sha256", _)) => Err("a sha256 digest has 64 digits 0-9a-f".to_owned()),
        Some((algorithm @ ("sha512" | "sha384"), hex)) if is_hex(hex) => Err(format!(
            "{algorithm} digests are not supported (use the image's sha256)"
        )),
        _ => Ok((text, None)),
    }
}

fn is_hex(text: &str) -> bool {
    text.len() >= 96 && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn split_registry(text: &str) -> (Option<&str>, &str) {
    if let Some((registry, image)) = text.split_once('#') {
        return (Some(registry), image);
    }
    match text.split_once('/') {
        Some((first, image)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), image)
        }
        _ => (None, text),
    }
}

fn check_user(user: Option<&str>) -> Result<(), String> {
    match user {
        Some("") => Err("the user before @ is empty".to_owned()),
        // A colon would end the user where it is sent; a password does not belong where everybody sees it.
        Some(user) if user.contains(|c: char| c == ':' || c.is_control() || c.is_whitespace()) => {
            Err(
                "a user has no colon, space or control character (a password goes into $BENCHRUN_PASSWORD or a file)"
                    .to_owned(),
            )
        }
        _ => Ok(()),
    }
}

fn check_registry(registry: Option<&str>) -> Result<(), String> {
    let Some(registry) = registry else {
        return Ok(());
    };
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let is_label = |label: &str| {
        let is_in_names = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && !label.starts_with('-') && label.chars().all(is_in_names)
    };
    let is_port = |port: &str| {
        port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    if !is_address && !host.split('.').all(is_label) {
        return Err(format!("'{}' is no host's name", host.escape_default()));
    }
    match port {
        Some(port) if !is_port(port) => Err(format!("'{}' is no port", port.escape_default())),
        _ => Ok(()),
    }
}

fn check_repository(repository: &str) -> Result<(), String> {
    if repository.is_empty() {
        return Err("it names no image".to_owned());
    }
    if repository.len() > REPOSITORY_SIZE_BYTES_MAX {
        return Err(format!(
            "the image's name is longer than {REPOSITORY_SIZE_BYTES_MAX} bytes"
        ));
    }
    if repository.contains(|c: char| c.is_ascii_uppercase()) {
        return Err(format!(
            "the image's name '{}' has upper-case letters, which no registry has",
            repository.escape_default()
        ));
    }
    if repository.split('/').all(is_component) {
        return Ok(());
    }
    Err(format!(
        "'{}' is no image's name (parts of a-z and 0-9, joined by '.', '_' or '-', between slashes)",
        repository.escape_default()
    ))
}

/// Begins and ends with a letter or digit; between them may be one dot, one or two underscores, or hyphens.
fn is_component(part: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = part.split(is_alphanumeric).filter(|text| !text.is_empty());
    part.starts_with(is_alphanumeric)
        && part.ends_with(is_alphanumeric)
        && separators.all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.chars().all(|c| c == '-')
        })
}

fn check_tag(tag: Option<&str>) -> Result<(), String> {
    let Some(tag) = tag else {
        return Ok(());
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_tag = tag.starts_with(is_word)
        && tag.len() <= TAG_SIZE_BYTES_MAX
        && tag.chars().all(|c| is_word(c) || c == '.' || c == '-');
    if is_tag {
        return Ok(());
    }
    Err(format!(
        "'{}' is no tag (1 to {TAG_SIZE_BYTES_MAX} of letters, digits, '_', '.', '-')",
        tag.escape_default()
    ))
}

#[cfg(test)]
mod tests;
