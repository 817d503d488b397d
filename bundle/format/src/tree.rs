//! The hash tree over an image: its shape, and building it.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::threads::on_threads;
use crate::{Digest, ReadAt};

/// Size of the pieces of an image that have a digest each.
pub const CHUNK_SIZE_BYTES: usize = 16 << 10;

/// Size of the pieces of the tree that have a digest in the level above.
pub(crate) const PAGE_SIZE_BYTES: usize = 16 << 10;

pub(crate) const DIGEST_SIZE_BYTES: usize = 32;

/// Digests in a page.
pub(crate) const PAGE_DIGEST_COUNT: usize = PAGE_SIZE_BYTES / DIGEST_SIZE_BYTES;

/// How much of the image one page of level 0 stands for.
pub(crate) const PAGE_SPAN_BYTES: u64 = (PAGE_DIGEST_COUNT * CHUNK_SIZE_BYTES) as u64;

/// So much is read at once where all of an image is read.
pub(crate) const WINDOW_SIZE_BYTES: usize = 64 * CHUNK_SIZE_BYTES;

/// Where the levels of a tree lie. It follows from the image's size alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeShape {
    image_size_bytes: u64,
    levels: Vec<Range<u64>>,
}

impl TreeShape {
    /// The shape of the tree over an image of this size.
    pub fn of(image_size_bytes: u64) -> Self {
        const DIGEST: u64 = DIGEST_SIZE_BYTES as u64;
        let mut size_bytes = image_size_bytes.div_ceil(CHUNK_SIZE_BYTES as u64) * DIGEST;
        let mut levels = Vec::new();
        levels.push(0..size_bytes);
        let mut end = size_bytes;
        while size_bytes > PAGE_SIZE_BYTES as u64 {
            size_bytes = size_bytes.div_ceil(PAGE_SIZE_BYTES as u64) * DIGEST;
            levels.push(end..end + size_bytes);
            end += size_bytes;
        }
        Self {
            image_size_bytes,
            levels,
        }
    }

    /// Size of the image that the tree stands over.
    pub fn image_size_bytes(&self) -> u64 {
        self.image_size_bytes
    }

    /// Size of the tree.
    pub fn size_bytes(&self) -> u64 {
        self.levels.last().map_or(0, |top| top.end)
    }

    /// Where the levels lie in the tree's bytes, level 0 first. There is at least one, and the last fits one page.
    pub fn levels(&self) -> &[Range<u64>] {
        &self.levels
    }
}

/// The hash tree over an image, in memory: a 512th of the image's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTree {
    bytes: Vec<u8>,
    root: Digest,
}

impl HashTree {
    /// The tree over an image in memory.
    pub fn of(image: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(TreeShape::of(image.len() as u64).size_bytes() as usize);
        for chunk in image.chunks(CHUNK_SIZE_BYTES) {
            bytes.extend_from_slice(Digest::of(chunk).as_bytes());
        }
        bytes.resize(TreeShape::of(image.len() as u64).size_bytes() as usize, 0);
        Self::complete(&TreeShape::of(image.len() as u64), bytes)
    }

    /// The tree over an image that begins at `offset` of `reader`, hashed by `thread_count` threads. `progress` is told now
    /// and then how many more bytes have been hashed.
    ///
    /// # Errors
    /// If the image cannot be read, or ends too early.
    pub fn build<R: ReadAt + ?Sized>(
        reader: &R,
        offset: u64,
        image_size_bytes: u64,
        thread_count: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> io::Result<Self> {
        let shape = TreeShape::of(image_size_bytes);
        let mut bytes = vec![0; shape.size_bytes() as usize];
        let level_0 = &mut bytes[..shape.levels[0].end as usize];
        let jobs = Mutex::new(level_0.chunks_mut(PAGE_SIZE_BYTES).zip(0u64..));
        let failed = AtomicBool::new(false);
        on_threads(thread_count, || -> io::Result<()> {
            let mut window = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((digests, index)) = job else { break };
                let start = index * PAGE_SPAN_BYTES;
                let part = start..image_size_bytes.min(start + PAGE_SPAN_BYTES);
                let hashed = hash_chunks(reader, offset, part, digests, &mut window, progress);
                if hashed.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                hashed?;
            }
            Ok(())
        })?;
        Ok(Self::complete(&shape, bytes))
    }

    /// The tree's bytes, as they stand in a bundle.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest that vouches for all of it: the manifest's `image.tree_blake3`.
    pub fn root(&self) -> Digest {
        self.root
    }

    /// Fills in the levels above level 0.
    fn complete(shape: &TreeShape, mut bytes: Vec<u8>) -> Self {
        for pair in shape.levels.windows(2) {
            let (below, above) = bytes.split_at_mut(pair[0].end as usize);
            let pages = below[pair[0].start as usize..].chunks(PAGE_SIZE_BYTES);
            for (page, digest) in pages.zip(above.chunks_exact_mut(DIGEST_SIZE_BYTES)) {
                digest.copy_from_slice(Digest::of(page).as_bytes());
            }
        }
        let top = shape.levels.last().map_or(0, |top| top.start as usize);
        Self {
            root: Digest::of(&bytes[top..]),
            bytes,
        }
    }
}

/// Writes the digests of the chunks in `part` of the image to `digests`, which has room for exactly these.
fn hash_chunks<R: ReadAt + ?Sized>(
    reader: &R,
    offset: u64,
    part: Range<u64>,
    digests: &mut [u8],
    window: &mut Vec<u8>,
    progress: &(dyn Fn(u64) + Sync),
) -> io::Result<()> {
    let mut digests = digests.chunks_exact_mut(DIGEST_SIZE_BYTES);
    for start in part.clone().step_by(WINDOW_SIZE_BYTES) {
        let size_bytes = (part.end - start).min(WINDOW_SIZE_BYTES as u64) as usize;
        window.resize(size_bytes, 0);
        reader.read_exact_at(offset + start, window)?;
        for (chunk, digest) in window.chunks(CHUNK_SIZE_BYTES).zip(&mut digests) {
            digest.copy_from_slice(Digest::of(chunk).as_bytes());
        }
        progress(size_bytes as u64);
    }
    Ok(())
}
