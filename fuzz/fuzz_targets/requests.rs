//! What a kernel asks of the server of a sound image.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests::hostile::requests(&tests::hostile::sample_image(), bytes);
});
