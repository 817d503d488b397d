//! The libraries of a run: where one was loaded from, and which ones were compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Blas;

/// The file that a library was loaded from at run time, and how it spells its functions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LibraryFile {
    /// Absolute, without symbolic links.
    pub path: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// The width of its integers, 32 or 64, measured when it was loaded.
    pub index_bits: u32,
    /// What stands before the names of CBLAS's functions in it, for example `scipy_`; often nothing.
    pub symbol_prefix: String,
    /// What stands behind them, for example `64_`; often nothing.
    pub symbol_suffix: String,
}

/// One of several libraries, by the name that cases refer to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedLibrary {
    /// `bundled`, `newest`, `system`, or the name of the library's file.
    pub name: String,
    /// What it is.
    pub blas: Blas,
}
