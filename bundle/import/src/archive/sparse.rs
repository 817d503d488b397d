//! Sparse files: where in a file its stored bytes belong. GNU tar has written that in four ways.

use super::header::{BLOCK_SIZE_BYTES, Header, sparse_pairs};
use super::pax::decimal;
use crate::error::LayerError;

/// So many pieces of one sparse file are accepted: 16 MiB of memory.
const EXTENT_COUNT_MAX: usize = 1 << 20;
const DAMAGED: LayerError = LayerError::Damaged("a sparse file's map is not possible");
const TOO_MANY: LayerError = LayerError::Damaged("a sparse file has more than a million pieces");

/// A piece of a file that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) size_bytes: u64,
}

/// A sparse file: its size and its pieces.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) size_bytes: u64,
    pub(super) extents: Vec<Extent>,
}

/// What PAX records say of a sparse file.
#[derive(Debug, Default)]
pub(super) struct Records {
    major: Option<u64>,
    minor: Option<u64>,
    /// The file's path: the header's is one made up for archivers that know nothing of sparse files.
    pub(super) name: Option<Vec<u8>>,
    size_bytes: Option<u64>,
    /// Offsets and sizes in turn.
    map: Vec<u64>,
}

impl Records {
    /// Takes a record, of which `key` is what follows `GNU.sparse.`.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), LayerError> {
        match key {
            b"major" => self.major = Some(decimal(value)?),
            b"minor" => self.minor = Some(decimal(value)?),
            b"name" if value.contains(&0) => return Err(DAMAGED),
            b"name" => self.name = (!value.is_empty()).then(|| value.to_vec()),
            b"size" | b"realsize" => self.size_bytes = Some(decimal(value)?),
            // Version 0.0 has a pair of records for each piece, version 0.1 all in one.
            b"offset" if self.map.len().is_multiple_of(2) => self.map.push(decimal(value)?),
            b"numbytes" if !self.map.len().is_multiple_of(2) => self.map.push(decimal(value)?),
            b"offset" | b"numbytes" => return Err(DAMAGED),
            b"map" if value.is_empty() => self.map.clear(),
            b"map" => {
                let numbers = value.split(|byte| *byte == b',');
                self.map = numbers.map(decimal).collect::<Result<_, _>>()?;
            }
            _ => {}
        }
        if self.map.len() > 2 * EXTENT_COUNT_MAX {
            return Err(TOO_MANY);
        }
        Ok(())
    }

    /// Whether the map stands before the contents.
    pub(super) fn is_version_1(&self) -> bool {
        self.major == Some(1)
    }

    fn is_sparse(&self) -> bool {
        self.major.is_some() || self.size_bytes.is_some() || !self.map.is_empty()
    }
}

/// The map in the records themselves: versions 0.0 and 0.1. None if the file is not sparse.
pub(super) fn from_records(records: &Records) -> Result<Option<Map>, LayerError> {
    if !records.is_sparse() {
        return Ok(None);
    }
    if records.major.unwrap_or(0) != 0 || !records.map.len().is_multiple_of(2) {
        return Err(DAMAGED);
    }
    let extents = records.map.chunks_exact(2).map(|pair| Extent {
        start: pair[0],
        size_bytes: pair[1],
    });
    Ok(Some(Map {
        size_bytes: records.size_bytes.ok_or(DAMAGED)?,
        extents: extents.collect(),
    }))
}

/// The map before the contents: version 1.0. The numbers stand one a line, their count first, and fill whole blocks.
pub(super) fn version_1(
    records: &Records,
    mut next_block: impl FnMut() -> Result<[u8; BLOCK_SIZE_BYTES], LayerError>,
) -> Result<Map, LayerError> {
    if records.minor != Some(0) {
        return Err(DAMAGED);
    }
    let mut block = next_block()?;
    let mut position = 0;
    let mut next_number = || {
        let mut digits = Vec::new();
        loop {
            if position == BLOCK_SIZE_BYTES {
                block = next_block()?;
                position = 0;
            }
            let byte = block[position];
            position += 1;
            if byte == b'\n' {
                return decimal(&digits);
            }
            if digits.len() == 20 {
                return Err(DAMAGED);
            }
            digits.push(byte);
        }
    };
    let count = next_number()?;
    if count > EXTENT_COUNT_MAX as u64 {
        return Err(TOO_MANY);
    }
    let mut extents = Vec::new();
    for _ in 0..count {
        extents.push(Extent {
            start: next_number()?,
            size_bytes: next_number()?,
        });
    }
    Ok(Map {
        size_bytes: records.size_bytes.ok_or(DAMAGED)?,
        extents,
    })
}

/// The old GNU format's map: four pieces in the header, more in blocks that follow it.
pub(super) fn old_gnu(
    header: &Header,
    mut next_block: impl FnMut() -> Result<[u8; BLOCK_SIZE_BYTES], LayerError>,
) -> Result<Map, LayerError> {
    let (size_bytes, mut pairs, mut is_continued) = header.sparse()?;
    while is_continued {
        let block = next_block()?;
        pairs.extend(sparse_pairs(&block[..504])?);
        is_continued = block[504] != 0;
        if pairs.len() > EXTENT_COUNT_MAX {
            return Err(TOO_MANY);
        }
    }
    let extents = pairs
        .into_iter()
        .map(|(start, size_bytes)| Extent { start, size_bytes });
    Ok(Map {
        size_bytes,
        extents: extents.collect(),
    })
}

/// Checks that the pieces stand in order, within the file, and are what is stored.
pub(super) fn check(map: &Map, stored_bytes: u64) -> Result<(), LayerError> {
    let mut end = 0_u64;
    let mut sum_bytes = 0;
    for extent in &map.extents {
        if extent.start < end {
            return Err(DAMAGED);
        }
        end = extent.start.checked_add(extent.size_bytes).ok_or(DAMAGED)?;
        // No overflow: the pieces do not overlap.
        sum_bytes += extent.size_bytes;
    }
    if end > map.size_bytes || sum_bytes != stored_bytes {
        return Err(DAMAGED);
    }
    Ok(())
}
