//! Compressing single blocks.

use crate::Error;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard.
    Zstd {
        /// From 1, fastest, to 22, smallest.
        level: i32,
    },
    /// Deflate in the zlib format, which squashfs calls gzip.
    Gzip {
        /// From 1, fastest, to 12, smallest.
        level: i32,
    },
    /// LZ4.
    Lz4 {
        /// From 1, fastest, to 12, smallest; 0 for LZ4's plain compressor, which is much faster and makes larger images.
        level: i32,
    },
    /// None: everything is stored as it is.
    Stored,
}

impl Compression {
    /// Its number in the superblock.
    pub(crate) fn number(self) -> u16 {
        match self {
            // What is only stored needs no decompressor; readers want a number that they know.
            Self::Gzip { .. } | Self::Stored => 1,
            Self::Lz4 { .. } => 5,
            Self::Zstd { .. } => 6,
        }
    }

    /// What the image tells of how it was compressed, where the format wants that: LZ4 always, zstd for mksquashfs.
    pub(crate) fn options(self) -> Option<Vec<u8>> {
        const LZ4_VERSION: u32 = 1;
        match self {
            Self::Zstd { level } => Some(level.to_le_bytes().to_vec()),
            Self::Lz4 { level } => {
                let words = [LZ4_VERSION, u32::from(level > 0)];
                Some(words.into_iter().flat_map(u32::to_le_bytes).collect())
            }
            Self::Gzip { .. } | Self::Stored => None,
        }
    }
}

/// Compresses blocks. It keeps the compressor's memory between blocks: make one for each thread.
pub(crate) struct Compressor {
    kind: CompressorKind,
    /// Room for a compressed block.
    out: Vec<u8>,
}

enum CompressorKind {
    Zstd(zstd::bulk::Compressor<'static>),
    Gzip(libdeflater::Compressor),
    Lz4(lz4::block::CompressionMode),
    Stored,
}

impl Compressor {
    pub(crate) fn new(compression: Compression) -> Result<Self, Error> {
        let out_of_range = |name, level, most| {
            Error::Options(format!("{name} has no level {level} (1 to {most})"))
        };
        let kind = match compression {
            Compression::Zstd { level } => {
                if !(1..=22).contains(&level) {
                    return Err(out_of_range("zstd", level, 22));
                }
                let made = zstd::bulk::Compressor::new(level);
                CompressorKind::Zstd(made.map_err(|error| Error::Compress(error.to_string()))?)
            }
            Compression::Gzip { level } => {
                let valid = libdeflater::CompressionLvl::new(level)
                    .ok()
                    .filter(|_| level > 0);
                let valid = valid.ok_or_else(|| out_of_range("gzip", level, 12))?;
                CompressorKind::Gzip(libdeflater::Compressor::new(valid))
            }
            Compression::Lz4 { level: 0 } => {
                CompressorKind::Lz4(lz4::block::CompressionMode::DEFAULT)
            }
            Compression::Lz4 { level } => {
                if !(1..=12).contains(&level) {
                    return Err(out_of_range("lz4", level, 12));
                }
                CompressorKind::Lz4(lz4::block::CompressionMode::HIGHCOMPRESSION(level))
            }
            Compression::Stored => CompressorKind::Stored,
        };
        Ok(Self {
            kind,
            out: Vec::new(),
        })
    }

    /// The block compressed; none if it does not become smaller.
    pub(crate) fn compress(&mut self, block: &[u8]) -> Result<Option<&[u8]>, Error> {
        let out = &mut self.out;
        let mut room = |size_bytes| {
            if out.len() < size_bytes {
                out.resize(size_bytes, 0);
            }
        };
        let failed = |error: &dyn std::fmt::Display| Error::Compress(error.to_string());
        let size_bytes = match &mut self.kind {
            CompressorKind::Zstd(zstd) => {
                room(zstd::zstd_safe::compress_bound(block.len()));
                zstd.compress_to_buffer(block, self.out.as_mut_slice())
                    .map_err(|error| failed(&error))?
            }
            CompressorKind::Gzip(gzip) => {
                room(gzip.zlib_compress_bound(block.len()));
                gzip.zlib_compress(block, &mut self.out)
                    .map_err(|error| failed(&error))?
            }
            CompressorKind::Lz4(mode) => {
                let bound = lz4::block::compress_bound(block.len());
                room(bound.map_err(|error| failed(&error))?);
                lz4::block::compress_to_buffer(block, Some(*mode), false, &mut self.out)
                    .map_err(|error| failed(&error))?
            }
            CompressorKind::Stored => block.len(),
        };
        Ok((size_bytes < block.len()).then(|| &self.out[..size_bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_shrink_is_not_compressed_and_levels_have_bounds() {
        for compression in [
            Compression::Zstd { level: 3 },
            Compression::Gzip { level: 12 },
            Compression::Lz4 { level: 0 },
            Compression::Lz4 { level: 12 },
        ] {
            let mut compressor = Compressor::new(compression).unwrap();
            let shrunk = compressor.compress(&[7; 4096]).unwrap();
            assert!(
                shrunk.is_some_and(|block| block.len() < 100),
                "{compression:?}"
            );
            assert_eq!(compressor.compress(b"x").unwrap(), None, "{compression:?}");
        }
        for (compression, message) in [
            (
                Compression::Zstd { level: 0 },
                "zstd has no level 0 (1 to 22)",
            ),
            (
                Compression::Gzip { level: 13 },
                "gzip has no level 13 (1 to 12)",
            ),
            (
                Compression::Lz4 { level: -1 },
                "lz4 has no level -1 (1 to 12)",
            ),
        ] {
            let error = Compressor::new(compression)
                .err()
                .map(|error| error.to_string());
            assert_eq!(error, Some(format!("cannot make an image: {message}")));
        }
    }
}
