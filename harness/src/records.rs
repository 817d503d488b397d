//! Records that were named on the command line, and how the program ends when they cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use results::compare::Reference;
use results::load::{LoadError, Loaded, Refusal, Skipped};

use crate::exit::{Exit, Failure};

/// The words to load, and what the reference is among them. A record's file that is named as reference need not be named again.
pub fn words(records: &[PathBuf], reference: Option<&Path>) -> (Vec<PathBuf>, Reference) {
    match reference {
        None => (records.to_vec(), Reference::First),
        Some(file) if file.is_file() => {
            let words = std::iter::once(file).chain(records.iter().map(PathBuf::as_path));
            (words.map(Path::to_owned).collect(), Reference::FirstRecord)
        }
        Some(host) => (
            records.to_vec(),
            Reference::Named(host.to_string_lossy().into_owned()),
        ),
    }
}

/// The failure of loading, with its exit code: what is wrong with the request or with a file is a usage failure, a system that
/// refuses to read has its own, and samples that are not what was measured are invalid.
pub fn failure(error: LoadError) -> Failure {
    let exit = match &error {
        LoadError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::Usage,
        LoadError::Read { .. }
        | LoadError::Refused {
            refusal: Refusal::Unreadable(_),
            ..
        } => Exit::InputOutput,
        LoadError::Refused {
            refusal: Refusal::Edited | Refusal::Impossible(_),
            ..
        }
        | LoadError::Conflict { .. } => Exit::Invalid,
        LoadError::Refused { .. } | LoadError::Pattern { .. } | LoadError::Nothing { .. } => {
            Exit::Usage
        }
    };
    Failure::new(exit, error)
}

/// What should be known about files that were found and left out: one line for each record with which something is wrong, up to
/// a few, and one for all other files together.
pub fn notes<T>(loaded: &Loaded<T>) -> Vec<String> {
    skip_notes(&loaded.skipped, loaded.copies.len())
}

/// The same for files that were left out and a number of copies.
pub fn skip_notes(skipped: &[Skipped], copies: usize) -> Vec<String> {
    let (foreign, wrong): (Vec<_>, Vec<_>) =
        skipped.iter().partition(|file| file.refusal.is_foreign());
    let mut notes: Vec<String> = wrong
        .iter()
        .take(WRONG_MAX)
        .map(|file| format!("{} is left out: {}", file.path.display(), file.refusal))
        .collect();
    if wrong.len() > WRONG_MAX {
        notes.push(format!(
            "{} more records are left out for such reasons",
            wrong.len() - WRONG_MAX
        ));
    }
    if let Some(first) = foreign.first() {
        notes.push(match foreign.len() {
            1 => format!("{} is no record: {}", first.path.display(), first.refusal),
            count => format!(
                "{count} files are no records, for example {}: {}",
                first.path.display(),
                first.refusal
            ),
        });
    }
    if copies > 0 {
        notes.push(match copies {
            1 => "1 copy of a record is not counted again".to_owned(),
            count => format!("{count} copies of records are not counted again"),
        });
    }
    notes
}

/// What should be known where some of the records have no digest.
pub fn without_digest(without: usize, all: usize) -> Option<String> {
    (without > 0).then(|| {
        format!(
            "{without} of {all} records have no digest of their samples, so that an edit would go unnoticed (they are of an older bench)"
        )
    })
}

/// Records that are named one by one.
const WRONG_MAX: usize = 10;
