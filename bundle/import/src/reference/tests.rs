use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The parts in one line: user, registry, repository, version, and the file's name.
fn shown(uri: &str) -> String {
    match parse_reference(uri) {
        Ok(reference) => format!(
            "{} {} {} {} -> {}",
            reference.user.as_deref().unwrap_or("-"),
            reference.registry,
            reference.repository,
            reference.version.as_str(),
            reference.file_name(),
        ),
        Err(error) => error.reason,
    }
}

#[test]
fn enroots_form_and_dockers() {
    let check = |uri: &str, expected: &str| assert_eq!(shown(uri), expected, "{uri}");
    let hub = "registry-1.docker.io";
    check(
        "docker://alpine",
        &format!("- {hub} library/alpine latest -> alpine+latest.sqsh"),
    );
    check(
        "docker://alpine:3.20",
        &format!("- {hub} library/alpine 3.20 -> alpine+3.20.sqsh"),
    );
    check(
        "docker://me@example.org@alpine",
        &format!("me@example.org {hub} library/alpine latest -> alpine+latest.sqsh"),
    );
    check(
        "docker://nvidia/cuda:12",
        &format!("- {hub} nvidia/cuda 12 -> nvidia+cuda+12.sqsh"),
    );
    check(
        "docker://docker.io/alpine",
        &format!("- {hub} library/alpine latest -> alpine+latest.sqsh"),
    );
    check(
        "docker://index.docker.io#library/alpine",
        &format!("- {hub} library/alpine latest -> alpine+latest.sqsh"),
    );
    check(
        "docker://$oauthtoken@nvcr.io#nvidia/pytorch:25.06-py3",
        "$oauthtoken nvcr.io nvidia/pytorch 25.06-py3 -> nvidia+pytorch+25.06-py3.sqsh",
    );
    check(
        "docker://nvcr.io/nvidia/pytorch:25.06-py3",
        "- nvcr.io nvidia/pytorch 25.06-py3 -> nvidia+pytorch+25.06-py3.sqsh",
    );
    check(
        "docker://registry.example:5000/image:tag",
        "- registry.example:5000 image tag -> image+tag.sqsh",
    );
    check(
        "docker://localhost/a/b",
        "- localhost a/b latest -> a+b+latest.sqsh",
    );
    check(
        "docker://localhost#library/b",
        "- localhost library/b latest -> library+b+latest.sqsh",
    );
    check(
        "docker://localhost:5000#a",
        "- localhost:5000 a latest -> a+latest.sqsh",
    );
    check("docker://[::1]:5000/a:1", "- [::1]:5000 a 1 -> a+1.sqsh");
    check("docker://[::1]#a", "- [::1] a latest -> a+latest.sqsh");
    check(
        &format!("docker://u@r.example#a/b:tag@{DIGEST}"),
        &format!("u r.example a/b {DIGEST} -> a+b+{DIGEST}.sqsh"),
    );
    check(
        &format!("docker://a@{DIGEST}"),
        &format!("- {hub} library/a {DIGEST} -> a+{DIGEST}.sqsh"),
    );
    check(
        "docker://a__b-c--d.e",
        &format!("- {hub} library/a__b-c--d.e latest -> a__b-c--d.e+latest.sqsh"),
    );
}

#[test]
fn what_is_wrong_is_said() {
    let check = |uri: &str, expected: &str| {
        let reason = shown(uri);
        assert!(
            reason.contains(expected) && !reason.contains("->"),
            "{uri}: {reason}"
        );
    };
    check("alpine", "does not begin with docker://");
    check("docker://", "names no image");
    check("docker://:tag", "names no image");
    check("docker://@alpine", "the user before @ is empty");
    check("docker://me:secret@alpine", "a user has no colon");
    check("docker://Alpine", "upper-case");
    check("docker://a/../b", "is no image's name");
    check("docker://a//b", "is no image's name");
    check("docker://a/-b", "is no image's name");
    check("docker://a..b", "is no image's name");
    check("docker://a___b", "is no image's name");
    check("docker://a:", "is no tag");
    check("docker://a:-x", "is no tag");
    check(&format!("docker://a:{}", "x".repeat(129)), "is no tag");
    check(&format!("docker://{}", "x".repeat(256)), "longer than 255");
    check("docker://a@sha256:12", "has 64 digits");
    check(
        &format!("docker://a@sha512:{}", "0".repeat(128)),
        "sha512 digests are not supported",
    );
    check("docker://#a", "is no host's name");
    check("docker://ex ample.org/a", "is no host's name");
    check("docker://h?x=#a", "is no host's name");
    check("docker://h:0/a", "is no port");
    check("docker://h:99999/a", "is no port");
    check("docker://h:+80/a", "is no port");
    check("docker://h:80:80/a", "is no host's name");
    check("docker://[::g]:1/a", "is no host's name");
}

#[test]
fn engines() {
    let check = |uri: &str, engine, image: &str, file_name: &str| {
        let found = parse_engine_image(uri).unwrap();
        assert_eq!((found.engine, found.image.as_str()), (engine, image));
        assert_eq!(found.file_name(), file_name);
    };
    check(
        "dockerd://alpine:3",
        Engine::Docker,
        "alpine:3",
        "alpine+3.sqsh",
    );
    check(
        "podman://localhost/a",
        Engine::Podman,
        "localhost/a",
        "localhost+a.sqsh",
    );
    for uri in [
        "docker://a",
        "dockerd://",
        "dockerd://-rm",
        "podman://a b",
        "podman://a;b",
        "dockerd://../x",
    ] {
        assert!(parse_engine_image(uri).is_err(), "{uri}");
    }
}

proptest! {
    #[test]
    fn anything_is_understood_or_refused(text in "\\PC*") {
        let _ = parse_reference(&text);
        let _ = parse_reference(&format!("docker://{text}"));
        let _ = parse_engine_image(&format!("podman://{text}"));
    }

    #[test]
    fn what_is_put_together_is_taken_apart(
        user in proptest::option::of("[a-z$_][a-z@._]{0,8}"),
        registry in "[a-z]{1,5}(\\.[a-z0-9]{1,5})?(:[1-9][0-9]{0,3})?",
        repository in "[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?(/[a-z0-9]{1,6})?",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}"),
        by_digest in any::<bool>(),
    ) {
        let user_part = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        let tag_part = tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
        let digest_part = if by_digest { format!("@{DIGEST}") } else { String::new() };
        let uri = format!("docker://{user_part}{registry}#{repository}{tag_part}{digest_part}");
        let version = if by_digest {
            Version::Digest(DIGEST.to_owned())
        } else {
            Version::Tag(tag.unwrap_or_else(|| "latest".to_owned()))
        };
        prop_assert_eq!(parse_reference(&uri), Ok(Reference { user, registry, repository, version }));
    }
}
