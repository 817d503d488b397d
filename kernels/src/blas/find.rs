//! The system's BLAS: the usual names, in the directories where a loader looks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{Blas, LoadError};

/// The usual names, in the order in which they are tried. `libblas.so.3` is what Debian's administrators choose; where
/// it has no CBLAS (Fedora's), the next one is tried.
const NAMES: [&str; 5] = [
    "libopenblas.so.0",
    "libblas.so.3",
    "libcblas.so.3",
    "libmkl_rt.so",
    "libblis.so",
];

/// Where libraries are without being configured.
const DIRECTORIES: [&str; 7] = [
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
];

/// Takes the first library under one of the usual names that can be used.
///
/// # Errors
///
/// When there is none, with what was wrong with those that are there.
pub fn system() -> Result<Blas, LoadError> {
    let candidates = candidates(&directories(), &list);
    let mut tried = Vec::new();
    for path in candidates {
        match Blas::load(&path) {
            Ok(blas) => return Ok(blas),
            Err(error) => tried.push(error.to_string()),
        }
    }
    if tried.is_empty() {
        tried.push(format!("none of {} is installed", NAMES.join(", ")));
    }
    Err(LoadError::NoneFound {
        tried: tried.join("; "),
    })
}

/// The files that have one of the usual names, or one with a version behind it, best first.
fn candidates(directories: &[PathBuf], list: &dyn Fn(&Path) -> Vec<String>) -> Vec<PathBuf> {
    let contents: Vec<_> = directories
        .iter()
        .map(|directory| (directory, list(directory)))
        .collect();
    let mut found = Vec::new();
    for name in NAMES {
        for (directory, files) in &contents {
            let mut versions: Vec<(Vec<u64>, &String)> = files
                .iter()
                .filter_map(|file| Some((version_behind(name, file)?, file)))
                .collect();
            versions.sort();
            let newest_first = versions.into_iter().rev();
            found.extend(newest_first.map(|(_, file)| directory.join(file)));
        }
    }
    found
}

/// The numbers behind a library's name in a file's name: none for the name itself.
fn version_behind(name: &str, file: &str) -> Option<Vec<u64>> {
    let rest = file.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let numbers = rest.strip_prefix('.')?.split('.');
    numbers.map(|number| number.parse().ok()).collect()
}

fn list(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// The loader's directories: `LD_LIBRARY_PATH`, then `/etc/ld.so.conf`, then those that need not be configured.
fn directories() -> Vec<PathBuf> {
    let variable = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = env::split_paths(&variable).collect();
    read_configuration(Path::new("/etc/ld.so.conf"), &mut found);
    found.extend(DIRECTORIES.map(PathBuf::from));
    let mut seen = BTreeSet::new();
    found.retain(|directory| directory.is_absolute() && seen.insert(directory.clone()));
    found
}

/// Reads the directories of a loader's configuration, and of the files that it includes.
fn read_configuration(file: &Path, found: &mut Vec<PathBuf>) {
    for entry in configuration(&fs::read_to_string(file).unwrap_or_default()) {
        match entry {
            Entry::Directory(directory) => found.push(directory),
            // In practice `/etc/ld.so.conf.d/*.conf`, and what is included there includes nothing.
            Entry::Include { directory, ending } => {
                let mut names = list(&directory);
                names.sort();
                for name in names.iter().filter(|name| name.ends_with(&ending)) {
                    let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
                    found.extend(configuration(&text).into_iter().filter_map(
                        |entry| match entry {
                            Entry::Directory(directory) => Some(directory),
                            Entry::Include { .. } => None,
                        },
                    ));
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Directory(PathBuf),
    Include { directory: PathBuf, ending: String },
}

fn configuration(text: &str) -> Vec<Entry> {
    let lines = text.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include ") {
            Some(pattern) => {
                let (directory, ending) = pattern.trim().rsplit_once("/*")?;
                Some(Entry::Include {
                    directory: directory.into(),
                    ending: ending.to_owned(),
                })
            }
            None => (!line.is_empty()).then(|| Entry::Directory(line.into())),
        }
    });
    lines.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_in_their_order() {
        let directories = [PathBuf::from("/a"), PathBuf::from("/b")];
        let list = |directory: &Path| -> Vec<String> {
            let names: &[&str] = if directory == Path::new("/a") {
                &["libmkl_rt.so.2", "libmkl_rt.so.10", "libblas.so.3"]
            } else {
                &[
                    "libopenblas.so.0",
                    "libblis.so.4",
                    "libblis.so.debug",
                    "libblas.so.3",
                ]
            };
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let found = candidates(&directories, &list);
        let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            found,
            [
                "/b/libopenblas.so.0",
                "/a/libblas.so.3",
                "/b/libblas.so.3",
                "/a/libmkl_rt.so.10",
                "/a/libmkl_rt.so.2",
                "/b/libblis.so.4"
            ]
        );
    }

    #[test]
    fn the_loaders_configuration_is_read() {
        let text = "include /etc/ld.so.conf.d/*.conf\n# comment\n/opt/lib # behind\n\n";
        assert_eq!(
            configuration(text),
            [
                Entry::Include {
                    directory: "/etc/ld.so.conf.d".into(),
                    ending: ".conf".to_owned()
                },
                Entry::Directory("/opt/lib".into())
            ]
        );
    }
}
