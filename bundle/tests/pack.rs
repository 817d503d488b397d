//! Packing: the same inputs give the same bytes, and what is packed comes out again.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bundle::{ImageOptions, Include, PackPlan, pack, read_files, verify};
use bundle_format::{Bundle, Digest};

/// A small dynamic program that every host has.
const PROGRAM: &str = "/bin/cat";

fn plan(output: PathBuf, includes: Vec<Include>) -> PackPlan {
    PackPlan {
        executable: PROGRAM.into(),
        includes,
        environment: BTreeMap::from([("GREETING".into(), "hello".into())]),
        name: "cat".into(),
        created_s: 1_000_000_000,
        image: ImageOptions {
            level: 3,
            block_size_bytes: 128 << 10,
        },
        output,
        replace: false,
        launcher: None,
    }
}

/// A directory with files of several sizes, a link, and an empty directory.
fn sample(at: &Path) -> Include {
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

fn bundle_command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bundle"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Asserts that `bundle pack` fails with this exit code and one line that says this.
#[track_caller]
fn check_refusal(arguments: &[&str], code: i32, reason: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("x.run");
    let mut line = vec!["pack", "-o", output.to_str().unwrap()];
    line.extend_from_slice(arguments);
    let refusal = bundle_command(&line);
    let said = String::from_utf8_lossy(&refusal.stderr).into_owned();
    assert_eq!(refusal.status.code(), Some(code), "{said}");
    assert!(said.contains(reason), "{said}");
    assert!(code != 1 || said.lines().count() == 1, "{said}");
    assert!(!output.exists());
    assert_eq!(
        fs::read_dir(scratch.path()).unwrap().count(),
        0,
        "something was left behind"
    );
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
    verify(&output).unwrap();

    let bytes = fs::read(&output).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.launcher(), bundle::LAUNCHER);
    assert_eq!(bundle.manifest().environment["GREETING"], "hello");
    let mut read = BTreeMap::new();
    read_files(bundle.image(), |path, bytes| {
        read.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    })
    .unwrap();
    assert_eq!(read["usr/bin/cat"], fs::read(PROGRAM).unwrap());
    assert_eq!(read["data/deep/er/large"], vec![b'x'; 300_000]);
    assert_eq!(read["data/nothing"], b"");

    for thread_count in [1, 2, 5] {
        let unpacked = tempfile::tempdir().unwrap();
        let bytes = bundle.image();
        let image = bundle_squashfs::Image::open(&bytes).unwrap();
        let directory = fs::File::open(unpacked.path()).unwrap();
        bundle_runtime::unpack_with_threads(&image, directory.as_fd(), thread_count).unwrap();
        for file in &bundle.manifest().files {
            let bytes = fs::read(unpacked.path().join(&file.path)).unwrap();
            assert_eq!(Digest::of(&bytes), file.blake3, "{}", file.path);
        }
        assert_eq!(
            fs::read_link(unpacked.path().join("data/link")).unwrap(),
            Path::new("deep/small")
        );
        let mode = |path| {
            unpacked
                .path()
                .join(path)
                .metadata()
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode("data/deep/small"), 0o755);
        assert_eq!(mode("data/nothing"), 0o644);
        assert!(unpacked.path().join("data/empty").is_dir());
    }
}

#[test]
fn a_bundle_whose_files_are_not_the_manifests_does_not_verify() {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("cat.run");
    pack(&plan(output.clone(), vec![])).unwrap();
    let bytes = fs::read(&output).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    let mut manifest = bundle.manifest().clone();
    manifest.files[0].blake3 = Digest::of(b"another");
    let mut forged = Vec::new();
    let parts = bundle_format::Parts {
        launcher: bundle.launcher(),
        image: bundle.image(),
        manifest: &manifest,
    };
    bundle_format::assemble(parts, &mut forged).unwrap();
    fs::write(&output, forged).unwrap();
    let error = format!("{:#}", verify(&output).unwrap_err());
    assert!(
        error.contains("is not the one that the manifest names"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_packed_is_said_in_one_line() {
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
    check_refusal(&["--exe", PROGRAM, "--name", "../x"], 1, "is not 1 to 64");
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
    verify(&output).unwrap();
}
