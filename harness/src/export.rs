//! `bench export`: records in the formats of other programs.

use std::fs;
use std::path::{Path, PathBuf};

use results::exchange::{self, Exported, Format};
use results::{Record, store};

use crate::cli::ExportArgs;
use crate::exit::{Exit, Failure};
use crate::{output, records};

/// Carries out `bench export`. What failed its verification is left out where a format has only figures, which is said and becomes the
/// exit code, since a gate further on would not see it.
///
/// # Errors
///
/// When the records cannot be read or exported, or the output cannot be written.
pub fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let format = format(&args.to)?;
    if format != Format::Asv {
        output::check_file(args.output.as_deref())?;
    }
    let records = load(&args.records)?;
    let records: Vec<&Record> = records.iter().collect();
    let exported = exchange::export(&records, format, args.commit.as_deref()).map_err(|error| {
        let exit = match error {
            exchange::ExportError::NothingVerified(_) => Exit::Invalid,
            _ => Exit::Usage,
        };
        Failure::new(exit, error)
    })?;
    let destination = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    match (exported, destination) {
        (Exported::Text(text), None) => output::print_text(&text)?,
        (Exported::Text(text), Some(path)) => write(path, &text)?,
        (Exported::Files(files), Some(directory)) => write_files(directory, files)?,
        (Exported::Files(_), None) => {
            return Err(Failure::usage(anyhow::anyhow!(
                "cannot export to {format}: it is a directory of files (name one with --output DIR)"
            )));
        }
    }
    let left_out = exchange::without_figures(&records);
    let shows_failures = matches!(format, Format::Junit | Format::Markdown | Format::Csv);
    if !shows_failures {
        for case in left_out {
            eprintln!(
                "bench: warning: {} is left out: none of its samples was verified",
                reports::clean(&case)
            );
        }
    }
    Ok(if records.iter().all(|record| record.is_valid()) {
        Exit::Pass
    } else {
        Exit::Invalid
    })
}

fn format(name: &str) -> Result<Format, Failure> {
    let mut formats = Format::ALL.into_iter();
    formats.find(|format| format.name() == name).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        Failure::usage(anyhow::anyhow!(
            "cannot export to '{name}': no format has this name (there are {names})"
        ))
    })
}

fn load(words: &[PathBuf]) -> Result<Vec<Record>, Failure> {
    let loaded = results::load::load(words, |record| record).map_err(records::failure)?;
    for note in records::notes(&loaded) {
        eprintln!("bench: warning: {}", reports::clean(&note));
    }
    Ok(loaded.records.into_iter().map(|one| one.record).collect())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    store::write_whole(path, text.as_bytes()).map_err(output::cannot_create)
}

/// Writes the files of a directory, all or none. The list of benchmarks keeps what other exports have put there, since asv shows nothing
/// that is not in it.
fn write_files(directory: &Path, mut files: Vec<(PathBuf, String)>) -> Result<(), Failure> {
    for (name, text) in &mut files {
        if name != Path::new(exchange::ASV_BENCHMARKS) {
            continue;
        }
        let path = directory.join(name);
        if let Ok(present) = fs::read_to_string(&path) {
            *text = exchange::merge_asv_benchmarks(&present, text).ok_or_else(|| {
                Failure::usage(anyhow::anyhow!(
                    "cannot add to {}: it is not a list of benchmarks of asv's version 2 (name another directory with --output DIR)",
                    path.display()
                ))
            })?;
        }
    }
    store::write_all(directory, &files).map_err(output::cannot_create)
}
