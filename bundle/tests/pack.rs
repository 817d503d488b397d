//! Packing a program: the same inputs give the same bytes, and what is packed comes out again.

mod common;

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bundle::{Packed, VerifyPlan, pack, verify};
use bundle_format::Bundle;
use bundle_runtime::{Ownership, unpack_with_threads};
use common::{PROGRAM, names_in, plan, refuse_in, sample};

/// Asserts that `bundle pack` fails with this exit code and one line that says this, and leaves nothing behind.
#[track_caller]
fn check_refusal(arguments: &[&str], code: i32, reason: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let line = [&["pack", "-o", "x.run"], arguments].concat();
    refuse_in(scratch.path(), &line, code, reason);
    assert!(names_in(scratch.path()).is_empty());
}

fn verify_file(path: &Path) {
    let plan = VerifyPlan {
        file: path.to_owned(),
        ..VerifyPlan::default()
    };
    verify(&plan).unwrap();
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let include = sample(&scratch.path().join("data"));
    let make = |name: &str| {
        let output = scratch.path().join(name);
        pack(&plan(output.clone(), vec![include.clone()])).unwrap();
        fs::read(output).unwrap()
    };
    let first = make("first.run");
    // Times on the host are not in it.
    fs::write(scratch.path().join("data/nothing"), "").unwrap();
    assert!(first == make("second.run"));
}

#[test]
fn what_is_packed_comes_out_again() {
    let scratch = tempfile::tempdir().unwrap();
    let include = sample(&scratch.path().join("data"));
    let output = scratch.path().join("cat.run");
    pack(&plan(output.clone(), vec![include])).unwrap();
    assert_eq!(
        output.metadata().unwrap().permissions().mode() & 0o777,
        0o755
    );
    verify_file(&output);

    let bytes = fs::read(&output).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    let layout = bundle.trailer().layout;
    assert!(bytes[..layout.launcher().end as usize] == *bundle::LAUNCHER);
    assert_eq!(bundle.manifest().environment["GREETING"], "hello");
    let image = bytes[layout.image().start as usize..layout.image().end as usize].to_vec();
    let image = bundle_squashfs::Image::open(&image).unwrap();
    for thread_count in [1, 2, 5] {
        let unpacked = tempfile::tempdir().unwrap();
        let directory = fs::File::open(unpacked.path()).unwrap();
        unpack_with_threads(&image, directory.as_fd(), Ownership::OfCaller, thread_count).unwrap();
        let path = |name| unpacked.path().join(name);
        assert!(fs::read(path("usr/bin/cat")).unwrap() == fs::read(PROGRAM).unwrap());
        assert!(fs::read(path("data/deep/er/large")).unwrap() == vec![b'x'; 300_000]);
        assert_eq!(fs::read(path("data/nothing")).unwrap(), b"");
        let target = fs::read_link(path("data/link")).unwrap();
        assert_eq!(target, Path::new("deep/small"));
        let mode = |name| path(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("data/deep/small"), 0o755);
        assert_eq!(mode("data/nothing"), 0o644);
        assert!(path("data/empty").is_dir());
    }
}

#[test]
fn a_library_comes_with_what_it_needs() {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("cat.run");
    let mut plan = plan(output.clone(), vec![]);
    let Packed::Program { libraries, .. } = &mut plan.packed else {
        panic!("a program");
    };
    // The loader of programs knows where it is; it needs more than cat does.
    *libraries = vec![library("libstdc++.so.6")];
    pack(&plan).unwrap();
    verify_file(&output);
    let bytes = fs::read(&output).unwrap();
    let layout = Bundle::parse(&bytes).unwrap().trailer().layout;
    let image = bytes[layout.image().start as usize..layout.image().end as usize].to_vec();
    let image = bundle_squashfs::Image::open(&image).unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let directory = fs::File::open(unpacked.path()).unwrap();
    unpack_with_threads(&image, directory.as_fd(), Ownership::OfCaller, 1).unwrap();
    let names = names_in(&unpacked.path().join("usr/lib"));
    for name in ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "libstdc++.so.6"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
}

/// A library of this host.
fn library(name: &str) -> PathBuf {
    let directory = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    Path::new(&directory).join(name)
}

#[test]
fn what_cannot_be_packed_is_said_in_one_line() {
    check_refusal(
        &["--exe", PROGRAM, "--library", "/no/such.so"],
        1,
        "cannot read '/no/such.so'",
    );
    check_refusal(
        &["--exe", PROGRAM, "--library", "/etc/passwd"],
        1,
        "it is not an ELF program",
    );
    check_refusal(&["--exe", "/no/such"], 1, "cannot read '/no/such'");
    check_refusal(&["--exe", "/etc/passwd"], 1, "it is not an ELF program");
    check_refusal(
        &["--exe", PROGRAM, "--include", "/etc/passwd"],
        2,
        "expected SRC:DST",
    );
    check_refusal(
        &["--exe", PROGRAM, "--include", "/etc/passwd:../x"],
        2,
        "is not a path inside the image",
    );
    check_refusal(
        &["--exe", PROGRAM, "--include", "/no/such:x"],
        1,
        "cannot include '/no/such'",
    );
    let twice = [
        "--exe",
        PROGRAM,
        "--include",
        "/etc/passwd:x",
        "--include",
        "/etc/group:x",
    ];
    check_refusal(&twice, 1, "something else is there already");
    let below = [
        "--exe",
        PROGRAM,
        "--include",
        "/etc/passwd:x",
        "--include",
        "/etc/group:x/y",
    ];
    check_refusal(&below, 1, "'x' is not a directory");
    check_refusal(
        &["--exe", PROGRAM, "--env", "novalue"],
        2,
        "expected NAME=VALUE",
    );
    check_refusal(
        &["--exe", PROGRAM, "--name", "../x"],
        1,
        "a name is 1 to 64",
    );
    check_refusal(
        &["--exe", PROGRAM, "--block-size", "5K"],
        2,
        "expected a power of two",
    );
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("x.run");
    fs::write(&output, "precious").unwrap();
    let mut plan = plan(output.clone(), vec![]);
    let error = pack(&plan).unwrap_err().to_string();
    assert!(
        error.contains("it exists (use --force to replace it)"),
        "{error}"
    );
    assert_eq!(fs::read(&output).unwrap(), b"precious");
    plan.replace = true;
    pack(&plan).unwrap();
    verify_file(&output);
    assert_eq!(names_in(scratch.path()), ["x.run"]);
}
