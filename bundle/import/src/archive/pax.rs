//! PAX records: `LENGTH KEY=VALUE` lines in an entry of their own, which say of the next entry what its header cannot.

use std::collections::BTreeMap;

use ct_codecs::{Base64NoPadding, Decoder};

use super::header::{clamp_time, owner};
use super::sparse;
use crate::error::LayerError;

/// Attributes that say how the layers' host laid them over each other, which mean nothing in an image and something else on
/// a host that mounts it.
const OVERLAY_XATTRS: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// What the records say, as far as it is known here.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size_bytes: Option<u64>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime_s: Option<u32>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: sparse::Records,
}

const DAMAGED: LayerError = LayerError::Damaged("an extended header cannot be parsed");

/// Parses all records. A later one of the same key counts; an empty value takes back what was said.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Records, LayerError> {
    let mut records = Records::default();
    let mut encoded_xattrs = BTreeMap::new();
    while !bytes.is_empty() {
        let (record, rest) = split_record(bytes)?;
        bytes = rest;
        let equals = record.iter().position(|byte| *byte == b'=');
        let (key, value) = record.split_at(equals.ok_or(DAMAGED)?);
        let value = &value[1..];
        if key.is_empty() || key.contains(&0) {
            return Err(DAMAGED);
        }
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            records.xattrs.insert(name.to_vec(), value.to_vec());
        } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
            encoded_xattrs.insert(from_percent(name), from_base64(value)?);
        } else if let Some(name) = key.strip_prefix(b"GNU.sparse.") {
            records.sparse.take(name, value)?;
        } else {
            plain_record(&mut records, key, value)?;
        }
    }
    for (name, value) in encoded_xattrs {
        records.xattrs.entry(name).or_insert(value);
    }
    records.xattrs.retain(|name, _| {
        let is_overlay = OVERLAY_XATTRS.iter().any(|prefix| name.starts_with(prefix));
        !is_overlay && !name.is_empty()
    });
    Ok(records)
}

fn plain_record(records: &mut Records, key: &[u8], value: &[u8]) -> Result<(), LayerError> {
    let is_said = !value.is_empty();
    match key {
        b"path" | b"linkpath" => {
            if value.contains(&0) {
                return Err(DAMAGED);
            }
            let said = is_said.then(|| value.to_vec());
            if key == b"path" {
                records.path = said;
            } else {
                records.link = said;
            }
        }
        b"size" => {
            records.size_bytes = is_said.then(|| decimal(value)).transpose()?;
        }
        b"uid" | b"gid" => {
            let number = is_said.then(|| decimal(value)).transpose()?;
            let said = number
                .map(|number| owner(i64::try_from(number).map_err(|_| DAMAGED)?))
                .transpose()?;
            if key == b"uid" {
                records.uid = said;
            } else {
                records.gid = said;
            }
        }
        b"mtime" => records.mtime_s = is_said.then(|| time(value)).transpose()?,
        _ => {}
    }
    Ok(())
}

/// The first record without its length and its line end, and what follows it.
fn split_record(bytes: &[u8]) -> Result<(&[u8], &[u8]), LayerError> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ');
    let blank = blank.ok_or(DAMAGED)?;
    let size_bytes = usize::try_from(decimal(&bytes[..blank])?).map_err(|_| DAMAGED)?;
    if size_bytes > bytes.len() || size_bytes < blank + 2 || bytes[size_bytes - 1] != b'\n' {
        return Err(DAMAGED);
    }
    Ok((&bytes[blank + 1..size_bytes - 1], &bytes[size_bytes..]))
}

/// A decimal number without a sign.
pub(super) fn decimal(digits: &[u8]) -> Result<u64, LayerError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DAMAGED);
    }
    let text = std::str::from_utf8(digits).map_err(|_| DAMAGED)?;
    text.parse().map_err(|_| DAMAGED)
}

/// Whole seconds of a decimal fraction, rounded down; times before 1970 become 0.
fn time(value: &[u8]) -> Result<u32, LayerError> {
    let (is_negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    if !fraction.iter().skip(1).all(u8::is_ascii_digit) {
        return Err(DAMAGED);
    }
    let seconds = decimal(whole)?;
    if is_negative {
        return Ok(0);
    }
    Ok(clamp_time(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

fn from_base64(text: &[u8]) -> Result<Vec<u8>, LayerError> {
    let end = text.iter().rposition(|byte| *byte != b'=');
    let text = &text[..end.map_or(0, |last| last + 1)];
    Base64NoPadding::decode_to_vec(text, None).map_err(|_| DAMAGED)
}

/// Undoes `%41` for `A`; what is no such escape stays as it is.
fn from_percent(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    plain
}
