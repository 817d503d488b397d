//! `bench history`: one value a run over commits or time, and where it changed.

mod commits;
mod json;

use std::path::Path;

use reports::history_text::{self, Listing};
use results::accepted::AcceptedFile;
use results::change_points::Settings;
use results::history::index;
use results::history::series::{History, Options, PointOf, Series, history};
use results::store;

use crate::cli::HistoryArgs;
use crate::cli::history::{By, Format};
use crate::exit::{Exit, Failure};
use crate::output::{cannot_create, check_file, print_line};
use crate::records;

/// Carries out `bench history`.
///
/// # Errors
///
/// When the directory has no records, the repository cannot be read, or a picture cannot be drawn or written.
pub fn run(args: &HistoryArgs) -> Result<Exit, Failure> {
    check_file(args.svg.as_deref())?;
    check_file(args.png.as_deref())?;
    let directory = index::read(&args.directory).map_err(|error| {
        let text = error.to_string().replace("the record ", "the records of ");
        Failure::usage(anyhow::anyhow!(
            "{text} (name a directory of records: bench run --output DIR makes one)"
        ))
    })?;
    if directory.runs.is_empty() {
        return Err(Failure::usage(no_records(
            &args.directory,
            &directory.skipped,
        )));
    }
    let commits = match &args.git {
        Some(repository) => Some(commits::in_order(repository).map_err(Failure::usage)?),
        None => None,
    };
    let mut history = history(
        &directory.runs,
        Options {
            point_of: match args.by {
                By::Auto => PointOf::Auto,
                By::Commit => PointOf::Commit,
                By::Run => PointOf::Run,
            },
            commits: commits.as_deref(),
            split_hosts: args.split_hosts,
            settings: Settings {
                segment_min: args.min_segment as usize,
                ..Settings::default()
            },
        },
    );
    let accepted = AcceptedFile::read(&args.accepted).map_err(Failure::usage)?;
    history.accept(&accepted);
    if let [(one, other), ..] = &history.conflicts[..] {
        return Err(Failure::usage(anyhow::anyhow!(
            "cannot tell which of {one} and {other} is right: they are records of the same run and differ (remove one)"
        )));
    }
    if let Some(text) = &args.only {
        only(&mut history, text)?;
    }
    draw(args, &history)?;
    let runs = directory.runs.len();
    if let Some(note) = records::without_digest(directory.without_digest, runs) {
        eprintln!("bench: {note}");
    }
    let place = args.directory.display().to_string();
    let listing = Listing {
        place: &place,
        history: &history,
        runs,
        skipped: directory.skipped.len(),
        by_commits: commits.is_some(),
    };
    if args.json {
        print_line(&format!("{:#}", json::value(listing, &directory.skipped)))?;
    } else {
        print_line(&match args.format {
            Format::Text => history_text::text(listing),
            Format::Markdown => history_text::markdown(listing),
        })?;
    }
    let is_worse = history.series.iter().any(Series::ends_in_a_regression);
    Ok(if args.fail_on_change && is_worse {
        Exit::Regression
    } else {
        Exit::Pass
    })
}

fn no_records(directory: &Path, skipped: &[(String, String)]) -> anyhow::Error {
    let directory = directory.display();
    match skipped {
        [] => anyhow::anyhow!(
            "cannot show the history of {directory}: it holds no records (bench run --output {directory} makes one)"
        ),
        [(file, reason), ..] => anyhow::anyhow!(
            "cannot show the history of {directory}: none of its {} JSON files is a record; {file}: {reason} (bench run --output \
             {directory} makes one)",
            skipped.len()
        ),
    }
}

/// Keeps the series whose titles contain a text.
fn only(history: &mut History, text: &str) -> Result<(), Failure> {
    let titles: Vec<String> = history.series.iter().map(history_text::title).collect();
    history
        .series
        .retain(|series| history_text::title(series).contains(text));
    match (history.series.is_empty(), titles.first()) {
        (true, Some(title)) => Err(Failure::usage(anyhow::anyhow!(
            "cannot show series with '{text}': none of {} has it in its title (the first is: {title})",
            titles.len()
        ))),
        _ => Ok(()),
    }
}

fn draw(args: &HistoryArgs, history: &History) -> Result<(), Failure> {
    let undrawn = |error: reports::PlotError| Failure::new(Exit::Software, error);
    if let Some(path) = &args.svg {
        let picture = reports::history_plot::svg(history).map_err(undrawn)?;
        store::write_whole(path, picture.as_bytes()).map_err(cannot_create)?;
    }
    if let Some(path) = &args.png {
        let picture = reports::history_plot::png(history).map_err(undrawn)?;
        store::write_whole(path, &picture).map_err(cannot_create)?;
    }
    Ok(())
}
