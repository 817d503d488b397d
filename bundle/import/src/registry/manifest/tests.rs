use proptest::prelude::*;

use super::*;

fn digest(number: u64) -> String {
    Sha256::of(&number.to_le_bytes()).to_string()
}

fn entry(number: u64, platform: &str) -> String {
    format!(
        r#"{{"digest":"{}","size":7,"platform":{platform}}}"#,
        digest(number)
    )
}

fn manifest_with(more: &str, layers: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,{more}"config":{{"digest":"{}","size":3}},"layers":[{layers}]}}"#,
        digest(0)
    )
}

fn layer(media_type: &str) -> String {
    format!(
        r#"{{"mediaType":"{media_type}","digest":"{}","size":9}}"#,
        digest(1)
    )
}

fn check(text: &str, content_type: &str, expected: &str) {
    let found = match parse_document(text.as_bytes(), content_type) {
        Ok(Document::Index(entries)) => format!("index of {}", entries.len()),
        Ok(Document::Manifest(manifest)) => format!("manifest of {}", manifest.layers.len()),
        Err(reason) => reason,
    };
    assert!(found.contains(expected), "{text}: {found}");
}

#[test]
fn both_families_are_read() {
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    for media_type in [
        docker,
        foreign,
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "",
    ] {
        check(&manifest_with("", &layer(media_type)), "", "manifest of 1");
    }
    check(
        &manifest_with("", ""),
        "application/json; charset=utf-8",
        "manifest of 0",
    );
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
        entry(1, r#"{"os":"linux","architecture":"amd64"}"#),
        entry(2, "null")
    );
    check(
        &index,
        "application/vnd.oci.image.index.v1+json",
        "index of 2",
    );
}

#[test]
fn what_is_no_image_is_refused() {
    check("", "", "not as expected");
    check("[]", "", "not as expected");
    check("{}", "", "not as expected");
    check(
        r#"{"schemaVersion":2}"#,
        "",
        "neither a manifest nor an index",
    );
    check(
        r#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#,
        "",
        "old schema 1",
    );
    check(r#"{"schemaVersion":3}"#, "", "schema version 3");
    check(
        r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v1+prettyjws"}"#,
        "",
        "old schema 1",
    );
    let both = manifest_with(r#""manifests":[],"#, "");
    check(&both, "", "at once");
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    check(index, MANIFEST_TYPES[0], "calls itself a manifest");
    check(
        &manifest_with("", ""),
        INDEX_TYPES[1],
        "calls itself an index",
    );
    check(
        &manifest_with(&format!(r#""mediaType":"{}","#, INDEX_TYPES[0]), ""),
        MANIFEST_TYPES[0],
        "calls itself an index",
    );
    check(
        &manifest_with(
            "",
            &layer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
        ),
        "",
        "no plain archive",
    );
    check(
        &manifest_with("", &layer("application/wasm")),
        "",
        "no plain archive",
    );
    let chart = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{}","size":3}},"layers":[]}}"#,
        digest(0)
    );
    check(&chart, "", "no container image but something else");
    check(
        r#"{"schemaVersion":2,"config":{"digest":"md5:1","size":3},"layers":[]}"#,
        "",
        "no sha256 digest",
    );
    check(
        &format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{}","size":9999999}},"layers":[]}}"#,
            digest(0)
        ),
        "",
        "configuration is larger",
    );
    check(
        &format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{}","size":-1}},"layers":[]}}"#,
            digest(0)
        ),
        "",
        "not as expected",
    );
    let many = vec![layer("x.tar"); 513].join(",");
    check(&manifest_with("", &many), "", "more than 512 layers");
}

#[test]
fn the_best_for_a_platform() {
    let check = |platforms: &[&str], wanted: &str, expected: &str| {
        let entries: Vec<String> = (0..)
            .zip(platforms)
            .map(|(number, platform)| entry(number, platform))
            .collect();
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            entries.join(",")
        );
        let Ok(Document::Index(entries)) = parse_document(text.as_bytes(), "") else {
            panic!("{text}");
        };
        let found = match choose(&entries, &Platform::parse(wanted).unwrap()) {
            Ok(chosen) => (0..entries.len() as u64)
                .find(|number| digest(*number) == chosen.digest.to_string())
                .unwrap()
                .to_string(),
            Err(reason) => reason,
        };
        assert!(found.contains(expected), "{platforms:?} {wanted}: {found}");
    };
    let amd64 = r#"{"os":"linux","architecture":"amd64"}"#;
    let amd64_v3 = r#"{"os":"linux","architecture":"amd64","variant":"v3"}"#;
    let arm64 = r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
    let windows = r#"{"os":"windows","architecture":"amd64","os.version":"10.0"}"#;
    let unknown = r#"{"os":"unknown","architecture":"unknown"}"#;
    check(&[windows, unknown, arm64, amd64], "x86_64", "3");
    check(&[windows, unknown, arm64, amd64], "aarch64", "2");
    check(&[amd64_v3, amd64], "amd64", "1");
    check(&[amd64, amd64_v3], "amd64/v3", "1");
    check(&["null"], "amd64", "0");
    check(&["null", "null"], "amd64", "nor for any other");
    check(
        &[unknown, arm64, windows],
        "amd64",
        "only for linux/arm64/v8, windows/amd64 (choose with --arch)",
    );
    check(&[], "amd64", "nor for any other");
}

#[test]
fn configurations() {
    let check = |text: &str, layer_count, expected: &str| {
        let found = match parse_config(text.as_bytes(), layer_count) {
            Ok(config) => format!(
                "{} {:?}",
                config.diff_ids.len(),
                config.platform.map(|p| p.to_string())
            ),
            Err(reason) => reason,
        };
        assert!(found.contains(expected), "{text}: {found}");
    };
    let one = format!(
        r#""rootfs":{{"type":"layers","diff_ids":["{}"]}}"#,
        digest(1)
    );
    check(
        &format!(r#"{{"architecture":"amd64","os":"linux",{one}}}"#),
        1,
        r#"1 Some("linux/amd64")"#,
    );
    check(&format!("{{{one}}}"), 1, "1 None");
    check("{}", 0, "0 None");
    check(
        &format!("{{{one}}}"),
        2,
        "speaks of 1 layers, but the manifest of 2",
    );
    check(r#"{"rootfs":{"diff_ids":["x"]}}"#, 1, "no sha256 digest");
    check(
        r#"{"os":"windows","rootfs":{"diff_ids":[]}}"#,
        0,
        "for windows, not for Linux",
    );
    check("nonsense", 0, "not as expected");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_document(&bytes, "");
        let _ = parse_config(&bytes, 0);
    }
}
