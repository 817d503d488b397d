//! Google Benchmark's JSON: `{context, benchmarks[]}`, one entry for each sample and the aggregates of repetitions.
//!
//! Source: google/benchmark, `src/json_reporter.cc` (fields), `src/statistics.cc` (aggregates), `tools/gbench/{util,report}.py`
//! (reader).

use serde_json::{Value, json};

use super::escape::one_line;
use super::series::{Run, Series, figure, hosts, library, mean, series, standard_deviation, unit};
use super::{ExportError, Format, pretty, utc};
use crate::record::{Host, Record, Sample};

pub(super) fn export(records: &[&Record]) -> Result<String, ExportError> {
    let format = Format::GoogleBenchmark;
    let hosts = hosts(records);
    if hosts.len() > 1 {
        return Err(ExportError::SeveralHosts {
            format,
            hosts: hosts.into_iter().map(one_line).collect(),
        });
    }
    let all = series(records);
    let Some(first) = all.first() else {
        return Err(ExportError::NothingVerified(format));
    };
    let benchmarks: Vec<Value> = all
        .iter()
        .enumerate()
        .flat_map(|(family, series)| {
            let mut entries = repetitions(family, series);
            entries.extend(aggregates(family, series));
            entries
        })
        .collect();
    Ok(pretty(&json!({
        "context": context(&first.runs[0]),
        "benchmarks": benchmarks,
    })))
}

fn context(run: &Run) -> Value {
    let Record { host, software, .. } = run.record;
    let mut context = json!({
        "host_name": one_line(&host.hostname),
        "executable": "bench",
        "num_cpus": host.topology.logical_cpus,
        "caches": caches(host),
        "load_avg": [],
        "library_version": format!("benchrun {}", one_line(&software.bench_version)),
        "library_build_type": "release",
        "json_schema_version": 1,
        "cpu_model": one_line(&host.cpu.model),
        "blas": one_line(&library(run.record, run.case)),
    });
    if let Some(time) = utc::parse(&run.record.started_utc) {
        context["date"] = format!("{}+00:00", utc::to_seconds(time, 'T')).into();
    }
    if let Some(commit) = &software.bench_commit {
        context["bench_commit"] = one_line(commit).into();
    }
    context
}

fn caches(host: &Host) -> Vec<Value> {
    let caches = host.topology.caches.iter();
    caches
        .map(|cache| {
            json!({
                "type": if cache.level == 1 { "Data" } else { "Unified" },
                "level": cache.level,
                "size": cache.size_bytes,
                "num_sharing": host.topology.logical_cpus / cache.count.max(1),
            })
        })
        .collect()
}

fn repetitions(family: usize, series: &Series) -> Vec<Value> {
    let count = series.samples().count();
    let entry = |(index, sample): (usize, &Sample)| {
        let mut entry = common(family, series);
        entry["name"] = series.name.as_str().into();
        entry["run_type"] = "iteration".into();
        entry["repetition_index"] = index.into();
        entry["iterations"] = 1.into();
        entry["real_time"] = sample.run_time_s.into();
        if sample.cpu_time_s.is_finite() {
            entry["cpu_time"] = sample.cpu_time_s.into();
        } else {
            // The readers want a number.
            entry["cpu_time"] = 0.0.into();
            entry["label"] = "cpu_time was not measured".into();
        }
        let case = series.case();
        // Google's own names of counters of these units; users of GFLOPS find them under that name as well.
        match case.bytes {
            Some(bytes) => entry["bytes_per_second"] = (bytes / sample.run_time_s).into(),
            None => entry["items_per_second"] = (1e9 * sample.gflops).into(),
        }
        entry[unit(case)] = super::series::rate(case, sample).into();
        entry
    };
    debug_assert!(count > 0);
    series.samples().enumerate().map(entry).collect()
}

/// Google's own for repetitions: mean, median, standard deviation and its share of the mean, of the times.
fn aggregates(family: usize, series: &Series) -> Vec<Value> {
    let real_s = series.run_times_s();
    let cpu_s: Vec<f64> = series.samples().map(|sample| sample.cpu_time_s).collect();
    let (Some(real_deviation), Some(cpu_deviation)) =
        (standard_deviation(&real_s), standard_deviation(&cpu_s))
    else {
        return Vec::new();
    };
    let known = |value: f64| if value.is_finite() { value } else { 0.0 };
    let aggregate = |name: &str, unit: &str, real: f64, cpu: f64| {
        let mut entry = common(family, series);
        entry["name"] = format!("{}_{name}", series.name).into();
        entry["run_type"] = "aggregate".into();
        entry["aggregate_name"] = name.into();
        entry["aggregate_unit"] = unit.into();
        entry["iterations"] = real_s.len().into();
        entry["real_time"] = real.into();
        entry["cpu_time"] = known(cpu).into();
        entry
    };
    let (real_mean, cpu_mean) = (mean(&real_s), mean(&cpu_s));
    vec![
        aggregate("mean", "time", real_mean, cpu_mean),
        aggregate(
            "median",
            "time",
            figure(&real_s).median,
            figure(&cpu_s).median,
        ),
        aggregate("stddev", "time", real_deviation, cpu_deviation),
        aggregate(
            "cv",
            "percentage",
            real_deviation / real_mean,
            cpu_deviation / cpu_mean,
        ),
    ]
}

fn common(family: usize, series: &Series) -> Value {
    json!({
        "family_index": family,
        "per_family_instance_index": 0,
        "run_name": series.name,
        "repetitions": series.samples().count(),
        "threads": series.case().threads_used,
        "time_unit": "s",
    })
}
