//! Requests about contents: READ and LSEEK.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bundle_squashfs::{Block, BlockList, FileInode, InodeKind};

use crate::block_cache::Decoded;
use crate::protocol::{Fields, READ_SIZE_LIMIT_BYTES, Request};
use crate::serve::{Failure, Hands, Server, lock};

/// What holes read as.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
/// How far from the last read a read may begin to count as going on with it: the kernel reads ahead in pieces whose requests
/// may overtake each other.
const SEQUENTIAL_DISTANCE_BYTES: u64 = 256 << 10;

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: FileInode,
    blocks: BlockList,
    /// Of the image.
    block_size_bytes: u32,
    /// Where the last read ended.
    last_end: AtomicU64,
    /// How many reads in a row have gone on where the one before was.
    sequential_count: AtomicU32,
}

impl OpenFile {
    /// Memory that it takes.
    fn size_bytes(&self) -> usize {
        // Four bytes for each block, and eight for each 32nd.
        size_of::<Self>() + self.blocks.len() * 17 / 4
    }

    pub(crate) fn block_size_bytes(&self) -> u64 {
        self.block_size_bytes.into()
    }

    pub(crate) fn block(&self, index: u64) -> Option<Block> {
        self.blocks.get(usize::try_from(index).ok()?)
    }

    /// Where the last read ended.
    pub(crate) fn last_end(&self) -> u64 {
        self.last_end.load(Ordering::Relaxed)
    }

    /// Notes a read and says how many in a row, with it, have gone on where the one before was.
    fn note(&self, range: &Range<u64>) -> u32 {
        let last_end = self.last_end.swap(range.end, Ordering::Relaxed);
        if last_end.abs_diff(range.start) <= SEQUENTIAL_DISTANCE_BYTES {
            let before = self.sequential_count.fetch_add(1, Ordering::Relaxed);
            before.saturating_add(1)
        } else {
            self.sequential_count.store(0, Ordering::Relaxed);
            0
        }
    }
}

/// A part of a file's contents.
enum Piece {
    Hole(usize),
    Data(Block, Arc<Decoded>, Range<usize>),
}

impl Server<'_> {
    pub(crate) fn read(&self, request: Request<'_>, hands: &mut Hands<'_>) -> Result<(), Failure> {
        let offset = request.body.u64(8).ok_or(Failure::MALFORMED)?;
        let size_bytes = request.body.u32(16).ok_or(Failure::MALFORMED)?;
        // An answer to a part would pass for the end of the file. Old kernels with large pages ask for twice the limit.
        if size_bytes > 2 * READ_SIZE_LIMIT_BYTES {
            return Err(Failure::MALFORMED);
        }
        let file = self.open_file(request.node)?;
        let end = offset.saturating_add(size_bytes.into());
        let end = end.min(file.file.size_bytes);
        let range = offset..end.max(offset);
        let sequential_count = file.note(&range);

        let mut pieces = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let piece = self.piece(&file, position..range.end, hands)?;
            position += piece.size_bytes() as u64;
            pieces.push(piece);
        }
        let mut slices = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            piece.append_to(&mut slices);
        }
        self.device.reply(request.unique, &slices);

        for piece in &pieces {
            if let Piece::Data(block, decoded, part) = piece {
                self.blocks.delivered(block, decoded, part.len());
            }
        }
        if sequential_count > 0 {
            self.plan_ahead(&file, range.end, sequential_count);
        }
        Ok(())
    }

    pub(crate) fn seek(&self, request: Request<'_>, out: &mut Fields) -> Result<(), Failure> {
        const NO_SUCH_PLACE: Failure = Failure::Errno(libc::ENXIO);
        let offset = request.body.u64(8).ok_or(Failure::MALFORMED)?;
        let whence = request.body.u32(16).ok_or(Failure::MALFORMED)?;
        let wants_hole = match whence.cast_signed() {
            libc::SEEK_DATA => false,
            libc::SEEK_HOLE => true,
            _ => return Err(Failure::MALFORMED),
        };
        let file = self.open_file(request.node)?;
        if offset >= file.file.size_bytes {
            return Err(NO_SUCH_PLACE);
        }
        let mut position = offset;
        while let Some((block, within)) = file.blocks.at(position) {
            if block.is_hole() == wants_hole {
                out.u64(position);
                return Ok(());
            }
            position += u64::from(block.size_bytes - within);
        }
        // Behind the blocks is the tail, which is data; behind the end of every file is a hole.
        if wants_hole {
            position = file.file.size_bytes;
        } else if position >= file.file.size_bytes {
            return Err(NO_SUCH_PLACE);
        }
        out.u64(position);
        Ok(())
    }

    fn open_file(&self, node: u64) -> Result<Arc<OpenFile>, Failure> {
        if let Some(file) = lock(&self.files).get(&node) {
            return Ok(Arc::clone(file));
        }
        let file = match self.inode(node)?.kind {
            InodeKind::File(file) => file,
            InodeKind::Directory(_) => return Err(Failure::Errno(libc::EISDIR)),
            _ => return Err(Failure::MALFORMED),
        };
        let file = Arc::new(OpenFile {
            blocks: self.image.blocks(&file)?,
            file,
            block_size_bytes: self.image.superblock().block_size_bytes,
            last_end: AtomicU64::new(u64::MAX),
            sequential_count: AtomicU32::new(0),
        });
        lock(&self.files).insert(node, Arc::clone(&file), file.size_bytes());
        Ok(file)
    }

    /// The front of a range of a file, at least one byte.
    fn piece(
        &self,
        file: &OpenFile,
        range: Range<u64>,
        hands: &mut Hands<'_>,
    ) -> Result<Piece, Failure> {
        const TOO_SHORT: Failure = Failure::Image(bundle_squashfs::Error::Invalid(
            "a fragment block ends before a file in it does",
        ));
        let left_bytes = (range.end - range.start) as usize;
        let (block, within, part_bytes) = if let Some((block, within)) = file.blocks.at(range.start)
        {
            (block, within, (block.size_bytes - within) as usize)
        } else {
            let (index, start) = file.file.fragment.ok_or(TOO_SHORT)?;
            let in_tail = (range.start - file.file.blocks_size_bytes()) as u32;
            let within = start.checked_add(in_tail).ok_or(TOO_SHORT)?;
            self.note_fragment(index);
            (self.image.fragment(index)?, within, left_bytes)
        };
        let part_bytes = part_bytes.min(left_bytes);
        if block.is_hole() {
            return Ok(Piece::Hole(part_bytes));
        }
        let decoded = self.decoded(block, hands)?;
        let part = within as usize..within as usize + part_bytes;
        if part.end > decoded.bytes().len() {
            return Err(TOO_SHORT);
        }
        Ok(Piece::Data(block, decoded, part))
    }

    /// A block's contents, out of the cache or decoded into it.
    pub(crate) fn decoded(
        &self,
        block: Block,
        hands: &mut Hands<'_>,
    ) -> Result<Arc<Decoded>, bundle_squashfs::Error> {
        if let Some(decoded) = self.blocks.find(&block) {
            return Ok(decoded);
        }
        // This takes its time, whether this thread decodes or waits for another that does.
        if self.has_processors || self.device.is_pending() {
            hands.turn = None;
        }
        let reader = &mut hands.reader;
        self.blocks
            .get(block, |space| reader.read_up_to(self.image, block, space))
    }
}

impl Piece {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Hole(size_bytes) => *size_bytes,
            Self::Data(_, _, part) => part.len(),
        }
    }

    fn append_to<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        match self {
            Self::Hole(size_bytes) => {
                let mut left = *size_bytes;
                while left > 0 {
                    let size_bytes = left.min(ZEROS.len());
                    slices.push(IoSlice::new(&ZEROS[..size_bytes]));
                    left -= size_bytes;
                }
            }
            Self::Data(_, decoded, part) => {
                slices.push(IoSlice::new(&decoded.bytes()[part.clone()]));
            }
        }
    }
}
