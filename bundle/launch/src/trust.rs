//! Whether the bundle is signed by somebody whom this host trusts.
//!
//! A file cannot vouch for itself: whoever can replace it can replace this check. It protects those who start a bundle through
//! something that they control (a wrapper, a scheduler's prologue, `bundle verify --key`), and against mistakes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::Path;

use bundle_format::Bundle;
use bundle_format::trust::{PublicKey, parse_keys};

/// Keys that this host trusts, if it is there: then every bundle must be signed by one of them.
const HOSTS_KEYS: &str = "/etc/benchrun/trusted.pub";

/// Keys that the user trusts: as the option's.
const VARIABLE: &str = "BENCHRUN_TRUST";

/// Checks the signature if anybody asks for one, and says in words who has signed.
///
/// # Errors
/// The line to print: keys that cannot be read, no signature, one by somebody else, or a false one.
pub(crate) fn check(bundle: &Bundle<&File>, asked: &[OsString]) -> Result<String, String> {
    let mut keys = Vec::new();
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    for word in asked.iter().chain(&variable) {
        keys.extend(read(word)?);
    }
    if Path::new(HOSTS_KEYS).exists() {
        keys.extend(read(OsStr::new(HOSTS_KEYS))?);
    }
    if keys.is_empty() {
        return Ok(match bundle.signature_key_id() {
            Some(key_id) => format!("by key {key_id}, not checked (use --trust KEY)"),
            None => "none".to_owned(),
        });
    }
    bundle
        .verify_signature(&keys)
        .map(|signer| format!("by key {}, which is trusted", signer.key_id))
        .map_err(|error| error.to_string())
}

/// The keys that a word stands for: itself, or those in a file of that name.
fn read(word: &OsStr) -> Result<Vec<PublicKey>, String> {
    let shown = word.to_string_lossy();
    // A key may have slashes in it, and no file is called like a key.
    let not_a_key = match parse_keys(&shown) {
        Ok(keys) => return Ok(keys),
        Err(error) => error,
    };
    match fs::read_to_string(word) {
        Ok(text) => {
            parse_keys(&text).map_err(|error| format!("cannot use the keys in '{shown}': {error}"))
        }
        Err(error) if shown.contains('/') => {
            Err(format!("cannot read the key file '{shown}': {error}"))
        }
        Err(_) => Err(format!("cannot use '{shown}' as a key: {not_a_key}")),
    }
}
