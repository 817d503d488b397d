//! Small bundles for the tests.
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;

use bundle_format::{
    Bundle, Digest, FORMAT_VERSION, FormatError, HashTree, ImageInfo, LauncherInfo, Loader,
    Manifest, Parts, Payload, TRAILER_SIZE_BYTES, assemble,
};

pub(crate) const LAUNCHER: &[u8] = &[0x7f; 5000];
pub(crate) const IMAGE: &[u8] = &[0x68; 300];

/// The manifest of a bundle of these parts.
pub(crate) fn manifest(launcher: &[u8], image: &[u8]) -> Manifest {
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
            tree_blake3: HashTree::of(image).root(),
            codec: "zstd".into(),
            block_size_bytes: 131_072,
        },
        payload: Payload::Program {
            executable: "usr/bin/bench".into(),
            loader: Some(Loader {
                path: "lib64/ld-linux-x86-64.so.2".into(),
                library_dirs: vec!["usr/lib".into()],
                argv0: true,
                inhibit_cache: true,
            }),
        },
        environment: BTreeMap::from([("A".into(), "b".into())]),
    }
}

/// The bytes of a bundle.
pub(crate) fn bundle_with(
    launcher: &[u8],
    image: &[u8],
    manifest: &Manifest,
    signature: &[u8],
) -> Vec<u8> {
    let tree = HashTree::of(image);
    let mut bytes = Vec::new();
    let parts = Parts {
        launcher,
        image: &mut &image[..],
        tree: &mut tree.as_bytes(),
        manifest,
        signature,
    };
    assemble(parts, &mut bytes).unwrap();
    bytes
}

/// The bytes of a bundle that is not signed.
pub(crate) fn bundle_of(launcher: &[u8], image: &[u8]) -> Vec<u8> {
    bundle_with(launcher, image, &manifest(launcher, image), &[])
}

/// Every check there is.
pub(crate) fn check(bytes: &[u8]) -> Result<(), FormatError> {
    let bundle = Bundle::parse(bytes)?;
    bundle.verify_launcher()?;
    Ok(bundle.image().verify_all(1)?)
}

/// Replaces the trailer's field at `offset` and makes the trailer's own digest hold again.
pub(crate) fn lie(bytes: &mut [u8], offset: usize, value: &[u8]) {
    let start = bytes.len() - TRAILER_SIZE_BYTES;
    bytes[start + offset..start + offset + value.len()].copy_from_slice(value);
    let digest = Digest::of(&bytes[start..start + 128]);
    bytes[start + 128..].copy_from_slice(digest.as_bytes());
}

/// Bytes that do not repeat, the same for the same seed.
pub(crate) fn noise(size_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (bits ^ (bits >> 27)).to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..size_bytes.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(size_bytes);
    bytes
}
