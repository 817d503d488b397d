//! `bundle verify`: every byte of a bundle, checked without executing any of it.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bundle_format::Bundle;
use bundle_squashfs::Image;
use clap::Args;

use crate::decode::decode_all;
use crate::image::codec_name;
use crate::open::open_bundle;
use crate::progress::{bar, spinner, thread_count};
use crate::source::VerifiedSource;

/// What `bundle verify` is to check.
#[derive(Debug, Clone, Args)]
pub struct VerifyPlan {
    /// The bundle
    pub file: PathBuf,
}

/// Checks launcher, image and hash tree of a bundle, and that every file in the image comes out. Prints the bundle's digest.
///
/// # Errors
/// Says what is damaged.
pub fn verify(plan: &VerifyPlan) -> Result<()> {
    let does_not_verify = || format!("'{}' does not verify", plan.file.display());
    let bundle = open_bundle(&plan.file)?.with_context(does_not_verify)?;
    check_bytes(&bundle).with_context(does_not_verify)?;
    writeln!(io::stdout(), "{}  {}", bundle.digest(), plan.file.display()).context("cannot print")
}

/// Checks every byte against its digest, then whether the image is a whole file system.
fn check_bytes(bundle: &Bundle<File>) -> Result<()> {
    bundle.embedded_signature()?;
    bundle.verify_launcher()?;
    let verified = bundle.image();
    let hashing = bar("checking", verified.size_bytes());
    let checked = verified.verify_all_with(thread_count(), &|bytes| hashing.inc(bytes));
    hashing.finish_and_clear();
    checked?;

    let source = VerifiedSource(&verified);
    let image = Image::open(&source)?;
    let manifest = &bundle.manifest().image;
    if image.superblock().block_size_bytes != manifest.block_size_bytes
        || codec_name(image.superblock().codec) != manifest.codec
    {
        bail!("the image is not of the kind that the manifest says");
    }
    let decoding = spinner("decompressing every file".to_owned());
    let decoded = decode_all(&image, thread_count(), &|_| decoding.tick());
    decoding.finish_and_clear();
    decoded
}
