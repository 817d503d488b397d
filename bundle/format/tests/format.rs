//! The format's promises: what is written is read back, and no damaged byte goes unnoticed.

use std::collections::BTreeMap;

use bundle_format::{
    Bundle, Digest, FORMAT_VERSION, FileEntry, FormatError, ImageInfo, LauncherInfo, Loader,
    Manifest, Parts, Payload, TRAILER_SIZE_BYTES, assemble,
};
use expect_test::expect;
use proptest::prelude::*;

const LAUNCHER: &[u8] = &[0x7f; 5000];
const IMAGE: &[u8] = &[0x68; 300];

fn manifest(launcher: &[u8], image: &[u8]) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        name: "bench".into(),
        created_s: 0,
        packer: "bundle 0.1.0".into(),
        launcher: LauncherInfo {
            size_bytes: launcher.len() as u64,
            blake3: Digest::of(launcher),
        },
        image: ImageInfo {
            size_bytes: image.len() as u64,
            blake3: Digest::of(image),
            codec: "zstd".into(),
            block_size_bytes: 131_072,
        },
        payload: Payload {
            executable: "usr/bin/bench".into(),
            loader: Some(Loader {
                path: "lib64/ld-linux-x86-64.so.2".into(),
                library_dirs: vec!["usr/lib".into()],
                argv0: true,
                inhibit_cache: true,
            }),
        },
        environment: BTreeMap::from([("A".into(), "b".into())]),
        files: vec![FileEntry {
            path: "usr/bin/bench".into(),
            size_bytes: 3,
            blake3: Digest::of(b"abc"),
        }],
    }
}

fn bundle_of(launcher: &[u8], image: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    assemble(
        Parts {
            launcher,
            image,
            manifest: &manifest(launcher, image),
        },
        &mut bytes,
    )
    .unwrap();
    bytes
}

/// Everything that a launcher checks before it runs anything.
fn check(bytes: &[u8]) -> Result<(), FormatError> {
    let bundle = Bundle::parse(bytes)?;
    bundle.verify_launcher()?;
    bundle.verify_image()
}

/// Replaces the trailer's field at `offset` and makes the trailer's own digest hold again.
fn lie(bytes: &mut [u8], offset: usize, value: &[u8]) {
    let start = bytes.len() - TRAILER_SIZE_BYTES;
    bytes[start + offset..start + offset + value.len()].copy_from_slice(value);
    let digest = Digest::of(&bytes[start..start + 128]);
    bytes[start + 128..].copy_from_slice(digest.as_bytes());
}

#[test]
fn what_is_written_is_read_back() {
    let bytes = bundle_of(LAUNCHER, IMAGE);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.launcher(), LAUNCHER);
    assert_eq!(bundle.image(), IMAGE);
    assert_eq!(*bundle.manifest(), manifest(LAUNCHER, IMAGE));
    assert_eq!(bundle.trailer().layout.image().start, 8192);
    check(&bytes).unwrap();
}

#[test]
fn the_manifest_has_one_spelling() {
    let bytes = manifest(LAUNCHER, IMAGE).encode().unwrap();
    let expected = expect![[
        r#"{"format_version":1,"name":"bench","created_s":0,"packer":"bundle 0.1.0","launcher":{"size_bytes":5000,"blake3":"8da1baf989e642fb8eaf959f58f976777f938c36da8aa2ee23617080c885318e"},"image":{"size_bytes":300,"blake3":"61ee42f1aaed9cde2d29ac5d4c82ee2e4aa490a97f1c4626728d52ad0c2330f2","codec":"zstd","block_size_bytes":131072},"payload":{"executable":"usr/bin/bench","loader":{"path":"lib64/ld-linux-x86-64.so.2","library_dirs":["usr/lib"],"argv0":true,"inhibit_cache":true}},"environment":{"A":"b"},"files":[{"path":"usr/bin/bench","size_bytes":3,"blake3":"6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"}]}"#
    ]];
    expected.assert_eq(std::str::from_utf8(&bytes).unwrap());
    let mut spaced = bytes.clone();
    spaced.push(b' ');
    assert!(Manifest::parse(&spaced).is_err());
}

#[test]
fn every_flipped_bit_is_found() {
    let mut bytes = bundle_of(LAUNCHER, IMAGE);
    for position in 0..bytes.len() {
        for bit in 0..8 {
            bytes[position] ^= 1 << bit;
            assert!(check(&bytes).is_err(), "bit {bit} of byte {position}");
            bytes[position] ^= 1 << bit;
        }
    }
}

#[test]
fn every_truncation_and_any_appended_byte_is_found() {
    let mut bytes = bundle_of(LAUNCHER, IMAGE);
    for length in 0..bytes.len() {
        assert!(check(&bytes[..length]).is_err(), "cut to {length}");
    }
    bytes.push(0);
    assert!(matches!(check(&bytes), Err(FormatError::NoTrailer)));
}

#[test]
fn a_whole_trailer_may_still_lie() {
    let cases: &[(usize, &[u8], &str)] = &[
        (16, &2u32.to_le_bytes(), "format version 2"),
        (20, &1u32.to_le_bytes(), "unknown flags 0x1"),
        (24, &u64::MAX.to_le_bytes(), "the sizes overflow"),
        (24, &0u64.to_le_bytes(), "the launcher is too small"),
        (
            32,
            &0u64.to_le_bytes(),
            "the image does not follow the launcher",
        ),
        (40, &(u64::MAX - 8192).to_le_bytes(), "the sizes overflow"),
        (
            40,
            &(1u64 << 40).to_le_bytes(),
            "the manifest does not follow the image",
        ),
        (
            56,
            &(1u64 << 40).to_le_bytes(),
            "the manifest is too small or too large",
        ),
        (
            64,
            &(1u64 << 40).to_le_bytes(),
            "the trailer does not follow the manifest",
        ),
        (104, &[1], "reserved bytes are not zero"),
    ];
    for (offset, value, reason) in cases {
        let mut bytes = bundle_of(LAUNCHER, IMAGE);
        lie(&mut bytes, *offset, value);
        let error = check(&bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "field at {offset}: {error}");
        assert!(!error.contains('\n'));
    }
}

#[test]
fn manifests_that_could_mislead_are_refused() {
    let refused = |change: fn(&mut Manifest)| {
        let mut manifest = manifest(LAUNCHER, IMAGE);
        change(&mut manifest);
        assert!(
            Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).is_err(),
            "{manifest:?}"
        );
    };
    refused(|m| m.format_version = 2);
    refused(|m| m.name = "../x".into());
    refused(|m| m.name = String::new());
    refused(|m| m.image.codec = "lzo".into());
    refused(|m| m.payload.executable = "/bin/sh".into());
    refused(|m| m.payload.executable = "usr/../../bin/sh".into());
    refused(|m| m.payload.loader.as_mut().unwrap().library_dirs = vec!["a:b".into()]);
    refused(|m| _ = m.environment.insert("A=B".into(), String::new()));
    refused(|m| m.files.push(m.files[0].clone()));
    let text = String::from_utf8(manifest(LAUNCHER, IMAGE).encode().unwrap()).unwrap();
    let unknown = text.replacen('{', r#"{"hook":"/bin/sh","#, 1);
    assert!(Manifest::parse(unknown.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn sizes_of_every_kind_survive(launcher in prop::collection::vec(any::<u8>(), 64..9000),
                                   image in prop::collection::vec(any::<u8>(), 96..5000)) {
        let bytes = bundle_of(&launcher, &image);
        let bundle = Bundle::parse(&bytes).unwrap();
        prop_assert_eq!(bundle.launcher(), &launcher[..]);
        prop_assert_eq!(bundle.image(), &image[..]);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = check(&bytes);
        let _ = Manifest::parse(&bytes);
    }

    #[test]
    fn any_fields_under_a_whole_digest_are_answered(fields in prop::collection::vec(any::<u8>(), 48)) {
        let mut bytes = bundle_of(LAUNCHER, IMAGE);
        lie(&mut bytes, 24, &fields);
        prop_assert!(check(&bytes).is_err());
    }
}
