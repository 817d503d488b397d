//! What runs: this program, the bundle that carried it, the BLAS.

use std::env;

use kernels::openblas;
use results::record;

/// The program's version, with the commit where it is known, as `--version` prints it.
pub const VERSION: &str = if COMMIT.is_empty() {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("BENCH_COMMIT"), ")")
};

/// Empty when the program was not built in a checkout.
const COMMIT: &str = env!("BENCH_COMMIT");

/// Describes what runs.
pub fn describe() -> record::Software {
    let blas = openblas::describe();
    record::Software {
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        bench_commit: (!COMMIT.is_empty()).then(|| COMMIT.to_owned()),
        bundle: bundle(),
        blas: record::Blas {
            name: "OpenBLAS".to_owned(),
            version: blas.version,
            config: blas.config,
            core: blas.core,
            threading: blas.threading.to_owned(),
            threads_max: blas.threads_max,
        },
    }
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
