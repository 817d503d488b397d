//! SHA-256 digests as registries write them.

use std::fmt::{self, Write};
use std::io::{self, Read};

use sha2::Digest;

/// A SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest that `sha256:` and 64 lower-case hexadecimal digits stand for. None for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(digest))
    }

    /// The digest of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The 64 digits.
    pub(crate) fn hex(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

/// A digest that is being computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }

    /// Takes in all that there is to read, and says how much that was.
    pub(crate) fn take_in(&mut self, mut from: impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 1 << 18];
        let mut taken_bytes = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(taken_bytes),
                Ok(count) => {
                    self.update(&buffer[..count]);
                    taken_bytes += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_of_writing_each() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::parse(empty), Some(Sha256::of(b"")));
        assert_eq!(Sha256::of(b"").to_string(), empty);
        for text in [
            "",
            "sha256:",
            &empty[..70],
            &empty.to_uppercase(),
            &format!("{empty}0"),
            &empty.replace("sha256", "sha512"),
            &empty.replace("55", "5/"),
            "sha256:ééééééééééééééééééééééééééééééé1",
        ] {
            assert_eq!(Sha256::parse(text), None, "{text}");
        }
    }
}
