//! What is in force here: the configuration files are found and read, and `bundle config` shows the outcome.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bundle_container::settings::{CONFIG_PATH, SYSCONF_PATH};
use bundle_container::{ConfigurationFile, Origin, Settings, Value};
use clap::Args;
use nix::unistd::{User, geteuid, getuid};
use serde_json::json;

use crate::text::escaped;

/// The configuration file in each of its directories. Beside it, `benchrun.conf.d/*.conf` are read after it.
const FILE: &str = "benchrun.conf";

/// What `bundle config` is to show.
#[derive(Debug, Clone, Args)]
pub struct ConfigPlan {
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints all settings, and where each is from.
///
/// # Errors
/// If a configuration file cannot be read, or nobody takes the output.
pub fn config(plan: &ConfigPlan) -> Result<()> {
    let settings = load()?;
    warn(&settings);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let printed = if plan.json {
        writeln!(out, "{:#}", to_json(&settings))
    } else {
        print(&settings, &mut out)
    };
    printed.and_then(|()| out.flush()).context("cannot print")
}

/// What is in force.
///
/// # Errors
/// A file that cannot be read, and a setting that cannot be what it is set to.
pub fn load() -> Result<Settings> {
    Ok(Settings::resolve(&files()?, &variable)?)
}

/// The configuration files that are there, those first that count more.
///
/// # Errors
/// A file that cannot be read, and a setting of the system's that cannot be what it is set to.
pub(crate) fn files() -> Result<Vec<ConfigurationFile>> {
    let variable = &variable;
    // Where the user's file is may be said by the system's.
    let of_environment = Settings::resolve(&[], variable)?;
    let system = read(&of_environment.path(&SYSCONF_PATH))?;
    let of_system = Settings::resolve(&system, variable)?;
    let mut files = read(&of_system.path(&CONFIG_PATH))?;
    files.extend(system);
    Ok(files)
}

/// A variable of the environment, or what a shell has in its place: the home directory, and the user's number.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    let set = env::var_os(name).filter(|value| !value.is_empty());
    set.or_else(|| match name {
        "HOME" => Some(User::from_uid(getuid()).ok()??.dir.into()),
        "UID" => Some(getuid().to_string().into()),
        "EUID" => Some(geteuid().to_string().into()),
        _ => None,
    })
}

/// The files of a directory, those first that count more. None need be there.
fn read(directory: &Path) -> Result<Vec<ConfigurationFile>> {
    let mut paths = vec![directory.join(FILE)];
    let more = directory.join(format!("{FILE}.d"));
    if let Ok(entries) = fs::read_dir(&more) {
        let mut more: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|it| it == "conf"))
            .collect();
        more.sort();
        paths.extend(more);
    }
    let mut files = Vec::new();
    for path in paths {
        let cannot_read = || format!("cannot read '{}'", path.display());
        match fs::read(&path) {
            Ok(text) => {
                let file = ConfigurationFile::parse(path.clone(), &text, &variable);
                files.push(file.with_context(cannot_read)?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(cannot_read),
        }
    }
    Ok(files)
}

/// Tells of lines that do nothing.
fn warn(settings: &Settings) {
    for unknown in &settings.unknown {
        eprintln!(
            "bundle: {} (is it misspelt?)",
            escaped(&unknown.to_string())
        );
    }
}

fn print(settings: &Settings, out: &mut impl Write) -> io::Result<()> {
    let line = |value: &Value| {
        let shown = value.value.to_string_lossy();
        format!("{}={}", value.setting.name, escaped(&shown))
    };
    let width = settings.values().iter().map(|value| line(value).len());
    let width = width.max().unwrap_or_default().min(60);
    for value in settings.values() {
        let origin = value.origin.to_string();
        writeln!(out, "{:width$}  # {}", line(value), escaped(&origin))?;
    }
    for (name, value) in &settings.exported {
        writeln!(out, "{name}={}", escaped(&value.to_string_lossy()))?;
    }
    Ok(())
}

fn to_json(settings: &Settings) -> serde_json::Value {
    let values: Vec<_> = settings
        .values()
        .iter()
        .map(|value| {
            json!({
                "name": value.setting.name,
                "value": value.value.to_string_lossy(),
                "origin": origin_json(&value.origin),
                "default": value.setting.default,
                "enroot_name": Some(value.setting.enroot).filter(|name| !name.is_empty()),
                "meaning": value.setting.meaning,
            })
        })
        .collect();
    let exported: serde_json::Map<_, _> = settings
        .exported
        .iter()
        .map(|(name, value)| (name.clone(), json!(value.to_string_lossy())))
        .collect();
    json!({ "settings": values, "exported": exported })
}

fn origin_json(origin: &Origin) -> serde_json::Value {
    match origin {
        Origin::Environment(name) => json!({ "kind": "environment", "name": name }),
        Origin::File { path, line, name } => {
            json!({ "kind": "file", "path": path.to_string_lossy(), "line": line, "name": name })
        }
        Origin::Default => json!({ "kind": "default" }),
    }
}

#[cfg(test)]
mod tests {
    use bundle_container::settings::SETTINGS;

    #[test]
    fn the_readme_tells_of_every_setting() {
        let readme = include_str!("../README.md");
        let code = |text: &str| match text {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        for setting in SETTINGS {
            let (name, default) = (setting.name, code(setting.default));
            let (enroot, meaning) = (code(setting.enroot), setting.meaning);
            let row = format!("| `{name}` | {default} | {enroot} | {meaning} |\n");
            assert!(readme.contains(&row), "{row}");
        }
    }
}
