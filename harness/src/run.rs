//! `bench run`: plan, measure, record, plot, print.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::time::Instant;

use results::record::{Case, Record, SCHEMA_VERSION, Settings};
use results::{StoreError, StoredRecord, store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::RunArgs;
use crate::exit::{Exit, Failure};
use crate::measure::{Event, measure};
use crate::output::print_line;
use crate::plan::{Destination, INJECT_FAULT, Plan, Verbosity};
use crate::progress::Progress;
use crate::{clock, host, libraries, software};

/// Carries out `bench run`.
///
/// # Errors
///
/// With the exit code of what went wrong. Results that failed their verification are no failure of this function: they
/// are printed and recorded, and the exit code says so.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let plan = Plan::new(args)?;
    if let Destination::Directory(directory) = &plan.destination {
        store::prepare_directory(directory).map_err(store_failure)?;
    }
    if !libraries::is_default(&plan.libraries) {
        for library in &plan.libraries {
            eprintln!("bench: {}", libraries::line(library));
        }
    }
    let mut record = empty_record(&plan);
    for warning in &record.warnings {
        eprintln!("bench: warning: {warning}");
    }
    record.cases = measure_all(&plan, record.settings.clock_resolution_s)?;
    record.elapsed_s = started.elapsed().as_secs_f64();
    finish(&plan, &record)?;
    Ok(if record.is_valid() {
        Exit::Pass
    } else {
        Exit::Invalid
    })
}

/// The record of a run that has measured nothing yet.
fn empty_record(plan: &Plan) -> Record {
    let mut warnings = plan.warnings.clone();
    if plan.inject_fault {
        warnings.push(format!(
            "{INJECT_FAULT} is set: every result is spoilt on purpose"
        ));
    }
    Record {
        schema_version: SCHEMA_VERSION,
        id: format!("{:08x}", RandomState::new().build_hasher().finish() as u32),
        started_utc: now_utc(),
        elapsed_s: 0.0,
        host: host::describe(&plan.topology, &plan.memory),
        software: software::describe(&plan.libraries),
        settings: Settings {
            command_line: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            repeats: plan.repeats,
            warmup: plan.warmup,
            seed: plan.seed,
            threads: plan.threads.clone(),
            clock_resolution_s: clock::resolution_s(),
        },
        cases: Vec::new(),
        warnings,
    }
}

fn now_utc() -> String {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    now.format(&Rfc3339).unwrap_or_default()
}

fn measure_all(plan: &Plan, clock_resolution_s: f64) -> Result<Vec<Case>, Failure> {
    let mut progress = Progress::new(plan);
    let mut cases = Vec::with_capacity(plan.cases.len());
    for case in &plan.cases {
        progress.begin(case);
        let mut printed = Ok(());
        let mut observe = |event: Event| {
            if let Event::Sample(sample) = &event
                && plan.verbosity != Verbosity::Json
                && printed.is_ok()
            {
                let line = reports::text::seed_line(sample);
                progress.print_above(|| printed = print_line(&line));
            }
            progress.show(&event);
        };
        cases.push(measure(case, plan, clock_resolution_s, &mut observe)?);
        printed?;
    }
    progress.finish();
    Ok(cases)
}

/// Stores and plots the record and prints what is to be printed.
fn finish(plan: &Plan, record: &Record) -> Result<(), Failure> {
    let written = match &plan.destination {
        Destination::Directory(directory) => Some(store(plan, directory, record)?),
        Destination::Stdout => None,
    };
    match plan.verbosity {
        Verbosity::Json => {
            let text = serde_json::to_string_pretty(record).expect("a record is always JSON");
            print_line(&text)
        }
        Verbosity::Quiet => Ok(()),
        Verbosity::Normal => {
            for case in &record.cases {
                print_line(&reports::text::case_summary(case))?;
            }
            if let Some(stored) = written {
                let plots = if plan.plot { ", .svg, .png" } else { "" };
                print_line(&format!("wrote {}{plots}", stored.json.display()))?;
            }
            Ok(())
        }
    }
}

/// Writes the record and, where it is wanted, its plot.
fn store(plan: &Plan, directory: &Path, record: &Record) -> Result<StoredRecord, Failure> {
    let stored = store::write_record(directory, record).map_err(store_failure)?;
    if plan.plot {
        plot(&stored, record)?;
    }
    Ok(stored)
}

/// Draws the plot beside the record.
fn plot(stored: &StoredRecord, record: &Record) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Software, error);
    let svg = reports::run_plot::svg(record).map_err(failed)?;
    let png = reports::run_plot::png(record).map_err(failed)?;
    for (extension, content) in [("svg", svg.as_bytes()), ("png", &png)] {
        store::write_whole(&stored.beside(extension), content).map_err(store_failure)?;
    }
    Ok(())
}

fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::Directory { .. } => Exit::CannotCreate,
        _ => Exit::InputOutput,
    };
    Failure::new(exit, error)
}
