//! On what, with what and when: the lines below the picture.

use results::Record;
use results::record::{Software, Topology};

use crate::figures::counted;

/// Warnings shown; the rest are counted.
const WARNINGS_MAX: usize = 3;

/// Numbers of threads that are listed; of more, the first and the last.
const THREADS_MAX: usize = 6;

/// Digits of a digest: enough to tell builds apart.
const DIGEST_DIGITS: usize = 12;

/// Host, processor, cores and threads, library, build, time.
pub(crate) fn lines(record: &Record) -> Vec<String> {
    let host = &record.host;
    let settings = &record.settings;
    let blas = &record.software.blas;
    vec![
        format!("Host {}", or_unknown(&host.hostname)),
        format!("CPU {}", or_unknown(&host.cpu.model)),
        format!(
            "{}; {} ({})",
            cores(&host.topology),
            threads(record),
            or_unknown(&settings.threads.source)
        ),
        format!(
            "{} {}, core {}, {}",
            or_unknown(&blas.name),
            blas.version,
            or_unknown(&blas.core),
            or_unknown(&blas.threading)
        ),
        build(&record.software),
        format!(
            "{}, run {}, seed {}",
            started(&record.started_utc),
            record.id,
            settings.seed
        ),
    ]
}

/// What a reader should know before trusting the figures.
pub(crate) fn warnings(record: &Record) -> Vec<String> {
    let all = &record.warnings;
    let mut lines: Vec<String> = all
        .iter()
        .take(WARNINGS_MAX)
        .map(|text| format!("Warning: {text}"))
        .collect();
    if all.len() > WARNINGS_MAX {
        lines.push(format!(
            "{} more in the record",
            counted(all.len() - WARNINGS_MAX, "warning")
        ));
    }
    lines
}

fn or_unknown(text: &str) -> &str {
    if text.trim().is_empty() {
        "unknown"
    } else {
        text
    }
}

/// The machine's cores, and which part of them the run could use when that is not all.
fn cores(topology: &Topology) -> String {
    let machine = format!(
        "{}, {}",
        counted(topology.physical_cores, "core"),
        counted(topology.logical_cpus, "logical CPU")
    );
    let mut limits = Vec::new();
    if topology.usable_logical_cpus < topology.logical_cpus {
        limits.push(format!(
            "{} usable",
            counted(topology.usable_logical_cpus, "CPU")
        ));
    }
    if let Some(quota) = topology.cpu_quota {
        limits.push(format!("quota {quota} CPUs"));
    }
    if limits.is_empty() {
        machine
    } else {
        format!("{machine}, {}", limits.join(", "))
    }
}

/// How many threads; all the numbers where the cases differ.
fn threads(record: &Record) -> String {
    let mut counts: Vec<usize> = record
        .cases
        .iter()
        .map(|case| case.threads_requested)
        .collect();
    counts.sort_unstable();
    counts.dedup();
    match counts[..] {
        [least, .., most] if counts.len() > THREADS_MAX => format!("{least} to {most} threads"),
        [.., _, _] => {
            let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
            format!("{} threads", counts.join(", "))
        }
        _ => counted(record.settings.threads.count, "thread"),
    }
}

fn build(software: &Software) -> String {
    let version = or_unknown(&software.bench_version);
    let commit = software.bench_commit.as_deref().map(short_commit);
    let commit = commit.map_or_else(String::new, |commit| format!(" ({commit})"));
    let bundle = software
        .bundle
        .as_ref()
        .map(|bundle| first_digits(&bundle.digest));
    let bundle = bundle.map_or_else(
        || "no bundle".to_owned(),
        |digest| format!("bundle {digest}"),
    );
    format!("bench {version}{commit}, {bundle}")
}

/// A commit's first digits, and whether its tree had changes.
fn short_commit(commit: &str) -> String {
    match commit.strip_suffix("-dirty") {
        Some(clean) => first_digits(clean) + "-dirty",
        None => first_digits(commit),
    }
}

fn first_digits(digest: &str) -> String {
    digest.chars().take(DIGEST_DIGITS).collect()
}

/// `2021-10-01T17:03:58.123Z` as `2021-10-01 17:03:58 UTC`; anything else as it is.
fn started(utc: &str) -> String {
    match (utc.get(..10), utc.get(10..11), utc.get(11..19)) {
        (Some(date), Some("T"), Some(time)) if utc.ends_with('Z') => format!("{date} {time} UTC"),
        _ => or_unknown(utc).to_owned(),
    }
}
