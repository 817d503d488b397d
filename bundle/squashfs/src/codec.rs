//! Decompression of single blocks.

use crate::Error;

/// How an image's blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// The codec with this number in the superblock.
    pub(crate) fn from_number(number: u16) -> Result<Self, Error> {
        match number {
            6 => Ok(Self::Zstd),
            1 => Err(Error::Unsupported("gzip compression".into())),
            2 => Err(Error::Unsupported("lzma compression".into())),
            3 => Err(Error::Unsupported("lzo compression".into())),
            4 => Err(Error::Unsupported("xz compression".into())),
            5 => Err(Error::Unsupported("lz4 compression".into())),
            other => Err(Error::Unsupported(format!("compression number {other}"))),
        }
    }
}

/// The decompressors' memory, kept from block to block and made when it is first needed.
#[derive(Default)]
pub(crate) struct Decoder {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decoder {
    /// Decompresses into the front of `out` and returns how many bytes that are; `what` is being decompressed, for the
    /// error.
    pub(crate) fn decode(
        &mut self,
        codec: Codec,
        stored: &[u8],
        out: &mut [u8],
        what: &'static str,
    ) -> Result<usize, Error> {
        match codec {
            Codec::Zstd => {
                if self.zstd.is_none() {
                    let made = zstd::bulk::Decompressor::new();
                    self.zstd = Some(made.map_err(|_| Error::LimitExceeded("demands on memory"))?);
                }
                let zstd = self.zstd.as_mut().ok_or(Error::Decompress(what))?;
                zstd.decompress_to_buffer(stored, out)
                    .map_err(|_| Error::Decompress(what))
            }
        }
    }
}
