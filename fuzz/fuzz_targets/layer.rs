//! A layer of a container image: made into an image, alone and over itself, also read as a saved image and as a configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::layer(bytes));
