//! `bundle sign`: vouching for a bundle, in the file itself or beside it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bundle_format::{Bundle, Digest, Layout, Trailer};
use clap::Args;
use minisign::{PublicKey, SecretKey};

use crate::copy::copy;
use crate::keys::read_secret_key;
use crate::new_file::{NewFile, cannot_write};
use crate::open::open_bundle;
use crate::progress::bar;
use crate::verify::check_digests;

/// minisign's limit, without the end.
const COMMENT_SIZE_LIMIT_BYTES: usize = 8000;

/// What `bundle sign` is to do.
#[derive(Debug, Clone, Args)]
pub struct SignPlan {
    /// The bundle
    pub file: PathBuf,
    /// The secret key to sign with, as `bundle keygen` or minisign has made it
    #[arg(short, long, value_name = "FILE")]
    pub secret_key: PathBuf,
    /// What is signed besides, to be shown to those who check [default: time and file name]
    #[arg(short = 't', long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Leave the bundle as it is and write the signature to a file beside it, named like it with .minisig at the end
    #[arg(long)]
    pub detached: bool,
}

/// Signs a bundle, after every byte of it has been checked.
///
/// # Errors
/// If it is damaged, the key cannot be used, or the signature cannot be written; then the bundle is as it was.
pub fn sign(plan: &SignPlan) -> Result<()> {
    let cannot_sign = || format!("cannot sign '{}'", plan.file.display());
    let bundle = open_bundle(&plan.file)?.with_context(cannot_sign)?;
    let comment = comment(plan).with_context(cannot_sign)?;
    check_digests(&bundle).with_context(cannot_sign)?;
    let key = read_secret_key(&plan.secret_key)?;
    if plan.detached {
        let size_bytes = bundle.trailer().layout.file_size_bytes();
        let reading = bar("signing", size_bytes);
        let text = sign_bytes(&key, reading.wrap_read(bundle.reader()), &comment);
        reading.finish_and_clear();
        let path = detached_path(&plan.file);
        let new = NewFile::create(&path)?;
        new.file()
            .write_all(text.with_context(cannot_sign)?.as_bytes())
            .with_context(|| cannot_write(&path))?;
        return new.keep(0o644, true);
    }
    let text = sign_bytes(&key, Cursor::new(bundle.manifest_bytes()), &comment);
    embed(
        &plan.file,
        &bundle,
        text.with_context(cannot_sign)?.as_bytes(),
    )?;
    warn_of_stale(&plan.file);
    Ok(())
}

/// Where a bundle's detached signature is, as stock minisign expects it.
pub(crate) fn detached_path(bundle: &Path) -> PathBuf {
    let mut path = OsString::from(bundle);
    path.push(".minisig");
    path.into()
}

/// The trusted comment.
fn comment(plan: &SignPlan) -> Result<String> {
    let comment = plan.comment.clone().unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let name = plan.file.file_name().unwrap_or_default().to_string_lossy();
        let hashed = if plan.detached { "\thashed" } else { "" };
        // As minisign has it. A file's name may have anything in it.
        let name = name.replace(char::is_control, "?");
        format!(
            "timestamp:{}\tfile:{name}{hashed}",
            now.unwrap_or_default().as_secs()
        )
    });
    if comment.contains(|c: char| c.is_control() && c != '\t') {
        bail!("the comment has control characters, or several lines (use one line)");
    }
    if comment.len() > COMMENT_SIZE_LIMIT_BYTES {
        bail!("the comment has more than {COMMENT_SIZE_LIMIT_BYTES} bytes (shorten it)");
    }
    Ok(comment)
}

/// The text of a signature file. The signature is checked before anybody gets it.
fn sign_bytes(key: &SecretKey, bytes: impl Read, comment: &str) -> Result<String> {
    let public = PublicKey::from_secret_key(key)?;
    let untrusted = "signature from minisign secret key";
    let signed = minisign::sign(Some(&public), key, bytes, Some(comment), Some(untrusted))?;
    Ok(signed.to_string())
}

/// Puts a signature into the bundle, in the place of one that may be there. The file is the old or the new one at every moment.
fn embed(path: &Path, bundle: &Bundle<File>, signature: &[u8]) -> Result<()> {
    // A link stays a link.
    let path = &fs::canonicalize(path).with_context(|| cannot_write(path))?;
    let mut old = bundle.reader();
    let metadata = old.metadata().with_context(|| cannot_write(path))?;
    let layout = bundle.trailer().layout;
    let size = |part: std::ops::Range<u64>| part.end - part.start;
    let trailer = Trailer {
        layout: Layout::new(
            size(layout.launcher()),
            size(layout.image()),
            size(layout.manifest()),
            signature.len() as u64,
        )?,
        signature_blake3: Digest::of(signature),
        ..*bundle.trailer()
    };
    let new = NewFile::create(path)?;
    let mut out = new.file();
    old.rewind().with_context(|| cannot_write(path))?;
    copy(old, layout.manifest().end, out)
        .with_context(|| format!("cannot copy '{}'", path.display()))?;
    for part in [signature, &trailer.encode()] {
        out.write_all(part).with_context(|| cannot_write(path))?;
    }
    // Root may sign what is somebody else's; nobody else needs this.
    let _ = fchown(out, Some(metadata.uid()), Some(metadata.gid()));
    new.keep(metadata.permissions().mode() & 0o7777, true)
}

/// A signature beside the file was made over the whole of it.
fn warn_of_stale(path: &Path) {
    let detached = detached_path(path);
    if detached.exists() {
        eprintln!(
            "bundle: '{}' does not hold any more: it was made of the file as it was before (sign it again with --detached)",
            detached.display()
        );
    }
}
