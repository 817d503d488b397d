//! Which files words on a command line mean.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Candidate, LoadError, STANDARD_INPUT};

/// The files that these words mean, in their order; those of a directory or pattern by path.
pub(super) fn find(words: &[PathBuf]) -> Result<Vec<Candidate>, LoadError> {
    let mut found = Vec::new();
    for word in words {
        if word.as_os_str() == STANDARD_INPUT {
            found.push(named(word));
            continue;
        }
        match fs::metadata(word) {
            Ok(file) if file.is_dir() => below(word, &mut found).map_err(read_error(word))?,
            Ok(_) => found.push(named(word)),
            Err(error) => match pattern(word) {
                Some(pattern) if error.kind() == io::ErrorKind::NotFound => {
                    matches(pattern, &mut found)?;
                }
                _ => return Err(read_error(word)(error)),
            },
        }
    }
    Ok(found)
}

fn named(word: &Path) -> Candidate {
    Candidate {
        path: word.to_owned(),
        is_named: true,
    }
}

fn read_error(path: &Path) -> impl Fn(io::Error) -> LoadError {
    move |source| LoadError::Read {
        path: path.to_owned(),
        source,
    }
}

/// The word as a pattern, if it is one.
fn pattern(word: &Path) -> Option<&str> {
    word.to_str().filter(|word| word.contains(['*', '?', '[']))
}

/// What a pattern matches.
fn matches(pattern: &str, found: &mut Vec<Candidate>) -> Result<(), LoadError> {
    let paths = glob::glob(pattern).map_err(|error| LoadError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.msg,
    })?;
    let before = found.len();
    let mut is_any = false;
    // A directory on the way that cannot be read matches nothing.
    for path in paths.filter_map(Result::ok) {
        is_any = true;
        if path.is_dir() {
            // What cannot be listed is nothing that was found.
            let _ = below(&path, found);
        } else if path.is_file() && !is_beside_records(&path) {
            found.push(Candidate {
                path,
                is_named: false,
            });
        }
    }
    if !is_any {
        return Err(LoadError::Nothing {
            place: pattern.to_owned(),
            reason: "the pattern matches no file".to_owned(),
        });
    }
    found[before..].sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

/// Whether it is something that `bench` itself puts beside records.
fn is_beside_records(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".svg", ".png", ".partial.jsonl"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The files below a directory that could be records, by path. Subdirectories that cannot be listed are passed over.
fn below(directory: &Path, found: &mut Vec<Candidate>) -> io::Result<()> {
    let before = found.len();
    let mut subdirectories = list(directory, found)?;
    while let Some(directory) = subdirectories.pop() {
        if let Ok(more) = list(&directory, found) {
            subdirectories.extend(more);
        }
    }
    found[before..].sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

/// Adds the files of a directory that could be records, and returns its subdirectories.
fn list(directory: &Path, found: &mut Vec<Candidate>) -> io::Result<Vec<PathBuf>> {
    let mut subdirectories = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            subdirectories.push(path);
        } else if path.extension().is_some_and(|extension| extension == "json")
            // Neither a pipe, which would have to be waited for, nor a link to a directory.
            && (kind.is_file() || path.is_file())
        {
            found.push(Candidate {
                path,
                is_named: false,
            });
        }
    }
    Ok(subdirectories)
}
