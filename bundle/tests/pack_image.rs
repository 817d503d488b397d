//! Packing an image that exists: it is in the bundle as it is, and what cannot be packed is said in one line.

mod common;

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bundle_format::{Bundle, ContainerInfo, Payload};
use common::{PROGRAM, bundle_in, make_image, names_in, refuse_in, sample, stderr, succeed_in};
use serde_json::Value;

/// A directory with `x.sqsh` in it.
fn scratch_with_image(codec: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let tree = tempfile::tempdir().unwrap();
    sample(&tree.path().join("tree"));
    make_image(
        &tree.path().join("tree"),
        &scratch.path().join("x.sqsh"),
        codec,
    );
    scratch
}

fn image_in(bundle: &[u8]) -> &[u8] {
    let image = Bundle::parse(bundle).unwrap().trailer().layout.image();
    &bundle[image.start as usize..image.end as usize]
}

#[test]
fn an_image_is_packed_as_it_is() {
    for codec in ["gzip", "lz4", "lzo", "xz", "zstd"] {
        let scratch = scratch_with_image(codec);
        let line = [
            "pack", "--image", "x.sqsh", "--env", "A=b", "--", "sh", "-c", "exit 3",
        ];
        succeed_in(scratch.path(), &line);
        assert_eq!(names_in(scratch.path()), ["x.run", "x.sqsh"]);
        let bytes = fs::read(scratch.path().join("x.run")).unwrap();
        assert!(image_in(&bytes) == fs::read(scratch.path().join("x.sqsh")).unwrap());
        let bundle = Bundle::parse(&bytes).unwrap();
        let manifest = bundle.manifest();
        assert_eq!(manifest.name, "x");
        assert_eq!(manifest.image.codec, codec);
        assert_eq!(manifest.environment["A"], "b");
        let command = ["sh", "-c", "exit 3"].map(str::to_owned).to_vec();
        assert_eq!(
            manifest.payload,
            Payload::Image {
                command,
                container: ContainerInfo::default(),
            }
        );
        let digest = bundle.digest().to_string();
        assert_eq!(
            succeed_in(scratch.path(), &["verify", "x.run"]),
            format!("{digest}  x.run\n")
        );
        let listed = succeed_in(scratch.path(), &["inspect", "--files", "x.run"]);
        let listed: Vec<_> = listed
            .lines()
            .map(|line| line.split(" /").nth(1).unwrap())
            .collect();
        let expected = [
            "",
            "deep",
            "deep/er",
            "deep/er/large",
            "deep/small",
            "empty",
            "link -> deep/small",
            "nothing",
        ];
        assert_eq!(listed, expected);
    }
}

#[test]
fn names_are_chosen_or_follow() {
    let scratch = scratch_with_image("zstd");
    let pack = |arguments: &[&str]| {
        succeed_in(
            scratch.path(),
            &[&["pack", "--image", "x.sqsh"], arguments].concat(),
        )
    };
    pack(&["-o", "named.run", "--name", "another"]);
    let json: Value = serde_json::from_str(&succeed_in(
        scratch.path(),
        &["inspect", "--json", "named.run"],
    ))
    .unwrap();
    assert_eq!(json["manifest"]["name"], "another");
    assert_eq!(
        json["manifest"]["payload"],
        serde_json::json!({"kind": "image", "command": []})
    );
    assert_eq!(json["signature"], Value::Null);
    let size_bytes = scratch.path().join("named.run").metadata().unwrap().len();
    assert_eq!(json["file_size_bytes"], size_bytes);
    fs::rename(
        scratch.path().join("x.sqsh"),
        scratch.path().join("a b.sqsh"),
    )
    .unwrap();
    refuse_in(
        scratch.path(),
        &["pack", "--image", "a b.sqsh"],
        1,
        "cannot name the bundle 'a b'",
    );
    succeed_in(
        scratch.path(),
        &["pack", "--image", "a b.sqsh", "--name", "ab"],
    );
    assert_eq!(
        names_in(scratch.path()),
        ["a b.run", "a b.sqsh", "named.run"]
    );
}

#[test]
fn what_inspect_prints_is_what_is_signed() {
    let scratch = scratch_with_image("zstd");
    succeed_in(scratch.path(), &["pack", "--image", "x.sqsh"]);
    let bytes = fs::read(scratch.path().join("x.run")).unwrap();
    let printed = succeed_in(scratch.path(), &["inspect", "--manifest", "x.run"]);
    assert_eq!(
        printed.as_bytes(),
        Bundle::parse(&bytes).unwrap().manifest_bytes()
    );
    let table = succeed_in(scratch.path(), &["inspect", "x.run"]);
    for part in [
        "name          x\n",
        "signature     none\n",
        "command       none",
        "zstd in blocks of 128 KiB",
    ] {
        assert!(table.contains(part), "{table}");
    }
}

#[test]
fn what_cannot_be_packed_is_said_in_one_line() {
    let scratch = scratch_with_image("zstd");
    let path = |name: &str| scratch.path().join(name);
    fs::write(path("text.sqsh"), "no image at all, and this is far too short for one; or is it 96 bytes and more, as is needed?").unwrap();
    fs::write(path("empty.sqsh"), "").unwrap();
    let image = fs::read(path("x.sqsh")).unwrap();
    fs::write(path("cut.sqsh"), &image[..200]).unwrap();
    let before = names_in(scratch.path());
    let refuse = |arguments: &[&str], code, reason: &str| {
        refuse_in(
            scratch.path(),
            &[&["pack"], arguments].concat(),
            code,
            reason,
        );
        assert_eq!(
            names_in(scratch.path()),
            before,
            "something was left behind"
        );
    };
    refuse(&["--image", "none.sqsh"], 1, "cannot read 'none.sqsh'");
    refuse(&["--image", "/dev/null"], 1, "it is not a regular file");
    refuse(&["--image", "/usr"], 1, "it is not a regular file");
    refuse(
        &["--image", "text.sqsh"],
        1,
        "cannot pack 'text.sqsh': the image is not a squashfs file system",
    );
    refuse(&["--image", "empty.sqsh"], 1, "cannot pack 'empty.sqsh'");
    refuse(&["--image", "cut.sqsh"], 1, "cannot pack 'cut.sqsh'");
    refuse(
        &["--image", "x.sqsh", "-o", "x.sqsh"],
        1,
        "it exists (use --force to replace it)",
    );
    refuse(
        &["--image", "x.sqsh", "-o", "x.sqsh", "--force"],
        1,
        "it is the image itself",
    );
    refuse(
        &["--image", "x.sqsh", "-o", "no/x.run"],
        1,
        "cannot write 'no/x.run'",
    );
    refuse(&["--image", "x.sqsh", "-o", "/"], 1, "it is a directory");
    refuse(
        &["--image", "x.sqsh", "--include", "/etc/passwd:x"],
        2,
        "cannot be used with",
    );
    refuse(
        &["--image", "x.sqsh", "--level", "3"],
        2,
        "cannot be used with",
    );
    refuse(
        &["--image", "x.sqsh", "--exe", PROGRAM],
        2,
        "cannot be used with",
    );
    refuse(&["--exe", PROGRAM, "--", "sh"], 2, "cannot be used with");
    refuse(&[], 2, "--exe <PATH>|--image <FILE>");
    assert!(fs::read(path("x.sqsh")).unwrap() == image);
}

/// Somebody packs an image that a bad disk has damaged: the bundle is what was packed, but its files do not come out.
#[test]
fn a_damaged_image_is_found_by_verify() {
    let scratch = scratch_with_image("zstd");
    let path = scratch.path().join("x.sqsh");
    let mut image = fs::read(&path).unwrap();
    // The first data block follows the superblock.
    image[100] ^= 0x55;
    fs::write(&path, image).unwrap();
    succeed_in(scratch.path(), &["pack", "--image", "x.sqsh"]);
    refuse_in(
        scratch.path(),
        &["verify", "x.run"],
        1,
        "'x.run' does not verify: cannot read 'deep/er/large' in the image",
    );
}

#[test]
fn damage_is_found_and_told_in_one_line() {
    let scratch = scratch_with_image("zstd");
    succeed_in(scratch.path(), &["pack", "--image", "x.sqsh"]);
    let path = scratch.path().join("x.run");
    let bytes = fs::read(&path).unwrap();
    let layout = Bundle::parse(&bytes).unwrap().trailer().layout;
    for (place, told) in [
        (layout.launcher().start + 1000, "the launcher is damaged"),
        (
            layout.image().start + 1000,
            "the image is damaged: the 16 KiB from its byte 0 on",
        ),
        (
            layout.tree().start,
            "the image is damaged: the 16 KiB from its byte 0 on",
        ),
        (layout.manifest().start, "the manifest is damaged"),
        (layout.trailer().end - 1, "the trailer is damaged"),
    ] {
        let mut damaged = bytes.clone();
        damaged[place as usize] ^= 1;
        fs::write(&path, damaged).unwrap();
        refuse_in(scratch.path(), &["verify", "x.run"], 1, told);
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    refuse_in(
        scratch.path(),
        &["verify", "x.run"],
        1,
        "it was cut off or something was appended",
    );
    refuse_in(
        scratch.path(),
        &["inspect", "x.run"],
        1,
        "cannot inspect 'x.run'",
    );
    refuse_in(
        scratch.path(),
        &["inspect", "none.run"],
        1,
        "cannot read 'none.run'",
    );
}

/// The packer is killed while it writes: the half bundle is gone with it.
#[test]
fn a_killed_packer_leaves_nothing_behind() {
    let scratch = scratch_with_image("zstd");
    let image = File::options()
        .write(true)
        .open(scratch.path().join("x.sqsh"))
        .unwrap();
    // What stands behind an image's end belongs to nobody, but it takes time.
    image.set_len(512 << 20).unwrap();
    let mut packer = Command::new(env!("CARGO_BIN_EXE_bundle"))
        .args(["pack", "--image", "x.sqsh"])
        .current_dir(scratch.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(50));
    packer.kill().unwrap();
    assert_eq!(packer.wait().unwrap().signal(), Some(9), "it was too fast");
    assert_eq!(names_in(scratch.path()), ["x.sqsh"]);
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = succeed_in(Path::new("/"), &["completions", shell]);
        assert!(
            script.contains("inspect") && script.contains("image"),
            "{script}"
        );
    }
    let refused = bundle_in(Path::new("/"), &["completions", "dos"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}
