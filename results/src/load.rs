//! Many records at once: from files, directories and patterns, read by all CPUs.
//!
//! - **A file that is named must be a record.** If it is none, is damaged, is of a later version, was edited by hand or says what no
//!   measurement can have found ([`crate::sanity`] has the rules), loading ends with the reason.
//! - **A file that is found** (below a directory, or by a pattern) **and is no record is skipped**, with the reason.
//! - Below a directory the files are looked at whose names end in `.json` and do not begin with a dot, in subdirectories too;
//!   symbolic links to directories are not followed. By a pattern everything that it matches is looked at, but for plots
//!   (`.svg`, `.png`) and journals of unfinished runs.
//! - A word is a pattern when no file has that name and it holds one of `*?[`. `-` is standard input, which may hold several
//!   records one after the other.
//! - **A run counts once.** A byte-equal copy of a record is noted and left out. Two records of the same run (the same id and
//!   start) that differ are refused, wherever they are: one of them is wrong, and nothing tells which.
//! - A record without a digest ([`crate::samples_digest`]) is one of before there was one: it is loaded, and that is noted.
//!
//! Each record is reduced to what the caller needs by the thread that has read it, so that a hundred thousand of them do not have
//! to be in memory together.

mod find;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::de::IgnoredAny;

use crate::record::Record;
use crate::samples_digest::{self, Seal};
use crate::sanity::{self, Impossible};
use crate::store::{self, NoRecord};

/// Larger files are no records: a sample takes about a kilobyte.
pub const SIZE_MAX_BYTES: u64 = 256 << 20;

/// Files that a thread takes at a time.
const BATCH: usize = 32;

/// What was loaded.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The records, in the order in which they were named, those below a directory or of a pattern by path.
    pub records: Vec<LoadedRecord<T>>,
    /// Files that were found and left out, in the same order.
    pub skipped: Vec<Skipped>,
    /// Byte-equal copies of records that are among `records`.
    pub copies: Vec<PathBuf>,
}

/// One record, reduced to what the caller needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedRecord<T> {
    /// Its file; `-` for standard input.
    pub path: PathBuf,
    /// Whether it has a digest; never [`Seal::Broken`].
    pub seal: Seal,
    /// What it was reduced to.
    pub record: T,
}

/// A file that was found and left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub refusal: Refusal,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The system does not give its contents.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than any record.
    #[error("it is larger than any record ({SIZE_MAX_BYTES} bytes)")]
    TooLarge,
    /// It is no record, or none that this program knows.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
    /// Its digest does not fit its samples.
    #[error("it was edited by hand: its samples are not those of its digest (use the original)")]
    Edited,
    /// It says what no measurement can have found.
    #[error("no measurement can have found what it says: {0} (use the original)")]
    Impossible(#[from] Impossible),
}

impl Refusal {
    /// Whether it is simply some other file, as opposed to a record with which something is wrong.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::TooLarge | Self::NoRecord(NoRecord::Foreign(_)))
    }
}

/// Why nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A named file or directory is not there, or cannot be read.
    #[error("cannot read {}: {}", .path.display(), store::reason(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A word is no pattern.
    #[error(
        "cannot use '{pattern}' as a pattern: {reason} (write [*], [?] or [[] for the character itself)"
    )]
    Pattern {
        /// The word.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing that was named holds a record.
    #[error("cannot find a record in {place}: {reason}")]
    Nothing {
        /// What was named.
        place: String,
        /// What is there instead.
        reason: String,
    },
    /// A named file cannot be used.
    #[error("cannot use {} as a record: {refusal}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        refusal: Refusal,
    },
    /// Two files are records of the same run and differ.
    #[error("cannot tell which of {} and {} is right: they are records of the same run {id} and differ (remove one)", .one.display(), .other.display())]
    Conflict {
        /// The run.
        id: String,
        /// A file.
        one: PathBuf,
        /// The other one.
        other: PathBuf,
    },
}

/// Loads all records that these words name, see the module's text. `reduce` turns each into what is kept; several threads
/// call it at once.
///
/// # Errors
///
/// When a word names nothing, a named file cannot be used, two records of one run differ, or there is no record at all.
pub fn load<T: Send>(
    words: &[PathBuf],
    reduce: impl Fn(Record) -> T + Sync,
) -> Result<Loaded<T>, LoadError> {
    let found = find::find(words)?;
    let next = AtomicUsize::new(0);
    let mut outcomes: Vec<(usize, Outcome<T>)> = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let work = || read_batches(&found, &next, &reduce);
        let workers: Vec<_> = (1..threads.min(found.len().div_ceil(BATCH)))
            .map(|_| scope.spawn(work))
            .collect();
        let mut outcomes = work();
        for worker in workers {
            match worker.join() {
                Ok(others) => outcomes.extend(others),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcomes
    });
    outcomes.sort_by_key(|(index, _)| *index);
    let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome);
    let loaded = gather(found.into_iter().zip(outcomes))?;
    if loaded.records.is_empty() {
        return Err(nothing(words, &loaded.skipped));
    }
    Ok(loaded)
}

/// A file to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    /// Whether it was named itself.
    is_named: bool,
}

/// A record that was read.
struct Parsed<T> {
    id: String,
    started_utc: String,
    /// Tells apart contents of the same id.
    hash: u64,
    seal: Seal,
    record: T,
}

/// What one file holds: one record, but for standard input.
type Outcome<T> = Result<Vec<Parsed<T>>, Refusal>;

fn read_batches<T>(
    found: &[Candidate],
    next: &AtomicUsize,
    reduce: &impl Fn(Record) -> T,
) -> Vec<(usize, Outcome<T>)> {
    let mut outcomes = Vec::new();
    let mut bytes = Vec::new();
    loop {
        let begin = next.fetch_add(BATCH, Ordering::Relaxed);
        if begin >= found.len() {
            return outcomes;
        }
        let end = found.len().min(begin + BATCH);
        for (index, candidate) in (begin..).zip(&found[begin..end]) {
            bytes.clear();
            outcomes.push((index, read(&candidate.path, &mut bytes, reduce)));
        }
    }
}

fn read<T>(path: &Path, bytes: &mut Vec<u8>, reduce: &impl Fn(Record) -> T) -> Outcome<T> {
    let unreadable = |error: io::Error| Refusal::Unreadable(store::reason(&error));
    let is_input = path == Path::new(STANDARD_INPUT);
    let reader: Box<dyn Read> = if is_input {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    reader
        .take(SIZE_MAX_BYTES + 1)
        .read_to_end(bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > SIZE_MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    let texts = if is_input {
        split(bytes)
    } else {
        vec![&bytes[..]]
    };
    texts.into_iter().map(|text| parse(text, reduce)).collect()
}

/// The word for standard input.
const STANDARD_INPUT: &str = "-";

/// Cuts JSON values that follow each other apart. What is none is left in one piece.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let mut pieces = Vec::new();
    let mut begin = 0;
    while let Some(Ok(_)) = values.next() {
        pieces.push(&bytes[begin..values.byte_offset()]);
        begin = values.byte_offset();
    }
    if pieces.is_empty() || !bytes[begin..].trim_ascii().is_empty() {
        pieces.push(&bytes[begin..]);
    }
    pieces
}

fn parse<T>(text: &[u8], reduce: &impl Fn(Record) -> T) -> Result<Parsed<T>, Refusal> {
    let (record, seal) = read_sealed(text)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    Ok(Parsed {
        id: record.id.clone(),
        started_utc: record.started_utc.clone(),
        hash: hasher.finish(),
        seal,
        record: reduce(record),
    })
}

/// Reads a record from its bytes, checks its digest, and whether it can have been measured.
///
/// # Errors
///
/// When they are no record, its digest does not fit, or it breaks a rule of [`crate::sanity`].
pub fn read_sealed(text: &[u8]) -> Result<(Record, Seal), Refusal> {
    let record = store::parse_record(text)?;
    match samples_digest::check(&record) {
        Seal::Broken => Err(Refusal::Edited),
        seal => {
            sanity::check(&record)?;
            Ok((record, seal))
        }
    }
}

/// Puts together what the threads have read, each run once.
fn gather<T>(files: impl Iterator<Item = (Candidate, Outcome<T>)>) -> Result<Loaded<T>, LoadError> {
    let mut loaded = Loaded {
        records: Vec::new(),
        skipped: Vec::new(),
        copies: Vec::new(),
    };
    let mut runs: HashMap<(String, String), (usize, u64)> = HashMap::new();
    for (Candidate { path, is_named }, outcome) in files {
        let parsed = match outcome {
            Ok(parsed) => parsed,
            Err(refusal) if is_named => return Err(LoadError::Refused { path, refusal }),
            Err(refusal) => {
                loaded.skipped.push(Skipped { path, refusal });
                continue;
            }
        };
        for parsed in parsed {
            match runs.entry((parsed.id, parsed.started_utc)) {
                Entry::Vacant(entry) => {
                    entry.insert((loaded.records.len(), parsed.hash));
                    loaded.records.push(LoadedRecord {
                        path: path.clone(),
                        seal: parsed.seal,
                        record: parsed.record,
                    });
                }
                Entry::Occupied(entry) if entry.get().1 == parsed.hash => {
                    loaded.copies.push(path.clone());
                }
                Entry::Occupied(entry) => {
                    return Err(LoadError::Conflict {
                        id: entry.key().0.clone(),
                        one: loaded.records[entry.get().0].path.clone(),
                        other: path,
                    });
                }
            }
        }
    }
    Ok(loaded)
}

fn nothing(words: &[PathBuf], skipped: &[Skipped]) -> LoadError {
    let place = match words {
        [word] => word.display().to_string(),
        [first, ..] => format!("{} and what else is named", first.display()),
        [] => "nothing".to_owned(),
    };
    let wrong = skipped.iter().find(|file| !file.refusal.is_foreign());
    let reason = match (wrong.or(skipped.first()), skipped.len()) {
        (None, _) => {
            "no file there could be one (bench run writes them to bench-results)".to_owned()
        }
        (Some(file), count) => format!(
            "{count} other {}, for example {}: {}",
            if count == 1 {
                "file is there"
            } else {
                "files are there"
            },
            file.path.display(),
            file.refusal
        ),
    };
    LoadError::Nothing { place, reason }
}
