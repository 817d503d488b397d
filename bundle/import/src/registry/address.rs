//! URLs, as far as registries need them. Pure.

use std::fmt::Write;

use ureq::http::Uri;

use super::error::RegistryError;

/// An absolute URL of the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(Uri);

impl Address {
    /// # Errors
    /// If it is no URL of the web, or has a user in it, which would be a secret where none belongs.
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        let failed = |reason| RegistryError::Address {
            place: without_secrets(text).escape_default().to_string(),
            reason,
        };
        let uri: Uri = text.parse().map_err(|_| failed("it is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(failed("it begins neither with https:// nor with http://"));
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                Err(failed("it has a user in it"))
            }
            Some(authority) if authority.host().is_empty() => Err(failed("it has no host")),
            Some(_) => Ok(Self(uri)),
            None => Err(failed("it has no host")),
        }
    }

    /// Where this address redirects to. A fragment has no meaning to a server and is left out.
    pub(crate) fn join(&self, location: &str) -> Result<Self, RegistryError> {
        let location = location.split('#').next().unwrap_or_default();
        if location.contains("://") && !location.starts_with('/') {
            return Self::parse(location);
        }
        let scheme = self.scheme();
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let authority = self.authority();
        if location.starts_with('/') {
            return Self::parse(&format!("{scheme}://{authority}{location}"));
        }
        if let Some(query) = location.strip_prefix('?') {
            let path = self.0.path();
            return Self::parse(&format!("{scheme}://{authority}{path}?{query}"));
        }
        let directory = self.0.path().rsplit_once('/').map_or("", |(path, _)| path);
        Self::parse(&format!("{scheme}://{authority}{directory}/{location}"))
    }

    /// The same with these parameters.
    pub(crate) fn with_query(&self, parameters: &[(&str, &str)]) -> Result<Self, RegistryError> {
        let mut text = self.0.to_string();
        let mut separator = if text.contains('?') { '&' } else { '?' };
        for (name, value) in parameters {
            let _ = write!(text, "{separator}{name}={}", percent_encoded(value));
            separator = '&';
        }
        Self::parse(&text)
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    /// Whether it is private and unaltered on its way.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// The host, without a port.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    fn authority(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// Whether both are the same server: who may see a secret of one may see it of the other.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        let port = |address: &Self| {
            let usual = if address.is_https() { 443 } else { 80 };
            address.0.port_u16().unwrap_or(usual)
        };
        self.scheme() == other.scheme()
            && self.host().eq_ignore_ascii_case(other.host())
            && port(self) == port(other)
    }

    /// For messages: without the query, which may hold a signature that lets everybody in.
    pub(crate) fn place(&self) -> String {
        without_query(&self.0.to_string()).to_owned()
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }
}

fn without_query(text: &str) -> &str {
    text.split('?').next().unwrap_or_default()
}

/// Without what may let somebody in: the query, and a user before the host.
fn without_secrets(text: &str) -> String {
    let text = without_query(text);
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        _ => text.to_owned(),
    }
}

/// Everything but letters, digits and `-._~` in hexadecimal (RFC 3986, 2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn where_a_redirection_leads() {
        let check = |location: &str, expected: &str| {
            let from = Address::parse("https://r.example:5000/v2/a/blobs/x?q=1").unwrap();
            let found = from.join(location).map(|address| address.uri().to_string());
            assert_eq!(found.unwrap_or_else(|error| error.to_string()), expected);
        };
        check(
            "https://cdn.example/x?sig=1#part",
            "https://cdn.example/x?sig=1",
        );
        check("HTTPS://cdn.example/x", "https://cdn.example/x");
        check("//cdn.example/x", "https://cdn.example/x");
        check("/x?next=http://y", "https://r.example:5000/x?next=http://y");
        check("y", "https://r.example:5000/v2/a/blobs/y");
        check("?z=1", "https://r.example:5000/v2/a/blobs/x?z=1");
        check(
            "ftp://cdn.example/x",
            "cannot use the address 'ftp://cdn.example/x': it begins neither with https:// nor with http://",
        );
        check(
            "https://user:secret@cdn.example/x",
            "cannot use the address 'https://cdn.example/x': it has a user in it",
        );
        check(
            "https:///x",
            "cannot use the address 'https:///x': it is no URL",
        );
        check(
            "https://a b/x?y",
            "cannot use the address 'https://a b/x': it is no URL",
        );
    }

    #[test]
    fn who_is_who() {
        let check = |one: &str, other: &str, expected: bool| {
            let parse = |text| Address::parse(text).unwrap();
            assert_eq!(
                parse(one).is_same_server(&parse(other)),
                expected,
                "{one} {other}"
            );
        };
        check("https://a/x", "https://A:443/y", true);
        check("https://a/x", "http://a/x", false);
        check("http://a:80", "http://a", true);
        check("https://a", "https://a:444", false);
        check("https://a", "https://a.b", false);
        check("http://[::1]:1/x", "http://[::1]:1", true);
    }

    #[test]
    fn queries() {
        let address = Address::parse("https://a/token?x=1").unwrap();
        let asked = address
            .with_query(&[("scope", "repository:a/b:pull"), ("s", "ü &")])
            .unwrap();
        assert_eq!(
            asked.uri().to_string(),
            "https://a/token?x=1&scope=repository%3Aa%2Fb%3Apull&s=%C3%BC%20%26"
        );
        assert_eq!(asked.place(), "https://a/token");
    }

    proptest! {
        #[test]
        fn anything_is_understood_or_refused(location in "\\PC*") {
            let _ = Address::parse("https://a/b").unwrap().join(&location);
        }
    }
}
