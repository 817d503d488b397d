//! LZO1X decompression, written from the description of the format in the Linux documentation ("LZO stream format as
//! understood by Linux's LZO decompressor").
//!
//! A stream is a sequence of instructions. Each copies a match (bytes that were decoded before) or a run of literals (bytes
//! that stand in the stream), and its last two bits may add up to three literals. What the smallest opcodes mean depends on
//! how many literals the instruction before them ended with.

use super::window::{copy_literals, copy_match};

/// Matches that are farther than this have an instruction of their own; none is at exactly this distance.
const FAR_DISTANCE: usize = 16384;
/// The farthest that the shortest instructions reach.
const NEAR_DISTANCE: usize = 2048;

/// What came directly before an instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Match,
    /// Up to three literals that a match ended with.
    FewLiterals,
    LiteralRun,
}

/// Decompresses into the front of `out` and returns how many bytes that are. None if the stream is damaged or does not fit.
/// What stands in `out` behind them may be overwritten.
pub(super) fn decompress(stored: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut input = Input { bytes: stored };
    let mut at = 0;
    let mut before = Before::Match;
    // The first byte may be a run of literals of another kind.
    if let Some(first @ 18..) = stored.first() {
        input.byte()?;
        let count = usize::from(*first) - 17;
        input.literals(out, &mut at, count)?;
        before = if count < 4 {
            Before::FewLiterals
        } else {
            Before::LiteralRun
        };
    }
    loop {
        let opcode = usize::from(input.byte()?);
        let (distance, size_bytes, literal_count) = match opcode {
            0..16 if before == Before::Match => {
                let count = input.size(opcode, 15)? + 3;
                input.literals(out, &mut at, count)?;
                before = Before::LiteralRun;
                continue;
            }
            0..16 => {
                let distance = usize::from(input.byte()?) << 2 | opcode >> 2;
                if before == Before::LiteralRun {
                    (distance + NEAR_DISTANCE + 1, 3, opcode & 3)
                } else {
                    (distance + 1, 2, opcode & 3)
                }
            }
            16..32 => {
                let size_bytes = input.size(opcode & 7, 7)? + 2;
                let word = input.word()?;
                let distance = (opcode & 8) << 11 | word >> 2;
                if distance == 0 {
                    // The end. Nothing may follow it.
                    return input.bytes.is_empty().then_some(at);
                }
                (distance + FAR_DISTANCE, size_bytes, word & 3)
            }
            32..64 => {
                let size_bytes = input.size(opcode & 31, 31)? + 2;
                let word = input.word()?;
                ((word >> 2) + 1, size_bytes, word & 3)
            }
            _ => {
                let distance = usize::from(input.byte()?) << 3 | opcode >> 2 & 7;
                (distance + 1, (opcode >> 5) + 1, opcode & 3)
            }
        };
        copy_match(out, at, distance, size_bytes)?;
        at += size_bytes;
        before = Before::Match;
        if literal_count > 0 {
            input.literals(out, &mut at, literal_count)?;
            before = Before::FewLiterals;
        }
    }
}

/// What is left of the stream.
struct Input<'a> {
    bytes: &'a [u8],
}

impl Input<'_> {
    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    #[inline]
    fn word(&mut self) -> Option<usize> {
        let (word, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u16::from_le_bytes(*word).into())
    }

    /// A size of which the opcode holds `low`. Zero there says that it is larger than `most`: 255 more for each zero byte
    /// that follows, and then the value of the byte behind them.
    #[inline]
    fn size(&mut self, low: usize, most: usize) -> Option<usize> {
        if low > 0 {
            return Some(low);
        }
        let mut size = most;
        loop {
            match self.byte()? {
                0 => size += 255,
                last => return Some(size + usize::from(last)),
            }
        }
    }

    #[inline]
    fn literals(&mut self, out: &mut [u8], at: &mut usize, count: usize) -> Option<()> {
        copy_literals(out, *at, self.bytes, count)?;
        self.bytes = self.bytes.get(count..)?;
        *at += count;
        Some(())
    }
}
