//! That a record was not measured by `bench`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another program's result as a record. Its samples have the checks that can be made without the matrices, the others are `null`: a
/// sample that passed is one whose norm is near enough to its expectation, and no more is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// The format that it was read from: `seed` for the article's script's lines.
    pub format: String,
    /// The program that measured, as the importing user named it.
    pub program: String,
    /// What the source does not say and was derived or assumed, one entry for each.
    pub derived: Vec<String>,
}
