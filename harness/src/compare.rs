//! `bench compare`: records of many hosts and runs in one table.

use results::compare::{self, Comparison, Request, Run};
use results::load::{self, Loaded};
use results::samples_digest::Seal;

use crate::bars::terminal_width;
use crate::cli::{By, CompareArgs, CompareFormat as Format, Sort};
use crate::exit::{Exit, Failure};
use crate::output::print_line;
use crate::records;

/// Carries out `bench compare`.
///
/// # Errors
///
/// When records cannot be loaded, when nothing can be compared, and when norms show that a host computed something else; the
/// tables are printed all the same in the last two cases.
pub fn run(args: &CompareArgs) -> Result<Exit, Failure> {
    let (words, reference) = records::words(&args.records, args.reference.as_deref());
    let loaded = load::load(&words, |record| Run::of(&record)).map_err(records::failure)?;
    for note in notes(&loaded) {
        eprintln!("bench: {}", reports::clean(&note));
    }
    let request = Request {
        by: match args.by {
            By::Host => compare::By::Host,
            By::File => compare::By::File,
        },
        reference,
        anyway: args.anyway,
        sort: match args.sort {
            Sort::Speed => compare::Sort::Speed,
            Sort::Host => compare::Sort::Host,
            Sort::Peak => compare::Sort::Peak,
            Sort::Named => compare::Sort::Named,
        },
    };
    let comparison = compare::compare(&loaded.records, &request).map_err(Failure::usage)?;
    print_line(&match args.format {
        Format::Text => match args.bars.drawn() {
            Some((style, width)) => {
                reports::compare::text_with_bars(&comparison, terminal_width(), style, width)
            }
            None => reports::compare::text(&comparison, terminal_width()),
        },
        Format::Markdown => reports::compare::markdown(&comparison),
        Format::Csv => reports::compare::csv(&comparison),
        Format::Json => reports::compare::json(&comparison),
    })?;
    judge(&comparison)
}

/// What should be known about the records before their figures.
fn notes(loaded: &Loaded<Run>) -> Vec<String> {
    let mut notes = records::notes(loaded);
    let without = loaded
        .records
        .iter()
        .filter(|record| record.seal == Seal::Absent)
        .count();
    notes.extend(records::without_digest(without, loaded.records.len()));
    notes
}

/// What the comparison amounts to.
fn judge(comparison: &Comparison) -> Result<Exit, Failure> {
    refuse_mismatches(comparison)?;
    if comparison.compared() > 0 {
        return Ok(Exit::Pass);
    }
    Err(Failure::new(
        Exit::NotComparable,
        anyhow::anyhow!("cannot compare: {}", why_not(comparison)),
    ))
}

/// Fails when a side computed something else than the others.
pub(crate) fn refuse_mismatches(comparison: &Comparison) -> Result<(), Failure> {
    if let Some(mismatch) = comparison.mismatches.first() {
        let sentence = reports::compare::mismatch(comparison, mismatch);
        let more = match comparison.mismatches.len() {
            1 => String::new(),
            count => format!(" ({} more like this)", count - 1),
        };
        return Err(Failure::new(
            Exit::Invalid,
            anyhow::anyhow!("possible silent data corruption: {sentence}{more}"),
        ));
    }
    Ok(())
}

/// Why nothing was compared, with a remedy.
fn why_not(comparison: &Comparison) -> String {
    let records: usize = comparison.sides.iter().map(|side| side.paths.len()).sum();
    match (comparison.sides.len(), comparison.refused.first()) {
        (1, _) if records > 1 => format!(
            "all {records} records are of {} in one state (try --by file, or --reference with a file)",
            reports::clean(&comparison.sides[0].label)
        ),
        (1, _) => "there is only one record (name others)".to_owned(),
        (_, Some(refused)) => format!(
            "{} (try --anyway)",
            reports::compare::refused(comparison, refused)
        ),
        (_, None) => format!(
            "no other host has a verified figure for a kernel, size and type that {} has, too",
            reports::clean(&comparison.sides[comparison.reference].label)
        ),
    }
}
