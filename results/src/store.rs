//! Where records are kept: one JSON file a run in a directory. A file is there whole or not at all.

mod outputs;

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_json::error::Category;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

use crate::record::{Record, SCHEMA_VERSION};

pub use outputs::{check_file, write_all};

/// Why a record could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory does not exist and cannot be made, or cannot be written.
    #[error("cannot write results to the directory {}: {} (name another with --output DIR, or use --output -)", .directory.display(), reason(.source))]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of a run could not be written whole; what was there before is as it was.
    #[error("cannot write {}: {} (make room or name another directory with --output DIR)", .path.display(), reason(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The same for a file that was named by itself.
    #[error("cannot write {}: {} (name a file in a directory that can be written and has room)", .path.display(), reason(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read the record {}: {}", .path.display(), reason(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A journal is none, or is in use.
    #[error("cannot resume {}: {reason}", .path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of accepted changes cannot be read, or is none.
    #[error("cannot use {} as a list of accepted changes: {reason} (correct it, or name another with --accepted FILE.json)", .path.display())]
    Accepted {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file is not a record that this version knows.
    #[error("cannot use {} as a record: {reason}", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a file that has at most this many bytes: others may be devices that never end.
///
/// # Errors
///
/// The system's, or [`io::ErrorKind::FileTooLarge`].
pub fn read_bounded(from: impl io::Read, size_max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(size_max_bytes + 1).read_to_end(&mut content)?;
    if content.len() as u64 > size_max_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// The system's words for an error, in lower case as in all our messages and without the number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

/// A record's file: the common stem of its JSON and of the plots beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record itself, ending in `.json`.
    pub json: PathBuf,
}

impl StoredRecord {
    /// The path of a file beside the record, with the same stem and this extension.
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.json.with_extension(extension)
    }

    /// Writes a file beside the record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] when it cannot be written whole; then there is none.
    pub fn write_beside(&self, extension: &str, content: &[u8]) -> Result<(), StoreError> {
        write_of_run(&self.beside(extension), content)
    }
}

/// Makes the directory when it is missing and proves by trying that a file can be written there, so that a run of
/// minutes does not end without a place for its result.
///
/// # Errors
///
/// [`StoreError::Directory`] when it cannot be made or written, [`StoreError::Write`] when there is no room.
pub fn prepare_directory(directory: &Path) -> Result<(), StoreError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Write {
            path: directory.to_owned(),
            source,
        },
        _ => StoreError::Directory {
            directory: directory.to_owned(),
            source,
        },
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let mut probe = tempfile::tempfile_in(directory).map_err(failed)?;
    probe.write_all(b"{}").map_err(failed)
}

/// Writes the record into the directory as `<host>-<utc>-<id>.json`.
///
/// # Errors
///
/// [`StoreError::Write`] when the file cannot be written whole; then there is none.
pub fn write_record(directory: &Path, record: &Record) -> Result<StoredRecord, StoreError> {
    let json = directory.join(file_name(record));
    let mut text = serde_json::to_vec_pretty(record).expect("a record is always JSON");
    text.push(b'\n');
    write_of_run(&json, &text)?;
    Ok(StoredRecord { json })
}

fn write_of_run(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    write_whole(path, content).map_err(|error| match error {
        StoreError::File { path, source } => StoreError::Write { path, source },
        other => other,
    })
}

/// Writes a file so that other processes, and a crash, see either all of it or none, and so that a run that is stopped
/// on the way leaves nothing behind: written without a name, flushed to the disk, then given its name. A symbolic link is followed. What is
/// there and is no ordinary file, such as a device or a pipe, is written to and stays what it is.
///
/// # Errors
///
/// [`StoreError::File`] when it could not be written; an ordinary file of that name is as it was.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    // What does not exist yet has no other name.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&target, content).map_err(|source| StoreError::File {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // A name given to another file would not ask whether this one may be written.
        Ok(there) if there.is_file() => drop(fs::OpenOptions::new().append(true).open(path)?),
        Ok(_) => {
            return fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .write_all(content);
        }
        Err(_) => {}
    }
    let directory = directory_of(path);
    match write_unnamed(directory, path, content) {
        // The file system cannot, the name is taken, or there is no /proc to name the file by.
        Err(_) => write_renamed(directory, path, content),
        written => written,
    }?;
    // The name is on the disk only when the directory is. Some directories cannot be opened or synced: the file is
    // there all the same, and whole.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// The directory that a file is in.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A file without a name is gone when the process is, however that ends.
fn write_unnamed(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .custom_flags(OFlag::O_TMPFILE.bits())
        .mode(FILE_MODE)
        .open(directory)?;
    file.write_all(content)?;
    file.sync_all()?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(
        AT_FDCWD,
        unnamed.as_str(),
        AT_FDCWD,
        path,
        AtFlags::AT_SYMLINK_FOLLOW,
    )?;
    Ok(())
}

/// The portable way: a temporary name, which replaces the file at the end.
fn write_renamed(directory: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".bench-")
        .permissions(fs::Permissions::from_mode(FILE_MODE))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Ordinary files: others may read what the umask lets them.
const FILE_MODE: u32 = 0o666;

/// Reads a record.
///
/// # Errors
///
/// [`StoreError::Read`] when there is no readable file, [`StoreError::Format`] when it is not a record or one of a
/// version that this program does not know.
pub fn read_record(path: &Path) -> Result<Record, StoreError> {
    let text = fs::read(path).map_err(|source| StoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse_record(&text).map_err(|reason| StoreError::Format {
        path: path.to_owned(),
        reason: reason.to_string(),
    })
}

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// They end before their JSON does.
    #[error("it is not whole JSON ({0})")]
    Truncated(String),
    /// They are something else: no JSON, or JSON without a version of our schema.
    #[error("{0}")]
    Foreign(String),
    /// They are a record of a later schema.
    #[error(
        "its schema version is {0} and this bench knows up to {SCHEMA_VERSION} (use a newer bench)"
    )]
    Newer(u32),
    /// They say that they are a record, and are not as the schema wants it.
    #[error("{0}")]
    Malformed(String),
}

/// Reads a record from its bytes.
///
/// # Errors
///
/// When they are none, or one of a version that this program does not know.
pub fn parse_record(text: &[u8]) -> Result<Record, NoRecord> {
    match serde_json::from_slice::<Record>(text) {
        Ok(record) if record.schema_version == SCHEMA_VERSION => Ok(record),
        Ok(record) => Err(other_version(record.schema_version)),
        Err(error) => Err(no_record(text, &error)),
    }
}

fn other_version(version: u32) -> NoRecord {
    match version {
        0 => no_version("0"),
        version => NoRecord::Newer(version),
    }
}

fn no_version(version: &str) -> NoRecord {
    NoRecord::Foreign(format!(
        "there is no schema version {version} (it was made by something else)"
    ))
}

/// What text is that cannot be read as a record for this error.
fn no_record(text: &[u8], error: &serde_json::Error) -> NoRecord {
    #[derive(serde::Deserialize)]
    struct Version {
        schema_version: Value,
    }
    match serde_json::from_slice::<Version>(text) {
        Ok(Version {
            schema_version: Value::Number(number),
        }) => match number.as_u64().and_then(|version| version.try_into().ok()) {
            Some(SCHEMA_VERSION) => NoRecord::Malformed(error.to_string()),
            Some(version) => other_version(version),
            None => no_version(&number.to_string()),
        },
        Ok(_) => NoRecord::Foreign("its schema_version is no number".to_owned()),
        Err(error) => match error.classify() {
            Category::Eof if !text.trim_ascii().is_empty() => {
                NoRecord::Truncated(error.to_string())
            }
            Category::Eof | Category::Syntax => {
                NoRecord::Foreign(format!("it is not whole JSON ({error})"))
            }
            _ => NoRecord::Foreign(format!("it has no schema_version ({error})")),
        },
    }
}

/// `<host>-<utc>-<id>.json`, with everything in the host's name that is awkward in a file name replaced.
fn file_name(record: &Record) -> String {
    let host: String = record
        .host
        .hostname
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let host = host.trim_matches(['.', '-']);
    let host = if host.is_empty() { "host" } else { host };
    let utc: String = record
        .started_utc
        .chars()
        .take(19)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("{host}-{utc}Z-{}.json", record.id)
}
