//! LZMA2 decompression of a block as a whole: the output is the dictionary, so nothing is copied and no memory depends on
//! the stream.
//!
//! LZMA codes bits with adaptive probabilities ([`RangeDecoder`]). Its symbols are literals and matches, each with
//! probabilities of its own, chosen by what came before. LZMA2 is a sequence of chunks of LZMA, or of plain bytes. The names
//! here are those of Igor Pavlov's LZMA specification.

use super::window::{copy_literals, copy_match};

const STATE_COUNT: usize = 12;
/// States below this one mean that the last symbol was a literal.
const FIRST_MATCH_STATE: usize = 7;
const POSITION_STATE_COUNT: usize = 16;
const LENGTH_MINIMUM: usize = 2;
/// An even chance.
const EVEN: u16 = 1 << 10;

/// A decoder's memory, at most 28 KB.
pub(super) struct Lzma2 {
    probabilities: Box<Probabilities>,
    properties: Properties,
    history: History,
}

impl Default for Lzma2 {
    fn default() -> Self {
        Self {
            probabilities: Box::new(Probabilities::UNSET),
            properties: Properties::default(),
            history: History::default(),
        }
    }
}

/// How many bits of the position and of the last byte choose the probabilities of a symbol.
#[derive(Clone, Copy, Default)]
struct Properties {
    literal_context_bits: u32,
    literal_position_mask: usize,
    position_mask: usize,
}

/// What the next symbol depends on.
#[derive(Clone, Copy, Default)]
struct History {
    state: usize,
    /// The last four distances, less one.
    distances: [u32; 4],
}

impl Lzma2 {
    /// Decompresses into the front of `out`. Returns how many bytes of `stored` were read and how many of `out` were
    /// written; none if the stream is damaged or does not fit. What stands in `out` behind them may be overwritten.
    pub(super) fn decompress(&mut self, stored: &[u8], out: &mut [u8]) -> Option<(usize, usize)> {
        let mut input = stored;
        let mut at = 0;
        // A stream begins with all resets.
        let (mut need_dictionary, mut need_properties, mut need_state) = (true, true, true);
        let mut dictionary_start = 0;
        loop {
            let control = take::<1>(&mut input)?[0];
            match control {
                0 => return Some((stored.len() - input.len(), at)),
                1 => (need_dictionary, dictionary_start) = (false, at),
                0xe0.. => {
                    (need_dictionary, dictionary_start) = (false, at);
                    (need_properties, need_state) = (false, false);
                }
                0xc0.. => (need_properties, need_state) = (false, false),
                0xa0.. => need_state = false,
                2 | 0x80.. => {}
                _ => return None,
            }
            if need_dictionary {
                return None;
            }
            let size_low = usize::from(u16::from_be_bytes(take(&mut input)?));
            if control < 0x80 {
                let size_bytes = size_low + 1;
                copy_literals(out, at, input, size_bytes)?;
                input = input.get(size_bytes..)?;
                at += size_bytes;
                continue;
            }
            if need_properties {
                return None;
            }
            let size_bytes = (usize::from(control & 0x1f) << 16 | size_low) + 1;
            let stored_size_bytes = usize::from(u16::from_be_bytes(take(&mut input)?)) + 1;
            if control >= 0xc0 {
                self.properties = Properties::parse(take::<1>(&mut input)?[0])?;
            }
            if need_state {
                return None;
            }
            if control >= 0xa0 {
                self.reset();
            }
            let chunk;
            (chunk, input) = input.split_at_checked(stored_size_bytes)?;
            let end = at.checked_add(size_bytes)?;
            self.chunk(
                chunk,
                out.get_mut(dictionary_start..end)?,
                at - dictionary_start,
            )?;
            at = end;
        }
    }

    fn reset(&mut self) {
        self.history = History::default();
        self.probabilities.reset(self.properties.literal_contexts());
    }

    /// Decodes one chunk, which fills `out` from `at` on.
    fn chunk(&mut self, stored: &[u8], out: &mut [u8], mut at: usize) -> Option<()> {
        let mut coder = RangeDecoder::new(stored)?;
        let probabilities = &mut *self.probabilities;
        let properties = self.properties;
        let mut state = self.history.state;
        let mut distances = self.history.distances;
        while at < out.len() {
            let position_state = at & properties.position_mask;
            if coder.bit(&mut probabilities.is_match[state][position_state]) == 0 {
                let last = if at > 0 { out[at - 1] } else { 0 };
                let context = properties.literal_context(at, last);
                let literal = &mut probabilities.literals[context];
                out[at] = if state < FIRST_MATCH_STATE {
                    coder.literal(literal)
                } else {
                    let matched = out[at.checked_sub(distances[0] as usize + 1)?];
                    coder.literal_after_match(literal, matched)
                };
                at += 1;
                state = match state {
                    0..4 => 0,
                    4..10 => state - 3,
                    _ => state - 6,
                };
                continue;
            }
            let after_literal = state < FIRST_MATCH_STATE;
            let length;
            if coder.bit(&mut probabilities.is_repeated[state]) == 0 {
                length = coder.length(&mut probabilities.match_length, position_state);
                let distance = coder.distance(&mut probabilities.distance, length);
                distances = [distance, distances[0], distances[1], distances[2]];
                state = if after_literal { 7 } else { 10 };
            } else {
                let [first, second, third] = &mut probabilities.which_repeated[state];
                if coder.bit(first) == 0 {
                    let is_long = &mut probabilities.is_repeated_long[state][position_state];
                    if coder.bit(is_long) == 0 {
                        copy_match(out, at, distances[0] as usize + 1, 1)?;
                        at += 1;
                        state = if after_literal { 9 } else { 11 };
                        continue;
                    }
                } else if coder.bit(second) == 0 {
                    distances.swap(0, 1);
                } else if coder.bit(third) == 0 {
                    distances[..3].rotate_right(1);
                } else {
                    distances.rotate_right(1);
                }
                length = coder.length(&mut probabilities.repeated_length, position_state);
                state = if after_literal { 8 } else { 11 };
            }
            copy_match(out, at, distances[0] as usize + 1, length)?;
            at += length;
        }
        self.history = History { state, distances };
        coder.is_finished().then_some(())
    }
}

impl Properties {
    fn parse(byte: u8) -> Option<Self> {
        let literal_context_bits = u32::from(byte % 9);
        let literal_position_bits = u32::from(byte / 9 % 5);
        let position_bits = u32::from(byte / 45);
        // LZMA2 allows less than LZMA does.
        if position_bits > 4 || literal_context_bits + literal_position_bits > 4 {
            return None;
        }
        Some(Self {
            literal_context_bits,
            literal_position_mask: (1 << literal_position_bits) - 1,
            position_mask: (1 << position_bits) - 1,
        })
    }

    /// How many literal contexts there are, 16 at most.
    fn literal_contexts(self) -> usize {
        (self.literal_position_mask + 1) << self.literal_context_bits
    }

    #[inline]
    fn literal_context(self, position: usize, last: u8) -> usize {
        let low = (position & self.literal_position_mask) << self.literal_context_bits;
        let high = usize::from(last) >> (8 - self.literal_context_bits);
        low | high
    }
}

type Literal = [u16; 0x300];

/// All probabilities: of a bit's being zero, in units of 1/2048.
struct Probabilities {
    is_match: [[u16; POSITION_STATE_COUNT]; STATE_COUNT],
    is_repeated: [u16; STATE_COUNT],
    which_repeated: [[u16; 3]; STATE_COUNT],
    is_repeated_long: [[u16; POSITION_STATE_COUNT]; STATE_COUNT],
    match_length: Length,
    repeated_length: Length,
    distance: Distance,
    /// One for each literal context.
    literals: Vec<Literal>,
}

struct Length {
    is_above_low: u16,
    is_above_middle: u16,
    low: [[u16; 8]; POSITION_STATE_COUNT],
    middle: [[u16; 8]; POSITION_STATE_COUNT],
    high: [u16; 256],
}

struct Distance {
    /// The number of bits of the distance and its two upper bits, for lengths 2, 3, 4 and more.
    slot: [[u16; 64]; 4],
    /// The lower bits of distances of slots 4 to 13.
    near: [u16; 128],
    /// The lowest four bits of farther ones.
    align: [u16; 16],
}

impl Probabilities {
    const UNSET: Self = Self {
        is_match: [[0; POSITION_STATE_COUNT]; STATE_COUNT],
        is_repeated: [0; STATE_COUNT],
        which_repeated: [[0; 3]; STATE_COUNT],
        is_repeated_long: [[0; POSITION_STATE_COUNT]; STATE_COUNT],
        match_length: Length::UNSET,
        repeated_length: Length::UNSET,
        distance: Distance::UNSET,
        literals: Vec::new(),
    };

    /// Makes all chances even.
    fn reset(&mut self, literal_contexts: usize) {
        self.is_match.as_flattened_mut().fill(EVEN);
        self.is_repeated.fill(EVEN);
        self.which_repeated.as_flattened_mut().fill(EVEN);
        self.is_repeated_long.as_flattened_mut().fill(EVEN);
        self.match_length.reset();
        self.repeated_length.reset();
        self.distance.reset();
        self.literals.clear();
        self.literals.resize(literal_contexts, [EVEN; 0x300]);
    }
}

impl Length {
    const UNSET: Self = Self {
        is_above_low: 0,
        is_above_middle: 0,
        low: [[0; 8]; POSITION_STATE_COUNT],
        middle: [[0; 8]; POSITION_STATE_COUNT],
        high: [0; 256],
    };

    fn reset(&mut self) {
        self.is_above_low = EVEN;
        self.is_above_middle = EVEN;
        self.low.as_flattened_mut().fill(EVEN);
        self.middle.as_flattened_mut().fill(EVEN);
        self.high.fill(EVEN);
    }
}

impl Distance {
    const UNSET: Self = Self {
        slot: [[0; 64]; 4],
        near: [0; 128],
        align: [0; 16],
    };

    fn reset(&mut self) {
        self.slot.as_flattened_mut().fill(EVEN);
        self.near.fill(EVEN);
        self.align.fill(EVEN);
    }
}

/// Decodes bits. Where the input ends too early it goes on with zeros, which [`RangeDecoder::is_finished`] then tells.
struct RangeDecoder<'a> {
    input: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
}

impl<'a> RangeDecoder<'a> {
    fn new(stored: &'a [u8]) -> Option<Self> {
        let (head, input) = stored.split_first_chunk::<5>()?;
        let [0, code @ ..] = *head else { return None };
        Some(Self {
            input,
            at: 0,
            range: u32::MAX,
            code: u32::from_be_bytes(code),
        })
    }

    /// Whether the input was read to its end and no farther. The coder leaves nothing over.
    fn is_finished(&mut self) -> bool {
        self.normalize();
        self.at == self.input.len() && self.code == 0
    }

    #[inline]
    fn normalize(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            let byte = self.input.get(self.at).copied().unwrap_or(0);
            self.code = self.code << 8 | u32::from(byte);
            self.at += 1;
        }
    }

    #[inline]
    fn bit(&mut self, probability: &mut u16) -> usize {
        self.normalize();
        let bound = (self.range >> 11) * u32::from(*probability);
        if self.code < bound {
            self.range = bound;
            *probability += (2048 - *probability) >> 5;
            0
        } else {
            self.range -= bound;
            self.code -= bound;
            *probability -= *probability >> 5;
            1
        }
    }

    /// The lowest bits of a number, all equally likely.
    #[inline]
    fn direct_bits(&mut self, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            self.normalize();
            self.range >>= 1;
            let is_one = self.code >= self.range;
            if is_one {
                self.code -= self.range;
            }
            value = value << 1 | u32::from(is_one);
        }
        value
    }

    /// A number of as many bits as the tree is deep, the highest first.
    #[inline]
    fn tree<const SIZE: usize>(&mut self, tree: &mut [u16; SIZE]) -> usize {
        let mut node = 1;
        while node < SIZE {
            node = node << 1 | self.bit(&mut tree[node]);
        }
        node - SIZE
    }

    /// A number of `count` bits, the lowest first, from the part of `tree` whose nodes begin behind `base`.
    #[inline]
    fn reverse_tree(&mut self, tree: &mut [u16], base: usize, count: u32) -> u32 {
        let mut node = 1;
        let mut value = 0;
        for shift in 0..count {
            let bit = self.bit(&mut tree[base + node]);
            node = node << 1 | bit;
            value |= (bit as u32) << shift;
        }
        value
    }

    #[inline]
    fn literal(&mut self, literal: &mut Literal) -> u8 {
        let mut node = 1;
        while node < 0x100 {
            node = node << 1 | self.bit(&mut literal[node]);
        }
        node as u8
    }

    /// A literal whose probabilities depend on the byte that a match would have put there, as long as both agree.
    #[inline]
    fn literal_after_match(&mut self, literal: &mut Literal, matched: u8) -> u8 {
        let mut matched = usize::from(matched) << 1;
        let mut offset = 0x100;
        let mut node = 1;
        while node < 0x100 {
            let matched_bit = matched & offset;
            let bit = self.bit(&mut literal[offset + matched_bit + node]);
            node = node << 1 | bit;
            offset &= if bit == 0 { !matched_bit } else { matched_bit };
            matched <<= 1;
        }
        node as u8
    }

    #[inline]
    fn length(&mut self, length: &mut Length, position_state: usize) -> usize {
        let above_minimum = if self.bit(&mut length.is_above_low) == 0 {
            self.tree(&mut length.low[position_state])
        } else if self.bit(&mut length.is_above_middle) == 0 {
            8 + self.tree(&mut length.middle[position_state])
        } else {
            16 + self.tree(&mut length.high)
        };
        LENGTH_MINIMUM + above_minimum
    }

    /// A distance less one.
    #[inline]
    fn distance(&mut self, distance: &mut Distance, length: usize) -> u32 {
        let slot = self.tree(&mut distance.slot[(length - LENGTH_MINIMUM).min(3)]) as u32;
        if slot < 4 {
            return slot;
        }
        let bit_count = (slot >> 1) - 1;
        let high = (2 | slot & 1) << bit_count;
        if slot < 14 {
            let base = (high - slot) as usize;
            return high + self.reverse_tree(&mut distance.near, base, bit_count);
        }
        let middle = self.direct_bits(bit_count - 4) << 4;
        high + middle + self.reverse_tree(&mut distance.align, 0, 4)
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}
