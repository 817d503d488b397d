//! Which proxy a request goes through: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl and Go understand them. Pure.

use std::net::IpAddr;

use crate::settings::Variables;

/// The variable that names the proxy for a scheme, and its value. An upper-case `HTTP_PROXY` is not read, as curl does not:
/// a web server sets it for its programs to what a client sent.
pub(crate) fn proxy_for(scheme: &str, variables: Variables<'_>) -> Option<(&'static str, String)> {
    let names: &[&'static str] = match scheme {
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    names.iter().find_map(|name| {
        let value = variables(name).filter(|value| !value.is_empty())?;
        Some((*name, value))
    })
}

/// Whether a host is reached without a proxy: this host always, and those that `NO_PROXY` lists.
pub(crate) fn is_direct(host: &str, no_proxy: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy
        .split([',', ' '])
        .filter(|entry| !entry.is_empty())
        .any(|entry| is_listed(&host, address, entry))
}

fn is_listed(host: &str, address: Option<IpAddr>, entry: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some(address) = address {
        return match entry.split_once('/') {
            Some((network, bits)) => is_in_network(address, network, bits),
            None => entry.trim_matches(['[', ']']).parse() == Ok(address),
        };
    }
    let entry = entry.trim_start_matches("*.").trim_start_matches('.');
    let entry = entry
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    !entry.is_empty()
        && host
            .strip_suffix(&entry)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let is_same = |one: u128, other: u128, width: u32| {
        bits <= width && (bits == 0 || (one ^ other) >> (width - bits) == 0)
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            is_same(one.to_bits().into(), other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => is_same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_reached_directly() {
        let check = |host: &str, no_proxy: &str, expected: bool| {
            assert_eq!(is_direct(host, no_proxy), expected, "{host} '{no_proxy}'");
        };
        check("r.example", "", false);
        check("localhost", "", true);
        check("127.0.0.2", "", true);
        check("[::1]", "", true);
        check("r.example", "*", true);
        check("r.example", "x.example, example", true);
        check("r.example", ".example", true);
        check("r.example", "*.example", true);
        check("R.Example", "r.eXample", true);
        check("r.example", "r.example:5000", true);
        check("r.example", "ample", false);
        check("r.example.org", "example", false);
        check("10.1.2.3", "10.0.0.0/8", true);
        check("11.1.2.3", "10.0.0.0/8", false);
        check("10.1.2.3", "10.1.2.3", true);
        check("10.1.2.3", "0.0.0.0/0", true);
        check("10.1.2.3", "10.1.2.3/33,x/8,/", false);
        check("[fd00::1]", "fd00::/8", true);
        check("[fe00::1]", "fd00::/8", false);
    }

    #[test]
    fn the_scheme_chooses() {
        let set = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://p:1".to_owned()),
            "HTTP_PROXY" => Some("http://p:2".to_owned()),
            "ALL_PROXY" => Some("http://p:3".to_owned()),
            _ => None,
        };
        assert_eq!(
            proxy_for("https", &set),
            Some(("HTTPS_PROXY", "http://p:1".to_owned()))
        );
        assert_eq!(
            proxy_for("http", &set),
            Some(("ALL_PROXY", "http://p:3".to_owned()))
        );
        assert_eq!(proxy_for("https", &|_| None), None);
    }
}
