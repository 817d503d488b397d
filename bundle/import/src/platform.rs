//! For which machines an image is.

use std::env::consts::ARCH;
use std::fmt;

/// An operating system and a processor architecture, in the OCI's names: Go's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The architecture, such as `amd64`.
    pub architecture: String,
    /// Its version, such as `v8`, where that makes a difference.
    pub variant: Option<String>,
}

/// A name that no architecture bears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no architecture (use one such as x86_64, aarch64, amd64, arm64/v8)")]
pub struct PlatformError(String);

impl Platform {
    /// This host's.
    pub fn host() -> Self {
        let (architecture, variant) = canonical(ARCH, None);
        Self {
            architecture,
            variant,
        }
    }

    /// What `uname -m` or Go calls it, such as `x86_64`, `arm64`, `arm/v7` or `linux/amd64`.
    ///
    /// # Errors
    /// If it is no name.
    pub fn parse(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError(text.escape_default().to_string());
        let name = text.strip_prefix("linux/").unwrap_or(text);
        let (architecture, variant) = match name.split_once('/') {
            Some((architecture, variant)) => (architecture, Some(variant)),
            None => (name, None),
        };
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !is_word(architecture) || !variant.is_none_or(is_word) {
            return Err(error());
        }
        let (architecture, variant) = canonical(architecture, variant);
        Ok(Self {
            architecture,
            variant,
        })
    }

    /// How well an image for that platform does here: 0 is best, none is not at all.
    pub(crate) fn distance(
        &self,
        os: &str,
        architecture: &str,
        variant: Option<&str>,
    ) -> Option<u32> {
        let (architecture, variant) = canonical(architecture, variant);
        if os != "linux" || architecture != self.architecture {
            return None;
        }
        // arm64 is v8 and amd64 is v1 where nothing is said; a processor also does what an older one did.
        let assumed = match architecture.as_str() {
            "arm64" => 8,
            "arm" => 7,
            _ => 1,
        };
        let number = |variant: &Option<String>| match variant {
            None => Some(assumed),
            Some(variant) => variant.strip_prefix('v')?.parse::<u32>().ok(),
        };
        if self.variant == variant {
            return Some(0);
        }
        number(&self.variant)?.checked_sub(number(&variant)?)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

fn canonical(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let (architecture, variant) = match (architecture, variant) {
        ("x86_64", variant) => ("amd64", variant),
        ("aarch64", variant) => ("arm64", variant),
        ("x86" | "i386" | "i586" | "i686", variant) => ("386", variant),
        ("armv7l" | "armhf", None) => ("arm", Some("v7")),
        ("armv6l" | "armel", None) => ("arm", Some("v6")),
        ("powerpc64le" | "ppc64el", variant) => ("ppc64le", variant),
        other => other,
    };
    // One way of writing each: v8 is all that there is of arm64's first, and v1 of amd64's.
    let variant = match (architecture, variant) {
        ("arm64", Some("v8" | "8")) | ("amd64", Some("v1")) => None,
        (_, variant) => variant.filter(|variant| !variant.is_empty()),
    };
    (architecture.to_owned(), variant.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enroots_names_and_gos() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                Platform::parse(text).unwrap().to_string(),
                expected,
                "{text}"
            );
        };
        check("x86_64", "linux/amd64");
        check("amd64", "linux/amd64");
        check("aarch64", "linux/arm64");
        check("arm64/v8", "linux/arm64");
        check("linux/arm64", "linux/arm64");
        check("armv7l", "linux/arm/v7");
        check("arm/v6", "linux/arm/v6");
        check("ppc64le", "linux/ppc64le");
        for text in ["", "linux/", "a b", "amd64/", "amd64/v2/x", "../x"] {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_variant_that_runs() {
        let check = |wanted: &str, offered: (&str, &str, Option<&str>), expected: Option<u32>| {
            let wanted = Platform::parse(wanted).unwrap();
            assert_eq!(
                wanted.distance(offered.0, offered.1, offered.2),
                expected,
                "{wanted} {offered:?}"
            );
        };
        check("arm64", ("linux", "arm64", Some("v8")), Some(0));
        check("arm64", ("linux", "arm64", None), Some(0));
        check("arm64/v8", ("linux", "arm64", None), Some(0));
        check("arm64", ("linux", "arm64", Some("v9")), None);
        check("arm64/v9", ("linux", "arm64", None), Some(1));
        check("amd64", ("linux", "amd64", Some("v3")), None);
        check("amd64/v3", ("linux", "amd64", None), Some(2));
        check("arm/v7", ("linux", "arm", Some("v6")), Some(1));
        check("arm/v6", ("linux", "arm", Some("v7")), None);
        check("amd64", ("windows", "amd64", None), None);
        check("amd64", ("unknown", "unknown", None), None);
        check("amd64", ("linux", "arm64", None), None);
        check("amd64", ("linux", "amd64", Some("strange")), None);
    }
}
