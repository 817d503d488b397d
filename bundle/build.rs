//! Builds the launcher, which `bundle` carries in itself and puts at the head of every bundle that it packs.
//!
//! The launcher is a static program in a profile of its own, so it cannot be an ordinary dependency: a second cargo builds it,
//! in a target directory of its own, so that the two do not wait for each other's lock.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The crates that the launcher is made of, beside this file.
const SOURCES: [&str; 6] = [
    "launch",
    "runtime",
    "container",
    "format",
    "fuse",
    "squashfs",
];

fn main() {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let target = variable("TARGET");
    let Some(workspace) = package.parent() else {
        fail("this package lies in no workspace")
    };
    watch(&package, workspace);

    let target_dir = out.join("launcher");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args([
            "build",
            "--locked",
            "--package",
            "bundle-launch",
            "--profile",
            "launcher",
        ])
        .args(["--target", &target])
        .arg("--target-dir")
        .arg(&target_dir)
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .env("RUSTFLAGS", rustflags(&target));
    // What the outer cargo (or clippy) has set for itself would change what is built here.
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
    ] {
        cargo.env_remove(name);
    }
    match cargo.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!(
            "{cargo:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => fail(&format!("cannot run {cargo:?}: {error}")),
    }
    let launcher = target_dir.join(&target).join("launcher/bundle-launch");
    println!("cargo::rustc-env=BUNDLE_LAUNCHER={}", launcher.display());
}

/// Static, so that it runs on hosts with another C library or none. Relocations are packed where the C library that is
/// linked in can unpack them: that is a thirtieth of the launcher's size.
fn rustflags(target: &str) -> String {
    let packed =
        if variable("HOST") == target && glibc_minor_version().is_some_and(|minor| minor >= 36) {
            " -C link-arg=-Wl,-z,pack-relative-relocs"
        } else {
            ""
        };
    format!("-C target-feature=+crt-static{packed}")
}

/// The 36 of "glibc 2.36".
fn glibc_minor_version() -> Option<u32> {
    let output = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim()
        .strip_prefix("glibc 2.")?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn watch(package: &Path, workspace: &Path) {
    for source in SOURCES {
        println!(
            "cargo::rerun-if-changed={}",
            package.join(source).join("src").display()
        );
        println!(
            "cargo::rerun-if-changed={}",
            package.join(source).join("Cargo.toml").display()
        );
    }
    println!(
        "cargo::rerun-if-changed={}",
        workspace.join("Cargo.toml").display()
    );
    println!(
        "cargo::rerun-if-changed={}",
        workspace.join("Cargo.lock").display()
    );
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| fail(&format!("cargo has not set {name}: {error}")))
}

fn fail(reason: &str) -> ! {
    eprintln!("cannot build the launcher: {reason}");
    exit(1)
}
