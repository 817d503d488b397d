//! Where figures are from: each record with its digests, and what was left out.

use results::grade::Grade;
use results::load::Refusal;
use results::samples_digest::Seal;
use results::survey::Survey;

use super::grid::{Cell, Grid, Line, heads, left_out as not_shown};
use super::{PageData, cut, label, short};
use crate::compare::sentences;
use crate::figures::counted;
use crate::slugs::Slugs;

/// Records that a page lists, and hosts.
const RECORDS_MAX: usize = 2000;
const HOSTS_MAX: usize = 1000;

/// What ran on each host, and each record.
pub(super) fn tables(survey: &Survey, anchors: &mut Slugs) -> Vec<Grid> {
    vec![software(survey, anchors), records(survey, anchors)]
}

fn software(survey: &Survey, anchors: &mut Slugs) -> Grid {
    let rows = survey.hosts.iter().enumerate().take(HOSTS_MAX);
    Grid {
        id: anchors.take("table of software"),
        label: "What ran on each host".to_owned(),
        columns: heads(&["host", "bench", "SHA-256 digest of the bundle"]),
        rows: rows
            .map(|(side, host)| {
                let newest = &host.newest;
                let bundle = newest.bundle_digest.as_deref().map_or_else(
                    || Cell::text("no bundle: the program was started on its own"),
                    |digest| Cell::text(short(digest)).of_class("digest"),
                );
                let cells = vec![
                    Cell::text(label(survey, side)).of_class("name"),
                    Cell::text(short(&newest.bench_version)),
                    bundle,
                ];
                Line { cells }
            })
            .collect(),
        is_filtered: true,
        notes: not_shown(survey.hosts.len(), HOSTS_MAX, "hosts", ""),
    }
}

fn records(survey: &Survey, anchors: &mut Slugs) -> Grid {
    let hosts = survey.hosts.iter().enumerate();
    let mut runs: Vec<_> = hosts
        .flat_map(|(side, host)| host.runs.iter().map(move |run| (side, run)))
        .collect();
    // The newest first; equal times in the order of hosts.
    runs.sort_by(|(_, a), (_, b)| b.started_utc.cmp(&a.started_utc));
    let count = runs.len();
    let rows = runs.into_iter().take(RECORDS_MAX).map(|(side, run)| {
        let digest = match (&run.samples_sha256, run.seal) {
            (Some(digest), Seal::Fits) => Cell::text(short(digest)).of_class("digest"),
            _ => Cell::text("none: an edit would go unnoticed").of_class("bad"),
        };
        let cells = vec![
            Cell::text(short(&run.started_utc.replacen('T', " ", 1))),
            Cell::text(label(survey, side)).of_class("name"),
            Cell::text(run.grade.to_string()).of_class(if run.grade == Grade::Invalid {
                "bad"
            } else {
                ""
            }),
            Cell::text(short(&run.id)).of_class("digest"),
            digest,
            Cell::text(cut(&run.path.to_string_lossy(), 300)),
        ];
        Line { cells }
    });
    Grid {
        id: anchors.take("table of records"),
        label: "Records".to_owned(),
        columns: heads(&[
            "begun (UTC)",
            "host",
            "grade",
            "id",
            "SHA-256 digest of the samples",
            "file",
        ]),
        rows: rows.collect(),
        is_filtered: true,
        notes: not_shown(count, RECORDS_MAX, "records", ", the newest"),
    }
}

/// Files and comparisons that a page names.
const NAMED_MAX: usize = 40;

/// What is not among the figures, and why.
pub(super) fn left_out(data: &PageData) -> Vec<String> {
    let mut sentences = Vec::new();
    // Records with which something is wrong before files that never were any.
    let mut files: Vec<_> = data.skipped.iter().collect();
    files.sort_by_key(|file| (file.refusal != Refusal::Edited, file.refusal.is_foreign()));
    for file in files.iter().take(NAMED_MAX) {
        let path = file.path.to_string_lossy();
        sentences.push(cut(&format!("{path}: {}", file.refusal), 400));
    }
    if files.len() > NAMED_MAX {
        sentences.push(format!("{} more files", files.len() - NAMED_MAX));
    }
    if data.copies > 0 {
        let copies = match data.copies {
            1 => "1 copy".to_owned(),
            count => format!("{count} copies"),
        };
        sentences.push(format!("{copies} of records that are counted already"));
    }
    let many = data.survey.hosts_of_many_states();
    for (host, count) in many.iter().take(NAMED_MAX) {
        sentences.push(format!(
            "{} has {count} states: pictures of several hosts show its newest, tables and history all",
            short(host)
        ));
    }
    let comparison = &data.survey.comparison;
    for refused in comparison.refused.iter().take(NAMED_MAX) {
        let sentence = sentences::refused(comparison, refused);
        sentences.push(cut(
            &format!(
                "not compared with the reference: {sentence} (--anyway compares it all the same)"
            ),
            400,
        ));
    }
    if comparison.refused.len() > NAMED_MAX {
        let more = comparison.refused.len() - NAMED_MAX;
        sentences.push(format!(
            "not compared with the reference: {}",
            counted(more, "more difference")
        ));
    }
    sentences
}
