//! The filter for x86 code that may stand before LZMA2: it makes the targets of calls and jumps absolute, so that calls of
//! the same function look the same. After the description in XZ Utils' `simple/x86.c` and Linux's `xz_dec_bcj.c`.

/// Whether an address may be converted, and how many bytes back the doubtful byte lies, by which of the three bytes before
/// an opcode were opcodes themselves.
const CONVERTIBLE: [bool; 8] = [true, true, true, false, true, false, false, false];
const DOUBTFUL_BYTE: [usize; 8] = [0, 1, 2, 2, 3, 3, 3, 3];

/// Undoes the filter in place. `start` is the address of the first byte.
pub(super) fn unfilter(code: &mut [u8], start: u32) {
    const OPERAND_SIZE_BYTES: usize = 4;
    let mut at = 0;
    // Which of the last three bytes were opcodes whose operands were left alone, the last in bit 0.
    let mut opcodes = 0;
    // Where the last opcode was; an opcode far away matters to nobody.
    let mut last: Option<usize> = None;
    while at + OPERAND_SIZE_BYTES < code.len() {
        // Call and jump.
        if code[at] & 0xfe != 0xe8 {
            at += 1;
            continue;
        }
        let distance = last.map_or(usize::MAX, |last| at - last);
        last = Some(at);
        opcodes = if distance > 3 {
            0
        } else {
            opcodes << (distance - 1) & 7
        };
        let doubtful = code[at + OPERAND_SIZE_BYTES - DOUBTFUL_BYTE[opcodes]];
        if opcodes != 0 && (!CONVERTIBLE[opcodes] || is_sign(doubtful)) || !is_sign(code[at + 4]) {
            opcodes = opcodes << 1 | 1;
            at += 1;
            continue;
        }
        let Some(operand) = code[at + 1..].first_chunk_mut::<OPERAND_SIZE_BYTES>() else {
            return;
        };
        let next = start.wrapping_add(at as u32 + 5);
        let mut target = u32::from_le_bytes(*operand).wrapping_sub(next);
        if opcodes != 0 {
            let shift = 8 * DOUBTFUL_BYTE[opcodes] as u32;
            // Once at most: the doubtful byte was no sign before.
            if is_sign((target >> (24 - shift)) as u8) {
                target = (target ^ ((1 << (32 - shift)) - 1)).wrapping_sub(next);
            }
        }
        // The highest byte repeats bit 24.
        target &= 0x01ff_ffff;
        target |= 0_u32.wrapping_sub(target & 0x0100_0000);
        *operand = target.to_le_bytes();
        at += 1 + OPERAND_SIZE_BYTES;
    }
}

/// Whether a byte can be the highest of a 25-bit number with sign.
fn is_sign(byte: u8) -> bool {
    byte == 0 || byte == 0xff
}
