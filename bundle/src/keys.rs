//! Keys in minisign's formats: making a pair (`bundle keygen`), and reading them.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_format::trust::{PublicKey, parse_keys};
use clap::Args;
use ct_codecs::{Base64, Decoder};
use minisign::{KeyPair, SecretKey, SecretKeyBox};

use crate::new_file::{NewFile, cannot_write};

/// How a secret key begins in base64: its algorithms for signing, for deriving a key from the password, and for its checksum.
const UNPROTECTED_HEAD: &str = "RWQAAEIy";
const PROTECTED_HEAD: &str = "RWRTY0Iy";

/// A secret key ends with it.
const CHECKSUM_SIZE_BYTES: usize = 32;

/// What `bundle keygen` is to do.
#[derive(Debug, Clone, Args)]
pub struct KeygenPlan {
    /// Where the public key goes, which everybody may have
    #[arg(short, long, value_name = "FILE", default_value = "bundle.pub")]
    pub public_key: PathBuf,
    /// Where the secret key goes
    #[arg(short, long, value_name = "FILE", default_value = "bundle.key")]
    pub secret_key: PathBuf,
    /// Do not protect the secret key with a password: for machines that sign by themselves
    #[arg(short = 'W', long)]
    pub no_password: bool,
    /// Replace keys that exist: what was signed with them can then not be signed again
    #[arg(short, long)]
    pub force: bool,
}

/// Makes a pair of keys and says which.
///
/// # Errors
/// If a key exists, there is no terminal to ask for a password, or a file cannot be written.
pub fn keygen(plan: &KeygenPlan) -> Result<()> {
    for path in [&plan.secret_key, &plan.public_key] {
        if !plan.force && path.symlink_metadata().is_ok() {
            bail!(
                "{}: it exists (name another, or use --force to lose it)",
                cannot_write(path)
            );
        }
    }
    let secret_file = NewFile::create(&plan.secret_key)?;
    let public_file = NewFile::create(&plan.public_key)?;
    let (pair, comment) = if plan.no_password {
        let pair = KeyPair::generate_unencrypted_keypair();
        (pair, "minisign secret key, not encrypted")
    } else {
        let pair = KeyPair::generate_encrypted_keypair(Some(new_password()?));
        (pair, "minisign encrypted secret key")
    };
    let pair = pair.context("cannot make a pair of keys")?;
    let write = |file: &NewFile, path: &Path, text: String| {
        let mut file = file.file();
        file.write_all(text.as_bytes())
            .with_context(|| cannot_write(path))
    };
    let secret_text = pair
        .sk
        .to_box(Some(comment))
        .context("cannot encode the secret key")?;
    let public_text = pair.pk.to_box().context("cannot encode the public key")?;
    write(&secret_file, &plan.secret_key, secret_text.to_string())?;
    write(&public_file, &plan.public_key, public_text.to_string())?;
    secret_file.keep(0o600, plan.force)?;
    public_file.keep(0o644, plan.force)?;
    let key = parse_keys(&public_text.to_string()).context("cannot read the new key")?;
    writeln!(
        io::stdout(),
        "key {}\npublic key in '{}': {}\nsecret key in '{}' (keep it to yourself)",
        key[0].id(),
        plan.public_key.display(),
        pair.pk.to_base64(),
        plan.secret_key.display()
    )
    .context("cannot print")
}

/// The public keys that a word stands for: itself, or those in a file of that name.
///
/// # Errors
/// If it is neither.
pub(crate) fn read_public_keys(word: &str) -> Result<Vec<PublicKey>> {
    if let Ok(keys) = parse_keys(word) {
        return Ok(keys);
    }
    let text = match fs::read_to_string(word) {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "cannot use '{word}' as a key: there is no such file, and itself it is no minisign public key \
             (one has 56 characters and begins with RW)"
        ),
        text => text.with_context(|| format!("cannot read the key file '{word}'"))?,
    };
    parse_keys(&text).with_context(|| format!("cannot use the key file '{word}'"))
}

/// The secret key in a file. Asks for its password if it has one.
///
/// # Errors
/// If there is none, the password is wrong, or there is no terminal to ask for it.
pub(crate) fn read_secret_key(path: &Path) -> Result<SecretKey> {
    let cannot_use = || format!("cannot use the secret key '{}'", path.display());
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the secret key '{}'", path.display()))?;
    let key = text.lines().nth(1).unwrap_or_default();
    let boxed = SecretKeyBox::from(text.clone());
    if key.starts_with(UNPROTECTED_HEAD) {
        // minisign leaves the checksum of such a key empty.
        return match Base64::decode_to_vec(key, None) {
            Ok(bytes) if bytes.ends_with(&[0; CHECKSUM_SIZE_BYTES]) => {
                SecretKey::from_bytes(&bytes)
            }
            _ => boxed.into_unencrypted_secret_key(),
        }
        .with_context(cannot_use);
    }
    if !key.starts_with(PROTECTED_HEAD) {
        bail!("{}: it is not a minisign secret key", cannot_use());
    }
    let password = ask(&format!("Password of '{}': ", path.display()))?;
    match boxed.into_secret_key(Some(password)) {
        Err(error) if matches!(error.kind(), minisign::ErrorKind::Verify) => {
            bail!("{}: the password is wrong", cannot_use())
        }
        key => key.with_context(cannot_use),
    }
}

/// A password that somebody has typed twice.
fn new_password() -> Result<String> {
    let password = ask("Password to protect the secret key with: ")?;
    if password.is_empty() {
        bail!(
            "cannot protect the secret key: the password is empty (use --no-password if there is to be none)"
        );
    }
    if ask("The same once more: ")? != password {
        bail!("cannot protect the secret key: the two passwords differ");
    }
    Ok(password)
}

/// Asks the person at the terminal, wherever input and output of this process lead.
fn ask(prompt: &str) -> Result<String> {
    rpassword::prompt_password(prompt)
        .context("cannot ask for the password: there is no terminal (keygen --no-password makes keys without one)")
}
