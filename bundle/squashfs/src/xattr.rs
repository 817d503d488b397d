//! Extended attributes.
//!
//! Inodes with the same attributes share one set. A table tells for each set where its attributes begin and how many there
//! are; a value that stands in several sets is stored once, and the others refer to it.

use crate::bytes::Fields;
use crate::metadata::{Cursor, LookupTable, Metadata, Place, Table};
use crate::source::Extent;
use crate::{Error, INODE_COUNT_LIMIT, Image, Inode, Superblock, XATTRS_SIZE_LIMIT_BYTES};

const SET_RECORD_SIZE_BYTES: usize = 16;
/// The size of the table's head, behind which the list of its blocks begins.
const HEAD_SIZE_BYTES: u64 = 16;
const VALUE_ELSEWHERE: u16 = 1 << 8;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// An extended attribute: its name, with a prefix such as `user.`, and its value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// Where the attributes of all inodes lie.
#[derive(Debug)]
pub(crate) struct Xattrs {
    sets: LookupTable,
    attributes: Table,
}

impl Xattrs {
    /// Reads the table's head and the list of its blocks, if the image has attributes.
    pub(crate) fn open(image: Extent<'_>, superblock: &Superblock) -> Result<Option<Self>, Error> {
        const WHAT: &str = "table of extended attributes";
        let Some(head_start) = superblock.xattr_table_start else {
            return Ok(None);
        };
        let mut head = [0; HEAD_SIZE_BYTES as usize];
        image.read(head_start, &mut head, WHAT)?;
        let mut fields = Fields::new(&head, WHAT);
        let start = fields.u64()?;
        let count = fields.u32()?;
        // Every set is the set of at least one inode.
        if count > INODE_COUNT_LIMIT {
            return Err(Error::LimitExceeded("sets of extended attributes"));
        }
        let list_start = head_start + HEAD_SIZE_BYTES;
        let sets = LookupTable::read(image, list_start, count, SET_RECORD_SIZE_BYTES, WHAT)?;
        let attributes = Table {
            start,
            end: sets.first_block().unwrap_or(start).min(head_start),
            name: WHAT,
        };
        Ok(Some(Self { sets, attributes }))
    }

    fn read(&self, metadata: &Metadata<'_>, index: u32) -> Result<Vec<Xattr>, Error> {
        let mut set = self.sets.record(metadata, index)?;
        let place = self.place(set.u64()?)?;
        let count = set.u32()?;
        let mut cursor = metadata.cursor(self.attributes, place)?;
        let mut left_bytes = XATTRS_SIZE_LIMIT_BYTES;
        let mut xattrs = Vec::new();
        for _ in 0..count {
            let kind = cursor.u16()?;
            let name_size_bytes = u32::from(cursor.u16()?);
            let prefix = PREFIXES.get(usize::from(kind & !VALUE_ELSEWHERE));
            let prefix = prefix.ok_or(Error::Invalid(
                "an extended attribute has an unknown prefix",
            ))?;
            let mut name = prefix.to_vec();
            // A name takes memory even if it is empty.
            spend(&mut left_bytes, name_size_bytes + PREFIXES[1].len() as u32)?;
            name.extend(cursor.bytes(name_size_bytes as usize)?);
            if name_size_bytes == 0 || name.contains(&0) {
                return Err(Error::Invalid(
                    "an extended attribute has an impossible name",
                ));
            }
            let value = if kind & VALUE_ELSEWHERE == 0 {
                value(&mut cursor, &mut left_bytes)?
            } else {
                let reference_size_bytes = cursor.u32()?;
                let reference = cursor.u64()?;
                if reference_size_bytes != 8 {
                    return Err(Error::Invalid("an extended attribute's value is misplaced"));
                }
                let mut elsewhere = metadata.cursor(self.attributes, self.place(reference)?)?;
                value(&mut elsewhere, &mut left_bytes)?
            };
            xattrs.push((name, value));
        }
        Ok(xattrs)
    }

    /// What a reference refers to: a block's place behind the start of the attributes, and an offset in it.
    fn place(&self, reference: u64) -> Result<Place, Error> {
        let block = self.attributes.start.checked_add(reference >> 16);
        Ok(Place {
            block: block.ok_or(Error::OutOfBounds(self.attributes.name))?,
            offset: (reference & 0xffff) as u16,
        })
    }
}

fn value(cursor: &mut Cursor<'_>, left_bytes: &mut u32) -> Result<Vec<u8>, Error> {
    let size_bytes = cursor.u32()?;
    spend(left_bytes, size_bytes)?;
    cursor.bytes(size_bytes as usize)
}

fn spend(left_bytes: &mut u32, size_bytes: u32) -> Result<(), Error> {
    let left = left_bytes.checked_sub(size_bytes);
    *left_bytes = left.ok_or(Error::LimitExceeded("extended attributes"))?;
    Ok(())
}

impl Image<'_> {
    /// The extended attributes of an inode, in the image's order.
    ///
    /// # Errors
    /// If they lie outside their table, are damaged, or are larger than [`XATTRS_SIZE_LIMIT_BYTES`] together.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<Xattr>, Error> {
        match (inode.xattr_index, &self.xattrs) {
            (None, _) => Ok(Vec::new()),
            (Some(index), Some(xattrs)) => xattrs.read(&self.metadata, index),
            (Some(_), None) => Err(Error::OutOfBounds("extended attribute")),
        }
    }
}
