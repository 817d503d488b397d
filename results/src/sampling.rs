//! How the samples of a run came about: in which order, after which warm-up, and why no more of them were taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::nan_as_null;

/// How samples were to be taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sampling {
    /// The order of the visits to the cases: `sequential`, `interleaved` or `random`.
    pub order: String,
    /// What a random order was drawn from; `null` for the others.
    pub order_seed: Option<u64>,
    /// `auto` when warming up ended by itself, `fixed` when the number of repetitions was given.
    pub warmup: String,
    /// The half-width of the median's interval, relative to the median, at which a case was done; `null` when the number
    /// of repetitions was given.
    pub until_percent: Option<f64>,
    /// The time after which a case was not repeated any more; `null` when there was no limit.
    pub max_time_s: Option<f64>,
    /// When an interrupted run went on, RFC 3339 in UTC, one entry for each time; empty when it was never interrupted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed_utc: Vec<String>,
}

/// A repetition that was run to warm up: no part of any statistic, and its result was not verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WarmupSample {
    /// The index, from 0, of the timed repetition that it came before.
    pub before_sample: usize,
    /// Wall-clock time, taken as that of a sample.
    pub run_time_s: f64,
    /// CPU time of all threads of the process.
    #[serde(with = "nan_as_null")]
    #[schemars(with = "Option<f64>")]
    pub cpu_time_s: f64,
}

/// Why warming up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmupEnd {
    /// The last repetitions took the same time.
    Settled,
    /// It had taken the time that it may take.
    MaxTime,
    /// It had taken as many repetitions as it may, and they still differed.
    MaxRepetitions,
    /// The number of repetitions was given.
    Fixed,
}

/// Why a case was not repeated any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBecause {
    /// It was repeated as often as was asked for, or as often as anything is.
    Repeats,
    /// The interval of its median was as narrow as was asked for.
    Precision,
    /// Its time was over.
    MaxTime,
}
