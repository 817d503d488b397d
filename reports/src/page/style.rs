//! The page's style, script, and the policy that lets these two in and nothing else.

use std::fmt::Write;

use ct_codecs::{Base64, Encoder};
use sha2::{Digest, Sha256};

use crate::plot::dark::DARK;

/// How the page looks, but for the colours of its pictures in the dark.
const STYLE: &str = include_str!("../../templates/page.css");

/// What makes it sort, filter and tell values. Without it everything is there all the same.
pub(super) const SCRIPT: &str = include_str!("../../templates/page.js");

/// The style sheet: pictures are drawn in the colours of light pages, each of which stands for another one on dark pages.
pub(super) fn style() -> String {
    let mut style = STYLE.to_owned();
    style.push_str("@media screen and (prefers-color-scheme: dark) {\n");
    for (light, dark) in DARK {
        let [light, dark] =
            [light, dark].map(|it| format!("#{:02X}{:02X}{:02X}", it.0, it.1, it.2));
        let _ = writeln!(
            style,
            "svg.plot [fill=\"{light}\"] {{ fill: {dark}; }}\nsvg.plot [stroke=\"{light}\"] {{ stroke: {dark}; }}"
        );
    }
    style.push_str("}\n");
    style
}

/// The content security policy: this style, this script, pictures from the page itself; nothing from anywhere else.
pub(super) fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        digest(style),
        digest(script)
    )
}

/// The name of a text in a policy.
fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    // Only a length beyond memory fails.
    format!(
        "sha256-{}",
        Base64::encode_to_string(digest).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // The example of the CSP specification.
        assert_eq!(
            digest("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn the_script_is_small_and_asks_for_nothing() {
        assert!(SCRIPT.len() < 8192, "{}", SCRIPT.len());
        for word in ["http", "fetch", "XMLHttp", "innerHTML", "eval(", "</"] {
            assert!(!SCRIPT.contains(word), "{word}");
            assert!(!style().contains("http") && !style().contains("</"));
        }
    }
}
