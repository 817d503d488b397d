//! A record of a run: read, written again, compared with itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::records::record(bytes));
