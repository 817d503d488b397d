//! Reading an image so that every byte has been checked before anybody sees it.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::threads::on_threads;
use crate::tree::{
    DIGEST_SIZE_BYTES, PAGE_DIGEST_COUNT, PAGE_SIZE_BYTES, PAGE_SPAN_BYTES, WINDOW_SIZE_BYTES,
};
use crate::{CHUNK_SIZE_BYTES, Digest, ReadAt, ReadError, TreeShape};

/// So much of the file is read at once at most: a data block of the largest size takes one read, wherever it begins.
const READ_SIZE_LIMIT_BYTES: u64 = 65 * CHUNK_SIZE_BYTES as u64;

/// So many checked pages of level 0 are kept, 64 MiB, which stand for 32 GiB of image. Those beyond are read and checked
/// each time. The levels above are always kept: at most a 512th of that again for every 32 GiB.
const KEPT_PAGE_COUNT_LIMIT: usize = 4096;

thread_local! {
    /// A thread's private copy of the chunks that it is checking. It grows to the largest read and is never cleared.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A page of the tree; empty until it has been checked.
type Page = OnceLock<Box<[u8]>>;

/// A bundle's image. Any number of threads may read it; a read takes no lock. Each read fetches the chunks that it touches
/// into private memory, checks them there against the hash tree, and then hands out what was asked for: no byte that
/// has not been checked is ever handed out, even if somebody writes to the file meanwhile.
pub struct VerifiedImage<'a, R> {
    reader: &'a R,
    image_offset: u64,
    tree_offset: u64,
    shape: TreeShape,
    root: Digest,
    /// The tree's pages that have been checked, by level.
    pages: Vec<Box<[Page]>>,
    kept_page_count: AtomicUsize,
}

impl<'a, R: ReadAt> VerifiedImage<'a, R> {
    /// An image at `image_offset` of `reader` and its tree at `tree_offset`, whose root is to be `root`.
    pub(crate) fn new(
        reader: &'a R,
        image_offset: u64,
        tree_offset: u64,
        image_size_bytes: u64,
        root: Digest,
    ) -> Self {
        let shape = TreeShape::of(image_size_bytes);
        let page_count = |size_bytes: u64| size_bytes.div_ceil(PAGE_SIZE_BYTES as u64);
        let pages = shape
            .levels()
            .iter()
            .map(|level| (0..page_count(level.end - level.start)).map(|_| Page::new()))
            .map(Iterator::collect)
            .collect();
        Self {
            reader,
            image_offset,
            tree_offset,
            shape,
            root,
            pages,
            kept_page_count: AtomicUsize::new(0),
        }
    }

    /// Size of the image.
    pub fn size_bytes(&self) -> u64 {
        self.shape.image_size_bytes()
    }

    /// Fills `out` with the image's bytes from `offset` on. After an error, what is in `out` is either what it was or checked.
    ///
    /// # Errors
    /// If the range is not in the image, the file cannot be read, or a chunk that the range touches is not what was packed.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), ReadError> {
        // A thread that is ending has no such memory any more.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        let done = self.read_at_with(offset, out, &mut scratch);
        let _ = SCRATCH.try_with(|place| place.set(scratch));
        done
    }

    /// As [`VerifiedImage::read_at`], with the caller's memory for the chunks, which is kept for the next read. What is in it
    /// afterwards may not have been checked.
    ///
    /// # Errors
    /// As [`VerifiedImage::read_at`].
    pub fn read_at_with(
        &self,
        mut offset: u64,
        mut out: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        const CHUNK: u64 = CHUNK_SIZE_BYTES as u64;
        let end = offset.checked_add(out.len() as u64);
        let end = end.filter(|end| *end <= self.size_bytes());
        let end = end.ok_or(ReadError::OutOfBounds)?;
        while !out.is_empty() {
            let start = offset / CHUNK * CHUNK;
            let chunks_end = end.next_multiple_of(CHUNK).min(self.size_bytes());
            let size_bytes = (chunks_end - start).min(READ_SIZE_LIMIT_BYTES) as usize;
            if scratch.len() < size_bytes {
                scratch.resize(size_bytes, 0);
            }
            let chunks = &mut scratch[..size_bytes];
            self.read_chunks(start, chunks)?;
            let checked = &chunks[(offset - start) as usize..];
            let (now, later) = out.split_at_mut(checked.len().min(out.len()));
            now.copy_from_slice(&checked[..now.len()]);
            offset += now.len() as u64;
            out = later;
        }
        Ok(())
    }

    /// Reads and checks all of the image and all of its tree with `thread_count` threads.
    ///
    /// # Errors
    /// If the file cannot be read, or something in it is not what was packed.
    pub fn verify_all(&self, thread_count: usize) -> Result<(), ReadError> {
        self.verify_all_with(thread_count, &|_| ())
    }

    /// As [`VerifiedImage::verify_all`]. `progress` is told now and then how many more bytes have been checked.
    ///
    /// # Errors
    /// As [`VerifiedImage::verify_all`].
    pub fn verify_all_with(
        &self,
        thread_count: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), ReadError> {
        let next = AtomicU64::new(0);
        let failed = AtomicBool::new(false);
        on_threads(thread_count, || {
            let mut window = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                // One page of the tree at a time: two threads seldom want the same one.
                let start = next.fetch_add(PAGE_SPAN_BYTES, Ordering::Relaxed);
                if start >= self.size_bytes() {
                    break;
                }
                let checked = self.verify_span(start, &mut window, progress);
                if checked.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                checked?;
            }
            Ok(())
        })
    }

    /// Checks what one page of level 0 stands for, from `start` on.
    fn verify_span(
        &self,
        start: u64,
        window: &mut Vec<u8>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), ReadError> {
        let end = self.size_bytes().min(start + PAGE_SPAN_BYTES);
        for window_start in (start..end).step_by(WINDOW_SIZE_BYTES) {
            let size_bytes = (end - window_start).min(WINDOW_SIZE_BYTES as u64);
            window.resize(size_bytes as usize, 0);
            self.read_chunks(window_start, window)?;
            progress(size_bytes);
        }
        Ok(())
    }

    /// Fills `chunks` from `start` on, which is the start of a chunk, and checks each of them.
    fn read_chunks(&self, start: u64, chunks: &mut [u8]) -> Result<(), ReadError> {
        self.fetch(self.image_offset + start, chunks, start)?;
        let mut offset = start;
        let mut rest = &chunks[..];
        while !rest.is_empty() {
            let page_index = offset / PAGE_SPAN_BYTES;
            let page = self.page(0, page_index, offset)?;
            let first = (offset % PAGE_SPAN_BYTES) as usize / CHUNK_SIZE_BYTES;
            let digests = page[first * DIGEST_SIZE_BYTES..].chunks_exact(DIGEST_SIZE_BYTES);
            for (digest, chunk) in digests.zip(rest.chunks(CHUNK_SIZE_BYTES)) {
                if *Digest::of(chunk).as_bytes() != *digest {
                    return Err(ReadError::Altered { offset });
                }
                offset += chunk.len() as u64;
            }
            rest = &chunks[(offset - start) as usize..];
        }
        Ok(())
    }

    /// A page of the tree, checked. `chunk_offset` is the chunk that it is wanted for.
    fn page(
        &self,
        level: usize,
        index: u64,
        chunk_offset: u64,
    ) -> Result<Cow<'_, [u8]>, ReadError> {
        let place = &self.pages[level][index as usize];
        if let Some(page) = place.get() {
            return Ok(Cow::Borrowed(page));
        }
        let range = &self.shape.levels()[level];
        let expected = if level + 1 == self.pages.len() {
            self.root
        } else {
            let above = self.page(level + 1, index / PAGE_DIGEST_COUNT as u64, chunk_offset)?;
            digest_at(&above, index as usize % PAGE_DIGEST_COUNT)
        };
        let start = range.start + index * PAGE_SIZE_BYTES as u64;
        let size_bytes = (range.end - start).min(PAGE_SIZE_BYTES as u64);
        let mut page = vec![0; size_bytes as usize];
        self.fetch(self.tree_offset + start, &mut page, chunk_offset)?;
        if Digest::of(&page) != expected {
            return Err(ReadError::Altered {
                offset: chunk_offset,
            });
        }
        let is_kept = level > 0
            || self.kept_page_count.fetch_add(1, Ordering::Relaxed) < KEPT_PAGE_COUNT_LIMIT;
        Ok(if is_kept {
            Cow::Borrowed(place.get_or_init(|| page.into_boxed_slice()))
        } else {
            Cow::Owned(page)
        })
    }

    /// Reads from the file. One that has become shorter has been altered.
    fn fetch(&self, offset: u64, out: &mut [u8], chunk_offset: u64) -> Result<(), ReadError> {
        self.reader
            .read_exact_at(offset, out)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => ReadError::Altered {
                    offset: chunk_offset,
                },
                kind => ReadError::Io {
                    kind,
                    errno: error.raw_os_error(),
                },
            })
    }
}

impl<R> fmt::Debug for VerifiedImage<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedImage")
            .field("shape", &self.shape)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

fn digest_at(page: &[u8], index: usize) -> Digest {
    let mut digest = [0; DIGEST_SIZE_BYTES];
    digest.copy_from_slice(&page[index * DIGEST_SIZE_BYTES..][..DIGEST_SIZE_BYTES]);
    Digest::from_bytes(digest)
}
