//! A fstab, or the argument of --mount.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::steering::fstab(bytes));
