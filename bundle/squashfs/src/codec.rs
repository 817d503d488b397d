//! Decompression of single blocks.

mod crc32;
mod lzma2;
mod lzo;
mod window;
mod x86;
mod xz;

use lzma2::Lzma2;

use crate::Error;

/// How an image's blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Deflate in the zlib format, which squashfs calls gzip.
    Gzip,
    /// LZO1X.
    Lzo,
    /// LZMA2 in the xz format.
    Xz,
    /// LZ4 blocks.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// The codec with this number in the superblock.
    pub(crate) fn from_number(number: u16) -> Result<Self, Error> {
        match number {
            1 => Ok(Self::Gzip),
            3 => Ok(Self::Lzo),
            4 => Ok(Self::Xz),
            5 => Ok(Self::Lz4),
            6 => Ok(Self::Zstd),
            2 => Err(Error::Unsupported("lzma compression".into())),
            other => Err(Error::Unsupported(format!("compression number {other}"))),
        }
    }

    /// Its name, as mksquashfs takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Lzo => "lzo",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// The decompressors' memory, kept from block to block and made when it is first needed.
#[derive(Default)]
pub(crate) struct Decoder {
    gzip: Option<libdeflater::Decompressor>,
    xz: Option<Lzma2>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

/// Why a block does not decompress.
enum DecodeError {
    /// It is not what the codec makes, or does not fit.
    Damaged,
    /// It uses what this crate does not know.
    Unsupported(&'static str),
}

impl Decoder {
    /// Decompresses into the front of `out` and returns how many bytes that are; `what` is being decompressed, for the
    /// error. What stands in `out` behind them may be overwritten.
    pub(crate) fn decode(
        &mut self,
        codec: Codec,
        stored: &[u8],
        out: &mut [u8],
        what: &'static str,
    ) -> Result<usize, Error> {
        let decoded = match codec {
            Codec::Gzip => {
                let gzip = self.gzip.get_or_insert_with(libdeflater::Decompressor::new);
                gzip.zlib_decompress(stored, out)
                    .map_err(|_| DecodeError::Damaged)
            }
            Codec::Lzo => lzo::decompress(stored, out).ok_or(DecodeError::Damaged),
            Codec::Xz => xz::decompress(stored, out, self.xz.get_or_insert_default()),
            Codec::Lz4 => {
                lz4_flex::block::decompress_into(stored, out).map_err(|_| DecodeError::Damaged)
            }
            Codec::Zstd => {
                if self.zstd.is_none() {
                    let made = zstd::bulk::Decompressor::new();
                    self.zstd = Some(made.map_err(|_| Error::LimitExceeded("demands on memory"))?);
                }
                let zstd = self.zstd.as_mut().ok_or(Error::Decompress(what))?;
                zstd.decompress_to_buffer(stored, out)
                    .map_err(|_| DecodeError::Damaged)
            }
        };
        decoded.map_err(|error| match error {
            DecodeError::Damaged => Error::Decompress(what),
            DecodeError::Unsupported(what) => Error::Unsupported(what.into()),
        })
    }
}
