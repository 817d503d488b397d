//! github-action-benchmark's own format, for its tool `customBiggerIsBetter`: `[{name, unit, value, range, extra}]`.
//!
//! Source: benchmark-action/github-action-benchmark, `BenchmarkResult` in `src/extract.ts`; a range is understood as
//! `±` and a number by `src/extractRangeInfo.ts`.

use serde_json::{Value, json};

use super::escape::one_line;
use super::series::{Series, library, series, unit};
use super::{ExportError, Format, pretty};
use crate::record::Record;

pub(super) fn export(records: &[&Record]) -> Result<String, ExportError> {
    let results: Vec<Value> = series(records).iter().map(result).collect();
    if results.is_empty() {
        return Err(ExportError::NothingVerified(Format::GithubActionBenchmark));
    }
    Ok(pretty(&Value::Array(results)))
}

fn result(series: &Series) -> Value {
    let figure = series.rate();
    let unit = unit(series.case());
    let mut result = json!({
        "name": series.name,
        "unit": unit,
        "value": figure.median,
    });
    let mut extra = vec![
        format!("host: {}", one_line(series.host)),
        format!("samples: {}", series.samples().count()),
    ];
    if let Some((low, high, confidence)) = figure.interval {
        // Half of the interval's width: it need not lie evenly around the median, so `extra` has its ends.
        result["range"] = format!("± {}", (high - low) / 2.0).into();
        let percent = 100.0 * confidence;
        extra.push(format!("{percent:.1} % interval: {low} to {high} {unit}"));
    }
    if let Some(cpu) = series.common(|run| Some(run.record.host.cpu.model.clone())) {
        extra.push(format!("cpu: {}", one_line(&cpu)));
    }
    if let Some(library) = series.common(|run| Some(library(run.record, run.case))) {
        extra.push(format!("blas: {}", one_line(&library)));
    }
    if let Some(commit) = series.common(|run| run.record.software.bench_commit.clone()) {
        extra.push(format!("bench: {}", one_line(&commit)));
    }
    result["extra"] = extra.join("\n").into();
    result
}
