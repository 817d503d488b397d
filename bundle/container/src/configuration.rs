//! What is in force: settings from the environment, from configuration files, and by themselves.
//!
//! A configuration file has lines `NAME VALUE` or `NAME=VALUE`. A value is read as a shell reads a word after an assignment,
//! with `$VAR`, `${VAR}`, `${VAR:-default}`, `~/` and quotes; no command runs. Variables are the host's, else those of earlier
//! lines. The order, first wins: our variable in the environment, Enroot's there, the files as they are given (our name before
//! Enroot's in each), the default. Within a file the first line wins, as with Enroot.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::settings::{self, Kind, SETTINGS, Setting};
use crate::{ParseError, Reason, Variables, bytes, leading_name, lines, os_string, substitute};

/// A configuration file that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationFile {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What it sets, in the order of its lines.
    pub lines: Vec<Line>,
}

/// A line of a configuration file that sets something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// What it sets.
    pub name: String,
    /// To what, substituted.
    pub value: OsString,
}

impl ConfigurationFile {
    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    ///
    /// A line whose value cannot be read; the error names it.
    pub fn parse(path: PathBuf, text: &[u8], variable: Variables) -> Result<Self, ParseError> {
        let mut read: Vec<Line> = Vec::new();
        for (number, line) in lines(text) {
            let line = line.trim_ascii();
            let name = leading_name(line);
            if !is_ours(name) {
                continue;
            }
            let failed = |reason| ParseError::Line {
                line: number,
                reason,
            };
            if line.contains(&0) {
                return Err(failed(Reason::ZeroByte));
            }
            let known = |name: &str| {
                let earlier = || read.iter().find(|line| line.name == name);
                variable(name).or_else(|| earlier().map(|line| line.value.clone()))
            };
            let value = separated(&line[name.len()..]).ok_or_else(|| {
                let word = line
                    .split(|byte| byte.is_ascii_whitespace() || *byte == b'=')
                    .next();
                let word = String::from_utf8_lossy(word.unwrap_or_default());
                failed(Reason::Name(word.into_owned()))
            })?;
            let value = substitute::word(value, &known).map_err(failed)?;
            if value.contains(&0) {
                return Err(failed(Reason::ZeroByte));
            }
            read.push(Line {
                number,
                name: name.to_owned(),
                value: os_string(&value),
            });
        }
        Ok(Self { path, lines: read })
    }

    /// The first line that sets this name to anything.
    fn find(&self, name: &str) -> Option<&Line> {
        let mut lines = self.lines.iter();
        lines.find(|line| line.name == name && !line.value.is_empty())
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment, of this name.
    Environment(&'static str),
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// The name that it sets.
        name: &'static str,
    },
    /// Nobody set it.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the variable {name}"),
            Self::File { path, line, .. } => write!(f, "{}, line {line}", path.display()),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// The value of a setting, and where it comes from. It is one that the setting may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its setting.
    pub setting: &'static Setting,
    /// The value as it was written, substituted. Empty where neither the user nor the default says anything.
    pub value: OsString,
    /// Where it comes from.
    pub origin: Origin,
}

/// A value that its setting cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the setting from {origin}: {reason}")]
pub struct SettingError {
    /// Where it comes from.
    pub origin: Origin,
    /// What is wrong with it.
    pub reason: Reason,
}

/// A line that sets what is no setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The file.
    pub path: PathBuf,
    /// The line's number, from 1.
    pub line: usize,
    /// The name that it sets.
    pub name: String,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        write!(f, "{path}, line {}: {} is no setting", self.line, self.name)
    }
}

/// All settings with their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: Vec<Value>,
    /// Lines of files that set what is no setting, such as one misspelt.
    pub unknown: Vec<Unknown>,
    /// Variables that files set for what we start: proxies, certificates, what hooks read. The environment's own come before them.
    pub exported: Vec<(String, OsString)>,
}

impl Settings {
    /// Decides what is in force. `files` come with those first that count more.
    ///
    /// # Errors
    ///
    /// A value that its setting cannot have; the error says where it comes from.
    pub fn resolve(files: &[ConfigurationFile], variable: Variables) -> Result<Self, SettingError> {
        let values = SETTINGS.iter().map(|setting| {
            let (value, origin) = find(setting, files, variable);
            match check(setting, &value, &origin) {
                Ok(()) => Ok(Value {
                    setting,
                    value,
                    origin,
                }),
                Err(reason) => Err(SettingError { origin, reason }),
            }
        });
        let mut settings = Self {
            values: values.collect::<Result<_, _>>()?,
            unknown: Vec::new(),
            exported: Vec::new(),
        };
        for file in files {
            for line in &file.lines {
                settings.note(file, line);
            }
        }
        Ok(settings)
    }

    /// Keeps a line that is not about a setting.
    fn note(&mut self, file: &ConfigurationFile, line: &Line) {
        let is_exported = is_exported(&line.name);
        if is_exported && !self.exported.iter().any(|(name, _)| *name == line.name) {
            self.exported.push((line.name.clone(), line.value.clone()));
        }
        // Enroot's settings that mean nothing to us are not mistakes.
        if !is_exported
            && line.name.starts_with("BENCHRUN_")
            && settings::find(&line.name).is_none()
        {
            self.unknown.push(Unknown {
                path: file.path.clone(),
                line: line.number,
                name: line.name.clone(),
            });
        }
    }

    /// The values of all settings, in the table's order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of one.
    pub fn get(&self, setting: &Setting) -> &Value {
        let found = self.values.iter().find(|it| it.setting == setting);
        found.expect("every setting has a value")
    }

    /// A path, [`Kind::Path`].
    pub fn path(&self, setting: &Setting) -> PathBuf {
        PathBuf::from(&self.get(setting).value)
    }

    /// Whether a switch is on, [`Kind::Switch`].
    pub fn is_on(&self, setting: &Setting) -> bool {
        switch(&self.get(setting).value).unwrap_or_default()
    }

    /// A number or a size in bytes, [`Kind::Number`] and [`Kind::Size`]. None where nobody says.
    pub fn number(&self, setting: &Setting) -> Option<u64> {
        number(&self.get(setting).value, setting.kind)
    }
}

/// The value of a setting and where it is from. An empty one counts as none, as with Enroot.
fn find(
    setting: &'static Setting,
    files: &[ConfigurationFile],
    variable: Variables,
) -> (OsString, Origin) {
    let names = [setting.name, setting.enroot];
    let names = names.iter().copied().filter(|name| !name.is_empty());
    for name in names.clone() {
        if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
            return (value, Origin::Environment(name));
        }
    }
    for file in files {
        for name in names.clone() {
            if let Some(line) = file.find(name) {
                let origin = Origin::File {
                    path: file.path.clone(),
                    line: line.number,
                    name,
                };
                return (line.value.clone(), origin);
            }
        }
    }
    let default = substitute::word(setting.default.as_bytes(), variable).unwrap_or_default();
    (os_string(&default), Origin::Default)
}

/// Whether a setting can have this value. A default that is empty or misses `$HOME` is complained of where it is used.
fn check(setting: &Setting, value: &OsStr, origin: &Origin) -> Result<(), Reason> {
    let is_fine = match setting.kind {
        _ if value.is_empty() => true,
        Kind::Path => bytes(value).starts_with(b"/"),
        Kind::Switch => switch(value).is_some(),
        Kind::Number | Kind::Size => number(value, setting.kind).is_some(),
        Kind::Codec => ["zstd", "gzip", "lz4", "none"]
            .iter()
            .any(|it| value == *it),
    };
    if is_fine {
        return Ok(());
    }
    let name = match origin {
        Origin::Environment(name) | Origin::File { name, .. } => name,
        Origin::Default => setting.name,
    };
    Err(Reason::Setting {
        name: name.to_owned(),
        value: value.to_string_lossy().into_owned(),
        allowed: setting.kind.allowed(),
    })
}

fn switch(value: &OsStr) -> Option<bool> {
    let value = value.to_str()?.to_ascii_lowercase();
    match value.as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn number(value: &OsStr, kind: Kind) -> Option<u64> {
    let text = value.to_str()?;
    let (digits, unit) = match (kind, text.as_bytes().last()) {
        (Kind::Size, Some(b'k' | b'K')) => (&text[..text.len() - 1], 1 << 10),
        (Kind::Size, Some(b'm' | b'M')) => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_digits)?;
    number.checked_mul(unit)
}

/// Whether a file may set this name.
fn is_ours(name: &str) -> bool {
    name.starts_with("BENCHRUN_") || name.starts_with("ENROOT_") || is_exported(name)
}

fn is_exported(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "all_proxy",
        "no_proxy",
        "http_proxy",
        "https_proxy",
    ];
    NAMES.contains(&name) || name.starts_with("NVIDIA_") || name.starts_with("MELLANOX_")
}

/// What follows the name and its separator: blanks, or `=` with or without them. None if there is no separator.
fn separated(after: &[u8]) -> Option<&[u8]> {
    let trimmed = after.trim_ascii();
    match trimmed.strip_prefix(b"=") {
        Some(value) => Some(value.trim_ascii()),
        None if trimmed.len() == after.len() && !after.is_empty() => None,
        None => Some(trimmed),
    }
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
