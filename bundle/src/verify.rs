//! `bundle verify`: every byte of a bundle, and who vouches for it, checked without executing any of it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_format::trust::{PublicKey, Signature, Signer};
use bundle_format::{Bundle, FormatError, SIGNATURE_SIZE_LIMIT_BYTES, VerifiedImage};
use bundle_squashfs::Image;
use clap::Args;

use crate::decode::decode_all;
use crate::keys::read_public_keys;
use crate::open::{open_bundle, open_file};
use crate::progress::{bar, spinner, thread_count};
use crate::sign::detached_path;
use crate::source::VerifiedSource;
use crate::text::escaped;

/// What `bundle verify` is to check.
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyPlan {
    /// The bundle
    pub file: PathBuf,
    /// Also check that it is signed with this minisign public key, or one of those in this file (may be repeated)
    #[arg(short, long, value_name = "KEY|FILE")]
    pub key: Vec<String>,
    /// Use the signature in this file [default: the one in the bundle, or in the file beside it that ends in .minisig]
    #[arg(short = 'x', long, value_name = "FILE", requires = "key")]
    pub signature: Option<PathBuf>,
}

/// Checks launcher, image and hash tree of a bundle, that every file in the image comes out, and, if keys are given, that the
/// owner of one of them has signed it. Prints the bundle's digest, and who has signed.
///
/// # Errors
/// Says what is damaged, or what is wrong with the signature.
pub fn verify(plan: &VerifyPlan) -> Result<()> {
    let mut keys = Vec::new();
    for word in &plan.key {
        keys.extend(read_public_keys(word)?);
    }
    let does_not_verify = || format!("'{}' does not verify", plan.file.display());
    let bundle = open_bundle(&plan.file)?.with_context(does_not_verify)?;
    let said = if keys.is_empty() {
        unchecked(&bundle).with_context(does_not_verify)?
    } else {
        // Before anything is done with what is in the image.
        let signer = check_signature(plan, &bundle, &keys).with_context(does_not_verify)?;
        let comment = escaped(&signer.trusted_comment);
        format!("signed by key {}: {comment}\n", signer.key_id)
    };
    let verified = check_digests(&bundle).with_context(does_not_verify)?;
    check_image(&bundle, &verified).with_context(does_not_verify)?;
    let digest = bundle.digest();
    write!(io::stdout(), "{digest}  {}\n{said}", plan.file.display()).context("cannot print")
}

/// Checks launcher, image and hash tree against their digests.
///
/// # Errors
/// Says what is damaged.
pub(crate) fn check_digests(bundle: &Bundle<File>) -> Result<VerifiedImage<'_, File>, FormatError> {
    bundle.verify_launcher()?;
    let verified = bundle.image();
    let hashing = bar("checking", verified.size_bytes());
    let checked = verified.verify_all_with(thread_count(), &|bytes| hashing.inc(bytes));
    hashing.finish_and_clear();
    checked?;
    Ok(verified)
}

/// Is the image the file system that the manifest says, and does every file in it come out?
fn check_image(bundle: &Bundle<File>, verified: &VerifiedImage<'_, File>) -> Result<()> {
    let source = VerifiedSource(verified);
    let image = Image::open(&source)?;
    let (superblock, info) = (image.superblock(), &bundle.manifest().image);
    if superblock.block_size_bytes != info.block_size_bytes || superblock.codec.name() != info.codec
    {
        bail!("the image is not of the kind that the manifest says");
    }
    let decoding = spinner("decompressing every file".to_owned());
    let decoded = decode_all(&image, thread_count());
    decoding.finish_and_clear();
    decoded
}

/// What to say of a signature that nobody has asked for.
fn unchecked(bundle: &Bundle<File>) -> Result<String, FormatError> {
    Ok(match bundle.embedded_signature()? {
        None => String::new(),
        Some(signature) => format!(
            "has a signature by key {}, not checked (use --key)\n",
            signature.key_id()
        ),
    })
}

/// The signature in the bundle, or else the one beside it, must hold; one that is named must hold alone.
fn check_signature(plan: &VerifyPlan, bundle: &Bundle<File>, keys: &[PublicKey]) -> Result<Signer> {
    if let Some(path) = &plan.signature {
        return check_detached(path, bundle, keys);
    }
    let beside = detached_path(&plan.file);
    match bundle.verify_signature(keys) {
        Ok(signer) => Ok(signer),
        Err(FormatError::NotSigned) if beside.exists() => check_detached(&beside, bundle, keys),
        // Somebody else may have signed the file with the signature in it.
        Err(error) if beside.exists() => {
            check_detached(&beside, bundle, keys).map_err(|_| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks a signature over the whole file.
fn check_detached(path: &Path, bundle: &Bundle<File>, keys: &[PublicKey]) -> Result<Signer> {
    let (file, size_bytes) = open_file(path)?;
    let mut text = String::new();
    if size_bytes > SIGNATURE_SIZE_LIMIT_BYTES {
        bail!("'{}' is no signature: it is too large", path.display());
    }
    file.take(SIGNATURE_SIZE_LIMIT_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read '{}'", path.display()))?;
    let mut bytes = bundle.reader();
    bytes.rewind().context("cannot read the bundle")?;
    let reading = bar(
        "checking the signature",
        bundle.trailer().layout.file_size_bytes(),
    );
    let signer = Signature::parse(&text)
        .and_then(|signature| signature.verify_reader(&mut reading.wrap_read(bytes), keys));
    reading.finish_and_clear();
    signer.with_context(|| format!("cannot trust '{}'", path.display()))
}
