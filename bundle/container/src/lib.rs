//! What steers a container, read from text: `/etc/fstab`, `/etc/environment`, the user databases, and our configuration.
//! Pure: nothing here opens a file or changes the system.
//!
//! Texts are bytes and values are `OsString`: paths and variables need not be UTF-8. Names of variables and settings are.

pub mod configuration;
pub mod environment;
mod error;
pub mod flags;
pub mod fstab;
#[cfg(test)]
mod fstab_printer;
pub mod passwd;
mod script;
pub mod settings;
mod substitute;

pub use configuration::{ConfigurationFile, Origin, Settings, Value};
pub use environment::{parse_env_argument, parse_environment};
pub use error::{ParseError, Reason};
pub use fstab::{Create, Mount, parse_fstab, parse_mount};
pub use script::{Script, parse_script};

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Tells the value of a variable of the host, such as `std::env::var_os` does.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Replaces every `${NAME}` by the value of the variable, or by nothing where it has none.
pub fn substitute(text: &str, variable: Variables) -> OsString {
    os_string(&substitute::braced(text.as_bytes(), variable))
}

fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

fn bytes(text: &OsStr) -> &[u8] {
    text.as_bytes()
}

/// The lines of a text with their numbers, from 1.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// The name at the head of a text: letters, digits and `_`, not beginning with a digit. Empty if there is none.
fn leading_name(text: &[u8]) -> &str {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let length = match text.first() {
        Some(first) if !first.is_ascii_digit() => text
            .iter()
            .position(|&byte| !is_name_byte(byte))
            .unwrap_or(text.len()),
        _ => 0,
    };
    std::str::from_utf8(&text[..length]).unwrap_or_default()
}
