//! The contents of files: blocks, holes, tails that share a block, and what was stored before.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::crew::Crew;
use crate::{ContentId, Error, HELD_SIZE_LIMIT_BYTES};

/// In the size word of a block that is stored as it is.
const UNCOMPRESSED: u32 = 1 << 24;
const FRAGMENT_RECORD_SIZE_BYTES: usize = 16;

/// Where an image is written, and how far it has come.
pub(crate) struct Output<W> {
    out: W,
    /// Where the image begins.
    base: u64,
    /// Where the next byte goes, behind the image's beginning.
    pub(crate) position: u64,
}

impl<W: Write + Seek> Output<W> {
    pub(crate) fn new(mut out: W) -> Result<Self, Error> {
        let base = out.stream_position().map_err(Error::Write)?;
        Ok(Self {
            out,
            base,
            position: 0,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(Error::Write)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn go_to(&mut self, position: u64) -> Result<(), Error> {
        let place = SeekFrom::Start(self.base + position);
        self.out.seek(place).map_err(Error::Write)?;
        self.position = position;
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Write)
    }
}

/// Where a content lies.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) size_bytes: u64,
    /// Where its first block that is no hole begins.
    pub(crate) start: Option<u64>,
    /// The blocks' size words.
    pub(crate) words: Vec<u32>,
    /// Number of the fragment block that holds its tail, and the offset in it.
    pub(crate) tail: Option<(u32, u32)>,
    /// How much of it is not stored, since it is zero.
    pub(crate) hole_size_bytes: u64,
}

/// Stores contents.
pub(crate) struct Contents<W> {
    pub(crate) output: Output<W>,
    block_size_bytes: usize,
    crew: Crew,
    /// What the blocks on their way through the crew are, in order.
    aims: VecDeque<Aim>,
    stored: Vec<Stored>,
    by_id: HashMap<ContentId, usize>,
    by_hash: HashMap<blake3::Hash, usize>,
    sizes_bytes: HashSet<u64>,
    /// Memory for a content that is looked at before it is stored.
    held: Vec<u8>,
    /// The fragment block that is being filled.
    fragment: Vec<u8>,
    /// Start and size word of each fragment block before it.
    fragments: Vec<(u64, u32)>,
}

/// What a block is.
enum Aim {
    Block { stored: usize, index: usize },
    Fragment(usize),
}

impl<W: Write + Seek> Contents<W> {
    pub(crate) fn new(output: Output<W>, crew: Crew, block_size_bytes: u32) -> Self {
        Self {
            output,
            block_size_bytes: block_size_bytes as usize,
            crew,
            aims: VecDeque::new(),
            stored: Vec::new(),
            by_id: HashMap::new(),
            by_hash: HashMap::new(),
            sizes_bytes: HashSet::new(),
            held: Vec::new(),
            fragment: Vec::new(),
            fragments: Vec::new(),
        }
    }

    pub(crate) fn get(&self, content: ContentId) -> Option<&Stored> {
        Some(&self.stored[*self.by_id.get(&content)?])
    }

    /// Stores a content, or finds that it was stored before.
    pub(crate) fn add(
        &mut self,
        content: ContentId,
        size_bytes: u64,
        data: &mut dyn Read,
    ) -> Result<(), Error> {
        if self.by_id.contains_key(&content) {
            return Err(Error::ContentTwice);
        }
        let mut data = Announced::new(data, size_bytes);
        // Only where sizes are equal can contents be.
        let stored = if !self.sizes_bytes.contains(&size_bytes) {
            let (stored, tail) = self.add_blocks(size_bytes, &mut data)?;
            let hash = data.finish()?;
            self.keep(stored, &tail, hash)?
        } else if size_bytes <= HELD_SIZE_LIMIT_BYTES {
            self.add_held(size_bytes, data)?
        } else {
            self.add_or_take_back(size_bytes, data)?
        };
        self.by_id.insert(content, stored);
        Ok(())
    }

    /// Looks at all of a content before anything of it is stored.
    fn add_held(&mut self, size_bytes: u64, mut data: Announced<'_>) -> Result<usize, Error> {
        let mut held = std::mem::take(&mut self.held);
        held.clear();
        data.fill(&mut held, size_bytes as usize)?;
        let hash = data.finish()?;
        let earlier = self.by_hash.get(&hash).copied();
        let stored = if let Some(earlier) = earlier {
            earlier
        } else {
            let mut again = held.as_slice();
            let mut again = Announced::new(&mut again, size_bytes);
            let (stored, tail) = self.add_blocks(size_bytes, &mut again)?;
            self.keep(stored, &tail, hash)?
        };
        self.held = held;
        Ok(stored)
    }

    /// Stores a content, and goes back to where it begins if it turns out to be stored before.
    fn add_or_take_back(
        &mut self,
        size_bytes: u64,
        mut data: Announced<'_>,
    ) -> Result<usize, Error> {
        self.drain()?;
        let position = self.output.position;
        let (stored, tail) = self.add_blocks(size_bytes, &mut data)?;
        let hash = data.finish()?;
        if let Some(earlier) = self.by_hash.get(&hash).copied() {
            self.drain()?;
            self.output.go_to(position)?;
            self.stored[stored] = Stored::default();
            return Ok(earlier);
        }
        self.keep(stored, &tail, hash)
    }

    /// Hands a content's blocks to the crew. Returns its number, and its tail, which is to follow them.
    fn add_blocks(
        &mut self,
        size_bytes: u64,
        data: &mut Announced<'_>,
    ) -> Result<(usize, Vec<u8>), Error> {
        let number = self.stored.len();
        self.stored.push(Stored {
            size_bytes,
            ..Stored::default()
        });
        let mut left_bytes = size_bytes;
        while left_bytes > 0 {
            let piece_size_bytes = left_bytes.min(self.block_size_bytes as u64) as usize;
            left_bytes -= piece_size_bytes as u64;
            let mut piece = self.crew.empty_block();
            data.fill(&mut piece, piece_size_bytes)?;
            let stored = &mut self.stored[number];
            if is_zero(&piece) {
                stored.words.push(0);
                stored.hole_size_bytes += piece_size_bytes as u64;
                self.crew.recycle(piece);
            } else if piece_size_bytes < self.block_size_bytes {
                return Ok((number, piece));
            } else {
                let index = stored.words.len();
                stored.words.push(0);
                self.submit(
                    piece,
                    Aim::Block {
                        stored: number,
                        index,
                    },
                )?;
            }
        }
        Ok((number, Vec::new()))
    }

    /// Puts a content's tail where tails are, and remembers the content.
    fn keep(&mut self, stored: usize, tail: &[u8], hash: blake3::Hash) -> Result<usize, Error> {
        if !tail.is_empty() {
            if self.fragment.len() + tail.len() > self.block_size_bytes {
                self.end_fragment()?;
            }
            let place = (self.fragments.len() as u32, self.fragment.len() as u32);
            self.stored[stored].tail = Some(place);
            self.fragment.extend_from_slice(tail);
        }
        self.sizes_bytes.insert(self.stored[stored].size_bytes);
        self.by_hash.insert(hash, stored);
        Ok(stored)
    }

    fn end_fragment(&mut self) -> Result<(), Error> {
        let empty = self.crew.empty_block();
        let block = std::mem::replace(&mut self.fragment, empty);
        self.fragments.push((0, 0));
        self.submit(block, Aim::Fragment(self.fragments.len() - 1))
    }

    fn submit(&mut self, block: Vec<u8>, aim: Aim) -> Result<(), Error> {
        while self.crew.is_full() {
            self.write_next()?;
        }
        self.aims.push_back(aim);
        self.crew.submit(block)
    }

    /// Writes the block that was submitted first of those on their way.
    fn write_next(&mut self) -> Result<(), Error> {
        let packed = self.crew.take()?;
        let aim = self.aims.pop_front().ok_or(Error::Threads)?;
        let start = self.output.position;
        self.output.write(&packed.bytes)?;
        let uncompressed = if packed.is_compressed {
            0
        } else {
            UNCOMPRESSED
        };
        let word = packed.bytes.len() as u32 | uncompressed;
        match aim {
            Aim::Block { stored, index } => {
                let stored = &mut self.stored[stored];
                stored.start.get_or_insert(start);
                stored.words[index] = word;
            }
            Aim::Fragment(index) => self.fragments[index] = (start, word),
        }
        self.crew.recycle(packed.bytes);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Error> {
        while !self.crew.is_idle() {
            self.write_next()?;
        }
        Ok(())
    }

    /// Writes all that is not written yet.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if !self.fragment.is_empty() {
            self.end_fragment()?;
        }
        self.drain()
    }

    /// The table of fragment blocks and how many there are.
    pub(crate) fn fragment_records(&self) -> (Vec<u8>, u32) {
        let mut records = Vec::with_capacity(self.fragments.len() * FRAGMENT_RECORD_SIZE_BYTES);
        for (start, word) in &self.fragments {
            records.extend(start.to_le_bytes());
            records.extend(word.to_le_bytes());
            records.extend([0; 4]);
        }
        (records, self.fragments.len() as u32)
    }
}

/// A content that is being read, of which the size was announced.
struct Announced<'a> {
    data: &'a mut dyn Read,
    /// How much should come.
    size_bytes: u64,
    came_bytes: u64,
    hasher: blake3::Hasher,
}

impl<'a> Announced<'a> {
    fn new(data: &'a mut dyn Read, size_bytes: u64) -> Self {
        Self {
            data,
            size_bytes,
            came_bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Reads exactly so many bytes into an empty block.
    fn fill(&mut self, block: &mut Vec<u8>, size_bytes: usize) -> Result<(), Error> {
        block.reserve_exact(size_bytes);
        let mut limited = (&mut *self.data).take(size_bytes as u64);
        let read_size_bytes = limited.read_to_end(block).map_err(Error::Read)?;
        self.came_bytes += read_size_bytes as u64;
        if read_size_bytes < size_bytes {
            return Err(self.other_size(false));
        }
        self.hasher.update(block);
        Ok(())
    }

    /// The hash of all that came, which must be all there is.
    fn finish(self) -> Result<blake3::Hash, Error> {
        loop {
            match self.data.read(&mut [0]) {
                Ok(0) => return Ok(self.hasher.finalize()),
                Ok(more) => {
                    let came_bytes = self.came_bytes + more as u64;
                    return Err(Self { came_bytes, ..self }.other_size(true));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }

    fn other_size(&self, or_more: bool) -> Error {
        Error::ContentSize {
            announced_bytes: self.size_bytes,
            came_bytes: self.came_bytes,
            or_more,
        }
    }
}

fn is_zero(block: &[u8]) -> bool {
    let (chunks, rest) = block.as_chunks::<64>();
    chunks.iter().all(|chunk| *chunk == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}
