//! What about the host's state can make figures wrong or hard to repeat.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found before the first sample and after the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stability {
    /// Before the first sample.
    pub before: Vec<Finding>,
    /// After the last sample.
    pub after: Vec<Finding>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at, for example `governor`.
    pub check: String,
    /// Whether a reader has to know it.
    pub severity: Severity,
    /// What was found, and what to do about it, in one line.
    pub text: String,
}

/// Whether a reader has to know a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// How this host is set: worth knowing when it is compared with another.
    Note,
    /// It may well have changed the figures. It is among the record's warnings, too.
    Warning,
}
