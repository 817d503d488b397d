//! A folder of records as one HTML page that needs nothing else: no network, no other file, no script to be read.
//!
//! What the page says is decided here, as texts in tables and lists; the templates (`reports/templates/`) give them their places and
//! escape them. A figure's picture is the only markup that does not come from a template.

mod again;
mod cases;
mod changes;
mod environments;
mod grid;
mod hosts;
mod pictures;
mod provenance;
mod states;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod warnings;

use std::path::PathBuf;

use askama::Template;
use results::comparison::Comparison;
use results::history::series::History;
use results::load::Skipped;
use results::survey::Survey;

use crate::figures::{counted, grouped};
use crate::kinds::Kind;
use crate::{PlotError, clean};

use self::cases::CaseTable;
use self::changes::Changes;
use self::environments::Environments;
use self::grid::Grid;
use self::pictures::Pictures;
use self::provenance::NotCompared;
use self::states::States;
use self::summary::Summary;
use crate::slugs::Slugs;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct PageData<'a> {
    /// What stands at its head; `None` for a plain one.
    pub title: Option<&'a str>,
    /// The records.
    pub survey: &'a Survey,
    /// The pictures, kind by kind.
    pub kinds: &'a [Kind],
    /// Comparisons in turns that were kept, with their files, the newest first.
    pub comparisons: &'a [(PathBuf, Comparison)],
    /// One value a run over time; `None` where no case was measured twice.
    pub history: Option<&'a History>,
    /// Files that were found and left out.
    pub skipped: &'a [Skipped],
    /// Copies of records that were left out.
    pub copies: usize,
    /// The command that makes this page.
    pub command: &'a [String],
    /// The version of `bench`.
    pub bench_version: &'a str,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A picture could not be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The template could not be filled in, for lack of memory for example.
    #[error("cannot make the page: {0}")]
    Template(#[from] askama::Error),
}

/// How a page says what it is: by this a file is known for one that may be written anew.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"bench report ";

/// The page as HTML. The same data give the same bytes.
///
/// # Errors
///
/// [`PageError`] when a picture cannot be drawn or memory is short.
pub fn html(data: &PageData) -> Result<String, PageError> {
    let mut anchors = Slugs::default();
    for reserved in RESERVED {
        anchors.take(reserved);
    }
    let states = States::of(data.survey);
    let style = style::style();
    let page = Page {
        policy: style::policy(&style, style::SCRIPT),
        style,
        script: style::SCRIPT,
        version: clean(data.bench_version),
        title: data
            .title
            .map_or_else(|| "Benchmark report".to_owned(), clean),
        lead: lead(&states),
        summary: summary::summary(data, &states),
        pictures: pictures::pictures(data.kinds, &mut anchors)?,
        hosts: hosts::table(&states, &mut anchors),
        has_earlier_states: states.machines.len() < data.survey.hosts.len(),
        cases: cases::tables(&states, &mut anchors),
        case_notes: cases::notes(data.survey),
        changes: changes::changes(data, &mut anchors),
        environments: environments::environments(&states, &mut anchors),
        warnings: warnings::table(&states, &mut anchors),
        provenance: provenance::tables(&states, &mut anchors),
        again: again::again(data, &states),
        left_out: provenance::left_out(data),
        not_compared: provenance::not_compared(&states),
    };
    let mut html = page.render()?;
    // Templates end without one.
    html.push('\n');
    Ok(html)
}

/// Anchors of the page's own parts.
const RESERVED: [&str; 14] = [
    "summary",
    "hosts",
    "cases",
    "samples",
    "changes",
    "environments",
    "warnings",
    "provenance",
    "again",
    "left-out",
    "main",
    "filter",
    "filter-count",
    "hint",
];

#[derive(Template)]
#[template(path = "page.html", whitespace = "minimize")]
struct Page {
    policy: String,
    style: String,
    script: &'static str,
    version: String,
    title: String,
    lead: String,
    summary: Summary,
    pictures: Pictures,
    hosts: Grid,
    has_earlier_states: bool,
    cases: Vec<CaseTable>,
    case_notes: Vec<String>,
    changes: Changes,
    environments: Environments,
    warnings: Grid,
    provenance: Vec<Grid>,
    again: Vec<again::Command>,
    left_out: Vec<String>,
    not_compared: Option<NotCompared>,
}

/// What the page is of, for example `7 hosts in 9 states, 43 runs from 2026-01-01 to 2026-02-01`.
fn lead(states: &States) -> String {
    let survey = states.survey;
    let runs = || survey.hosts.iter().flat_map(|host| &host.runs);
    let days = runs().map(|run| run.started_utc.as_str());
    let (first, last) = (days.clone().min(), days.max());
    let day = |utc: &str| clean(&utc.chars().take(10).collect::<String>());
    let when = match (first.map(day), last.map(day)) {
        (Some(first), Some(last)) if first == last => format!(" on {first}"),
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        _ => String::new(),
    };
    let runs = match survey.records {
        1 => "1 run".to_owned(),
        count => format!("{} runs", grouped(&count.to_string())),
    };
    let machines = states.machines.len();
    let states = match survey.hosts.len() {
        count if count == machines => String::new(),
        count => format!(" in {count} states"),
    };
    format!("{}{states}, {runs}{when}", counted(machines, "host"))
}

/// The name of a side, as it is shown.
fn label(survey: &Survey, side: usize) -> String {
    let side = survey.comparison.sides.get(side);
    side.map_or_else(String::new, |side| short(&side.label))
}

/// Letters of a name that are shown: what is longer is nothing that somebody reads.
const NAME_MAX: usize = 120;

/// A record's text, cleaned, with an ellipsis where it is too long to be read.
fn short(text: &str) -> String {
    cut(text, NAME_MAX)
}

/// The same for texts that may be so long.
fn cut(text: &str, length_max: usize) -> String {
    let mut rest = text.chars();
    let mut shown: String = rest.by_ref().take(length_max).collect();
    if rest.next().is_some() {
        shown.push('…');
    }
    clean(&shown)
}
