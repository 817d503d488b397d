//! Writes down which commit the program is built from, and puts OpenBLAS's kernels in an order that compresses well.

mod link_order;

use std::path::Path;
use std::process::Command;

fn main() {
    link_order::request();
    for source in [
        "../.cargo",
        "../Cargo.toml",
        "../kernels",
        "../harness",
        "../results",
        "../reports",
        "../Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={source}");
    }
    // A path that does not exist (in a tarball, in a second worktree) would make every build start over.
    if Path::new("../.git/logs/HEAD").exists() {
        println!("cargo::rerun-if-changed=../.git/logs/HEAD");
    }
    println!("cargo::rerun-if-env-changed=BENCH_COMMIT");
    let commit = std::env::var("BENCH_COMMIT")
        .ok()
        .or_else(commit)
        .unwrap_or_default();
    println!("cargo::rustc-env=BENCH_COMMIT={commit}");
}

/// The commit, with `-dirty` when tracked files differ from it; `None` outside a checkout.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--abbrev=12",
            "--dirty",
            "--exclude=*",
        ])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    let commit = commit.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}
