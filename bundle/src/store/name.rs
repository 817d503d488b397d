//! Names of sandboxes.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::text::escaped;

/// Longest name: one of a file, less what we append to it.
const SIZE_MAX_BYTES: usize = 200;

/// The name of a sandbox, which is that of its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SandboxName(OsString);

impl SandboxName {
    /// Takes a name that can be one.
    pub(crate) fn parse(name: &OsStr) -> Result<Self> {
        let bytes = name.as_bytes();
        let wrong = match bytes {
            [] => "it is empty",
            [b'.', ..] => "it begins with '.'",
            [b'-', ..] => "it begins with '-'",
            _ if bytes.contains(&b'/') => "it has a '/' (the place is set by BENCHRUN_DATA_PATH)",
            _ if bytes.iter().any(u8::is_ascii_control) => "it has control characters",
            _ if bytes.len() > SIZE_MAX_BYTES => "it has more than 200 bytes",
            _ => return Ok(Self(name.to_owned())),
        };
        let name = name.to_string_lossy();
        bail!("cannot name a sandbox '{}': {wrong}", escaped(&name))
    }

    /// The name for what is made of an image: that of its file, without the extension.
    pub(crate) fn of_image(image: &Path) -> Result<Self> {
        let name = match image.extension() {
            Some(extension) if extension == "sqsh" || extension == "run" => image.file_stem(),
            _ => image.file_name(),
        };
        Self::parse(name.unwrap_or_default()).context("the image's name does not do (use --name)")
    }

    pub(crate) fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(&self.0.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_ordinary_files() {
        for name in [
            "a",
            "np-openblas",
            "a b",
            "ä.b",
            "A+B@c#1",
            "-".repeat(0).as_str(),
        ] {
            assert_eq!(SandboxName::parse(name.as_ref()).is_ok(), !name.is_empty());
        }
        assert!(SandboxName::parse(OsStr::from_bytes(b"caf\xe9")).is_ok());
        for name in [
            "",
            ".",
            "..",
            ".x",
            "-f",
            "a/b",
            "/",
            "a\nb",
            "a\x1bb",
            &"n".repeat(201),
        ] {
            assert!(SandboxName::parse(name.as_ref()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_image_names_its_sandbox() {
        #[track_caller]
        fn check(image: &str, name: &str) {
            let found = SandboxName::of_image(image.as_ref()).expect("a name");
            assert_eq!(found.as_os_str(), name);
        }
        check("/x/ubuntu.sqsh", "ubuntu");
        check("ubuntu+20.04.sqsh", "ubuntu+20.04");
        check("ubuntu+20.04", "ubuntu+20.04");
        check("../bench.run", "bench");
        for image in ["/", "..", ".sqsh", "x/.hidden.sqsh"] {
            SandboxName::of_image(image.as_ref()).expect_err(image);
        }
    }
}
