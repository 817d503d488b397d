//! A suite of pyperf, file format 1.0: a benchmark for each case, a run for each record, its samples and warm-ups in seconds.
//!
//! Source: psf/pyperf, `pyperf/_bench.py` (`_json_load`, `_CHECKED_METADATA`) and `pyperf/_metadata.py` (types, no line breaks, no empty
//! strings).

use serde_json::{Map, Value, json};

use super::escape::one_line;
use super::series::{Run, Series, library, series};
use super::{ExportError, Format, pretty, utc};
use crate::record::Record;

pub(super) fn export(records: &[&Record]) -> Result<String, ExportError> {
    let benchmarks: Vec<Value> = series(records).iter().map(benchmark).collect();
    if benchmarks.is_empty() {
        return Err(ExportError::NothingVerified(Format::Pyperf));
    }
    Ok(pretty(&json!({
        "version": "1.0",
        "benchmarks": benchmarks,
    })))
}

/// What must be the same in all runs stands with the benchmark, and only where it is.
fn benchmark(series: &Series) -> Value {
    let mut metadata = Map::new();
    insert(&mut metadata, "name", &series.name);
    insert(&mut metadata, "unit", "second");
    metadata.insert("loops".to_owned(), 1.into());
    insert(&mut metadata, "hostname", series.host);
    let text = |of: fn(&Run) -> Option<String>| series.common(of).unwrap_or_default();
    let cpu = text(|run| Some(run.record.host.cpu.model.clone()));
    insert(&mut metadata, "cpu_model_name", &cpu);
    let platform = text(|run| Some(run.record.host.os.kernel.clone()));
    insert(&mut metadata, "platform", &platform);
    let blas = text(|run| Some(library(run.record, run.case)));
    insert(&mut metadata, "blas", &blas);
    let cpus = series.common(|run| Some(run.record.host.topology.logical_cpus));
    if let Some(cpus) = cpus.filter(|cpus| *cpus > 0) {
        metadata.insert("cpu_count".to_owned(), cpus.into());
    }
    metadata.insert("threads".to_owned(), series.case().threads_used.into());
    json!({
        "metadata": metadata,
        "runs": series.runs.iter().map(run).collect::<Vec<Value>>(),
    })
}

fn run(run: &Run) -> Value {
    let mut metadata = Map::new();
    if let Some(time) = utc::parse(&run.record.started_utc) {
        let date = format!("{}.{:06}", utc::to_seconds(time, ' '), time.microsecond());
        insert(&mut metadata, "date", &date);
    }
    insert(&mut metadata, "bench_record", &run.record.id);
    insert(
        &mut metadata,
        "bench_version",
        &run.record.software.bench_version,
    );
    let commit = run.record.software.bench_commit.as_deref();
    insert(&mut metadata, "bench_commit", commit.unwrap_or_default());
    let values: Vec<f64> = run.samples.iter().map(|sample| sample.run_time_s).collect();
    let warmups: Vec<Value> = run
        .case
        .warmup_samples
        .iter()
        .filter(|warmup| warmup.run_time_s >= 0.0)
        .map(|warmup| json!([1, warmup.run_time_s]))
        .collect();
    let mut entry = json!({ "metadata": metadata, "values": values });
    if !warmups.is_empty() {
        entry["warmups"] = warmups.into();
    }
    entry
}

/// Strings must be one line and not empty.
fn insert(metadata: &mut Map<String, Value>, name: &str, text: &str) {
    let line = one_line(text);
    if !line.is_empty() {
        metadata.insert(name.to_owned(), line.into());
    }
}
