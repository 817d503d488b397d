//! Copying what was decoded before, which is what all dictionary codecs do.

/// What one step copies: a vector register's worth.
const STEP_SIZE_BYTES: usize = 16;

/// Copies the `size_bytes` that stand `distance` before `at` to `at`, as if byte by byte: a distance smaller than the size
/// repeats. None, without having written, if that reaches before the start or behind the end of `out`. What stands behind
/// the copy may be overwritten.
#[inline]
pub(super) fn copy_match(
    out: &mut [u8],
    at: usize,
    distance: usize,
    size_bytes: usize,
) -> Option<()> {
    let from = at.checked_sub(distance)?;
    let end = at.checked_add(size_bytes)?;
    if end > out.len() || distance == 0 {
        return None;
    }
    if distance >= STEP_SIZE_BYTES && end + STEP_SIZE_BYTES <= out.len() {
        // Whole steps, the last of which may write behind the end, are faster than exact copies.
        let mut done = 0;
        while done < size_bytes {
            let step: [u8; STEP_SIZE_BYTES] = *out[from + done..].first_chunk()?;
            *out[at + done..].first_chunk_mut()? = step;
            done += STEP_SIZE_BYTES;
        }
    } else if distance >= size_bytes {
        out.copy_within(from..from + size_bytes, at);
    } else if distance == 1 {
        let byte = out[from];
        out[at..end].fill(byte);
    } else {
        for index in at..end {
            out[index] = out[index - distance];
        }
    }
    Some(())
}

/// Copies the first `size_bytes` of `input` to `at`. None if they are not there or have no room. What stands behind the
/// copy may be overwritten.
#[inline]
pub(super) fn copy_literals(
    out: &mut [u8],
    at: usize,
    input: &[u8],
    size_bytes: usize,
) -> Option<()> {
    if size_bytes <= STEP_SIZE_BYTES
        && let (Some(step), Some(place)) = (
            input.first_chunk::<STEP_SIZE_BYTES>(),
            out.get_mut(at..)?.first_chunk_mut(),
        )
    {
        *place = *step;
        return Some(());
    }
    let end = at.checked_add(size_bytes)?;
    out.get_mut(at..end)?
        .copy_from_slice(input.get(..size_bytes)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_copied_as_if_byte_by_byte() {
        for slack in [0, 1, 15, 16, 40] {
            for distance in 1..40 {
                for size_bytes in 0..70 {
                    let at = 40;
                    let mut out: Vec<u8> = (0..at + size_bytes + slack).map(|n| n as u8).collect();
                    let mut expected = out.clone();
                    for index in at..at + size_bytes {
                        expected[index] = expected[index - distance];
                    }
                    copy_match(&mut out, at, distance, size_bytes).unwrap();
                    assert_eq!(out[..at + size_bytes], expected[..at + size_bytes]);
                }
            }
        }
    }

    #[test]
    fn nothing_is_copied_from_or_to_outside() {
        let mut out = [0; 64];
        assert_eq!(copy_match(&mut out, 10, 11, 1), None);
        assert_eq!(copy_match(&mut out, 10, 0, 1), None);
        assert_eq!(copy_match(&mut out, 10, 5, 55), None);
        assert_eq!(copy_match(&mut out, 65, 5, 0), None);
        assert_eq!(copy_match(&mut out, usize::MAX, 5, 5), None);
        assert_eq!(copy_literals(&mut out, 60, &[0; 20], 5), None);
        assert_eq!(copy_literals(&mut out, 65, &[0; 20], 0), None);
        assert_eq!(copy_literals(&mut out, 0, &[0; 20], 21), None);
        assert_eq!(copy_literals(&mut out, 60, &[1; 20], 4), Some(()));
        assert_eq!(out[59..], [0, 1, 1, 1, 1]);
    }
}
