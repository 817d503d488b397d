//! What runs: this program, the bundle that carried it, the BLAS.

use std::env;

use results::record;

use crate::libraries::{self, Selected};

/// The program's version, with the commit where it is known, as `--version` prints it.
pub const VERSION: &str = if COMMIT.is_empty() {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("BENCH_COMMIT"), ")")
};

/// Empty when the program was not built in a checkout.
const COMMIT: &str = env!("BENCH_COMMIT");

/// Describes what runs, with these libraries.
pub fn describe(libraries: &[Selected]) -> record::Software {
    record::Software {
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        bench_commit: (!COMMIT.is_empty()).then(|| COMMIT.to_owned()),
        bundle: bundle(),
        blas: libraries
            .first()
            .map(|library| libraries::recorded(library.blas))
            .unwrap_or_default(),
        libraries: libraries::compared(libraries),
    }
}

/// What a user types to start this program again from the same directory: the bundle that carries it, or the program's own name
/// as it was typed.
pub fn as_typed() -> String {
    let typed = env::var_os("BENCHRUN_BUNDLE").or_else(|| env::args_os().next());
    let typed = typed.filter(|typed| !typed.is_empty());
    reports::shell_word(&typed.map_or("bench".into(), |typed| typed.to_string_lossy().into_owned()))
}

/// What the launcher of a bundle tells its payload.
fn bundle() -> Option<record::Bundle> {
    let variable = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    Some(record::Bundle {
        digest: variable("BENCHRUN_BUNDLE_DIGEST")?,
        path: variable("BENCHRUN_BUNDLE"),
        rung: variable("BENCHRUN_RUNG"),
    })
}
