//! The order of OpenBLAS's kernels in the program.
//!
//! The library holds each kernel once for each of some twenty core types. The variants of one kernel resemble each other,
//! but the archive is sorted by core type, so that they lie megabytes apart, further than the compression of an image
//! looks back (1 MiB, a block). Side by side they compress to less than half. Nothing else changes: a program without
//! this order computes the same at the same speed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The endings by which OpenBLAS's kernels are told apart (`DYNAMIC_CORE` of its `Makefile.system`, x86-64).
const CORES: [&str; 20] = [
    "PRESCOTT",
    "CORE2",
    "PENRYN",
    "DUNNINGTON",
    "NEHALEM",
    "SANDYBRIDGE",
    "HASWELL",
    "ZEN",
    "SKYLAKEX",
    "COOPERLAKE",
    "OPTERON",
    "OPTERON_SSE3",
    "BARCELONA",
    "BOBCAT",
    "ATOM",
    "NANO",
    "BULLDOZER",
    "PILEDRIVER",
    "STEAMROLLER",
    "EXCAVATOR",
];

/// Asks the linker for the order. Where that cannot be had (a linker that is not lld, no nm), the program is only larger
/// when packed, and a warning says so.
pub(crate) fn request() {
    if env::var("TARGET").as_deref() != Ok("x86_64-unknown-linux-gnu") {
        return;
    }
    let archive = Path::new("/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.a");
    if archive.exists() {
        println!("cargo::rerun-if-changed={}", archive.display());
    }
    let order = write_order(archive).and_then(|file| {
        let arguments = [
            format!("-Wl,--symbol-ordering-file={}", file.display()),
            // Most of the symbols are not linked in.
            "-Wl,--no-warn-symbol-ordering".to_owned(),
        ];
        try_linker(&arguments).map(|()| arguments)
    });
    match order {
        Ok(arguments) => {
            for argument in arguments {
                println!("cargo::rustc-link-arg-bins={argument}");
            }
        }
        Err(reason) => {
            println!(
                "cargo::warning=the bundle will be larger, kernels stay in the archive's order: {reason}"
            );
        }
    }
}

/// Links an empty program with these arguments, as the real one will be.
fn try_linker(arguments: &[String]) -> Result<(), String> {
    let variable = |name| env::var(name).map_err(|_| format!("cargo has not set {name}"));
    let directory = PathBuf::from(variable("OUT_DIR")?);
    let source = directory.join("empty.rs");
    fs::write(&source, "fn main() {}\n")
        .map_err(|error| format!("cannot write {}: {error}", source.display()))?;
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let output = Command::new(variable("RUSTC")?)
        .args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()))
        .args(
            arguments
                .iter()
                .map(|argument| format!("-Clink-arg={argument}")),
        )
        .arg("-o")
        .arg(directory.join("empty"))
        .arg(&source)
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err("the linker does not know --symbol-ordering-file (lld does)".to_owned())
    }
}

fn write_order(archive: &Path) -> Result<PathBuf, String> {
    let output = Command::new("nm")
        .args(["--extern-only", "--defined-only", "--format=posix"])
        .arg(archive)
        .output()
        .map_err(|error| format!("cannot run nm: {error}"))?;
    if !output.status.success() {
        return Err(format!("nm cannot read {}", archive.display()));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let kernels: BTreeSet<(&str, &str)> = listing
        .lines()
        .filter_map(|line| line.split_once(" T ")?.0.into())
        .filter_map(kernel_and_core)
        .collect();
    let order: Vec<String> = kernels
        .iter()
        .map(|(kernel, core)| format!("{kernel}_{core}"))
        .collect();
    let file = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo has not set OUT_DIR")?)
        .join("link-order");
    fs::write(&file, order.join("\n"))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(file)
}

/// `dgemm_kernel_HASWELL` taken apart; `None` for what is no kernel of one core type.
fn kernel_and_core(symbol: &str) -> Option<(&str, &str)> {
    // The longest ending first: OPTERON_SSE3 does not end in SSE3 of some other core.
    CORES
        .iter()
        .filter_map(|core| Some((symbol.strip_suffix(core)?.strip_suffix('_')?, *core)))
        .max_by_key(|(_, core)| core.len())
}
