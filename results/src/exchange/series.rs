//! What is exported of a case: its verified samples, over one run or several.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::exchange::names::{case_name, safe};
use crate::record::{Case, Record, Sample};
use crate::statistics::{median, median_interval};

/// A case as one or several runs on one host measured it.
pub(super) struct Series<'a> {
    /// The case's name; with `/host=` behind it when the records are of several hosts.
    pub(super) name: String,
    /// The host's name as it is.
    pub(super) host: &'a str,
    /// The runs that have verified samples of it, at least one.
    pub(super) runs: Vec<Run<'a>>,
}

/// A case in one record.
pub(super) struct Run<'a> {
    pub(super) record: &'a Record,
    pub(super) case: &'a Case,
    /// Verified ones only, in order, at least one.
    pub(super) samples: Vec<&'a Sample>,
}

/// A figure with its interval, where there are enough values for one.
pub(super) struct Figure {
    pub(super) median: f64,
    /// Its ends, and its coverage.
    pub(super) interval: Option<(f64, f64, f64)>,
}

/// All cases that have verified samples, in the order of the records.
pub(super) fn series<'a>(records: &[&'a Record]) -> Vec<Series<'a>> {
    let is_of_several_hosts = hosts(records).len() > 1;
    let mut all: Vec<Series<'a>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for &record in records {
        let host = record.host.hostname.as_str();
        for case in &record.cases {
            let samples = verified(case);
            if samples.is_empty() {
                continue;
            }
            let mut name = case_name(case);
            if is_of_several_hosts {
                let _ = write!(name, "/host={}", safe(host));
            }
            let run = Run {
                record,
                case,
                samples,
            };
            if let Some(place) = places.get(&name) {
                all[*place].runs.push(run);
            } else {
                places.insert(name.clone(), all.len());
                let runs = vec![run];
                all.push(Series { name, host, runs });
            }
        }
    }
    all
}

/// The names of all hosts, each once.
pub(super) fn hosts<'a>(records: &[&'a Record]) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let hosts = records.iter().map(|record| record.host.hostname.as_str());
    hosts.filter(|host| seen.insert(*host)).collect()
}

/// The samples that count: verified, with figures that are figures, also in operations a second and nanoseconds.
pub(super) fn verified(case: &Case) -> Vec<&Sample> {
    let is_figure = |value: f64| (1e9 * value).is_finite() && value > 0.0;
    let samples = case.samples.iter();
    samples
        .filter(|sample| sample.verification.passed)
        .filter(|sample| is_figure(sample.run_time_s) && is_figure(sample.gflops))
        .filter(|sample| is_figure(rate(case, sample)))
        .collect()
}

impl Series<'_> {
    /// The case as its first run has it: what its name says is the same in all runs.
    pub(super) fn case(&self) -> &Case {
        self.runs[0].case
    }

    /// The samples of all runs.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.runs.iter().flat_map(|run| run.samples.iter().copied())
    }

    /// The run times of all samples, in seconds.
    pub(super) fn run_times_s(&self) -> Vec<f64> {
        self.samples().map(|sample| sample.run_time_s).collect()
    }

    /// The median rate in the case's unit. Of several runs it is that of their medians, and so is its interval: samples of one run
    /// resemble each other more than runs do.
    pub(super) fn rate(&self) -> Figure {
        match self.runs.as_slice() {
            [run] => figure(&run.rates()),
            runs => {
                let medians = runs.iter().map(|run| figure(&run.rates()).median);
                figure(&medians.collect::<Vec<f64>>())
            }
        }
    }

    /// What is the same in all runs; `None` where they differ.
    pub(super) fn common<T: PartialEq>(&self, of: impl Fn(&Run) -> Option<T>) -> Option<T> {
        let first = of(&self.runs[0])?;
        let is_common = self.runs.iter().all(|run| of(run).as_ref() == Some(&first));
        is_common.then_some(first)
    }
}

impl Run<'_> {
    /// The rates of its samples in the case's unit.
    pub(super) fn rates(&self) -> Vec<f64> {
        let samples = self.samples.iter();
        samples.map(|sample| rate(self.case, sample)).collect()
    }
}

/// The median of values that are not empty.
pub(super) fn figure(values: &[f64]) -> Figure {
    Figure {
        median: median(values).unwrap_or(f64::NAN),
        interval: median_interval(values)
            .map(|interval| (interval.low, interval.high, interval.confidence)),
    }
}

/// The unit of a case's rate: bytes are the measure of kernels that count them.
pub(super) fn unit(case: &Case) -> &'static str {
    if case.bytes.is_some() {
        "GB/s"
    } else {
        "GFLOPS"
    }
}

/// A sample's rate in that unit.
pub(super) fn rate(case: &Case, sample: &Sample) -> f64 {
    match case.bytes {
        Some(bytes) => 1e-9 * bytes / sample.run_time_s,
        None => sample.gflops,
    }
}

/// The mean.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of what the values were drawn from (divided by one less than their number); `None` for a single one.
pub(super) fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// For example `OpenBLAS 0.3.21 (SkylakeX)`: the library that a case's product came from.
pub(super) fn library(record: &Record, case: &Case) -> String {
    let named = case.blas.as_ref().and_then(|name| {
        let mut libraries = record.software.libraries.iter();
        libraries.find(|library| &library.name == name)
    });
    let blas = named.map_or(&record.software.blas, |library| &library.blas);
    let mut text = blas.name.clone();
    for (part, around) in [(&blas.version, ("", "")), (&blas.core, ("(", ")"))] {
        if !part.is_empty() {
            let _ = write!(text, " {}{part}{}", around.0, around.1);
        }
    }
    text
}
