//! `bench report`: a folder of records as one page.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use reports::kinds;
use reports::page::{self, PageData};
use results::store;

use crate::cli::ReportArgs;
use crate::compare;
use crate::exit::{Exit, Failure};
use crate::output::{cannot_create, check_file, print_line, print_text};
use crate::{material, records, software};

/// Carries out `bench report`.
///
/// # Errors
///
/// When there are no records, the page is in the way of another file or cannot be written, and when norms show that a host computed
/// something else; the page is written all the same in the last case.
pub fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let to_output = args.output == Path::new("-");
    if !to_output && !args.force {
        refuse_other_files(&args.output)?;
    }
    check_file(Some(&args.output))?;
    let material = material::read(&args.material)?;
    for note in records::skip_notes(&material.skipped, material.copies) {
        eprintln!("bench: {}", reports::clean(&note));
    }
    let spinner = material::spinner();
    spinner.set_message("drawing");
    let comparisons: Vec<_> = material.comparisons.iter().map(|it| it.1.clone()).collect();
    let side_by_side = material.survey.newest_states();
    let kinds = kinds::kinds(&kinds::Material {
        side_by_side: &side_by_side,
        newest: &material.newest,
        comparisons: &comparisons,
        history: material.history.as_ref(),
    });
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let command: Vec<String> = words.collect();
    let data = PageData {
        title: args.title.as_deref(),
        survey: &material.survey,
        kinds: &kinds,
        comparisons: &material.comparisons,
        history: material.history.as_ref(),
        skipped: &material.skipped,
        copies: material.copies,
        command: &command,
        bench_version: software::VERSION,
    };
    let html = page::html(&data).map_err(|error| Failure::new(Exit::Software, error))?;
    spinner.finish_and_clear();
    if to_output {
        print_text(&html)?;
    } else {
        store::write_whole(&args.output, html.as_bytes()).map_err(cannot_create)?;
        print_line(&reports::clean(&format!(
            "wrote {} ({}, {} kB)",
            args.output.display(),
            reports::counted(material.survey.records, "record"),
            html.len().div_ceil(1000)
        )))?;
    }
    compare::refuse_mismatches(&material.survey.comparison)?;
    Ok(Exit::Pass)
}

/// How much of a file is read to see what it is.
const HEAD_BYTES: u64 = 4096;

/// Somebody's own page is not written over because a report was told to go there.
fn refuse_other_files(path: &Path) -> Result<(), Failure> {
    if !path.is_file() {
        return Ok(());
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    let is_report = read.is_ok()
        && (head.is_empty() || String::from_utf8_lossy(&head).contains(page::GENERATOR));
    if is_report {
        return Ok(());
    }
    Err(Failure::usage(anyhow::anyhow!(
        "cannot write the page to {}: the file there is no report (name another one, or use --force)",
        path.display()
    )))
}
