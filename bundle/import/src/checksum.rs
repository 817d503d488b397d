//! Digests as OCI writes them: `sha256:` or `sha512:` and hexadecimal digits.

use std::fmt::Write;

use sha2::{Digest, Sha256, Sha512};

/// Computes a digest of one kind, piece by piece.
pub(crate) enum Checksum {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Checksum {
    /// Of the same kind as a digest, if that is a digest of a kind that is known.
    pub(crate) fn like(digest: &str) -> Option<Self> {
        let (kind, hex) = digest.split_once(':')?;
        let (checksum, digits) = match kind {
            "sha256" => (Self::Sha256(Box::default()), 64),
            "sha512" => (Self::Sha512(Box::default()), 128),
            _ => return None,
        };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (hex.len() == digits && hex.bytes().all(is_digit)).then_some(checksum)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all pieces.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => written("sha256", &hasher.finalize()),
            Self::Sha512(hasher) => written("sha512", &hasher.finalize()),
        }
    }
}

/// A digest of bytes that are all there.
#[cfg(test)]
pub(crate) fn sha256(bytes: &[u8]) -> String {
    written("sha256", &Sha256::digest(bytes))
}

fn written(kind: &str, digest: &[u8]) -> String {
    let mut text = format!("{kind}:");
    for byte in digest {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
