//! Extended attributes: sets of them, each stored once.

use std::collections::{BTreeMap, HashMap};

use crate::Error;
use crate::metadata::Table;

/// The number of the set of a node without attributes.
pub(crate) const NO_XATTRS: u32 = u32::MAX;
/// Linux's limits, the prefix included.
const NAME_SIZE_LIMIT_BYTES: usize = 255;
const VALUE_SIZE_LIMIT_BYTES: usize = 64 << 10;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// Whether squashfs can hold an attribute of this name: `user.`, `trusted.` and `security.` only, so no access control lists.
pub fn is_storable(name: &[u8]) -> bool {
    name.len() <= NAME_SIZE_LIMIT_BYTES && split(name).is_some()
}

/// The prefix's number and the rest of the name.
fn split(name: &[u8]) -> Option<(u16, &[u8])> {
    let named = |(number, prefix): (usize, &&[u8])| {
        let rest = name.strip_prefix(*prefix)?;
        (!rest.is_empty() && !rest.contains(&0)).then_some((number as u16, rest))
    };
    PREFIXES.iter().enumerate().find_map(named)
}

/// The attributes of all inodes as they are stored.
pub(crate) struct Finished {
    /// The table of the attributes.
    pub(crate) stored: Vec<u8>,
    /// For each set: where it begins, how many attributes it has, and their size.
    pub(crate) records: Vec<u8>,
    /// How many sets there are.
    pub(crate) count: u32,
}

/// The attributes of all inodes.
pub(crate) struct Xattrs {
    table: Table,
    /// The number of each set, by its bytes.
    numbers: HashMap<Vec<u8>, u32>,
    records: Vec<u8>,
}

impl Xattrs {
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            numbers: HashMap::new(),
            records: Vec::new(),
        }
    }

    /// The number of this set. An error tells what is wrong with an attribute.
    pub(crate) fn add(
        &mut self,
        xattrs: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Result<u32, String>, Error> {
        if xattrs.is_empty() {
            return Ok(Ok(NO_XATTRS));
        }
        let bytes = match set_bytes(xattrs) {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some(number) = self.numbers.get(&bytes) {
            return Ok(Ok(*number));
        }
        let number = self.numbers.len() as u32;
        self.records
            .extend(self.table.place().to_number().to_le_bytes());
        for word in [xattrs.len() as u32, bytes.len() as u32] {
            self.records.extend(word.to_le_bytes());
        }
        self.table.write(&bytes)?;
        self.numbers.insert(bytes, number);
        Ok(Ok(number))
    }

    /// Nothing if there are no attributes.
    pub(crate) fn finish(self) -> Result<Option<Finished>, Error> {
        let count = self.numbers.len() as u32;
        let (stored, _) = self.table.finish()?;
        Ok((count > 0).then_some(Finished {
            stored,
            records: self.records,
            count,
        }))
    }
}

fn set_bytes(xattrs: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for (name, value) in xattrs {
        let shown = || name.escape_ascii().to_string();
        let (prefix, rest) = split(name)
            .filter(|_| is_storable(name))
            .ok_or_else(|| format!("squashfs has no place for its attribute '{}'", shown()))?;
        if value.len() > VALUE_SIZE_LIMIT_BYTES {
            return Err(format!("its attribute '{}' is larger than 64 KiB", shown()));
        }
        bytes.extend(prefix.to_le_bytes());
        bytes.extend((rest.len() as u16).to_le_bytes());
        bytes.extend_from_slice(rest);
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    Ok(bytes)
}
