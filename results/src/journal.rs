//! What an unfinished sweep has measured so far, beside where its record will be, so that an interruption loses at most
//! what was being measured.
//!
//! A journal is lines of JSON: a header with everything that is known before measuring, then one line for each visit to a
//! case. Each line is on the disk before the next visit begins. A line that a power cut has torn is the last one, and
//! counts as not written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::record::{Case, Record};
use crate::store::StoreError;

/// The version of the journal that this crate writes. Others are refused: a journal is finished by the bench that began it.
const JOURNAL_VERSION: u32 = 1;

/// What is known before measuring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    journal_version: u32,
    /// The record as it was when measuring began, without cases.
    pub record: Record,
    /// What is to be measured, in the order of the record.
    pub planned: Vec<PlannedCase>,
}

impl Header {
    /// The header of a sweep that begins.
    pub fn new(record: Record, planned: Vec<PlannedCase>) -> Self {
        Self {
            journal_version: JOURNAL_VERSION,
            record,
            planned,
        }
    }
}

/// One case of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCase {
    /// The kernel's name.
    pub kernel: String,
    /// The library's name, where it is not the linked one alone.
    pub blas: Option<String>,
    /// Who shares products out.
    pub driver: String,
    /// The matrices are n by n.
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// Threads.
    pub threads: usize,
    /// The CPUs that they are bound to.
    pub cpus: Option<Vec<usize>>,
}

/// What one visit to a case has found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The case's index in the plan.
    pub case: usize,
    /// The time that the visit took, set-up and verification included.
    pub spent_s: f64,
    /// The time that the run has taken up to the visit's end, without the time in which it was interrupted.
    pub elapsed_s: f64,
    /// The case with the samples of this visit only.
    pub part: Case,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Header(Box<Header>),
    Visit(Box<Visit>),
    ResumedUtc(String),
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// What was known before measuring.
    pub header: Header,
    /// What was found, in order.
    pub visits: Vec<Visit>,
    /// When the run was resumed, RFC 3339 in UTC.
    pub resumed_utc: Vec<String>,
}

/// A journal that is being written. Nobody else can open it meanwhile.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins the journal of a run in the directory of its record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] when it cannot be written.
    pub fn create(directory: &Path, header: Header) -> Result<Self, StoreError> {
        let path = directory.join(format!(".{}{SUFFIX}", header.record.id));
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| write_error(&path, source))?;
        let mut journal = Self {
            file: created,
            path,
        };
        // Where a file system knows no locks, nobody is kept out.
        let _ = journal.file.try_lock();
        if let Err(error) = journal.append(&Line::Header(Box::new(header))) {
            let _ = fs::remove_file(&journal.path);
            return Err(error);
        }
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
        Ok(journal)
    }

    /// Opens the journal of an interrupted run to go on with it; what is torn at its end is cut off.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`] when there is no such file, [`StoreError::Journal`] when it is no journal or in use.
    pub fn open(path: &Path) -> Result<(Self, Contents), StoreError> {
        let read_error = |source| StoreError::Read {
            path: path.to_owned(),
            source,
        };
        let unusable = |reason: String| StoreError::Journal {
            path: path.to_owned(),
            reason,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(read_error)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(unusable("another bench is going on with it".to_owned()));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(read_error)?;
        let (contents, whole_bytes) = parse(&text).map_err(unusable)?;
        file.set_len(whole_bytes as u64)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|source| write_error(path, source))?;
        let journal = Self {
            file,
            path: path.to_owned(),
        };
        Ok((journal, contents))
    }

    /// Keeps a visit; it is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] when it cannot be written.
    pub fn visit(&mut self, visit: Visit) -> Result<(), StoreError> {
        self.append(&Line::Visit(Box::new(visit)))
    }

    /// Notes that the run goes on after an interruption.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] when it cannot be written.
    pub fn resumed(&mut self, utc: &str) -> Result<(), StoreError> {
        self.append(&Line::ResumedUtc(utc.to_owned()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it: everything that it holds is in a record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] when the file stays.
    pub fn remove(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(|source| write_error(&self.path, source))
    }

    fn append(&mut self, line: &Line) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec(line).expect("a journal's line is always JSON");
        text.push(b'\n');
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| write_error(&self.path, source))
    }
}

/// How the name of a journal ends; it begins with a dot and the run's id.
const SUFFIX: &str = ".partial.jsonl";

/// The journals in a directory, sorted by name; none where it cannot be read.
pub fn find(directory: &Path) -> Vec<PathBuf> {
    let is_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with('.') && name.ends_with(SUFFIX)
    };
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_journal)
        .collect();
    found.sort();
    found
}

fn write_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Write {
        path: path.to_owned(),
        source,
    }
}

/// What the bytes of a journal mean, and how many of them are whole lines.
fn parse(text: &[u8]) -> Result<(Contents, usize), String> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let header = serde_json::from_slice(first).ok();
    let Some(Line::Header(header)) = header.filter(|_| first.ends_with(b"\n")) else {
        return Err(
            "it is no journal of this version of bench, or was torn before anything was measured"
                .to_owned(),
        );
    };
    if header.journal_version != JOURNAL_VERSION {
        return Err(format!(
            "its version is {} and this bench knows {JOURNAL_VERSION}",
            header.journal_version
        ));
    }
    let mut contents = Contents {
        header: *header,
        visits: Vec::new(),
        resumed_utc: Vec::new(),
    };
    let mut whole_bytes = first.len();
    for line in lines {
        // A line without its end may have been torn right there; writing after it would join two lines.
        if !line.ends_with(b"\n") {
            break;
        }
        let is_last = whole_bytes + line.len() == text.len();
        match serde_json::from_slice(line) {
            Ok(Line::Visit(visit)) if visit.case < contents.header.planned.len() => {
                contents.visits.push(*visit);
            }
            Ok(Line::ResumedUtc(utc)) => contents.resumed_utc.push(utc),
            _ if is_last => break,
            _ => return Err(format!("it is damaged {whole_bytes} bytes from its start")),
        }
        whole_bytes += line.len();
    }
    Ok((contents, whole_bytes))
}
