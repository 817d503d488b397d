//! What reports and plots are made of, read from files: records, kept comparisons, what changed over time, and a few records in
//! full.

use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use results::Record;
use results::accepted::AcceptedFile;
use results::change_points::Settings;
use results::compare::Request;
use results::comparison::{Comparison, SCHEMA_VERSION};
use results::history::Run as HistoryRun;
use results::history::series::{History, Options, PointOf, history};
use results::load::{self, LoadError, Loaded, LoadedRecord, Skipped};
use results::store;
use results::survey::{self, Survey, SurveyRun};

use crate::cli::MaterialArgs;
use crate::exit::Failure;
use crate::records;

/// Hosts whose newest record is read again in full: pictures of samples show no more.
const FULL_MAX: usize = 8;

/// Larger files are no comparisons.
const COMPARISON_MAX_BYTES: u64 = 64 << 20;

/// Everything that was read.
#[derive(Debug)]
pub struct Material {
    /// The records, host by host.
    pub survey: Survey,
    /// Files that were found and left out.
    pub skipped: Vec<Skipped>,
    /// Copies of records that were left out.
    pub copies: usize,
    /// Comparisons in turns with their files, the newest first.
    pub comparisons: Vec<(PathBuf, Comparison)>,
    /// One value a run over time; `None` where no case was measured twice.
    pub history: Option<History>,
    /// The newest record of each of the first hosts.
    pub newest: Vec<Record>,
}

/// Reads what the words name.
///
/// # Errors
///
/// When there is neither a record nor a comparison, a named file is none, or the reference is not among them.
pub fn read(args: &MaterialArgs) -> Result<Material, Failure> {
    let spinner = spinner();
    let (words, reference) = records::words(&args.records, args.reference.as_deref());
    let (named, words) = named_comparisons(words);
    spinner.set_message("reading records");
    let loaded = match load::load(&words, |record| {
        let run = HistoryRun::of("", &record);
        (SurveyRun::of(record), run)
    }) {
        Err(LoadError::Nothing { .. }) if !named.is_empty() => nothing(),
        loaded => loaded.map_err(records::failure)?,
    };
    spinner.set_message("reading comparisons");
    let (found, skipped) = found_comparisons(loaded.skipped);
    let mut comparisons: Vec<_> = named.into_iter().chain(found).collect();
    comparisons.sort_by(|(_, a), (_, b)| b.started_utc.cmp(&a.started_utc));
    let mut runs = Vec::with_capacity(loaded.records.len());
    let mut records = Vec::with_capacity(loaded.records.len());
    for LoadedRecord { path, seal, record } in loaded.records {
        let (record, mut run) = record;
        run.file = path.display().to_string();
        runs.push(run);
        records.push(LoadedRecord { path, seal, record });
    }
    spinner.set_message("looking for changes");
    let history = over_time(&runs, &args.accepted)?;
    drop(runs);
    spinner.set_message("comparing hosts");
    let request = Request {
        reference,
        anyway: args.anyway,
        ..Request::default()
    };
    let survey = survey::survey(records, &request).map_err(Failure::usage)?;
    spinner.set_message("reading the newest records again");
    let sides = survey.newest_sides().into_iter().take(FULL_MAX);
    let newest = sides.filter_map(|side| in_full(&survey.hosts[side]));
    let material = Material {
        newest: newest.collect(),
        survey,
        skipped,
        copies: loaded.copies.len(),
        comparisons,
        history,
    };
    spinner.finish_and_clear();
    Ok(material)
}

/// No records.
fn nothing<T>() -> Loaded<T> {
    Loaded {
        records: Vec::new(),
        skipped: Vec::new(),
        copies: Vec::new(),
    }
}

/// Shows on a terminal what is being done: a hundred thousand records take a while.
pub(crate) fn spinner() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let spinner = ProgressBar::with_draw_target(None, target);
    spinner.set_style(
        ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is right"),
    );
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    spinner
}

/// Takes the files out of the words that are comparisons.
fn named_comparisons(words: Vec<PathBuf>) -> (Vec<(PathBuf, Comparison)>, Vec<PathBuf>) {
    let mut comparisons = Vec::new();
    let mut others = Vec::new();
    for word in words {
        match comparison(&word) {
            Some(comparison) => comparisons.push((word, comparison)),
            None => others.push(word),
        }
    }
    (comparisons, others)
}

/// Takes comparisons out of what was found to be no record.
fn found_comparisons(skipped: Vec<Skipped>) -> (Vec<(PathBuf, Comparison)>, Vec<Skipped>) {
    let mut comparisons = Vec::new();
    let mut others = Vec::new();
    for file in skipped {
        let comparison = if file.refusal.is_foreign() {
            comparison(&file.path)
        } else {
            None
        };
        match comparison {
            Some(comparison) => comparisons.push((file.path, comparison)),
            None => others.push(file),
        }
    }
    (comparisons, others)
}

/// A file's comparison; `None` when it is something else.
fn comparison(path: &Path) -> Option<Comparison> {
    // Not a pipe: what is read from one is gone.
    if !path.is_file() {
        return None;
    }
    let text = store::read_bounded(File::open(path).ok()?, COMPARISON_MAX_BYTES).ok()?;
    let text = String::from_utf8(text).ok()?;
    // Most files are records, which are read as such right afterwards.
    if !text.contains("\"comparison_schema_version\"") {
        return None;
    }
    let comparison: Comparison = serde_json::from_str(&text).ok()?;
    (comparison.comparison_schema_version == SCHEMA_VERSION).then_some(comparison)
}

/// Series of what was measured more than once; `None` when nothing was.
fn over_time(runs: &[HistoryRun], accepted: &Path) -> Result<Option<History>, Failure> {
    let options = Options {
        point_of: PointOf::Auto,
        commits: None,
        split_hosts: false,
        settings: Settings::default(),
    };
    let mut history = history(runs, options);
    history.series.retain(|series| series.points.len() > 1);
    if history.series.is_empty() {
        return Ok(None);
    }
    history.accept(&AcceptedFile::read(accepted).map_err(Failure::usage)?);
    Ok(Some(history))
}

/// The newest record of a host; `None` when its file is another one by now.
fn in_full(host: &survey::Host) -> Option<Record> {
    let run = host.runs.last()?;
    let record = store::read_record(&run.path).ok()?;
    (record.id == run.id).then_some(record)
}
