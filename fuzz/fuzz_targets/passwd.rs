//! The user databases of an image.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::steering::passwd(bytes));
