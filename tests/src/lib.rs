//! What the end-to-end tests share: the bundle under test, scratch directories, running it, and saying loudly when a
//! test cannot set up its conditions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub mod bench;
pub mod container;
pub mod damage;
pub mod docker;
pub mod hostile;
pub mod image;
pub mod leftovers;
pub mod process;
pub mod quota;
pub mod records;
pub mod registry;
pub mod seccomp;
pub mod site;
pub mod steering;
pub mod terminal;

/// The top of the checkout.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie below the top of the checkout")
}

/// The bundle under test: `$BENCH_RUN`, else `bench.run` at the top of the checkout.
pub fn bench_run() -> PathBuf {
    let path =
        std::env::var_os("BENCH_RUN").map_or_else(|| repository().join("bench.run"), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no bundle to test at {} (run `make bench.run` first)",
        path.display()
    );
    path
}

/// A fresh directory for one test, open to every user, removed at its end.
pub fn scratch() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new()
        .prefix("benchrun test ")
        .tempdir()
        .expect("a scratch directory");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path(), open).expect("permissions");
    directory
}

/// `bench.run` with these words, ready to be started in this directory, in an environment that asks for nothing.
pub fn bench<S: AsRef<OsStr>>(directory: &Path, words: &[S]) -> Command {
    let mut command = Command::new(bench_run());
    command.args(words).current_dir(directory);
    for variable in [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "BENCHRUN_INJECT_FAULT",
        "BENCHRUN_FORCE_RUNG",
        "BENCHRUN_TRACE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard error as text without `bench`'s warnings: some are about the host, which may be busy with other tests.
pub fn stderr_but_warnings(output: &Output) -> String {
    stderr(output)
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("bench: warning: "))
        .collect()
}

/// Says that a test was skipped and why, on a line of its own that no capturing hides. Where every condition can be
/// had, in CI as root, that is a failure.
pub fn skip(test: &str, why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {why}");
    let in_ci = std::env::var_os("CI").is_some();
    assert!(
        !(in_ci && nix::unistd::geteuid().is_root()),
        "{test} was skipped in CI: {why}"
    );
}
