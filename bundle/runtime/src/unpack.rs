//! Unpacking an image into an empty directory that nobody else writes to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use bundle_squashfs::{
    Block, BlockReader, Error as ImageError, FileInode, Image, InodeKind, WalkEntry,
};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::error::errno_of;
use crate::{Error, attributes};

/// More threads do not make a bundle of ordinary size start sooner.
pub(crate) const THREAD_COUNT_LIMIT: usize = 8;

/// Files that are open at the same time: well below the usual limit of 1024.
const OPEN_FILE_COUNT: usize = 256;

/// Whose the unpacked files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The caller's, without set-user-id and set-group-id.
    OfCaller,
    /// Those of the image's owners, with all mode bits, and device nodes too: for root.
    OfImage,
}

/// Unpacks `image` into the directory with as many threads as this process may run on, at most 8. Hard links stay hard links,
/// and times of modification are the image's. Sockets are left out, and so are device nodes unless `ownership` is the image's.
///
/// # Errors
/// If the image is damaged, or the directory cannot take it.
pub fn unpack(
    image: &Image<'_>,
    directory: BorrowedFd<'_>,
    ownership: Ownership,
) -> Result<(), Error> {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    unpack_with_threads(
        image,
        directory,
        ownership,
        available.min(THREAD_COUNT_LIMIT),
    )
}

/// Unpacks `image` into the directory with `thread_count` threads, this one included.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_with_threads(
    image: &Image<'_>,
    directory: BorrowedFd<'_>,
    ownership: Ownership,
    thread_count: usize,
) -> Result<(), Error> {
    unpack_entries(
        image,
        &image.walk()?,
        directory,
        ownership,
        thread_count,
        &|_| (),
    )
}

/// Unpacks the entries of `image`, all of them as [`Image::walk`] gives them. Whoever has walked the image already says so by
/// this, and whoever waits hears from `written` how many bytes of contents have come about since the last time.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_entries(
    image: &Image<'_>,
    entries: &[WalkEntry],
    directory: BorrowedFd<'_>,
    ownership: Ownership,
    thread_count: usize,
    written: &(dyn Fn(u64) + Sync),
) -> Result<(), Error> {
    make_directories(entries, directory)?;
    let mut files = Vec::new();
    let mut hard_links = Vec::new();
    // The first path of each inode that has several.
    let mut first_paths: BTreeMap<u32, &Path> = BTreeMap::new();
    for entry in entries {
        if let InodeKind::File(file) = &entry.inode.kind {
            match first_paths.entry(entry.inode.number) {
                Entry::Occupied(first) if entry.inode.link_count > 1 => {
                    hard_links.push((*first.get(), entry.path.as_path()));
                    continue;
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => drop(place.insert(&entry.path)),
            }
            files.push((entry, file));
        }
    }
    for batch in files.chunks(OPEN_FILE_COUNT) {
        write_files(image, batch, directory, thread_count, written)?;
    }
    for (first, path) in hard_links {
        nix::unistd::linkat(
            directory,
            first,
            directory,
            path,
            nix::fcntl::AtFlags::empty(),
        )
        .map_err(Error::unpack("make link", path))?;
    }
    // Links come last, so that no path written before could lead through one.
    make_links(entries, directory)?;
    attributes::set(entries, directory, ownership)
}

fn make_directories(entries: &[WalkEntry], directory: BorrowedFd<'_>) -> Result<(), Error> {
    for entry in entries.iter().skip(1) {
        let mode = Mode::from_bits_truncate(u32::from(entry.inode.mode) & 0o777);
        if matches!(entry.inode.kind, InodeKind::Directory(_)) {
            // Its owner must be able to fill it now and to remove it later.
            nix::sys::stat::mkdirat(directory, &entry.path, mode | Mode::S_IRWXU)
                .map_err(Error::unpack("make directory", &entry.path))?;
        }
    }
    Ok(())
}

fn make_links(entries: &[WalkEntry], directory: BorrowedFd<'_>) -> Result<(), Error> {
    for entry in entries {
        if let InodeKind::Symlink(target) = &entry.inode.kind {
            nix::unistd::symlinkat(&target[..], directory, &entry.path)
                .map_err(Error::unpack("make link", &entry.path))?;
        }
    }
    Ok(())
}

/// A file that is being written.
struct Target<'a> {
    path: &'a Path,
    file: File,
}

/// One block to decompress, and where its bytes go.
enum Job {
    Data {
        target: usize,
        offset: u64,
        block: Block,
    },
    Fragment {
        block: Block,
        tails: Vec<Tail>,
    },
}

/// The end of a file, which lies in a fragment block with those of other files.
struct Tail {
    target: usize,
    offset_in_file: u64,
    offset_in_block: usize,
    size_bytes: usize,
}

fn write_files(
    image: &Image<'_>,
    files: &[(&WalkEntry, &FileInode)],
    directory: BorrowedFd<'_>,
    thread_count: usize,
    written: &(dyn Fn(u64) + Sync),
) -> Result<(), Error> {
    let targets = files
        .iter()
        .map(|(entry, inode)| create(entry, inode, directory))
        .collect::<Result<Vec<_>, _>>()?;
    let jobs = plan(image, files)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Error> {
        let mut reader = BlockReader::new();
        let mut buffer = vec![0; image.superblock().block_size_bytes as usize];
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let done = run(job, image, &targets, &mut reader, &mut buffer).map(written);
            if done.is_err() {
                // The other threads find nothing more to do.
                next.store(jobs.len(), Ordering::Relaxed);
            }
            done?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helper_count = thread_count.min(jobs.len()).saturating_sub(1);
        // A thread that cannot be made is one helper less, not a failure.
        let helpers: Vec<_> = (0..helper_count)
            .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let own = work();
        helpers
            .into_iter()
            .try_for_each(|helper| helper.join().unwrap_or(Ok(())))?;
        own
    })
}

fn create<'a>(
    entry: &'a WalkEntry,
    inode: &FileInode,
    directory: BorrowedFd<'_>,
) -> Result<Target<'a>, Error> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    // No set-user-id or set-group-id: the files belong to whoever unpacks them.
    let mode = Mode::from_bits_truncate(u32::from(entry.inode.mode) & 0o777);
    let file = nix::fcntl::openat(directory, &entry.path, flags, mode)
        .map_err(Error::unpack("create", &entry.path))?;
    let size_bytes =
        i64::try_from(inode.size_bytes).map_err(|_| ImageError::LimitExceeded("files"))?;
    nix::unistd::ftruncate(&file, size_bytes).map_err(Error::unpack("size", &entry.path))?;
    Ok(Target {
        path: &entry.path,
        file: file.into(),
    })
}

/// Lists what is to be decompressed: each data block once, each fragment block once for all the tails in it.
fn plan(image: &Image<'_>, files: &[(&WalkEntry, &FileInode)]) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    let mut fragments: BTreeMap<u32, Vec<Tail>> = BTreeMap::new();
    for (target, (_, inode)) in files.iter().enumerate() {
        let mut offset = 0;
        for block in image.blocks(inode)?.iter() {
            // A hole is there already: the file has been sized.
            if !block.is_hole() {
                jobs.push(Job::Data {
                    target,
                    offset,
                    block,
                });
            }
            offset += u64::from(block.size_bytes);
        }
        if let Some((fragment, offset_in_block)) = inode.fragment {
            fragments.entry(fragment).or_default().push(Tail {
                target,
                offset_in_file: offset,
                offset_in_block: offset_in_block as usize,
                size_bytes: inode.tail_size_bytes() as usize,
            });
        }
    }
    for (index, tails) in fragments {
        jobs.push(Job::Fragment {
            block: image.fragment(index)?,
            tails,
        });
    }
    Ok(jobs)
}

/// Does one, and tells how many bytes have been written.
fn run(
    job: &Job,
    image: &Image<'_>,
    targets: &[Target<'_>],
    reader: &mut BlockReader,
    buffer: &mut [u8],
) -> Result<u64, Error> {
    match job {
        Job::Data {
            target,
            offset,
            block,
        } => {
            let bytes = &mut buffer[..block.size_bytes as usize];
            reader.read(image, *block, bytes)?;
            write(&targets[*target], bytes, *offset)?;
            Ok(bytes.len() as u64)
        }
        Job::Fragment { block, tails } => {
            let size_bytes = reader.read_up_to(image, *block, buffer)?;
            for tail in tails {
                let end = tail.offset_in_block.saturating_add(tail.size_bytes);
                let bytes = buffer[..size_bytes].get(tail.offset_in_block..end);
                let bytes = bytes.ok_or(ImageError::OutOfBounds("fragment"))?;
                write(&targets[tail.target], bytes, tail.offset_in_file)?;
            }
            Ok(tails.iter().map(|tail| tail.size_bytes as u64).sum())
        }
    }
}

fn write(target: &Target<'_>, bytes: &[u8], offset: u64) -> Result<(), Error> {
    target
        .file
        .write_all_at(bytes, offset)
        .map_err(|error| Error::unpack("write", PathBuf::from(target.path))(errno_of(&error)))
}

/// As long as this value lives, what is made gets the mode that it is made with. Under the user's mask a user
/// could be left without the right to execute the own copy, and the image's files would not have the image's modes. The
/// payload inherits the user's mask, so this value must be gone before it starts.
pub(crate) struct Unmasked {
    users: Mode,
}

impl Unmasked {
    pub(crate) fn new() -> Self {
        let users = nix::sys::stat::umask(Mode::empty());
        Self { users }
    }
}

impl Drop for Unmasked {
    fn drop(&mut self) {
        nix::sys::stat::umask(self.users);
    }
}

/// Unpacks into the directory at `path`.
pub(crate) fn unpack_at(image: &Image<'_>, path: &Path, ownership: Ownership) -> Result<(), Error> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let directory =
        nix::fcntl::open(path, flags, Mode::empty()).map_err(Error::unpack("open", path))?;
    unpack(image, directory.as_fd(), ownership)
}
