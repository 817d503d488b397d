//! Local images of every form, made by hand, and bad ones.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LocalSource, open_docker_archive, open_oci, open_tar};
use crate::checksum::sha256;
use crate::testing::Tar;
use crate::{Error, Layered, Limits, Platform, scan};

/// An OCI layout that grows.
struct Layout {
    directory: TempDir,
    manifests: Vec<Value>,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Layout {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(directory.path().join("blobs/sha256")).expect("a directory");
        fs::write(
            directory.path().join("oci-layout"),
            "{\"imageLayoutVersion\":\"1.0.0\"}",
        )
        .expect("a file");
        Self {
            directory,
            manifests: Vec::new(),
        }
    }

    fn blob(&self, bytes: &[u8]) -> Value {
        let digest = sha256(bytes);
        fs::write(self.blob_path(&digest), bytes).expect("a file");
        json!({"mediaType": "x", "digest": digest, "size": bytes.len()})
    }

    fn blob_path(&self, digest: &str) -> PathBuf {
        self.directory
            .path()
            .join("blobs")
            .join(digest.replace(':', "/"))
    }

    /// An image of one layer, which holds a file of this name.
    fn manifest(&self, file: &str, architecture: &str) -> Value {
        let tar = Tar::new().file(file, "x").end();
        let config = json!({
            "architecture": architecture, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [sha256(&tar)]}
        });
        let manifest = json!({
            "schemaVersion": 2,
            "config": self.blob(&serde_json::to_vec(&config).expect("JSON")),
            "layers": [self.blob(&tar)],
        });
        let mut descriptor = self.blob(&serde_json::to_vec(&manifest).expect("JSON"));
        descriptor["mediaType"] = MANIFEST.into();
        descriptor
    }

    fn index(&self, manifests: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        let mut descriptor = self.blob(&serde_json::to_vec(&index).expect("JSON"));
        descriptor["mediaType"] = INDEX.into();
        descriptor
    }

    fn finish(&self) {
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        fs::write(self.directory.path().join("index.json"), index.to_string()).expect("a file");
    }

    fn open(&self, tag: Option<&str>, platform: &str) -> Result<Layered, Error> {
        self.finish();
        open_oci(
            self.directory.path(),
            tag,
            &Platform::parse(platform).expect("a platform"),
        )
    }

    /// The layout as the members of an archive.
    fn archive(&self) -> Tar {
        self.finish();
        let mut tar = Tar::new();
        let mut waiting = vec![self.directory.path().to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.strip_prefix(self.directory.path()).expect("below");
                    let bytes = fs::read(&path).expect("a file");
                    let text = String::from_utf8(bytes).expect("text");
                    tar = tar
                        .pax(&[("path", name.to_str().expect("text").as_bytes())])
                        .file("x", &text);
                }
            }
        }
        tar
    }
}

fn with(mut descriptor: Value, key: &str, value: Value) -> Value {
    descriptor[key] = value;
    descriptor
}

fn tagged(descriptor: Value, tag: &str) -> Value {
    with(
        descriptor,
        "annotations",
        json!({"org.opencontainers.image.ref.name": tag}),
    )
}

fn for_platform(descriptor: Value, architecture: &str) -> Value {
    with(
        descriptor,
        "platform",
        json!({"os": "linux", "architecture": architecture}),
    )
}

/// The names of the files in all layers.
fn files(image: &Layered) -> String {
    let budget = crate::limits::Budget::new(Limits::default());
    let layers = scan::all_entries(&image.layers, &budget, &()).expect("layers");
    let names = layers
        .iter()
        .flatten()
        .map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
    names.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(image: Result<Layered, Error>, expected: &str) {
    assert_eq!(files(&image.expect("an image")), expected);
}

#[track_caller]
fn refuse(image: Result<Layered, Error>, expected: &str) {
    let error = image.expect_err("no image");
    // As a program prints it: with its reason, once.
    let reason = std::error::Error::source(&error).map(|reason| format!(": {reason}"));
    let error = format!("{error}{}", reason.unwrap_or_default());
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_layout_of_one_image() {
    let mut layout = Layout::new();
    let manifest = layout.manifest("a", "arm64");
    layout.manifests.push(manifest.clone());
    let image = layout.open(None, "amd64").expect("an image");
    assert_eq!(files(&image), "a");
    assert_eq!(
        image.origin.manifest_digest.as_deref(),
        manifest["digest"].as_str()
    );
    assert_eq!(image.origin.platform.as_deref(), Some("linux/arm64"));
    assert!(image.layers[0].diff_id.is_some());
    refuse(
        layout.open(Some("v1"), "amd64"),
        "it has no image 'v1' (there is: )",
    );
    refuse(
        open_oci(Path::new("/"), None, &Platform::host()),
        "it is no OCI layout: it has no file 'oci-layout'",
    );
}

#[test]
fn tags_and_platforms_tell_images_apart() {
    let mut layout = Layout::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|file| layout.manifest(file, "amd64"));
    layout.manifests = vec![tagged(a.clone(), "v1"), tagged(b.clone(), "v2")];
    check(layout.open(Some("v2"), "amd64"), "b");
    refuse(
        layout.open(None, "amd64"),
        "it has several images (name one of: v1, v2)",
    );
    refuse(
        layout.open(Some("v3"), "amd64"),
        "it has no image 'v3' (there is: v1, v2)",
    );

    layout.manifests = vec![
        for_platform(a.clone(), "amd64"),
        for_platform(b.clone(), "arm64"),
    ];
    check(layout.open(None, "x86_64"), "a");
    check(layout.open(None, "aarch64"), "b");
    refuse(
        layout.open(None, "riscv64"),
        "it has no image for linux/riscv64 (there is: linux/amd64, linux/arm64)",
    );

    // Indexes in indexes, beside what attests to them.
    let attestation = with(
        c,
        "platform",
        json!({"os": "unknown", "architecture": "unknown"}),
    );
    let inner = layout.index(&[
        for_platform(a.clone(), "amd64"),
        for_platform(b, "arm64"),
        attestation,
    ]);
    let outer = layout.index(&[inner]);
    layout.manifests = vec![tagged(outer, "v1"), tagged(d.clone(), "v2")];
    check(layout.open(Some("v1"), "arm64"), "b");
    check(layout.open(Some("v2"), "arm64"), "d");
    layout.manifests = vec![a, d];
    refuse(
        layout.open(None, "amd64"),
        "it has several images for linux/amd64 (name a tag)",
    );

    let mut nested = layout.manifest("x", "amd64");
    for _ in 0..6 {
        nested = layout.index(&[nested]);
    }
    layout.manifests = vec![nested];
    refuse(
        layout.open(None, "amd64"),
        "its indexes hold indexes without an end",
    );
}

#[test]
fn what_is_wrong_in_a_layout_is_found() {
    let mut layout = Layout::new();
    let manifest = layout.manifest("a", "amd64");
    let digest = manifest["digest"].as_str().expect("a digest").to_owned();
    let parsed: Value =
        serde_json::from_slice(&fs::read(layout.blob_path(&digest)).expect("a file"))
            .expect("JSON");
    let layer = parsed["layers"][0]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let config = parsed["config"]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();

    for (bad, expected) in [
        (
            with(manifest.clone(), "size", json!(5)),
            "bytes instead of 5",
        ),
        (
            with(
                manifest.clone(),
                "digest",
                json!("sha256:../../../etc/passwd"),
            ),
            "is no digest",
        ),
        (
            with(manifest.clone(), "digest", json!(sha256(b"x"))),
            "it has no 'blobs/sha256/2d711",
        ),
        (
            with(manifest.clone(), "digest", json!(config)),
            "bytes instead of",
        ),
    ] {
        layout.manifests = vec![bad];
        refuse(layout.open(None, "amd64"), expected);
    }
    layout.manifests = vec![manifest];
    let change = |digest: &str, bytes: &[u8], expected: &str| {
        let path = layout.blob_path(digest);
        let before = fs::read(&path).expect("a file");
        fs::write(&path, bytes).expect("a file");
        refuse(layout.open(None, "amd64"), expected);
        fs::write(&path, before).expect("a file");
    };
    change(&config, b"{}", "has the digest sha256:");
    change(&digest, b"{}", "has the digest sha256:");
    change(&layer, b"short", "has 5 bytes instead of");
    fs::write(layout.directory.path().join("index.json"), "[").expect("a file");
    let platform = Platform::host();
    refuse(
        open_oci(layout.directory.path(), None, &platform),
        "its 'index.json' cannot be read",
    );
    fs::remove_file(layout.blob_path(&layer)).expect("a file");
    refuse(layout.open(None, "amd64"), "it has no 'blobs/sha256/");

    // A layer of the right size with other bytes is found when it is read.
    fs::write(layout.blob_path(&layer), vec![0; 2048]).expect("a file");
    let image = layout.open(None, "amd64").expect("an image");
    let budget = crate::limits::Budget::new(Limits::default());
    let error = scan::all_entries(&image.layers, &budget, &()).expect_err("other bytes");
    assert!(
        error.to_string().contains("its content has the digest"),
        "{error}"
    );
}

/// What `docker save` writes of images that each hold one file; the first has its layer twice, the second time as a link.
fn saved(images: &[(&str, &[&str])]) -> Tar {
    let mut tar = Tar::new();
    let mut manifest = Vec::new();
    for (file, tags) in images {
        let layer = Tar::new().file(file, "x").end();
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [sha256(&layer), sha256(&layer)]}
        })
        .to_string();
        let config_name = format!("{}.json", &sha256(config.as_bytes())[7..]);
        let layers = [format!("{file}1/layer.tar"), format!("{file}2/layer.tar")];
        tar = tar.file(&config_name, &config);
        tar = tar
            .dir(&format!("{file}1"))
            .file(&layers[0], std::str::from_utf8(&layer).expect("text"));
        tar = tar.symlink(&layers[1], &format!("../{file}1/layer.tar"));
        manifest.push(json!({"Config": config_name, "RepoTags": tags, "Layers": layers}));
    }
    tar.file("manifest.json", &json!(manifest).to_string())
}

fn open_saved(bytes: &[u8], tag: Option<&str>) -> Result<Layered, Error> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("space");
    let platform = Platform::parse("amd64").expect("a platform");
    open_docker_archive(file.path(), tag, &platform, &std::env::temp_dir())
}

#[test]
fn saved_images() {
    let one = saved(&[("a", &["example/a:v1"])]).end();
    check(open_saved(&one, None), "a a");
    for tag in ["example/a:v1", "docker.io/example/a:v1", "v1"] {
        check(open_saved(&one, Some(tag)), "a a");
    }
    refuse(
        open_saved(&one, Some("a:v1")),
        "it has no image 'a:v1' (there is: example/a:v1)",
    );
    let two = saved(&[
        ("a", &["a:latest", "a:v1"]),
        ("b", &["b:v1", "localhost:5000/b:v2"]),
    ])
    .end();
    check(open_saved(&two, Some("a")), "a a");
    check(open_saved(&two, Some("b:v1")), "b b");
    check(open_saved(&two, Some("localhost:5000/b:v2")), "b b");
    refuse(
        open_saved(&two, None),
        "it has several images (name one of: a:latest, a:v1, b:v1",
    );
    refuse(open_saved(&two, Some("v1")), "it has several images");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&two).expect("memory");
    check(
        open_saved(&encoder.finish().expect("memory"), Some("b:v1")),
        "b b",
    );
    check(
        open_saved(&zstd::encode_all(&one[..], 1).expect("memory"), None),
        "a a",
    );
}

#[test]
fn an_archive_of_a_layout() {
    let mut layout = Layout::new();
    layout.manifests = vec![tagged(layout.manifest("a", "amd64"), "v1")];
    let archive = layout.archive();
    check(open_saved(&archive.clone().end(), Some("v1")), "a");
    // As newer Dockers write it, with both.
    let both = [&archive.0[..], &saved(&[("b", &["b:v1"])]).end()].concat();
    check(open_saved(&both, Some("b:v1")), "b b");
}

#[test]
fn what_is_no_saved_image_is_refused() {
    refuse(
        open_saved(&Tar::new().file("a", "b").end(), None),
        "it is no saved image: it has no 'manifest.json'",
    );
    refuse(open_saved(b"garbage", None), "ends in the middle");
    refuse(open_saved(&[0x1f, 0x8b, 8, 0], None), "ends in the middle");
    refuse(open_saved(b"\xfd7zXZ\0\0", None), "compressed by xz");
    let whole = saved(&[("a", &["a:v1"])]).end();
    refuse(open_saved(&whole[..2000], None), "ends in the middle");
    let config = |config: &str, layers: Value| {
        let manifest = json!([{"Config": config, "Layers": layers}]).to_string();
        Tar::new()
            .file("c.json", "{}")
            .file("manifest.json", &manifest)
            .end()
    };
    check(open_saved(&config("c.json", json!([])), None), "");
    refuse(
        open_saved(&config("x.json", json!([])), None),
        "it has no 'x.json'",
    );
    refuse(
        open_saved(&config("../../c", json!([])), None),
        "it has no '../../c'",
    );
    refuse(
        open_saved(&config("c.json", json!(["a"])), None),
        "it has 1 layers, but its configuration 0",
    );
    let named = format!("{}.json", "0".repeat(64));
    let wrong = Tar::new().file(&named, "{}");
    let manifest = json!([{"Config": named, "Layers": []}]).to_string();
    refuse(
        open_saved(&wrong.file("manifest.json", &manifest).end(), None),
        "has the digest sha256:44136",
    );
    let looping = Tar::new()
        .symlink("manifest.json", "a")
        .symlink("a", "manifest.json");
    refuse(open_saved(&looping.end(), None), "it is no saved image");
}

#[test]
fn a_tar_file_is_one_layer() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(&Tar::new().file("a", "x").end())
        .expect("space");
    check(open_tar(file.path()), "a");
    refuse(
        open_tar(Path::new("/none")),
        "cannot open '/none': No such file or directory",
    );
    refuse(open_tar(Path::new("/dev/null")), "it is no regular file");
}

#[test]
fn names_of_local_images() {
    let directory = tempfile::tempdir().expect("a directory");
    let there = directory.path().join("a:b").display().to_string();
    fs::write(&there, "").expect("a file");
    let check =
        |uri: &str, expected: Option<LocalSource>| assert_eq!(LocalSource::parse(uri), expected);
    check("oci:/none", Some(LocalSource::Oci("/none".into(), None)));
    check(
        "oci:/none:v1",
        Some(LocalSource::Oci("/none".into(), Some("v1".into()))),
    );
    let docker = |tag: Option<&str>| {
        Some(LocalSource::DockerArchive(
            there.clone().into(),
            tag.map(str::to_owned),
        ))
    };
    check(&format!("docker-archive:{there}"), docker(None));
    check(
        &format!("docker-archive:{there}:x/y:v1"),
        docker(Some("x/y:v1")),
    );
    check("tar:a:b", Some(LocalSource::Tar("a:b".into())));
    check("dir:a:b", Some(LocalSource::Directory("a:b".into())));
    check("docker://a", None);
    check("a", None);
}
