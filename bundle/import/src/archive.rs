//! Reading tar archives: ustar, PAX and GNU, one entry after the other, in bounded memory.
//!
//! This is a reader of our own because the `tar` crate (0.4.46) collects PAX records and long names of any size in memory unless
//! its iteration is raw, and raw it takes sizes from the plain header alone; it also does not know PAX's sparse files. Where archives are
//! ambiguous, this reader decides as Go's `archive/tar`, since that is what all builders and runtimes of container images use:
//! readers that differ can be shown different files by one archive.

mod header;
mod pax;
mod sparse;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};

use bundle_image::Metadata;

use crate::error::LayerError;
use header::{BLOCK_SIZE_BYTES, Header};
use pax::Records;
use sparse::Extent;

/// The largest PAX header or long name that is read.
pub(crate) const EXTENDED_HEADER_SIZE_MAX_BYTES: u64 = 1 << 20;

/// An entry of an archive, all but its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path as it stands in the archive.
    pub(crate) name: Vec<u8>,
    /// Owner, mode, time, attributes.
    pub(crate) metadata: Metadata,
    pub(crate) kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file of this size, holes included.
    File {
        size_bytes: u64,
    },
    /// One more name for what this path of the archive names.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    CharacterDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Directory,
    Fifo,
}

/// Reads an archive.
pub(crate) struct Archive<R> {
    stream: R,
    /// What of the last entry is left in the stream.
    stored: Stored,
    /// Where the last entry's stored bytes belong, if they are not all of the file.
    sparse: Option<Vec<Extent>>,
    /// The last entry's size, holes included.
    size_bytes: u64,
}

/// An entry's bytes in the stream, and what fills the last block.
#[derive(Debug, Default)]
struct Stored {
    left_bytes: u64,
    padding_bytes: u64,
}

impl Stored {
    fn new(size_bytes: u64) -> Self {
        let tail = size_bytes % BLOCK_SIZE_BYTES as u64;
        Self {
            left_bytes: size_bytes,
            padding_bytes: (BLOCK_SIZE_BYTES as u64 - tail) % BLOCK_SIZE_BYTES as u64,
        }
    }
}

impl<R: BufRead> Archive<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self {
            stream,
            stored: Stored::default(),
            sparse: None,
            size_bytes: 0,
        }
    }

    /// The next entry; none at the archive's end. What was not read of the last one's contents is passed over.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, LayerError> {
        let mut records = Records::default();
        let mut long_name = None;
        let mut long_link = None;
        let mut is_extended = false;
        loop {
            self.pass_over()?;
            let Some(header) = self.header()? else {
                if is_extended {
                    return Err(LayerError::Cut);
                }
                return Ok(None);
            };
            match header.type_flag() {
                b'x' => records = pax::parse(&self.extended(&header)?)?,
                b'L' => long_name = Some(until_nul(self.extended(&header)?)),
                b'K' => long_link = Some(until_nul(self.extended(&header)?)),
                // Global records: nothing that layers are made with says anything there but comments.
                b'g' => {
                    self.stored = Stored::new(header.size_bytes()?);
                    continue;
                }
                _ => return self.entry(&header, records, long_name, long_link).map(Some),
            }
            is_extended = true;
        }
    }

    /// The last entry's contents, holes as zeros. They can be read once.
    pub(crate) fn contents(&mut self) -> Contents<'_, R> {
        Contents {
            extents: self.sparse.take(),
            next_extent: 0,
            position: 0,
            size_bytes: self.size_bytes,
            archive: self,
        }
    }

    /// Reads what follows the archive's end, so that all of the stream has been read.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        loop {
            let size_bytes = self.stream.fill_buf()?.len();
            if size_bytes == 0 {
                return Ok(());
            }
            self.stream.consume(size_bytes);
        }
    }

    /// How many bytes the last entry takes in the archive, maps of sparse files not counted.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.stored.left_bytes
    }

    /// Passes over the last entry's contents by another way than reading them.
    pub(crate) fn skip_contents(
        &mut self,
        skip: impl FnOnce(&mut R, u64) -> io::Result<()>,
    ) -> Result<(), LayerError> {
        let stored = std::mem::take(&mut self.stored);
        let size_bytes = stored.left_bytes.saturating_add(stored.padding_bytes);
        Ok(skip(&mut self.stream, size_bytes)?)
    }

    pub(crate) fn stream(&self) -> &R {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> R {
        self.stream
    }

    fn entry(
        &mut self,
        header: &Header,
        records: Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, LayerError> {
        let name = long_name
            .or_else(|| records.path.clone())
            .unwrap_or_else(|| header.name());
        let link = long_link
            .or_else(|| records.link.clone())
            .unwrap_or_else(|| header.link());
        let metadata = Metadata {
            mode: header.mode()?,
            uid: records.uid.map_or_else(|| header.uid(), Ok)?,
            gid: records.gid.map_or_else(|| header.gid(), Ok)?,
            mtime_s: records.mtime_s.map_or_else(|| header.mtime_s(), Ok)?,
            xattrs: records.xattrs.clone(),
        };
        let (major, minor) = header.device()?;
        let kind = match header.type_flag() {
            0 if name.ends_with(b"/") => EntryKind::Directory,
            0 | b'0' | b'7' | b'S' => {
                let size_bytes = self.begin_file(header, &records)?;
                let name = records.sparse.name.unwrap_or(name);
                return Ok(Entry {
                    name,
                    metadata,
                    kind: EntryKind::File { size_bytes },
                });
            }
            b'1' => EntryKind::HardLink(link),
            b'2' => EntryKind::Symlink(link),
            b'3' => EntryKind::CharacterDevice { major, minor },
            b'4' => EntryKind::BlockDevice { major, minor },
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            _ => {
                return Err(LayerError::Entry {
                    path: name,
                    reason: "is of a kind that is not known".into(),
                });
            }
        };
        // Whatever size the header of one of these gives, nothing follows it.
        self.stored = Stored::default();
        Ok(Entry {
            name,
            metadata,
            kind,
        })
    }

    /// Prepares for reading a file's contents, and tells its size.
    fn begin_file(&mut self, header: &Header, records: &Records) -> Result<u64, LayerError> {
        let stored_bytes = records.size_bytes.map_or_else(|| header.size_bytes(), Ok)?;
        self.stored = Stored::new(stored_bytes);
        self.size_bytes = stored_bytes;
        let map = if header.type_flag() == b'S' {
            Some(sparse::old_gnu(header, || read_block(&mut self.stream))?)
        } else if records.sparse.is_version_1() {
            Some(self.map_before_contents(&records.sparse)?)
        } else {
            sparse::from_records(&records.sparse)?
        };
        if let Some(map) = map {
            sparse::check(&map, self.stored.left_bytes)?;
            self.size_bytes = map.size_bytes;
            self.sparse = Some(map.extents);
        }
        Ok(self.size_bytes)
    }

    /// Version 1.0's map stands before the contents, in blocks of its own.
    fn map_before_contents(
        &mut self,
        records: &sparse::Records,
    ) -> Result<sparse::Map, LayerError> {
        let stored = &mut self.stored;
        let stream = &mut self.stream;
        sparse::version_1(records, || {
            stored.left_bytes = stored
                .left_bytes
                .checked_sub(BLOCK_SIZE_BYTES as u64)
                .ok_or(LayerError::Damaged("a sparse file's map is too short"))?;
            read_block(stream)
        })
    }

    fn header(&mut self) -> Result<Option<Header>, LayerError> {
        if self.stream.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let block = read_block(&mut self.stream)?;
        if block.iter().any(|byte| *byte != 0) {
            return Header::new(block).map(Some);
        }
        // Two blocks of zeros are the end. Some writers make but one.
        if !self.stream.fill_buf()?.is_empty() {
            let second = read_block(&mut self.stream)?;
            if second.iter().any(|byte| *byte != 0) {
                return Err(LayerError::Damaged(
                    "a block of zeros stands between entries",
                ));
            }
        }
        Ok(None)
    }

    /// The contents of an entry that describes the next.
    fn extended(&mut self, header: &Header) -> Result<Vec<u8>, LayerError> {
        let size_bytes = header.size_bytes()?;
        if size_bytes > EXTENDED_HEADER_SIZE_MAX_BYTES {
            return Err(LayerError::Damaged(
                "an extended header is larger than 1 MiB",
            ));
        }
        self.stored = Stored::new(size_bytes);
        let mut bytes = vec![0; size_bytes as usize];
        self.stream.read_exact(&mut bytes)?;
        self.stored.left_bytes = 0;
        Ok(bytes)
    }

    fn pass_over(&mut self) -> Result<(), LayerError> {
        let stored = std::mem::take(&mut self.stored);
        self.sparse = None;
        let mut left = stored
            .left_bytes
            .checked_add(stored.padding_bytes)
            .ok_or(LayerError::Damaged("an entry's size is not possible"))?;
        while left > 0 {
            let available = self.stream.fill_buf()?.len();
            if available == 0 {
                return Err(LayerError::Cut);
            }
            let passed = available.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.stream.consume(passed);
            left -= passed as u64;
        }
        Ok(())
    }
}

/// The contents of one entry.
pub(crate) struct Contents<'a, R> {
    archive: &'a mut Archive<R>,
    extents: Option<Vec<Extent>>,
    next_extent: usize,
    position: u64,
    size_bytes: u64,
}

impl<R: BufRead> Read for Contents<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size_bytes - self.position).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let read = match self.run() {
            Run::Stored(run_bytes) => {
                let wanted = wanted.min(usize::try_from(run_bytes).unwrap_or(usize::MAX));
                self.stored(&mut out[..wanted])?
            }
            Run::Hole(run_bytes) => {
                let wanted = wanted.min(usize::try_from(run_bytes).unwrap_or(usize::MAX));
                out[..wanted].fill(0);
                wanted
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

/// What lies at a place of a file, and for how long.
enum Run {
    Stored(u64),
    Hole(u64),
}

impl<R: BufRead> Contents<'_, R> {
    fn run(&mut self) -> Run {
        let Some(extents) = &self.extents else {
            return Run::Stored(self.size_bytes - self.position);
        };
        while let Some(extent) = extents.get(self.next_extent) {
            if self.position < extent.start {
                return Run::Hole(extent.start - self.position);
            }
            // The map has been checked: no extent overflows.
            let end = extent.start + extent.size_bytes;
            if self.position < end {
                return Run::Stored(end - self.position);
            }
            self.next_extent += 1;
        }
        Run::Hole(self.size_bytes - self.position)
    }

    fn stored(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.archive.stream.read(out)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.archive.stored.left_bytes -= read as u64;
        Ok(read)
    }
}

fn read_block(stream: &mut impl Read) -> Result<[u8; BLOCK_SIZE_BYTES], LayerError> {
    let mut block = [0; BLOCK_SIZE_BYTES];
    stream.read_exact(&mut block)?;
    Ok(block)
}

/// What stands before the first NUL.
fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    bytes
}
