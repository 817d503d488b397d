//! `bundle verify`: every byte of a bundle, checked without executing any of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use bundle_format::{Bundle, Digest};

use crate::read::read_files;

/// Checks all digests of a bundle, those of the files in its image too, and prints the bundle's digest.
///
/// # Errors
/// Says what is damaged.
pub fn verify(path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    let digest = check(&bytes).with_context(|| format!("'{}' does not verify", path.display()))?;
    writeln!(io::stdout(), "{digest}  {}", path.display()).context("cannot print")
}

fn check(bytes: &[u8]) -> Result<Digest> {
    let bundle = Bundle::parse(bytes)?;
    bundle.verify_launcher()?;
    bundle.verify_image()?;
    let files = &bundle.manifest().files;
    let mut expected: BTreeMap<_, _> = files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    read_files(bundle.image(), |path, bytes| match expected.remove(path) {
        Some(file) if file.blake3 == Digest::of(bytes) => Ok(()),
        Some(_) => bail!("the file '{path}' in the image is not the one that the manifest names"),
        None => bail!("the manifest does not name the file '{path}' in the image"),
    })?;
    match expected.keys().next() {
        Some(path) => bail!("the file '{path}' that the manifest names is not in the image"),
        None => Ok(bundle.digest()),
    }
}
