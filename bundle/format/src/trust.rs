//! Who has signed: minisign's keys and signatures, for checking only.
//!
//! A file cannot vouch for itself. A signature is worth something to whoever has the key from somewhere else than the file.

use std::fmt;
use std::io::{self, Read};

use crate::FormatError;

/// What minisign writes before the first comment of a key or signature.
const UNTRUSTED_PREFIX: &str = "untrusted comment: ";

/// Algorithm and key id, with which both keys and signatures begin, are the first 10 of 12 bytes in base64.
const HEAD_DIGIT_COUNT: usize = 16;
const LEGACY_ALGORITHM: [u8; 2] = *b"Ed";

const STREAM_WINDOW_SIZE_BYTES: usize = 256 << 10;

/// What tells keys apart, as minisign shows it. It proves nothing: anybody can make a key with any id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 8]);

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    key: minisign_verify::PublicKey,
}

/// A signature, not checked.
#[derive(Clone)]
pub struct Signature {
    key_id: KeyId,
    is_legacy: bool,
    decoded: minisign_verify::Signature,
}

/// Who has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key, one of those that were given.
    pub key_id: KeyId,
    /// What the signer has put down beside it, and signed too. It may have any characters: escape it before you print it.
    pub trusted_comment: String,
}

/// Why a text has no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A line is neither key nor comment.
    #[error("its line {line} is no minisign public key (one has 56 characters and begins with RW)")]
    NoKey {
        /// Number of the line, from 1.
        line: usize,
    },

    /// There is nothing in it, or comments alone.
    #[error("it has no key in it")]
    Empty,
}

/// The keys in a text: each alone on its line. Comments as minisign writes them, lines that begin with `#`, and empty lines may stand
/// anywhere. So a key, the text of a `.pub` file, and several of them one after the other are all fine.
///
/// # Errors
/// If a line is something else, or there is no key.
pub fn parse_keys(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let mut keys = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if !(line.is_empty() || line.starts_with('#') || line.starts_with(UNTRUSTED_PREFIX.trim()))
        {
            keys.push(PublicKey::parse(line).ok_or(KeyError::NoKey { line: number })?);
        }
    }
    if keys.is_empty() {
        return Err(KeyError::Empty);
    }
    Ok(keys)
}

impl PublicKey {
    /// A key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn parse(base64: &str) -> Option<Self> {
        let key = minisign_verify::PublicKey::from_base64(base64).ok()?;
        let (_, id) = head(base64)?;
        Some(Self { id, key })
    }
}

impl Signature {
    /// Reads the text of a signature file.
    ///
    /// # Errors
    /// [`FormatError::BadSignature`] if it is none.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let decoded = minisign_verify::Signature::decode(text)
            .map_err(|_| FormatError::BadSignature("its lines cannot be decoded"))?;
        let head = text.lines().nth(1).and_then(head);
        let (algorithm, key_id) = head.ok_or(FormatError::BadSignature(
            "its second line cannot be decoded",
        ))?;
        Ok(Self {
            key_id,
            is_legacy: algorithm == LEGACY_ALGORITHM,
            decoded,
        })
    }

    /// Reads a bundle's signature section, where nothing but the signature may stand.
    pub(crate) fn parse_section(bytes: &[u8]) -> Result<Self, FormatError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| FormatError::BadSignature("it is not UTF-8"))?;
        let is_plain = text.starts_with(UNTRUSTED_PREFIX)
            && text.ends_with('\n')
            && !text.contains('\r')
            && text.matches('\n').count() == 4;
        if !is_plain {
            return Err(FormatError::BadSignature("it is not four lines"));
        }
        Self::parse(text)
    }

    /// The key that it says to be made with.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// What the signer has put down beside it. See [`Signer::trusted_comment`], but here nobody has checked it.
    pub fn trusted_comment(&self) -> &str {
        self.decoded.trusted_comment()
    }

    /// Checks that the owner of one of these keys has signed `bytes`.
    ///
    /// # Errors
    /// If somebody else has, or the signature does not hold or is of no accepted kind.
    pub fn verify(&self, bytes: &[u8], keys: &[PublicKey]) -> Result<Signer, FormatError> {
        let holds = |key: &&&PublicKey| key.key.verify(bytes, &self.decoded, false).is_ok();
        match self.candidates(keys)?.iter().find(holds) {
            Some(_) => Ok(self.signer()),
            None => Err(FormatError::WrongSignature(self.key_id)),
        }
    }

    /// As [`Signature::verify`], for bytes that need not be in memory at once.
    ///
    /// # Errors
    /// As [`Signature::verify`], and if `reader` fails.
    pub fn verify_reader(
        &self,
        reader: &mut dyn Read,
        keys: &[PublicKey],
    ) -> Result<Signer, FormatError> {
        let mut verifiers = Vec::new();
        for key in self.candidates(keys)? {
            let verifier = key.key.verify_stream(&self.decoded);
            verifiers.push(verifier.map_err(|_| FormatError::WrongSignature(self.key_id))?);
        }
        let mut window = vec![0; STREAM_WINDOW_SIZE_BYTES];
        loop {
            let read = match reader.read(&mut window) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FormatError::Read(error)),
            };
            for verifier in &mut verifiers {
                verifier.update(&window[..read]);
            }
        }
        if verifiers
            .iter_mut()
            .any(|verifier| verifier.finalize().is_ok())
        {
            Ok(self.signer())
        } else {
            Err(FormatError::WrongSignature(self.key_id))
        }
    }

    /// The keys that it can be of: usually one, but ids can be alike.
    fn candidates<'a>(&self, keys: &'a [PublicKey]) -> Result<Vec<&'a PublicKey>, FormatError> {
        let keys: Vec<_> = keys.iter().filter(|key| key.id == self.key_id).collect();
        if keys.is_empty() {
            return Err(FormatError::SignedByAnother(self.key_id));
        }
        if self.is_legacy {
            return Err(FormatError::LegacySignature(self.key_id));
        }
        Ok(keys)
    }

    fn signer(&self) -> Signer {
        Signer {
            key_id: self.key_id,
            trusted_comment: self.decoded.trusted_comment().to_owned(),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("key_id", &self.key_id)
            .field("is_legacy", &self.is_legacy)
            .finish_non_exhaustive()
    }
}

/// Algorithm and key id of a key or signature in base64. The crate that decodes the rest keeps them to itself.
fn head(base64: &str) -> Option<([u8; 2], KeyId)> {
    let digits = base64.as_bytes().get(..HEAD_DIGIT_COUNT)?;
    let mut bytes = Vec::with_capacity(12);
    for group in digits.chunks_exact(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | base64_value(*digit)?;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let algorithm = bytes.first_chunk()?;
    let id = bytes.get(2..)?.first_chunk()?;
    Some((*algorithm, KeyId(*id)))
}

fn base64_value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}
