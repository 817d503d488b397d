//! Hyperfine's `--export-json`: `{results: [{command, mean, stddev, median, ..., times, parameters}]}`.
//!
//! Source: sharkdp/hyperfine, `src/benchmark/benchmark_result.rs`; `scripts/*.py` read it.

use serde_json::{Value, json};

use super::series::{Series, figure, mean, series, standard_deviation};
use super::{ExportError, Format, pretty};
use crate::record::Record;

pub(super) fn export(records: &[&Record]) -> Result<String, ExportError> {
    let results: Vec<Value> = series(records).iter().map(result).collect();
    if results.is_empty() {
        return Err(ExportError::NothingVerified(Format::Hyperfine));
    }
    Ok(pretty(&json!({ "results": results })))
}

fn result(series: &Series) -> Value {
    let times_s = series.run_times_s();
    let cpu_times_s: Vec<f64> = series.samples().map(|sample| sample.cpu_time_s).collect();
    let cpu_time_s = mean(&cpu_times_s);
    let case = series.case();
    json!({
        "command": series.name,
        "mean": mean(&times_s),
        "stddev": standard_deviation(&times_s),
        "median": figure(&times_s).median,
        // A record has the sum of both; 0 where it has none, since hyperfine always has a number.
        "user": if cpu_time_s.is_finite() { cpu_time_s } else { 0.0 },
        "system": 0.0,
        "min": times_s.iter().copied().fold(f64::MAX, f64::min),
        "max": times_s.iter().copied().fold(f64::MIN, f64::max),
        "exit_codes": vec![0; times_s.len()],
        "times": times_s,
        "parameters": {
            "kernel": case.kernel,
            "dtype": case.dtype,
            "n": case.n.to_string(),
            "threads": case.threads_requested.to_string(),
        },
    })
}
