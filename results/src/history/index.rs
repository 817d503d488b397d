//! The index of a directory of records: a file beside them with what a history needs of each.
//!
//! It is never the truth: an entry counts only while its file has the size and time of change that it had, a file that is
//! not whole or of another version is none, and whatever is missing is read from the records. A directory that cannot be
//! written is read all the same.
//!
//! The format: lines of JSON. The first is `{"bench_history_index": 1, "checksum": ...}`, the second the texts that many entries share,
//! each further one an entry. The checksum (FNV-1a, 64 bits) covers everything after the first line.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use super::{CaseKey, Machine, Run, RunCase};
use crate::load::{Refusal, SIZE_MAX_BYTES, read_sealed};
use crate::samples_digest::Seal;
use crate::store::{self, StoreError};

/// The index's name. It does not end in `.json`, as records do.
pub const FILE_NAME: &str = ".bench-history-index";

/// The version of the index's format, and of the rules by which records are read. Another one is not read but made again.
const VERSION: u32 = 4;

/// A directory of records, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// The runs, in the order of their files' names.
    pub runs: Vec<Run>,
    /// How many of their records have no digest of their samples ([`crate::samples_digest`]), so that an edit would go unnoticed.
    pub without_digest: usize,
    /// Files that are named like records and are none, with the reason.
    pub skipped: Vec<(String, String)>,
    /// How many files had to be read, since the index did not know them.
    pub files_read: usize,
}

/// Reads a directory's records, from its index where that is up to date, and brings the index up to date.
///
/// # Errors
///
/// [`StoreError::Read`] when the directory cannot be listed. Files that cannot be read are skipped.
pub fn read(directory: &Path) -> Result<Directory, StoreError> {
    let stamps = list(directory).map_err(|source| StoreError::Read {
        path: directory.to_owned(),
        source,
    })?;
    let mut known = fs::read(directory.join(FILE_NAME))
        .ok()
        .and_then(|text| parse(&text))
        .unwrap_or_default();
    let known_count = known.len();
    let text_count = stamps.iter().filter(|stamp| stamp.is_text()).count();
    let mut entries: Vec<Option<Entry>> = stamps
        .iter()
        .map(|stamp| {
            known
                .remove(&stamp.file)
                .filter(|entry| entry.stamp == *stamp)
        })
        .collect();
    let missing: Vec<usize> = (0..stamps.len())
        .filter(|at| entries[*at].is_none())
        .collect();
    let files_read = missing.len();
    let is_news = missing.iter().any(|at| stamps[*at].is_text());
    for (at, entry) in missing.iter().zip(read_files(directory, &stamps, &missing)) {
        entries[*at] = Some(entry);
    }
    let entries: Vec<Entry> = entries.into_iter().flatten().collect();
    if is_news || known_count != text_count {
        // Without it the next time takes longer, that is all.
        let _ = store::write_whole(&directory.join(FILE_NAME), &format(&entries));
    }
    let mut read = Directory {
        files_read,
        ..Directory::default()
    };
    for entry in entries {
        match entry.content {
            Content::Run(run, has_digest) => {
                read.runs.push(*run);
                read.without_digest += usize::from(!has_digest);
            }
            Content::Skipped(reason) => read.skipped.push((entry.stamp.file, reason)),
        }
    }
    Ok(read)
}

/// A file as the directory shows it: when one of these differs, it is another file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    /// Below the directory.
    path: PathBuf,
    /// The same as text, for who reads it: bytes that are no UTF-8 are replaced.
    file: String,
    size_bytes: u64,
    modified_ns: i64,
}

impl Stamp {
    /// Whether the text leads to the file. Others are not in the index, which is text, but read each time.
    fn is_text(&self) -> bool {
        self.path.as_os_str() == self.file.as_str()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    stamp: Stamp,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// And whether its record has a digest.
    Run(Box<Run>, bool),
    Skipped(String),
}

/// The files below the directory whose names end in `.json` and do not begin with a dot, sorted, as [`crate::load`] finds them.
fn list(directory: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    list_below(directory, Path::new(""), &mut stamps)?;
    stamps.sort_by(|a, b| (&a.file, &a.path).cmp(&(&b.file, &b.path)));
    Ok(stamps)
}

fn list_below(directory: &Path, prefix: &Path, stamps: &mut Vec<Stamp>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let below = prefix.join(name);
        if entry.file_type()?.is_dir() {
            // One that cannot be listed is as good as empty.
            let _ = list_below(&path, &below, stamps);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        // A link leads to what it names; what has vanished meanwhile is not there.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => stamps.push(Stamp {
                file: below.to_string_lossy().into_owned(),
                path: below,
                size_bytes: metadata.len(),
                modified_ns: metadata
                    .mtime()
                    .saturating_mul(1_000_000_000)
                    .saturating_add(metadata.mtime_nsec()),
            }),
            _ => {}
        }
    }
    Ok(())
}

/// Reads these files, shared out among the processors.
fn read_files(directory: &Path, stamps: &[Stamp], which: &[usize]) -> Vec<Entry> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = which.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = which
            .chunks(share)
            .map(|which| {
                scope.spawn(move || {
                    which
                        .iter()
                        .map(|at| read_file(directory, &stamps[*at]))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("reading a file does not panic"))
            .collect()
    })
}

fn read_file(directory: &Path, stamp: &Stamp) -> Entry {
    let content = match run_in(&directory.join(&stamp.path), stamp) {
        Ok((run, seal)) => Content::Run(Box::new(run), seal == Seal::Fits),
        Err(refusal) => Content::Skipped(refusal.to_string()),
    };
    Entry {
        stamp: stamp.clone(),
        content,
    }
}

fn run_in(path: &Path, stamp: &Stamp) -> Result<(Run, Seal), Refusal> {
    if stamp.size_bytes > SIZE_MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    let text = fs::read(path).map_err(|error| Refusal::Unreadable(store::reason(&error)))?;
    let (record, seal) = read_sealed(&text)?;
    Ok((Run::of(&stamp.file, &record), seal))
}

#[derive(Serialize, Deserialize)]
struct Header {
    bench_history_index: u32,
    checksum: String,
}

/// What many entries share, each text once.
#[derive(Default, Serialize, Deserialize)]
struct Shared {
    machines: Vec<Machine>,
    keys: Vec<CaseKey>,
    hostnames: Vec<String>,
    commits: Vec<String>,
}

/// An entry as an array: file, size, time of change, run, reason to skip.
#[derive(Serialize, Deserialize)]
struct EntryLine(String, u64, i64, Option<RunLine>, Option<String>);

/// A run as an array: identifier, start, then places in [`Shared`]: commit, host's name, machine; cases; whether it has a digest.
#[derive(Serialize, Deserialize)]
struct RunLine(
    String,
    String,
    Option<usize>,
    usize,
    usize,
    Vec<CaseLine>,
    bool,
);

/// A case as an array: place of its key, rate, interval, samples, whether it counts bytes.
#[derive(Serialize, Deserialize)]
struct CaseLine(usize, f64, Option<f64>, Option<f64>, usize, bool);

/// The place of a value in a table, where it is put if it is not there yet.
fn place<T: Clone + Eq + Hash>(
    table: &mut Vec<T>,
    places: &mut HashMap<T, usize>,
    value: &T,
) -> usize {
    if let Some(place) = places.get(value) {
        return *place;
    }
    table.push(value.clone());
    places.insert(value.clone(), table.len() - 1);
    table.len() - 1
}

fn format(entries: &[Entry]) -> Vec<u8> {
    let mut shared = Shared::default();
    let (mut machines, mut keys) = (HashMap::new(), HashMap::new());
    let (mut hostnames, mut commits) = (HashMap::new(), HashMap::new());
    let mut lines = Vec::new();
    for entry in entries.iter().filter(|entry| entry.stamp.is_text()) {
        let (run, reason) = match &entry.content {
            Content::Skipped(reason) => (None, Some(reason.clone())),
            Content::Run(run, has_digest) => {
                let cases = run.cases.iter().map(|case| {
                    let key = place(&mut shared.keys, &mut keys, &case.key);
                    CaseLine(
                        key,
                        case.rate,
                        case.low,
                        case.high,
                        case.samples,
                        case.is_bytes,
                    )
                });
                let cases = cases.collect();
                let commit = run.commit.as_ref();
                let line = RunLine(
                    run.id.clone(),
                    run.started_utc.clone(),
                    commit.map(|commit| place(&mut shared.commits, &mut commits, commit)),
                    place(&mut shared.hostnames, &mut hostnames, &run.hostname),
                    place(&mut shared.machines, &mut machines, &run.machine),
                    cases,
                    *has_digest,
                );
                (Some(line), None)
            }
        };
        let stamp = &entry.stamp;
        let line = EntryLine(
            stamp.file.clone(),
            stamp.size_bytes,
            stamp.modified_ns,
            run,
            reason,
        );
        put_line(&mut lines, &line);
    }
    let mut body = Vec::new();
    put_line(&mut body, &shared);
    body.append(&mut lines);
    let mut text = Vec::new();
    let header = Header {
        bench_history_index: VERSION,
        checksum: checksum(&body),
    };
    put_line(&mut text, &header);
    text.append(&mut body);
    text
}

fn put_line(text: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *text, line).expect("numbers and texts are always JSON");
    text.push(b'\n');
}

/// The entries by their files; `None` when the text is not a whole index of this version.
fn parse(text: &[u8]) -> Option<HashMap<String, Entry>> {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let header: Header = serde_json::from_slice(lines.next()?).ok()?;
    let body = lines.next()?;
    if header.bench_history_index != VERSION || header.checksum != checksum(body) {
        return None;
    }
    let mut lines = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let shared: Shared = serde_json::from_slice(lines.next()?).ok()?;
    lines
        .map(|line| {
            let EntryLine(file, size_bytes, modified_ns, run, reason) =
                serde_json::from_slice(line).ok()?;
            let content = match (run, reason) {
                (Some(line), None) => {
                    let has_digest = line.6;
                    Content::Run(Box::new(run_of(&file, line, &shared)?), has_digest)
                }
                (None, Some(reason)) => Content::Skipped(reason),
                _ => return None,
            };
            let stamp = Stamp {
                path: PathBuf::from(&file),
                file: file.clone(),
                size_bytes,
                modified_ns,
            };
            Some((file, Entry { stamp, content }))
        })
        .collect()
}

fn run_of(file: &str, line: RunLine, shared: &Shared) -> Option<Run> {
    let RunLine(id, started_utc, commit, hostname, machine, cases, _) = line;
    let commit = match commit {
        Some(place) => Some(shared.commits.get(place)?.clone()),
        None => None,
    };
    Some(Run {
        file: file.to_owned(),
        id,
        started_utc,
        commit,
        hostname: shared.hostnames.get(hostname)?.clone(),
        machine: shared.machines.get(machine)?.clone(),
        cases: cases
            .into_iter()
            .map(|CaseLine(key, rate, low, high, samples, is_bytes)| {
                Some(RunCase {
                    key: shared.keys.get(key)?.clone(),
                    rate,
                    low,
                    high,
                    samples,
                    is_bytes,
                })
            })
            .collect::<Option<_>>()?,
    })
}

/// FNV-1a over 64 bits: finds what a disk or an editor did, which is all that it has to.
fn checksum(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> Vec<Entry> {
        let machine = Machine {
            cpu: "A \"CPU\"".to_owned(),
            family_model_stepping: None,
            architecture: "x86_64".to_owned(),
            logical_cpus: 2,
            hypervisor: None,
        };
        let key = CaseKey {
            kernel: "gemm".to_owned(),
            kernel_version: 1,
            n: 100,
            dtype: "f64".to_owned(),
            threads: 2,
            blas: None,
            driver: "team".to_owned(),
            panel_rows: None,
        };
        let case = RunCase {
            key,
            rate: 0.1 + 0.2,
            low: Some(0.1),
            high: None,
            samples: 3,
            is_bytes: true,
        };
        let run = |id: &str, commit: Option<&str>| Run {
            file: format!("{id}.json"),
            id: id.to_owned(),
            started_utc: "2026-01-01T00:00:00Z".to_owned(),
            commit: commit.map(str::to_owned),
            hostname: "host\nname".to_owned(),
            machine: machine.clone(),
            cases: vec![case.clone(), case.clone()],
        };
        let stamp = |file: &str| Stamp {
            path: PathBuf::from(file),
            file: file.to_owned(),
            size_bytes: 7,
            modified_ns: -5,
        };
        vec![
            Entry {
                stamp: stamp("a.json"),
                content: Content::Run(Box::new(run("a", Some("1234"))), true),
            },
            Entry {
                stamp: stamp("b.json"),
                content: Content::Skipped("it is none".to_owned()),
            },
            Entry {
                stamp: stamp("c.json"),
                content: Content::Run(Box::new(run("c", None)), false),
            },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let entries = entries();
        let parsed = parse(&format(&entries)).unwrap();
        assert_eq!(parsed.len(), entries.len());
        for entry in entries {
            assert_eq!(parsed[&entry.stamp.file], entry);
        }
    }

    proptest! {
        /// No damage is taken for an index, and none makes a panic.
        #[test]
        fn damage_is_noticed(at in any::<prop::sample::Index>(), change in 1..=255u8, cut in any::<bool>()) {
            let text = format(&entries());
            let mut damaged = text.clone();
            let at = at.index(text.len());
            if cut {
                damaged.truncate(at);
            } else {
                damaged[at] ^= change;
            }
            let parsed = parse(&damaged);
            // White space and the case of the checksum's letters do not matter in the first line.
            prop_assert!(parsed.is_none() || parsed == parse(&text), "{at} {change}");
        }
    }
}
