//! Decoding all of an image: does every file in it come out?

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use anyhow::{Context, Result, bail};
use bundle_squashfs::{BlockReader, FileInode, Image, InodeKind};

/// Files that are found ahead of those that are being decoded.
const QUEUE_LENGTH: usize = 256;

/// Walks the whole tree with all attributes, and decompresses every block of every file with `thread_count` threads.
///
/// # Errors
/// Says which file does not come out, or what is wrong with the tree.
pub(crate) fn decode_all(image: &Image<'_>, thread_count: usize) -> Result<()> {
    let fragment_sizes = decode_fragments(image, thread_count)?;
    let (sender, receiver) = mpsc::sync_channel::<(PathBuf, FileInode)>(QUEUE_LENGTH);
    let receiver = Mutex::new(receiver);
    let failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        let mut decoder = Decoder::new(image, &fragment_sizes);
        let mut outcome = Ok(());
        loop {
            let received = lock(&receiver).recv();
            let Ok((path, file)) = received else {
                return outcome;
            };
            // After a failure the queue is emptied all the same, so that the walk does not wait for ever.
            if failed.load(Ordering::Relaxed) {
                continue;
            }
            if let Err(error) = decoder.decode(&file) {
                failed.store(true, Ordering::Relaxed);
                outcome = Err(error).with_context(|| cannot_read(&path));
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread_count.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        let walked = image.visit(|path, inode| {
            if failed.load(Ordering::Relaxed) {
                bail!("stopped");
            }
            image.xattrs(&inode).with_context(|| cannot_read(path))?;
            if let InodeKind::File(file) = inode.kind {
                sender.send((path.to_owned(), file))?;
            }
            Ok(())
        });
        drop(sender);
        for worker in workers {
            worker.join().unwrap_or(Ok(()))?;
        }
        walked.context("cannot list the files in the image")
    })
}

/// Decompresses every fragment block, which holds the tails of many files, once. Returns the sizes that they have.
fn decode_fragments(image: &Image<'_>, thread_count: usize) -> Result<Vec<u32>> {
    let fragment_count = image.superblock().fragment_count;
    let sizes: Mutex<Vec<u32>> = Mutex::new(vec![0; fragment_count as usize]);
    let next = AtomicU32::new(0);
    let work = || -> Result<()> {
        let mut reader = BlockReader::new();
        let mut buffer = vec![0; image.superblock().block_size_bytes as usize];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= fragment_count {
                return Ok(());
            }
            let size_bytes = image
                .fragment(index)
                .and_then(|block| reader.read_up_to(image, block, &mut buffer));
            if size_bytes.is_err() {
                // The others find nothing more to do.
                next.store(fragment_count, Ordering::Relaxed);
            }
            let size_bytes = size_bytes.context("cannot read the ends of files")?;
            lock(&sizes)[index as usize] = size_bytes as u32;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread_count.max(1))
            .map(|_| scope.spawn(work))
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    Ok(sizes.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// One thread's means.
struct Decoder<'a> {
    image: &'a Image<'a>,
    fragment_sizes: &'a [u32],
    reader: BlockReader,
    buffer: Vec<u8>,
}

impl<'a> Decoder<'a> {
    fn new(image: &'a Image<'a>, fragment_sizes: &'a [u32]) -> Self {
        Self {
            image,
            fragment_sizes,
            reader: BlockReader::new(),
            buffer: vec![0; image.superblock().block_size_bytes as usize],
        }
    }

    fn decode(&mut self, file: &FileInode) -> Result<()> {
        for block in self.image.blocks(file)?.iter() {
            if !block.is_hole() {
                let out = &mut self.buffer[..block.size_bytes as usize];
                self.reader.read(self.image, block, out)?;
            }
        }
        if let Some((index, offset)) = file.fragment {
            let size_bytes = self.fragment_sizes.get(index as usize);
            let size_bytes = size_bytes.context("its end is in no block that there is")?;
            if u64::from(offset) + u64::from(file.tail_size_bytes()) > u64::from(*size_bytes) {
                bail!("its end lies outside its block");
            }
        }
        Ok(())
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read '{}' in the image", path.display())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
