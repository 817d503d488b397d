//! C's `main`, which takes the place of Rust's own start-up code.
//!
//! That code ignores SIGPIPE, and what was in force before cannot be found afterwards; but the payload must inherit it.
//! It also makes the launcher 110 KB larger, by the parts of the C library that it alone uses.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use bundle_runtime::{ignore_sigpipe, run_as_main};

/// The program's first function.
///
/// # Safety
/// The C runtime alone calls it, with the process's arguments.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(argument_count: c_int, arguments: *const *const c_char) -> c_int {
    let body = |words| crate::main(words, ignore_sigpipe());
    // SAFETY: these are what the C runtime has given to this `main`.
    unsafe { run_as_main(argument_count, arguments, body) }
}
