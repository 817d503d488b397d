//! Variables for a container.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::steering::environment(bytes));
