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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CODECS: [Codec; 5] = [Codec::Gzip, Codec::Lzo, Codec::Xz, Codec::Lz4, Codec::Zstd];

    /// "hello " eight times, in each codec's format.
    fn hello(codec: Codec) -> Vec<u8> {
        let hex = match codec {
            Codec::Gzip => "78dacb48cdc9c957c8209a0400b53711a1",
            Codec::Lzo => "0368656c6c6f203a14000b6f2068656c6c6f2068656c6c6f20110000",
            Codec::Xz => {
                "fd377a585a0000016922de360200210116000000742fe5a3e0002f000c5d00341949ee8de957e0b12f0000007\
                 56bb244000124302164b7f79042990d010000000001595a"
            }
            Codec::Lz4 => "6f68656c6c6f2006001250656c6c6f20",
            Codec::Zstd => "28b52ffd20306500003068656c6c6f200100039522",
        };
        let digits = hex.as_bytes().as_chunks::<2>().0.iter();
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    const PLAIN: &[u8] = b"hello hello hello hello hello hello hello hello ";

    #[test]
    fn each_codec_decodes_and_checks_what_it_is_given() {
        let mut decoder = Decoder::default();
        for codec in CODECS {
            let stored = hello(codec);
            for size_bytes in [PLAIN.len(), PLAIN.len() + 1, 4096] {
                let mut out = vec![0xaa; size_bytes];
                let decoded = decoder.decode(codec, &stored, &mut out, "block");
                assert_eq!(decoded, Ok(PLAIN.len()), "{}", codec.name());
                assert_eq!(out[..PLAIN.len()], *PLAIN, "{}", codec.name());
            }
            for size_bytes in 0..PLAIN.len() {
                let decoded = decoder.decode(codec, &stored, &mut vec![0; size_bytes], "block");
                assert_eq!(decoded, Err(Error::Decompress("block")), "{}", codec.name());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_bytes_are_answered(codec in prop::sample::select(&CODECS[..]),
                                  changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
                                  tail in prop::collection::vec(any::<u8>(), 0..300),
                                  keep in any::<prop::sample::Index>(),
                                  size_bytes in 0..2000_usize) {
            let mut stored = hello(codec);
            for (place, value) in changes {
                let at = place.index(stored.len());
                stored[at] = value;
            }
            stored.truncate(keep.index(stored.len()) + 1);
            stored.extend(tail);
            let _ = Decoder::default().decode(codec, &stored, &mut vec![0; size_bytes], "block");
        }

        #[test]
        fn any_lzma_is_answered(body in prop::collection::vec(any::<u8>(), 5..400),
                                properties in 0..225_u8,
                                size_bytes in 1..5000_u16) {
            let mut stored = vec![0xe0];
            stored.extend((size_bytes - 1).to_be_bytes());
            stored.extend((body.len() as u16 - 1).to_be_bytes());
            stored.push(properties);
            stored.extend(body);
            stored.push(0);
            let _ = Lzma2::default().decompress(&stored, &mut vec![0; 4096]);
        }

        #[test]
        fn any_code_is_unfiltered(mut code in prop::collection::vec(prop::sample::select(&[0xe8, 0xe9, 0, 0xff, 1][..]), 0..100),
                                  start in any::<u32>()) {
            x86::unfilter(&mut code, start);
        }
    }
}
