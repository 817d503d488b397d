//! Bencher Metric Format: `{benchmark: {measure: {value, lower_value, upper_value}}}`.
//!
//! Source: bencherdev/bencher, `lib/bencher_adapter/src/adapters/json.rs` and `lib/bencher_json/src/project/metric/mod.rs`; the names'
//! length is `lib/bencher_valid/src/benchmark_name.rs`'s.

use serde_json::{Map, Value, json};

use super::series::{series, unit};
use super::{ExportError, Format, pretty};
use crate::record::Record;

/// The longest name of a benchmark.
const NAME_BYTES_MAX: usize = 1024;

/// One measure for each case. Operations go to Bencher's own measure `throughput`, which counts them as they are, in operations a
/// second (`built_in.rs`). Bytes have none; a measure that Bencher does not know gets no unit from it, so its name says it.
pub(super) fn export(records: &[&Record]) -> Result<String, ExportError> {
    let mut benchmarks = Map::new();
    for series in series(records) {
        if series.name.len() > NAME_BYTES_MAX {
            return Err(ExportError::LongName {
                format: Format::Bmf,
                bytes: series.name.len(),
                bytes_max: NAME_BYTES_MAX,
            });
        }
        let (measure, factor) = match unit(series.case()) {
            "GFLOPS" => ("throughput", 1e9),
            _ => ("Bandwidth (GB/s)", 1.0),
        };
        let figure = series.rate();
        let mut metric = Map::new();
        metric.insert("value".to_owned(), json!(factor * figure.median));
        if let Some((low, high, _)) = figure.interval {
            metric.insert("lower_value".to_owned(), json!(factor * low));
            metric.insert("upper_value".to_owned(), json!(factor * high));
        }
        benchmarks.insert(series.name, json!({ measure: metric }));
    }
    if benchmarks.is_empty() {
        return Err(ExportError::NothingVerified(Format::Bmf));
    }
    Ok(pretty(&Value::Object(benchmarks)))
}
