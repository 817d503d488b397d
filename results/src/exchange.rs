//! Records for other programs, and other programs' results as records: pure functions between records and text.
//!
//! Each format is a file of its own that names the reader it is made for. What they share: a case has a [`names::case_name`] that
//! stays the same from run to run; its figure is the median with the 95 % interval of [`crate::statistics`]; only verified
//! samples count; and every string of a record is taken for hostile ([`escape`]).

mod asv;
mod bmf;
mod csv;
pub mod escape;
mod github_benchmark;
mod google_benchmark;
mod hyperfine;
mod junit;
mod markdown;
pub mod names;
mod pyperf;
pub mod seed;
mod series;
#[cfg(test)]
mod tests;
mod utc;

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

pub use asv::{BENCHMARKS as ASV_BENCHMARKS, merge_benchmarks as merge_asv_benchmarks};

use crate::record::Record;

/// A format that records can be exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Bencher Metric Format, for `bencher run --adapter json`.
    Bmf,
    /// The array that github-action-benchmark's tool `customBiggerIsBetter` reads.
    GithubActionBenchmark,
    /// Google Benchmark's JSON, for its `tools/compare.py`.
    GoogleBenchmark,
    /// Hyperfine's `--export-json`, for its scripts.
    Hyperfine,
    /// A results directory of airspeed velocity.
    Asv,
    /// A suite for `python -m pyperf`.
    Pyperf,
    /// `JUnit` XML as Jenkins and GitLab read it.
    Junit,
    /// Markdown for `$GITHUB_STEP_SUMMARY`.
    Markdown,
    /// One row for each sample.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 9] = [
        Self::Bmf,
        Self::GithubActionBenchmark,
        Self::GoogleBenchmark,
        Self::Hyperfine,
        Self::Asv,
        Self::Pyperf,
        Self::Junit,
        Self::Markdown,
        Self::Csv,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bmf => "bmf",
            Self::GithubActionBenchmark => "github-action-benchmark",
            Self::GoogleBenchmark => "google-benchmark",
            Self::Hyperfine => "hyperfine",
            Self::Asv => "asv",
            Self::Pyperf => "pyperf",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Csv => "csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an export consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exported {
    /// One file's text.
    Text(String),
    /// Several files, by their paths below a directory.
    Files(Vec<(PathBuf, String)>),
}

/// Why records cannot be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No case has a verified sample, and the format has no way to say so.
    #[error(
        "cannot export to {0}: no case has a verified sample (junit, markdown and csv show failed ones)"
    )]
    NothingVerified(Format),
    /// The format describes one host.
    #[error("cannot export to {format}: one file describes one host and the records are of {} (export them one by one)", .hosts.join(" and "))]
    SeveralHosts {
        /// The format.
        format: Format,
        /// The hosts' names.
        hosts: Vec<String>,
    },
    /// asv files results by commit and a record has none.
    #[error(
        "cannot export to asv: the record {record} does not say of which commit it is (name it with --commit HASH)"
    )]
    NoCommit {
        /// The record's identifier.
        record: String,
    },
    /// The reader refuses a name.
    #[error(
        "cannot export to {format}: a name of {bytes} bytes is longer than its reader takes ({bytes_max})"
    )]
    LongName {
        /// The format.
        format: Format,
        /// The name's length.
        bytes: usize,
        /// The longest that is read.
        bytes_max: usize,
    },
}

/// Exports records. `commit` is the commit that was measured, where a format asks for one; without it the one that a record names.
///
/// # Errors
///
/// See [`ExportError`].
pub fn export(
    records: &[&Record],
    format: Format,
    commit: Option<&str>,
) -> Result<Exported, ExportError> {
    let text = match format {
        Format::Asv => return asv::export(records, commit).map(Exported::Files),
        Format::Bmf => bmf::export(records)?,
        Format::GithubActionBenchmark => github_benchmark::export(records)?,
        Format::GoogleBenchmark => google_benchmark::export(records)?,
        Format::Hyperfine => hyperfine::export(records)?,
        Format::Pyperf => pyperf::export(records)?,
        Format::Junit => junit::export(records),
        Format::Markdown => markdown::export(records),
        Format::Csv => csv::export(records),
    };
    Ok(Exported::Text(text))
}

/// The cases without any verified sample, by name: formats that know only figures leave them out.
pub fn without_figures(records: &[&Record]) -> Vec<String> {
    let cases = records.iter().flat_map(|record| &record.cases);
    cases
        .filter(|case| series::verified(case).is_empty())
        .map(names::case_name)
        .collect()
}

/// JSON as it is committed and compared: indented, with a newline at the end.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
