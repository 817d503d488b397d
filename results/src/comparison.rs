//! What a comparison in turns found: what `bench ab` and `bench check` print as JSON and keep with `--output`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accepted::Accepted;
use crate::paired::{Block, Ratio, Side};
use crate::record::{Host, Software};
use crate::verdict::{Difference, GateVerdict, ThresholdFrom};

/// The version of this schema.
pub const SCHEMA_VERSION: u32 = 1;

/// A comparison of two sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The version of this schema, see [`SCHEMA_VERSION`].
    pub comparison_schema_version: u32,
    /// The command that compared: `ab` or `check`.
    pub command: String,
    /// When it began, RFC 3339 in UTC.
    pub started_utc: String,
    /// Wall-clock time of all of it.
    pub elapsed_s: f64,
    /// The machine; `null` when no process told.
    pub host: Option<Host>,
    /// Side A.
    pub baseline: SideRecord,
    /// Side B.
    pub candidate: SideRecord,
    /// How it was compared.
    pub settings: Settings,
    /// What came out of each case.
    pub cases: Vec<CaseOutcome>,
    /// The verdict over all cases.
    pub verdict: Verdict,
    /// Why, where it is not plain; one line each.
    pub reasons: Vec<String>,
    /// What a reader should know besides.
    pub warnings: Vec<String>,
    /// Every process, in the order in which they ran.
    pub processes: Vec<Process>,
}

/// One side of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideRecord {
    /// As it was given.
    pub given: String,
    /// The words that were run, the program first; empty for records.
    pub command_line: Vec<String>,
    /// What it is, whatever it is called: the digest of its bundle, else SHA-256 of its program's file (over both and the words behind it, where
    /// there are some), or SHA-256 over the records; `null` when the file cannot be read.
    #[serde(default)]
    pub content: Option<String>,
    /// What ran, as its first record tells; `null` when none came.
    pub software: Option<Software>,
}

impl SideRecord {
    /// The digest of the side's bundle, when it was one.
    pub fn bundle_digest(&self) -> Option<&str> {
        let bundle = self.software.as_ref()?.bundle.as_ref()?;
        Some(&bundle.digest)
    }
}

/// How two sides were compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// What stood for a process: `best` or `median` of its repetitions.
    pub statistic: String,
    /// The repetitions in each process; `null` where the sides' own number was left to them.
    pub repeats: Option<usize>,
    /// What decided the orders of the blocks.
    pub order_seed: u64,
    /// The difference that matters (`ab`), or the slowdown that counts (`check`), in percent; `null` when the noise decides.
    pub threshold_percent: Option<f64>,
    /// The noise at which there were to be enough blocks, in percent.
    pub until_percent: f64,
    /// The time that all of it might take.
    pub max_time_s: f64,
    /// Blocks that were run to warm up, before the first that counts.
    pub warmup_blocks: usize,
}

/// One case of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOutcome {
    /// The kernel.
    pub kernel: String,
    /// The matrices are n by n.
    pub n: usize,
    /// `f64` or `f32`.
    pub dtype: String,
    /// The library that the baseline's case names, where another one was asked for than the linked one, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blas: Option<String>,
    /// Who shared the baseline's product out, where it was not `team`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The threads of baseline and candidate.
    pub threads: [usize; 2],
    /// The blocks of the first look, after the warm-up.
    pub first: Vec<Block>,
    /// The blocks that followed to confirm; empty where none were needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fresh: Vec<Block>,
    /// The baseline's runs, one rate each, where it was records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline_runs: Vec<f64>,
    /// The candidate's runs, where the baseline was records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidate_runs: Vec<f64>,
    /// The ratio of rates, candidate over baseline; `null` when there were too few blocks.
    pub ratio: Option<Ratio>,
    /// What `ab` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// What `check` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateOutcome>,
}

/// What the gate says of a case, and by which figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateOutcome {
    /// The verdict.
    pub verdict: GateVerdict,
    /// The slowdown that counts, in percent; `null` when there were too few blocks to find it.
    pub threshold_percent: Option<f64>,
    /// Why it is that much; `null` with it.
    #[serde(default)]
    pub threshold_from: Option<ThresholdFrom>,
    /// The ratio that was expected.
    pub expected: f64,
    /// The change that was accepted before, which made it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// The probability of such a slowdown by noise, corrected for the number of cases.
    pub p_regression: f64,
    /// The same for the fresh blocks alone; `null` when none were needed.
    pub p_confirmation: Option<f64>,
}

/// A verdict over all cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// `ab`: what there is to tell was told of every case.
    Told,
    /// `check`: no regression.
    Pass,
    /// `check`: a regression, accepted with a reason.
    Accepted,
    /// `check`: a regression in at least one case.
    Regression,
    /// At least one case cannot be told.
    Inconclusive,
    /// A result failed its verification, or the sides compute different norms.
    Invalid,
    /// The sides, or the machines, cannot be compared.
    NotComparable,
}

impl Verdict {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Pass => "pass",
            Self::Accepted => "accepted",
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
            Self::NotComparable => "not comparable",
        }
    }
}

/// Which part of a comparison a process belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before what counts.
    Warmup,
    /// The first look.
    First,
    /// The second.
    Fresh,
}

/// One process of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Which part it belongs to.
    pub stage: Stage,
    /// The block's index in its part, from 0.
    pub block: usize,
    /// Whose it was.
    pub side: Side,
    /// When it was started, after the comparison's begin.
    pub begin_s: f64,
    /// Wall-clock time from its start to its end.
    pub elapsed_s: f64,
    /// The rates of its repetitions, case by case.
    pub gflops: Vec<Vec<f64>>,
}

impl Comparison {
    /// The JSON Schema of a comparison.
    pub fn json_schema() -> String {
        let schema = schemars::schema_for!(Comparison);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is always JSON");
        text.push('\n');
        text
    }
}
