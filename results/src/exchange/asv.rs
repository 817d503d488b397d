//! A results directory of airspeed velocity: `benchmarks.json`, and for each machine `machine.json` and one file for each commit.
//!
//! Source: airspeed-velocity/asv 0.6, `asv/results.py` (`Results.save`, version 2), `asv/benchmarks.py` (version 2), `asv/machine.py`
//! (version 1); the statistics are those of `asv_runner/statistics.py`.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::escape::one_line;
use super::names::safe;
use super::series::{Series, figure, hosts, library, series};
use super::{ExportError, Format, pretty, utc};
use crate::record::Record;

/// The environment's name, part of each result's file name: asv's environments are Python's, and there is none here.
const ENVIRONMENT: &str = "bench";

/// What asv calls a benchmark's version: results of others are not compared. It changes when the meaning of the exported figures
/// does.
const BENCHMARK_VERSION: &str = "benchrun-1";

/// The list of all benchmarks.
pub const BENCHMARKS: &str = "benchmarks.json";

/// Columns of a result, the first as asv writes them.
const COLUMNS: [&str; 12] = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
];

/// asv takes times: for it a larger figure is always a worse one.
pub(super) fn export(
    records: &[&Record],
    commit: Option<&str>,
) -> Result<Vec<(PathBuf, String)>, ExportError> {
    let mut files = Vec::new();
    let mut benchmarks = Map::new();
    for host in hosts(records) {
        let of_host = records.iter().filter(|record| record.host.hostname == host);
        let mut by_commit: Vec<(String, Vec<&Record>)> = Vec::new();
        for &record in of_host {
            let commit = commit_of(record, commit)?;
            match by_commit.iter_mut().find(|(other, _)| *other == commit) {
                Some((_, records)) => records.push(record),
                None => by_commit.push((commit, vec![record])),
            }
        }
        let machine = safe(host);
        let directory = PathBuf::from(&machine);
        let mut has_results = false;
        for (commit, records) in by_commit {
            let all = series(&records);
            let Some(first) = all.first().map(|series| series.runs[0].record) else {
                continue;
            };
            for series in &all {
                benchmarks.insert(series.name.clone(), benchmark(&series.name));
            }
            if !has_results {
                let machine = pretty(&machine_file(&machine, first));
                files.push((directory.join("machine.json"), machine));
                has_results = true;
            }
            let short: String = commit.chars().take(8).collect();
            files.push((
                directory.join(format!("{short}-{ENVIRONMENT}.json")),
                pretty(&results_file(&machine, &commit, first, &all)),
            ));
        }
    }
    if files.is_empty() {
        return Err(ExportError::NothingVerified(Format::Asv));
    }
    benchmarks.insert("version".to_owned(), 2.into());
    files.push((
        PathBuf::from(BENCHMARKS),
        pretty(&Value::Object(benchmarks)),
    ));
    Ok(files)
}

/// The list of benchmarks that is there already, with those of a new one added or replaced; `None` when one of them is no such list.
pub fn merge_benchmarks(present: &str, new: &str) -> Option<String> {
    let list = |text: &str| -> Option<Map<String, Value>> {
        let list: Map<String, Value> = serde_json::from_str(text).ok()?;
        (list.get("version")?.as_u64()? == 2).then_some(list)
    };
    let mut both = list(present)?;
    both.extend(list(new)?);
    Some(pretty(&Value::Object(both)))
}

/// The commit by which results are filed: hexadecimal digits and nothing else, since it becomes a file's name.
fn commit_of(record: &Record, asked: Option<&str>) -> Result<String, ExportError> {
    let commit = asked.or(record.software.bench_commit.as_deref());
    let commit = commit.map(|commit| commit.trim_end_matches("-dirty").to_ascii_lowercase());
    commit
        .filter(|commit| commit.len() >= 8 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| ExportError::NoCommit {
            record: one_line(&record.id),
        })
}

fn benchmark(name: &str) -> Value {
    json!({
        "code": name,
        "min_run_count": 1,
        "name": name,
        "number": 1,
        "param_names": [],
        "params": [],
        "pretty_name": name,
        "repeat": 0,
        "rounds": 1,
        "sample_time": 0.0,
        "timeout": 0.0,
        "type": "time",
        "unit": "seconds",
        "version": BENCHMARK_VERSION,
        "warmup_time": 0.0,
    })
}

/// Everything about a machine is text in asv.
fn machine_fields(machine: &str, record: &Record) -> Map<String, Value> {
    let host = &record.host;
    let total_bytes = host.memory.total_bytes;
    let fields = [
        ("machine", machine.to_owned()),
        ("arch", one_line(&host.cpu.architecture)),
        ("cpu", one_line(&host.cpu.model)),
        ("num_cpu", host.topology.logical_cpus.to_string()),
        ("os", one_line(&host.os.kernel)),
        (
            "ram",
            total_bytes.map_or_else(String::new, |bytes| bytes.to_string()),
        ),
    ];
    let fields = fields.map(|(name, text)| (name.to_owned(), text.into()));
    fields.into_iter().collect()
}

fn machine_file(machine: &str, record: &Record) -> Value {
    let mut fields = machine_fields(machine, record);
    fields.insert("version".to_owned(), 1.into());
    Value::Object(fields)
}

fn results_file(machine: &str, commit: &str, first: &Record, all: &[Series]) -> Value {
    let mut params = machine_fields(machine, first);
    params.insert("python".to_owned(), "".into());
    let blas = library(first, all[0].case());
    params.insert("blas".to_owned(), one_line(&blas).into());
    let results = all
        .iter()
        .map(|series| (series.name.clone(), result(series)));
    json!({
        "commit_hash": commit,
        "env_name": ENVIRONMENT,
        "date": milliseconds(first),
        "params": params,
        "python": "",
        "requirements": {},
        "env_vars": {},
        "result_columns": COLUMNS,
        "results": results.collect::<Map<String, Value>>(),
        "durations": {},
        "version": 2,
    })
}

/// JavaScript's time of a record's start.
fn milliseconds(record: &Record) -> i64 {
    utc::parse(&record.started_utc).map_or(0, |time| time.unix_timestamp() * 1000)
}

/// A row of [`COLUMNS`]. Samples are those of all runs, and the result is their median, as asv's own appended samples are.
fn result(series: &Series) -> Value {
    let times_s = series.run_times_s();
    let mut sorted_s = times_s.clone();
    sorted_s.sort_by(f64::total_cmp);
    let duration_s: f64 = times_s.iter().sum();
    json!([
        [figure(&times_s).median],
        [],
        BENCHMARK_VERSION,
        milliseconds(series.runs[0].record),
        duration_s,
        // The interval that asv asks for covers 99 %; ours, which is of rates, covers 95 %. asv computes its own from the samples.
        null,
        null,
        [quantile(&sorted_s, 0.25)],
        [quantile(&sorted_s, 0.75)],
        [1],
        [times_s.len()],
        [times_s],
    ])
}

/// The quantile of sorted values by linear interpolation, asv's definition.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * share;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let weight = position - position.floor();
    (1.0 - weight) * sorted[below] + weight * sorted[above]
}
