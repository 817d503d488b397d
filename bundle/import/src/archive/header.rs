//! A tar header: one block of text fields.

use crate::error::LayerError;

pub(super) const BLOCK_SIZE_BYTES: usize = 512;

/// A block whose checksum holds.
pub(super) struct Header([u8; BLOCK_SIZE_BYTES]);

/// What a header's magic says of the fields behind it.
#[derive(PartialEq, Eq)]
enum Dialect {
    /// No magic: names and numbers only.
    V7,
    Ustar,
    /// Ustar as the archiver star wrote it, with a shorter prefix.
    Star,
    Gnu,
}

impl Header {
    pub(super) fn new(block: [u8; BLOCK_SIZE_BYTES]) -> Result<Self, LayerError> {
        const DAMAGED: LayerError = LayerError::Damaged("a header's checksum is wrong");
        let header = Self(block);
        let stated = header.number(148, 8).map_err(|_| DAMAGED)?;
        let with_blanks = |index: usize, byte: u8| {
            if (148..156).contains(&index) {
                b' '
            } else {
                byte
            }
        };
        let bytes = header.0.iter().enumerate();
        let unsigned: i64 = bytes
            .clone()
            .map(|(index, byte)| i64::from(with_blanks(index, *byte)))
            .sum();
        // Some old writers took bytes for signed.
        let signed: i64 = bytes
            .map(|(index, byte)| i64::from(with_blanks(index, *byte).cast_signed()))
            .sum();
        if stated == unsigned || stated == signed {
            Ok(header)
        } else {
            Err(DAMAGED)
        }
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = match self.dialect() {
            Dialect::Ustar => self.text(345, 155),
            Dialect::Star => self.text(345, 131),
            Dialect::V7 | Dialect::Gnu => &[],
        };
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        self.text(157, 100).to_vec()
    }

    /// Permissions with set-user-id, set-group-id and sticky.
    pub(super) fn mode(&self) -> Result<u16, LayerError> {
        Ok((self.number(100, 8)? & 0o7777) as u16)
    }

    pub(super) fn uid(&self) -> Result<u32, LayerError> {
        owner(self.number(108, 8)?)
    }

    pub(super) fn gid(&self) -> Result<u32, LayerError> {
        owner(self.number(116, 8)?)
    }

    pub(super) fn size_bytes(&self) -> Result<u64, LayerError> {
        u64::try_from(self.number(124, 12)?)
            .map_err(|_| LayerError::Damaged("an entry's size is not possible"))
    }

    pub(super) fn mtime_s(&self) -> Result<u32, LayerError> {
        Ok(clamp_time(self.number(136, 12)?))
    }

    /// A device's major and minor number; zeros where the dialect has none.
    pub(super) fn device(&self) -> Result<(u32, u32), LayerError> {
        if self.dialect() == Dialect::V7 || !matches!(self.type_flag(), b'3' | b'4') {
            return Ok((0, 0));
        }
        let number = |start| {
            u32::try_from(self.number(start, 8)?)
                .map_err(|_| LayerError::Damaged("a device's number is not possible"))
        };
        Ok((number(329)?, number(337)?))
    }

    /// The old GNU format's map of a sparse file: the file's size, pairs of offset and size, and whether more blocks of them follow.
    pub(super) fn sparse(&self) -> Result<(u64, Vec<(u64, u64)>, bool), LayerError> {
        if self.dialect() != Dialect::Gnu {
            return Err(LayerError::Damaged("a sparse file's header is not GNU's"));
        }
        let size_bytes = sparse_number(&self.0[483..495])?;
        Ok((
            size_bytes,
            sparse_pairs(&self.0[386..482])?,
            self.0[482] != 0,
        ))
    }

    fn dialect(&self) -> Dialect {
        match (&self.0[257..263], &self.0[263..265], &self.0[508..512]) {
            (b"ustar\0", _, b"tar\0") => Dialect::Star,
            (b"ustar\0", _, _) => Dialect::Ustar,
            (b"ustar ", b" \0", _) => Dialect::Gnu,
            _ => Dialect::V7,
        }
    }

    fn text(&self, start: usize, size: usize) -> &[u8] {
        let field = &self.0[start..start + size];
        let end = field.iter().position(|byte| *byte == 0);
        &field[..end.unwrap_or(size)]
    }

    fn number(&self, start: usize, size: usize) -> Result<i64, LayerError> {
        number(&self.0[start..start + size])
    }
}

/// Pairs of offset and size, up to the first that is empty.
pub(super) fn sparse_pairs(bytes: &[u8]) -> Result<Vec<(u64, u64)>, LayerError> {
    bytes
        .chunks_exact(24)
        .take_while(|pair| pair[0] != 0)
        .map(|pair| Ok((sparse_number(&pair[..12])?, sparse_number(&pair[12..])?)))
        .collect()
}

fn sparse_number(field: &[u8]) -> Result<u64, LayerError> {
    u64::try_from(number(field)?)
        .map_err(|_| LayerError::Damaged("a sparse file's map is not possible"))
}

/// An owner's number.
pub(super) fn owner(number: i64) -> Result<u32, LayerError> {
    u32::try_from(number).map_err(|_| LayerError::Damaged("an owner's number is not possible"))
}

/// The nearest time that a squashfs image can hold.
pub(super) fn clamp_time(seconds: i64) -> u32 {
    seconds.clamp(0, i64::from(u32::MAX)) as u32
}

/// Octal digits, or a big-endian number where the first bit is set (two's complement in the bits behind it).
fn number(field: &[u8]) -> Result<i64, LayerError> {
    const DAMAGED: LayerError = LayerError::Damaged("a header's number is not possible");
    if field[0] & 0x80 != 0 {
        let is_negative = field[0] & 0x40 != 0;
        let first = if is_negative {
            i128::from(field[0] | 0x80) - 256
        } else {
            i128::from(field[0] & 0x7f)
        };
        // Twelve bytes at most: 95 bits.
        let value = field[1..]
            .iter()
            .fold(first, |value, byte| value * 256 + i128::from(*byte));
        return i64::try_from(value).map_err(|_| DAMAGED);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let Some(start) = field.iter().position(|byte| !is_blank(byte)) else {
        return Ok(0);
    };
    let digits = &field[start..];
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    digits[..end].iter().try_fold(0_i64, |value, digit| {
        if (b'0'..=b'7').contains(digit) {
            Ok(value * 8 + i64::from(digit - b'0'))
        } else {
            Err(DAMAGED)
        }
    })
}
