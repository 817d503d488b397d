//! The xz container as mksquashfs writes it: one stream of one block, with a CRC-32, LZMA2 and, if asked for, the filter for
//! x86 code in front of it. See "The .xz File Format" of the XZ Utils project.

use super::DecodeError;
use super::crc32::crc32;
use super::lzma2::Lzma2;
use super::x86::unfilter;

const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
const CHECK_NONE: u8 = 0;
const CHECK_CRC32: u8 = 1;
const FILTER_X86: u64 = 4;
const FILTER_LZMA2: u64 = 0x21;

/// Decompresses into the front of `out` and returns how many bytes that are. What stands in `out` behind them may be
/// overwritten. The index and the footer, which repeat the sizes, are not read.
pub(super) fn decompress(
    stored: &[u8],
    out: &mut [u8],
    lzma2: &mut Lzma2,
) -> Result<usize, DecodeError> {
    let (header, rest) = stored
        .split_first_chunk::<12>()
        .ok_or(DecodeError::Damaged)?;
    let [m0, m1, m2, m3, m4, m5, 0, check, crc @ ..] = *header else {
        return Err(DecodeError::Damaged);
    };
    if [m0, m1, m2, m3, m4, m5] != MAGIC || crc32(&[0, check]) != u32::from_le_bytes(crc) {
        return Err(DecodeError::Damaged);
    }
    if check != CHECK_NONE && check != CHECK_CRC32 {
        return Err(DecodeError::Unsupported(
            "xz with another check than CRC-32",
        ));
    }
    let (x86_start, rest) = block_header(rest)?;
    let (read, size_bytes) = lzma2.decompress(rest, out).ok_or(DecodeError::Damaged)?;
    let out = &mut out[..size_bytes];
    if let Some(start) = x86_start {
        unfilter(out, start);
    }
    if check == CHECK_CRC32 {
        // Zeros fill up the block to a multiple of four bytes.
        let at = (stored.len() - rest.len() + read).next_multiple_of(4);
        let stated = stored.get(at..).and_then(<[u8]>::first_chunk);
        let stated = u32::from_le_bytes(*stated.ok_or(DecodeError::Damaged)?);
        if stated != crc32(out) {
            return Err(DecodeError::Damaged);
        }
    }
    Ok(size_bytes)
}

/// Reads the block's header, which begins at the first byte of `rest`. Returns the start offset of the x86 filter, if that
/// is used, and what follows the header.
fn block_header(rest: &[u8]) -> Result<(Option<u32>, &[u8]), DecodeError> {
    let size_byte = rest.first().copied().ok_or(DecodeError::Damaged)?;
    let (header, rest) = rest
        .split_at_checked((usize::from(size_byte) + 1) * 4)
        .ok_or(DecodeError::Damaged)?;
    let (header, crc) = header.split_last_chunk().ok_or(DecodeError::Damaged)?;
    // A size of zero would be the index: a stream without a block.
    if size_byte == 0 || crc32(header) != u32::from_le_bytes(*crc) {
        return Err(DecodeError::Damaged);
    }
    let x86_start = filters(&header[1..]).ok_or(DecodeError::Damaged)??;
    Ok((x86_start, rest))
}

/// None if the header ends too early.
fn filters(mut header: &[u8]) -> Option<Result<Option<u32>, DecodeError>> {
    let (flags, rest) = header.split_first()?;
    header = rest;
    // Both sizes are known from elsewhere.
    for is_there in [flags & 0x40, flags & 0x80] {
        if is_there != 0 {
            number(&mut header)?;
        }
    }
    let filter_count = (flags & 3) + 1;
    let mut x86_start = None;
    for index in 0..filter_count {
        let id = number(&mut header)?;
        let size_bytes = usize::try_from(number(&mut header)?).ok()?;
        let properties;
        (properties, header) = header.split_at_checked(size_bytes)?;
        match id {
            // The size of the dictionary, its property, is at most the block's, which is there as a whole.
            FILTER_LZMA2 if index + 1 == filter_count => {}
            FILTER_X86 if index + 1 < filter_count && x86_start.is_none() => {
                let start = properties
                    .first_chunk()
                    .map_or(0, |start| u32::from_le_bytes(*start));
                x86_start = Some(start);
            }
            _ => {
                return Some(Err(DecodeError::Unsupported(
                    "xz with other filters than that for x86 code",
                )));
            }
        }
    }
    Some(Ok(x86_start))
}

/// A number in pieces of seven bits, the lowest first.
fn number(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
