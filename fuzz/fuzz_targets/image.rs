//! A squashfs image: everything in it is opened, listed, looked up, read, and served.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::hostile::image(bytes));
