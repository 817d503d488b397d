//! A bundle's file: trailer, manifest, hash tree, as they are and with their digests mended.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::bundle(bytes));
