//! Reading what `bench` prints and writes.

use std::path::{Path, PathBuf};

use results::Record;

/// The records in a directory, each with its path; everything else there is ignored.
pub fn records(directory: &Path) -> Vec<(PathBuf, Record)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut records: Vec<(PathBuf, Record)> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let record = results::store::read_record(&path).expect("a readable record");
            (path, record)
        })
        .collect();
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    records
}

/// The only record in a directory.
///
/// # Panics
///
/// When there is none or more than one.
pub fn only_record(directory: &Path) -> Record {
    let mut records = records(directory);
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0).1
}

/// One of the article's lines, taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedLine {
    /// The norm.
    pub norm: f64,
    /// The time.
    pub run_time_s: f64,
    /// The rate.
    pub gflops: f64,
}

/// The article's lines in a text, read as a script would that was written for the article's output:
/// `norm: 25003427.73<TAB> Run time: 3.06277 seconds<TAB> GFLOPS: 653`.
pub fn seed_lines(text: &str) -> Vec<SeedLine> {
    text.lines().filter_map(seed_line).collect()
}

fn seed_line(line: &str) -> Option<SeedLine> {
    let mut fields = line.split('\t');
    let norm = fields.next()?.strip_prefix("norm: ")?;
    let run_time = fields
        .next()?
        .strip_prefix(" Run time: ")?
        .strip_suffix(" seconds")?;
    let gflops = fields.next()?.strip_prefix(" GFLOPS: ")?;
    let decimals = |text: &str| {
        text.split_once('.')
            .map_or(0, |(_, decimals)| decimals.len())
    };
    let as_printed = decimals(norm) == 2 && decimals(run_time) == 5 && decimals(gflops) == 0;
    (as_printed && fields.next().is_none()).then_some(SeedLine {
        norm: norm.parse().ok()?,
        run_time_s: run_time.parse().ok()?,
        gflops: gflops.parse().ok()?,
    })
}
