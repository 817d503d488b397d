//! What the tests of the program share.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod sandboxes;
pub(crate) mod signing;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bundle::{ImageOptions, Include, PackPlan, Packed};

/// A small dynamic program that every host has.
pub(crate) const PROGRAM: &str = "/bin/cat";

/// A plan to pack [`PROGRAM`].
pub(crate) fn plan(output: PathBuf, includes: Vec<Include>) -> PackPlan {
    PackPlan {
        packed: Packed::Program {
            executable: PROGRAM.into(),
            includes,
            libraries: Vec::new(),
            options: ImageOptions {
                level: 3,
                block_size_bytes: 128 << 10,
            },
        },
        environment: [("GREETING".into(), "hello".into())].into(),
        name: "cat".into(),
        created_s: 1_000_000_000,
        output,
        replace: false,
        launcher: None,
    }
}

/// A directory with files of several sizes, a link, and an empty directory.
pub(crate) fn sample(at: &Path) -> Include {
    fs::create_dir_all(at.join("deep/er")).unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    fs::write(at.join("deep/er/large"), vec![b'x'; 300_000]).unwrap();
    fs::write(at.join("deep/small"), "small").unwrap();
    fs::write(at.join("nothing"), "").unwrap();
    fs::set_permissions(at.join("deep/small"), fs::Permissions::from_mode(0o700)).unwrap();
    symlink("deep/small", at.join("link")).unwrap();
    Include {
        source: at.to_owned(),
        destination: "data".into(),
    }
}

/// Makes a squashfs image of a directory tree.
///
/// # Panics
/// Without squashfs-tools.
pub(crate) fn make_image(tree: &Path, image: &Path, codec: &str) {
    let output = Command::new("mksquashfs")
        .args([tree, image])
        .args(["-all-root", "-no-progress", "-quiet", "-comp", codec])
        .output()
        .expect("mksquashfs (squashfs-tools) starts");
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Runs `bundle` in `directory`.
pub(crate) fn bundle_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bundle"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// Runs `bundle` in `directory`, and it succeeds with this on stdout.
#[track_caller]
pub(crate) fn succeed_in(directory: &Path, arguments: &[&str]) -> String {
    let output = bundle_in(directory, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `bundle` in `directory`, and it fails with this exit code, in one line that says this.
#[track_caller]
pub(crate) fn refuse_in(directory: &Path, arguments: &[&str], code: i32, reason: &str) {
    let refusal = bundle_in(directory, arguments);
    let said = stderr(&refusal);
    assert_eq!(refusal.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(reason), "{arguments:?}: {said}");
    assert!(code != 1 || said.lines().count() == 1, "{said}");
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The names in a directory, sorted.
pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
