//! Where figures are from: each record with its digests, and what was left out.

use results::environment::FACTS;
use results::grade::Grade;
use results::load::Refusal;
use results::samples_digest::Seal;
use results::survey::{HostRun, Machine};

use super::grid::{Cell, Grid, Line, More, heads, left_out as not_shown};
use super::states::{Room, States};
use super::{PageData, cut, short};
use crate::compare::sentences;
use crate::figures::counted;
use crate::slugs::Slugs;

/// Hosts that a page lists.
const HOSTS_MAX: usize = 1000;

/// What ran on each host, and each record.
pub(super) fn tables(states: &States, anchors: &mut Slugs) -> Vec<Grid> {
    vec![software(states, anchors), records(states, anchors)]
}

/// What measured in a state: the version of `bench`, the commit it was built from, and the digest of the bundle.
fn build(states: &States, side: usize) -> [String; 3] {
    let newest = &states.survey.hosts[side].newest;
    let commit = FACTS.iter().position(|fact| fact.name == "commit");
    [
        short(&newest.bench_version),
        commit.map_or_else(String::new, |fact| {
            states.values(side, fact, super::NAME_MAX)
        }),
        newest
            .bundle_digest
            .as_deref()
            .map(short)
            .unwrap_or_default(),
    ]
}

fn software(states: &States, anchors: &mut Slugs) -> Grid {
    let machines = states.machines.iter().enumerate().take(HOSTS_MAX);
    let mut room = Room::new();
    let rows = machines.map(|(index, machine)| {
        let name = states.machine_name(index);
        let newest = build(states, machine.newest());
        let more = other_builds(states, machine, &newest, &name, &mut room);
        let [version, commit, bundle] = newest;
        let bundle = match &*bundle {
            "" => Cell::text(NO_BUNDLE),
            digest => Cell::text(digest).of_class("digest"),
        };
        let cells = vec![
            Cell::text(name).of_class("name"),
            Cell::text(version),
            Cell::text(if commit.is_empty() {
                "not known".to_owned()
            } else {
                commit
            }),
            bundle,
        ];
        Line { cells, more }
    });
    Grid {
        id: anchors.take("table of software"),
        label: "What ran on each host".to_owned(),
        columns: heads(&["host", "bench", "commit", "SHA-256 digest of the bundle"]),
        rows: rows.collect(),
        is_filtered: true,
        notes: not_shown(states.machines.len(), HOSTS_MAX, "hosts", ""),
    }
}

/// What is said of a program that was started on its own, which is nothing bad.
const NO_BUNDLE: &str = "none: a build that no digest names";

/// The builds that measured before and are others.
fn other_builds(
    states: &States,
    machine: &Machine,
    newest: &[String; 3],
    name: &str,
    room: &mut Room,
) -> Option<More> {
    let builds = machine
        .earlier()
        .iter()
        .map(|side| (*side, build(states, *side)));
    let mut others: Vec<(usize, [String; 3])> =
        builds.filter(|(_, build)| build != newest).collect();
    // States of one build that are neighbours are told of once.
    others.dedup_by(|a, b| a.1 == b.1);
    if others.is_empty() {
        return None;
    }
    let (shown, summary) = room.earlier(others.len(), "build");
    let items = others.iter().take(shown).map(|(side, build)| {
        let [version, commit, bundle] = build;
        let mut parts = vec![states.days(*side), format!("bench {version}")];
        if !commit.is_empty() {
            parts.push(format!("commit {commit}"));
        }
        if !bundle.is_empty() {
            parts.push(format!("bundle {bundle}"));
        }
        parts.join(" · ")
    });
    Some(More {
        summary,
        whose: name.to_owned(),
        items: items.collect(),
        is_printed: false,
    })
}

/// One row for each host with its newest record; the others are folded below it.
fn records(states: &States, anchors: &mut Slugs) -> Grid {
    let survey = states.survey;
    let machines = states.machines.iter().enumerate();
    let mut of_machines: Vec<(String, Vec<&HostRun>)> = machines
        .map(|(index, machine)| {
            let hosts = machine.states().iter().map(|side| &survey.hosts[*side]);
            let mut runs: Vec<&HostRun> = hosts.flat_map(|host| &host.runs).collect();
            runs.sort_by(|a, b| b.started_utc.cmp(&a.started_utc));
            (states.machine_name(index), runs)
        })
        .filter(|(_, runs)| !runs.is_empty())
        .collect();
    // The newest first; equal times in the order of hosts.
    of_machines.sort_by(|(_, a), (_, b)| b[0].started_utc.cmp(&a[0].started_utc));
    let count = of_machines.len();
    let mut room = Room::new();
    let rows = of_machines.into_iter().take(HOSTS_MAX).map(|(name, runs)| {
        let more = earlier_records(&name, &runs[1..], &mut room);
        Line {
            cells: record(name, runs[0]),
            more,
        }
    });
    Grid {
        id: anchors.take("table of records"),
        label: "Records".to_owned(),
        columns: heads(&[
            "host",
            "begun (UTC)",
            "grade",
            "id",
            "SHA-256 digest of the samples",
            "file",
        ]),
        rows: rows.collect(),
        is_filtered: true,
        notes: not_shown(count, HOSTS_MAX, "hosts", ", the newest"),
    }
}

fn begun(run: &HostRun) -> String {
    short(&run.started_utc.replacen('T', " ", 1))
}

/// The digest of a record's samples, where there is one that fits.
fn digest(run: &HostRun) -> Option<&str> {
    let is_kept = run.seal == Seal::Fits;
    run.samples_sha256.as_deref().filter(|_| is_kept)
}

const NO_DIGEST: &str = "none: an edit would go unnoticed";

fn record(name: String, run: &HostRun) -> Vec<Cell> {
    let digest = digest(run).map_or_else(
        || Cell::text(NO_DIGEST).of_class("bad"),
        |digest| Cell::text(short(digest)).of_class("digest"),
    );
    let is_invalid = run.grade == Grade::Invalid;
    vec![
        Cell::text(name).of_class("name"),
        Cell::text(begun(run)),
        Cell::text(run.grade.to_string()).of_class(if is_invalid { "bad" } else { "brief" }),
        Cell::text(short(&run.id)).of_class("digest brief"),
        digest,
        Cell::text(cut(&run.path.to_string_lossy(), 300)).of_class("path"),
    ]
}

/// The records before the newest of a host, as many as there is room for.
fn earlier_records(name: &str, runs: &[&HostRun], room: &mut Room) -> Option<More> {
    if runs.is_empty() {
        return None;
    }
    let (shown, said) = room.earlier(runs.len(), "record");
    let invalid = runs.iter().filter(|run| run.grade == Grade::Invalid);
    let unsealed = runs.iter().filter(|run| digest(run).is_none());
    let marked = [
        (invalid.count(), "INVALID"),
        (unsealed.count(), "without a digest of the samples"),
    ];
    let marks = marked.iter().filter(|(count, _)| *count > 0);
    let marks: Vec<String> = marks
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let marks = match marks.len() {
        0 => String::new(),
        _ => format!(", {}", marks.join(", ")),
    };
    let items = runs[..shown].iter().map(|run| {
        let digest = digest(run).map_or_else(
            || NO_DIGEST.to_owned(),
            |it| format!("samples {}", short(it)),
        );
        let [begun, grade, id] = [begun(run), run.grade.to_string(), short(&run.id)];
        let path = cut(&run.path.to_string_lossy(), 300);
        format!("{begun} · {grade} · {id} · {digest} · {path}")
    });
    Some(More {
        summary: format!("{said}{marks}"),
        whose: name.to_owned(),
        items: items.collect(),
        is_printed: false,
    })
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
            "{} has {count} states: pictures of several hosts show its newest, tables fold the others below it",
            short(host)
        ));
    }
    sentences
}

/// Why cases are not compared with the reference.
pub(super) struct NotCompared {
    /// What they have in common.
    pub(super) summary: String,
    pub(super) sentences: Vec<String>,
}

/// What other means than the reference's computed; `None` where all is compared.
pub(super) fn not_compared(states: &States) -> Option<NotCompared> {
    let comparison = &states.survey.comparison;
    let refused = comparison.refused.iter();
    let refused: Vec<_> = refused.filter(|it| !states.is_folded(it.side)).collect();
    if refused.is_empty() {
        return None;
    }
    let told = refused.iter().take(NAMED_MAX);
    let mut sentences: Vec<String> = told
        .map(|it| cut(&sentences::refused(comparison, it), 400))
        .collect();
    if refused.len() > NAMED_MAX {
        sentences.push(counted(refused.len() - NAMED_MAX, "more difference"));
    }
    let of = |noun: &str| counted(refused.len(), noun);
    Some(NotCompared {
        summary: format!(
            "{} in threads, instructions or library keep cases from being compared with the reference, {} (--anyway compares them all the same)",
            of("difference"),
            states.name(comparison.reference)
        ),
        sentences,
    })
}
