//! The format's promises: what is written is read back, and no damaged byte goes unnoticed.

mod common;

use std::path::Path;
use std::sync::Mutex;

use bundle_format::{
    Bundle, ContainerInfo, Digest, FormatError, Manifest, Part, Parts, Payload, ReadAt,
    TRAILER_SIZE_BYTES, Trailer, assemble,
};
use common::{IMAGE, LAUNCHER, bundle_of, bundle_with, check, lie, manifest, noise};
use expect_test::expect;
use proptest::prelude::*;

/// Stands in for a signature: this half of the format does not look into it.
const SIGNATURE: &[u8] = b"a signature";

fn signed() -> Vec<u8> {
    bundle_with(LAUNCHER, IMAGE, &manifest(LAUNCHER, IMAGE), SIGNATURE)
}

fn layout_of(bytes: &[u8]) -> bundle_format::Layout {
    Bundle::parse(bytes).unwrap().trailer().layout
}

#[test]
fn what_is_written_is_read_back() {
    for bytes in [bundle_of(LAUNCHER, IMAGE), signed()] {
        let bundle = Bundle::parse(&bytes).unwrap();
        assert_eq!(*bundle.manifest(), manifest(LAUNCHER, IMAGE));
        assert_eq!(Digest::of(bundle.manifest_bytes()), bundle.digest());
        assert_eq!(bundle.trailer().layout.image().start, 8192);
        let mut image = vec![0; IMAGE.len()];
        bundle.image().read_at(0, &mut image).unwrap();
        assert_eq!(image, IMAGE);
        check(&bytes).unwrap();
    }
    assert_eq!(
        Bundle::parse(&signed()).unwrap().signature_bytes(),
        SIGNATURE
    );
}

#[test]
fn signing_changes_neither_digest_nor_what_stands_in_front() {
    let (plain, signed) = (bundle_of(LAUNCHER, IMAGE), signed());
    let in_front = layout_of(&signed).signature().start as usize;
    assert_eq!(plain[..in_front], signed[..in_front]);
    let digest = |bytes: &[u8]| Bundle::parse(bytes).unwrap().digest();
    assert_eq!(digest(&plain), digest(&signed));
}

#[test]
fn the_manifest_has_one_spelling() {
    let bytes = manifest(LAUNCHER, IMAGE).encode().unwrap();
    let expected = expect![[
        r#"{"format_version":2,"name":"bench","created_s":0,"packer":"bundle 0.1.0","launcher":{"size_bytes":5000,"blake3":"8da1baf989e642fb8eaf959f58f976777f938c36da8aa2ee23617080c885318e"},"image":{"size_bytes":300,"tree_blake3":"3f5f7d432a3a39da899a6a8eda331312fa6b9d1b747182ef8ba6dfcb874d6645","codec":"zstd","block_size_bytes":131072},"payload":{"kind":"program","executable":"usr/bin/bench","loader":{"path":"lib64/ld-linux-x86-64.so.2","library_dirs":["usr/lib"],"argv0":true,"inhibit_cache":true}},"environment":{"A":"b"}}"#
    ]];
    expected.assert_eq(std::str::from_utf8(&bytes).unwrap());
    let mut spaced = bytes.clone();
    spaced.push(b' ');
    assert!(Manifest::parse(&spaced).is_err());

    let mut of_an_image = manifest(LAUNCHER, IMAGE);
    of_an_image.image.codec = "lz4".into();
    of_an_image.payload = Payload::Image {
        command: vec!["python3".into(), "-c".into(), "print('\n')".into()],
        container: ContainerInfo::default(),
    };
    let bytes = of_an_image.encode().unwrap();
    let expected = expect![[
        r#"{"format_version":2,"name":"bench","created_s":0,"packer":"bundle 0.1.0","launcher":{"size_bytes":5000,"blake3":"8da1baf989e642fb8eaf959f58f976777f938c36da8aa2ee23617080c885318e"},"image":{"size_bytes":300,"tree_blake3":"3f5f7d432a3a39da899a6a8eda331312fa6b9d1b747182ef8ba6dfcb874d6645","codec":"lz4","block_size_bytes":131072},"payload":{"kind":"image","command":["python3","-c","print('\n')"]},"environment":{"A":"b"}}"#
    ]];
    expected.assert_eq(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(Manifest::parse(&bytes).unwrap(), of_an_image);
}

/// A bundle of version 2, kept for ever: what was written once must stay readable, and the bytes must not change unnoticed.
#[test]
fn the_golden_bundle_is_written_and_read_as_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v2.run");
    let launcher = noise(4032, 1);
    // Three chunks show the order of everything; the levels of the tree are tested in tree.rs.
    let image = noise(2 * 16384 + 100, 2);
    let bytes = bundle_of(&launcher, &image);
    let golden = std::fs::read(&path).unwrap();
    assert!(golden == bytes, "the format's bytes have changed");
    check(&golden).unwrap();
    expect!["c30b0ec1a66ace426be9cd17432460997a78622f0757c13ad10d58946ff8a926"]
        .assert_eq(&Bundle::parse(&golden).unwrap().digest().to_string());
}

#[test]
fn every_flipped_bit_is_found() {
    let mut bytes = signed();
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
    let mut bytes = signed();
    for length in 0..bytes.len() {
        assert!(check(&bytes[..length]).is_err(), "cut to {length}");
    }
    bytes.push(0);
    assert!(matches!(check(&bytes), Err(FormatError::NoTrailer)));
}

/// A file that notes what is read of it.
struct Watched {
    bytes: Vec<u8>,
    reads: Mutex<Vec<(u64, u64)>>,
}

impl ReadAt for Watched {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let end = offset + out.len() as u64;
        self.reads.lock().unwrap().push((offset, end));
        self.bytes.read_exact_at(offset, out)
    }
}

#[test]
fn opening_reads_nothing_but_padding_manifest_signature_and_trailer() {
    let launcher = noise(9000, 1);
    let image = noise(3 << 20, 2);
    let bytes = bundle_with(&launcher, &image, &manifest(&launcher, &image), SIGNATURE);
    let layout = layout_of(&bytes);
    let file = Watched {
        bytes,
        reads: Mutex::default(),
    };
    let reads = || std::mem::take(&mut *file.reads.lock().unwrap());
    let bundle = Bundle::open(&file, layout.file_size_bytes()).unwrap();
    let (padding, trailer) = (layout.padding(), layout.trailer());
    let expected = [
        (trailer.start, trailer.end),
        (padding.start, padding.end),
        (layout.manifest().start, layout.signature().end),
    ];
    assert_eq!(reads(), expected);
    let image = bundle.image();
    assert!(reads().is_empty());

    // A range over three chunks takes one read, and the tree's only page one more, once.
    let mut out = vec![0; 20_000];
    for reads_of_the_tree in [1, 0] {
        image.read_at(40_000, &mut out).unwrap();
        let start = layout.image().start;
        let mut expected = vec![(start + 32_768, start + 65_536)];
        expected.extend((0..reads_of_the_tree).map(|_| (layout.tree().start, layout.tree().end)));
        assert_eq!(reads(), expected);
    }
}

#[test]
fn a_whole_trailer_may_still_lie() {
    let cases: &[(usize, &[u8], &str)] = &[
        (
            16,
            &1u32.to_le_bytes(),
            "format version 1, and this program reads version 2 (pack it again)",
        ),
        (
            16,
            &3u32.to_le_bytes(),
            "format version 3, and this program reads version 2 (use a newer",
        ),
        (20, &1u32.to_le_bytes(), "unknown flags 0x1"),
        (
            24,
            &u64::MAX.to_le_bytes(),
            "the launcher is too small or too large",
        ),
        (
            24,
            &0u64.to_le_bytes(),
            "the launcher is too small or too large",
        ),
        (24, &4096u64.to_le_bytes(), "its trailer says"),
        (
            32,
            &u64::MAX.to_le_bytes(),
            "the image is too small or too large",
        ),
        (
            32,
            &(1u64 << 40).to_le_bytes(),
            "the hash tree is not that of an image of this size",
        ),
        (32, &301u64.to_le_bytes(), "its trailer says"),
        (
            40,
            &64u64.to_le_bytes(),
            "the hash tree is not that of an image of this size",
        ),
        (
            48,
            &(1u64 << 40).to_le_bytes(),
            "the manifest is too small or too large",
        ),
        (
            56,
            &(1u64 << 40).to_le_bytes(),
            "the signature is too large",
        ),
        (56, &1u64.to_le_bytes(), "its trailer says"),
        (64, &[0; 32], "the manifest is damaged"),
        (96, &[0; 32], "the signature is damaged"),
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
fn parts_that_are_moved_against_each_other_are_found() {
    // The launcher takes a byte from the padding, or the image one from the manifest: all sizes still add up.
    let manifest_size_bytes = manifest(LAUNCHER, IMAGE).encode().unwrap().len() as u64;
    let cases: [&[(usize, u64)]; 4] = [
        &[(24, 5001)],
        &[(24, 4999)],
        &[(32, 301), (48, manifest_size_bytes - 1)],
        &[(48, manifest_size_bytes - 1), (56, 1)],
    ];
    for fields in cases {
        let mut bytes = bundle_of(LAUNCHER, IMAGE);
        for (offset, value) in fields {
            lie(&mut bytes, *offset, &value.to_le_bytes());
        }
        let error = Bundle::parse(&bytes).unwrap_err();
        assert!(
            !matches!(error, FormatError::WrongFileSize { .. }),
            "{error}"
        );
    }
}

/// The packer of the first version wrote such trailers. It was never released.
#[test]
fn version_1_is_refused() {
    let mut trailer = [0; TRAILER_SIZE_BYTES];
    trailer[..16].copy_from_slice(b"BENCHRUN-BUNDLE\n");
    trailer[16] = 1;
    for (field, place) in [5000, 8192, 300, 8492, 700, 9352u64]
        .iter()
        .zip(trailer[24..].chunks_mut(8))
    {
        place.copy_from_slice(&field.to_le_bytes());
    }
    let digest = Digest::of(&trailer[..128]);
    trailer[128..].copy_from_slice(digest.as_bytes());
    let refused = Trailer::parse(&trailer, 9352);
    assert!(
        matches!(
            refused,
            Err(FormatError::UnknownVersion { found: 1, known: 2 })
        ),
        "{refused:?}"
    );
}

#[test]
fn parts_of_another_size_than_the_manifest_says_are_not_written() {
    let tree = [0; 32];
    for (image, tree) in [
        (&IMAGE[1..], &tree[..]),
        (&[0; 301], &tree),
        (IMAGE, &[0; 31]),
        (IMAGE, &[0; 33]),
    ] {
        let parts = Parts {
            launcher: LAUNCHER,
            image: &mut &image[..],
            tree: &mut &tree[..],
            manifest: &manifest(LAUNCHER, IMAGE),
            signature: &[],
        };
        let refused = assemble(parts, &mut Vec::new());
        assert!(
            matches!(refused, Err(FormatError::BadLayout(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said_so() {
    #[derive(Debug)]
    struct Broken;
    impl ReadAt for Broken {
        fn read_exact_at(&self, _: u64, _: &mut [u8]) -> std::io::Result<()> {
            Err(std::io::Error::from_raw_os_error(5))
        }
    }
    let error = Bundle::open(Broken, 10_000).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read the bundle: Input/output error"),
        "{error}"
    );
}

#[test]
fn damage_is_told_apart() {
    let told = |place: fn(&bundle_format::Layout) -> u64| {
        let mut bytes = signed();
        let place = place(&layout_of(&bytes)) as usize;
        bytes[place] ^= 1;
        check(&bytes).unwrap_err()
    };
    let is_part =
        |error, part| matches!(error, FormatError::DigestMismatch(other) if other == part);
    assert!(is_part(
        told(|layout| layout.launcher().start),
        Part::Launcher
    ));
    assert!(is_part(
        told(|layout| layout.manifest().start),
        Part::Manifest
    ));
    assert!(is_part(
        told(|layout| layout.signature().start),
        Part::Signature
    ));
    assert!(matches!(
        told(|layout| layout.padding().end - 1),
        FormatError::PaddingNotZero
    ));
    assert!(matches!(
        told(|layout| layout.image().start),
        FormatError::Image(_)
    ));
    assert!(matches!(
        told(|layout| layout.tree().start),
        FormatError::Image(_)
    ));
    assert!(matches!(
        told(|layout| layout.trailer().start + 20),
        FormatError::TrailerDamaged
    ));
    assert!(matches!(
        told(|layout| layout.trailer().start),
        FormatError::NoTrailer
    ));
}

#[test]
fn manifests_that_could_mislead_are_refused() {
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest(LAUNCHER, IMAGE);
        change(&mut manifest);
        let bytes = serde_json::to_vec(&manifest).unwrap();
        assert!(Manifest::parse(&bytes).is_err(), "{manifest:?}");
        assert!(manifest.encode().is_err(), "{manifest:?}");
    };
    let program = |executable: &str| Payload::Program {
        executable: executable.into(),
        loader: None,
    };
    refused(&|m| m.format_version = 1);
    refused(&|m| m.format_version = 3);
    refused(&|m| m.name = "../x".into());
    refused(&|m| m.name = String::new());
    refused(&|m| m.image.codec = "lzma".into());
    refused(&|m| m.image.block_size_bytes = 0);
    refused(&|m| m.image.block_size_bytes = 5000);
    refused(&|m| m.image.block_size_bytes = 2 << 20);
    refused(&|m| m.payload = program("/bin/sh"));
    refused(&|m| m.payload = program("usr/../../bin/sh"));
    refused(&|m| {
        m.payload = Payload::Image {
            command: vec!["a\0b".into()],
            container: ContainerInfo::default(),
        }
    });
    refused(&|m| {
        if let Payload::Program { loader, .. } = &mut m.payload {
            loader.as_mut().unwrap().library_dirs = vec!["a:b".into()];
        }
    });
    refused(&|m| _ = m.environment.insert("A=B".into(), String::new()));

    let text = String::from_utf8(manifest(LAUNCHER, IMAGE).encode().unwrap()).unwrap();
    for (from, to) in [
        ("{", r#"{"hook":"/bin/sh","#),
        (
            r#""kind":"program","#,
            r#""kind":"program","hook":"/bin/sh","#,
        ),
        (r#""kind":"program""#, r#""kind":"image""#),
        (r#""kind":"program","#, ""),
        (r#""codec""#, r#""hook":1,"codec""#),
    ] {
        let changed = text.replacen(from, to, 1);
        assert!(Manifest::parse(changed.as_bytes()).is_err(), "{changed}");
    }
}

proptest! {
    #[test]
    fn sizes_of_every_kind_survive(launcher in prop::collection::vec(any::<u8>(), 64..9000),
                                   image in prop::collection::vec(any::<u8>(), 96..50_000),
                                   signature in prop::collection::vec(any::<u8>(), 0..500)) {
        let bytes = bundle_with(&launcher, &image, &manifest(&launcher, &image), &signature);
        let bundle = Bundle::parse(&bytes).unwrap();
        let layout = bundle.trailer().layout;
        prop_assert_eq!(&bytes[..layout.launcher().end as usize], &launcher[..]);
        prop_assert_eq!(&bytes[layout.image().start as usize..layout.image().end as usize], &image[..]);
        prop_assert_eq!(bundle.signature_bytes(), &signature[..]);
        check(&bytes).unwrap();
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = check(&bytes);
        let _ = Manifest::parse(&bytes);
    }

    #[test]
    fn any_fields_under_a_whole_digest_are_answered(fields in prop::collection::vec(any::<u8>(), 40)) {
        let mut bytes = bundle_of(LAUNCHER, IMAGE);
        lie(&mut bytes, 24, &fields);
        prop_assert!(check(&bytes).is_err());
    }
}
