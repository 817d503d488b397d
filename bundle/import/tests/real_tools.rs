//! What is made here of an image is what umoci unpacks of it, and it does not matter in which form skopeo hands it over.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bundle_image::Compression;
use bundle_import::{
    Layered, Limits, Options, Platform, make_image, open_docker_archive, open_oci,
};

const TOOLS: [&str; 5] = ["umoci", "skopeo", "unsquashfs", "tar", "mknod"];
/// What every image gets besides what its layers have.
const MADE: [&str; 7] = [
    "etc/rc",
    "etc/rc.local",
    "etc/fstab",
    "etc/environment",
    "etc/benchrun",
    "etc/benchrun/command",
    "etc/benchrun/image.json",
];

#[test]
fn umoci_and_skopeo_agree() {
    if let Some(why) = cannot_run() {
        skip("umoci_and_skopeo_agree", &why);
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scratch.path().join(name);
    make_layout(scratch.path());
    let layout = format!("{}:v1", at("oci").display());
    run(
        "umoci",
        &["unpack", "--image", &layout, text(&at("unpacked"))],
    );
    let expected = list(&at("unpacked/rootfs"));
    assert!(expected.len() > 25, "{expected:#?}");
    assert!(expected.contains_key(Path::new("d/kept")), "{expected:#?}");
    assert!(!expected.contains_key(Path::new("d/gone")), "{expected:#?}");
    assert!(
        expected.contains_key(Path::new("usr/lib/x")),
        "{expected:#?}"
    );
    assert!(expected.contains_key(Path::new("z")), "{expected:#?}");

    let platform = Platform::host();
    let oci = open_oci(&at("oci"), Some("v1"), &platform).expect("an image");
    compare(&at("from-oci"), &oci, &expected);

    let source = format!("oci:{layout}");
    let saved = at("saved.tar");
    let target = format!("docker-archive:{}:example/a:v1", saved.display());
    run("skopeo", &["copy", "--insecure-policy", &source, &target]);
    let image = open_docker_archive(&saved, Some("example/a:v1"), &platform, scratch.path());
    compare(&at("from-archive"), &image.expect("an image"), &expected);

    let target = format!("oci:{}:v2", at("zstd").display());
    let recompress = ["--dest-compress-format", "zstd", "--dest-compress"];
    let arguments = ["copy", "--insecure-policy", &source, &target];
    run("skopeo", &[&arguments[..], &recompress].concat());
    let image = open_oci(&at("zstd"), None, &platform).expect("an image");
    compare(&at("from-zstd"), &image, &expected);
}

fn cannot_run() -> Option<String> {
    // The owner of this process's own directory: root's is 0.
    if fs::metadata("/proc/self").map_or(1, |it| it.uid()) != 0 {
        return Some("owners and devices need root".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| std::env::split_paths(&path).any(|it| it.join(tool).exists());
    let missing: Vec<&str> = TOOLS.into_iter().filter(|tool| !is_there(tool)).collect();
    (!missing.is_empty()).then(|| format!("{} is not installed", missing.join(", ")))
}

/// Says so on a line that no capturing hides; in CI, where everything can be had, that is a failure.
fn skip(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {why}");
    assert!(
        std::env::var_os("CI").is_none(),
        "{test} was skipped in CI: {why}"
    );
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// An OCI layout of three layers, with whatever a layer can have.
fn make_layout(scratch: &Path) {
    let layout = scratch.join("oci");
    let image = format!("{}:v1", layout.display());
    run("umoci", &["init", "--layout", text(&layout)]);
    run("umoci", &["new", "--image", &image]);
    for (name, fill) in [
        ("lower", lower as fn(&Path)),
        ("middle", middle),
        ("upper", upper),
    ] {
        let root = scratch.join(name);
        fs::create_dir(&root).expect("a directory");
        fill(&root);
        let archive = scratch.join(format!("{name}.tar"));
        run(
            "tar",
            &[
                "--format=posix",
                "--sort=name",
                "--sparse",
                "--xattrs",
                "--xattrs-include=*",
                "--numeric-owner",
                "-C",
                text(&root),
                "-cf",
                text(&archive),
                ".",
            ],
        );
        if name == "middle" {
            through_links(scratch, &archive);
        }
        run(
            "umoci",
            &["raw", "add-layer", "--image", &image, text(&archive)],
        );
    }
}

/// Adds entries whose way leads through links of the layer below, and out of the root if nobody held them.
fn through_links(scratch: &Path, archive: &Path) {
    let root = scratch.join("through");
    write(root.join("lib/x"), "in usr/lib");
    write(root.join("lib/.wh.y"), "");
    write(root.join("out/z"), "in the root");
    let names = ["lib/x", "lib/.wh.y", "out/z"];
    let arguments = ["--format=posix", "-C", text(&root), "-rf", text(archive)];
    run("tar", &[&arguments[..], &names].concat());
}

fn write(path: PathBuf, contents: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(&path, contents).expect("a file");
    path
}

fn lower(root: &Path) {
    for name in [
        "d/kept",
        "d/gone",
        "opaque/old",
        "gone/x/y",
        "file-to-dir",
        "e/f",
        "etc/passwd",
    ] {
        write(root.join(name), name);
    }
    write(root.join("dir-to-file/x"), "x");
    write(root.join("big"), "0123456789abcdef".repeat(100_000));
    write(root.join("names/".to_owned() + &"n".repeat(255)), "long");
    let deep = "deep/".repeat(40) + "leaf";
    write(root.join(deep), "deep");
    fs::hard_link(root.join("big"), root.join("same")).expect("a link");
    symlink("d/kept", root.join("symlink")).expect("a link");
    symlink("/usr/lib", root.join("lib")).expect("a link");
    fs::hard_link(root.join("symlink"), root.join("symlink-too")).expect("a link");
    symlink("../../..", root.join("out")).expect("a link");
    write(root.join("usr/lib/y"), "hidden through a link");
    let setuid = write(root.join("setuid"), "#!/bin/sh\n");
    chown(&setuid, Some(1234), Some(4_000_000)).expect("root");
    fs::set_permissions(&setuid, Permissions::from_mode(0o6755)).expect("root");
    fs::set_permissions(root.join("usr"), Permissions::from_mode(0o1777)).expect("root");
    lchown(root.join("symlink"), Some(5), Some(6)).expect("root");
    let tagged = write(root.join("tagged"), "x");
    xattr::set(&tagged, "user.note", b"\0=\n\xff").expect("attributes");
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    xattr::set(&tagged, "security.capability", capability).expect("root");
    for (name, arguments) in [
        ("null", &["c", "1", "3"][..]),
        ("disk", &["b", "8", "1"]),
        ("pipe", &["p"]),
    ] {
        run(
            "mknod",
            &[&[text(&root.join(name))][..], arguments].concat(),
        );
    }
    let mut sparse = File::create(root.join("sparse")).expect("a file");
    for offset in [100_000, 900_000] {
        sparse.seek(SeekFrom::Start(offset)).expect("a file");
        sparse.write_all(b"island").expect("space");
    }
    sparse.set_len(3_000_000).expect("a file");
}

fn middle(root: &Path) {
    write(root.join("d/.wh.gone"), "");
    write(root.join("d/.wh.new"), "");
    write(
        root.join("d/new"),
        "new, though a whiteout of this layer names it",
    );
    write(root.join("opaque/.wh..wh..opq"), "");
    write(root.join("opaque/young"), "young");
    write(root.join(".wh.gone"), "");
    write(root.join("file-to-dir/x"), "x");
    write(root.join("dir-to-file"), "file");
    write(root.join("lib-is-a-link"), "x");
    fs::set_permissions(
        write(root.join("e/g"), "g").parent().expect("e"),
        Permissions::from_mode(0o700),
    )
    .expect("root");
}

fn upper(root: &Path) {
    write(root.join("etc/passwd"), "other");
    write(root.join("opaque/.wh.young"), "");
    write(root.join("big"), "small");
    write(root.join("gone/again"), "again");
    fs::create_dir_all(root.join("symlink")).expect("a directory");
}

/// Whatever can be seen of a name.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    mode: u32,
    owner: (u32, u32),
    mtime_s: i64,
    device: u64,
    /// A file's content or a link's target.
    contents: Vec<u8>,
    xattrs: BTreeMap<OsString, Vec<u8>>,
    /// The first name of the same node.
    first: PathBuf,
}

type Listing = BTreeMap<PathBuf, Seen>;

/// All names below a directory, and the directory itself.
fn list(root: &Path) -> Listing {
    let mut paths = vec![PathBuf::new()];
    let mut next = 0;
    while let Some(path) = paths.get(next).cloned() {
        next += 1;
        let full = root.join(&path);
        if fs::symlink_metadata(&full).expect("a node").is_dir() {
            let names = fs::read_dir(full).expect("a directory");
            paths.extend(names.map(|entry| path.join(entry.expect("an entry").file_name())));
        }
    }
    paths.sort();
    paths.retain(|path| !MADE.iter().any(|made| path == Path::new(made)));
    let mut first = HashMap::new();
    let seen = |path: PathBuf| {
        let full = root.join(&path);
        let metadata = fs::symlink_metadata(&full).expect("a node");
        let contents = if metadata.is_symlink() {
            fs::read_link(&full)
                .expect("a link")
                .into_os_string()
                .into_encoded_bytes()
        } else if metadata.is_file() {
            fs::read(&full).expect("a file")
        } else {
            Vec::new()
        };
        let names = xattr::list(&full).expect("attributes");
        let value = |name: OsString| {
            let value = xattr::get(&full, &name).expect("an attribute");
            (name, value.expect("an attribute"))
        };
        let seen = Seen {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            mtime_s: metadata.mtime(),
            device: metadata.rdev(),
            contents,
            xattrs: names.map(value).collect(),
            first: first
                .entry(metadata.ino())
                .or_insert_with(|| path.clone())
                .clone(),
        };
        (path, seen)
    };
    paths.into_iter().map(seen).collect()
}

/// Makes an image, has it unpacked by squashfs's own tool, and compares.
fn compare(scratch: &Path, image: &Layered, expected: &Listing) {
    fs::create_dir(scratch).expect("a directory");
    let path = scratch.join("image.sqsh");
    let out = File::create(&path).expect("a file");
    let options = Options {
        image: bundle_image::Options {
            compression: Compression::Zstd { level: 1 },
            block_size_bytes: 128 << 10,
            thread_count: 2,
            time_s: 0,
        },
        limits: Limits::default(),
    };
    let summary = make_image(image, &out, &options, &()).expect("an image");
    out.set_len(summary.size_bytes).expect("a file");
    let unpacked = scratch.join("root");
    run(
        "unsquashfs",
        &["-no-progress", "-d", text(&unpacked), text(&path)],
    );
    let found = list(&unpacked);
    let paths = |listing: &Listing| listing.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found), paths(expected));
    for (path, seen) in &found {
        assert!(
            seen == &expected[path],
            "{}: {seen:?}\nis not {:?}",
            path.display(),
            expected[path]
        );
    }
}
