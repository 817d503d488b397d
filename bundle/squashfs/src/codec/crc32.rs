//! The CRC-32 of Ethernet, gzip and xz.

/// Bytes that are taken at once.
const SLICE_SIZE_BYTES: usize = 4;

/// What each byte value does to the checksum when 0 to 3 bytes follow it.
static TABLES: [[u32; 256]; SLICE_SIZE_BYTES] = tables();

const fn tables() -> [[u32; 256]; SLICE_SIZE_BYTES] {
    let mut tables = [[0; 256]; SLICE_SIZE_BYTES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut following = 0;
        while following < SLICE_SIZE_BYTES {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 0 {
                    crc >> 1
                } else {
                    crc >> 1 ^ 0xedb8_8320
                };
                bit += 1;
            }
            tables[following][byte] = crc;
            following += 1;
        }
        byte += 1;
    }
    tables
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let (slices, rest) = bytes.as_chunks::<SLICE_SIZE_BYTES>();
    let mut crc = u32::MAX;
    for slice in slices {
        let mut word = u32::from_le_bytes(*slice) ^ crc;
        crc = 0;
        for table in TABLES.iter().rev() {
            crc ^= table[(word & 0xff) as usize];
            word >>= 8;
        }
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_check_value() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(&b"123456789".repeat(3)), {
            // Bit by bit.
            let crc = b"123456789".repeat(3).iter().fold(u32::MAX, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                    (crc >> 1) ^ ((crc & 1) * 0xedb8_8320)
                })
            });
            !crc
        });
    }
}
