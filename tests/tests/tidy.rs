//! The structure that ARCHITECTURE.md promises: arrows between crates go one way, unsafe code stays where it is allowed,
//! and no file outgrows its subject.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may depend on whom, within the workspace. The end-to-end tests may depend on all.
const ARROWS: &[(&str, &[&str])] = &[
    ("kernels", &[]),
    ("results", &[]),
    ("reports", &["results"]),
    ("harness", &["kernels", "reports", "results"]),
    ("bundle-format", &[]),
    ("bundle-squashfs", &[]),
    ("bundle-container", &[]),
    ("bundle-image", &[]),
    ("bundle-import", &["bundle-container", "bundle-image"]),
    ("bundle-fuse", &["bundle-squashfs"]),
    (
        "bundle-runtime",
        &[
            "bundle-container",
            "bundle-format",
            "bundle-fuse",
            "bundle-squashfs",
        ],
    ),
    (
        "bundle-launch",
        &[
            "bundle-container",
            "bundle-format",
            "bundle-runtime",
            "bundle-squashfs",
        ],
    ),
    (
        "bundle",
        &[
            "bundle-container",
            "bundle-format",
            "bundle-image",
            "bundle-import",
            "bundle-runtime",
            "bundle-squashfs",
        ],
    ),
];

/// Where unsafe code is allowed: calls into C, system calls that no library wraps, and what runs between fork and exec.
const UNSAFE_FILES: [&str; 7] = [
    "bundle/launch/src/ffi.rs",
    "bundle/runtime/src/ffi.rs",
    "harness/src/exit.rs",
    "kernels/src/blas/ffi.rs",
    "kernels/src/ffi.rs",
    "kernels/src/fma.rs",
    "kernels/src/team.rs",
];

/// Lines after which a file surely has two subjects.
const LINES_MAX: usize = 600;

#[test]
fn dependencies_go_one_way() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(tests::repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", tests::stderr(&output));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(from, to)| (*from, to.iter().copied().collect()))
        .collect();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if name == "tests" {
            continue;
        }
        let allowed = allowed
            .get(name)
            .unwrap_or_else(|| panic!("the crate {name} has no entry in ARROWS"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let is_ours = dependency["path"].is_string() && dependency["kind"].is_null();
            let to = dependency["name"].as_str().expect("a name");
            assert!(
                !is_ours || allowed.contains(to),
                "{name} must not depend on {to}"
            );
        }
    }
}

#[test]
fn unsafe_code_stays_where_it_is_allowed() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).expect("a source file");
            text.contains("unsafe_code") && !path.ends_with("tests/tests/tidy.rs")
        })
        .map(|path| relative(&path))
        .collect();
    assert_eq!(found, UNSAFE_FILES);
}

#[test]
fn no_file_outgrows_its_subject() {
    for path in sources() {
        let lines = fs::read_to_string(&path)
            .expect("a source file")
            .lines()
            .count();
        assert!(
            lines <= LINES_MAX,
            "{} has {lines} lines: it surely has two subjects",
            relative(&path)
        );
    }
}

fn relative(path: &Path) -> String {
    let path = path
        .strip_prefix(tests::repository())
        .expect("below the top");
    path.to_string_lossy().into_owned()
}

/// All Rust files of the checkout, sorted, without what was built.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for top in [
        "bundle", "harness", "kernels", "reports", "results", "tests",
    ] {
        collect(&tests::repository().join(top), &mut found);
    }
    found.sort();
    assert!(found.len() > 30, "{found:?}");
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
