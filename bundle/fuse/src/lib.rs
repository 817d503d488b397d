//! Serves a squashfs image as a read-only file system through the kernel's FUSE protocol, spoken here directly: no libfuse,
//! no helper program, no request more than needed.
//!
//! # Who mounts
//!
//! Not this crate. Someone opens `/dev/fuse`, in the user namespace to which the mount is to belong, calls mount(2) with type
//! `fuse`, the flags `MS_RDONLY | MS_NODEV` and the options of [`mount_options`], and gives the descriptor to [`serve`],
//! which may run in another process: user and group ids in requests and replies are those of the mount's user namespace
//! whoever reads the device.
//!
//! mount(2) does not wait for the server; the first access to the file system does. So it is best to mount, then hand the
//! descriptor over, and nobody waits in vain. [`serve`] may also begin before the mount exists: it then looks for it twice
//! in a millisecond, for ten seconds. The file system disappears when its last descriptor of the device is closed: whoever
//! asks for something then gets ENOTCONN. So a server that is killed leaves no process hanging.
//!
//! # What is asked of the server
//!
//! An image never changes, so the kernel is told to keep all it learns: names, also those that do not exist, attributes,
//! links, listings, contents. It opens files without asking. What is left is each name's first look-up, and each
//! page's first read.
//!
//! Nothing is pushed into the kernel's cache (`FUSE_NOTIFY_STORE`), though that saves requests: the push waits for pages that are just
//! being read. If the server is killed meanwhile, the request for those pages is never answered, the push never
//! ends, and with it neither does the process that would have to end for the kernel to give the request up.
//!
//! # Memory
//!
//! - decoded blocks: [`Options::cache_size_bytes`], and for each thread those of one read, two blocks with the kernel's usual
//!   reads of 128 KiB, at most 1 MiB and two blocks;
//! - for each thread a decompressor, a block as it is stored, and a reply;
//! - lists of blocks of files read lately: 1 MiB, or what one file's list takes, about 4 bytes for each of its blocks;
//! - listings of directories read lately: 1 MiB, or what one directory's takes, about 70 bytes and the name for each entry;
//! - what the image itself keeps of its metadata ([`bundle_squashfs::METADATA_CACHE_SIZE_LIMIT_BYTES`]).

mod ahead;
mod attributes;
mod block_cache;
mod crew;
mod device;
mod directories;
mod files;
mod init;
mod lookout;
mod lru;
mod protocol;
mod serve;
mod xattrs;

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

pub use serve::serve;

/// How an image is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Number of threads that answer requests. With one alone, nothing is read ahead.
    pub thread_count: NonZeroUsize,
    /// Bound on the decoded blocks that are kept, in bytes.
    pub cache_size_bytes: usize,
    /// How much the kernel may ask for beyond what is wanted, in bytes; it has a limit of its own, 128 KiB as a rule. A program
    /// that is mapped and starts asks for pages here and there: for it less is more. Who reads files from front to back
    /// wants all.
    pub readahead_size_bytes: u32,
    /// Shows all files as this user's and this group's, in the ids of the mount's user namespace. Without it they are
    /// whose the image says.
    pub owner: Option<(u32, u32)>,
    /// Shows all files as readable and writable, and all directories as passable, for their owner. That is what root can
    /// do anyway, and lets an ordinary user be root's stand-in below a writable layer: the file system itself stays
    /// read-only.
    pub owner_has_access: bool,
}

impl Default for Options {
    fn default() -> Self {
        // One thread more than can run: there is then one to wait for requests while the others decode.
        let cpu_count = processor_count();
        Self {
            thread_count: NonZeroUsize::MIN.saturating_add(cpu_count.min(8)),
            cache_size_bytes: 8 << 20,
            readahead_size_bytes: u32::MAX,
            owner: None,
            owner_has_access: false,
        }
    }
}

/// How many processors the calling thread may run on. The standard library's count also reads half a dozen files for the sake
/// of quotas, and whoever mounts waits for that.
pub(crate) fn processor_count() -> usize {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => {
            let is_allowed = |cpu: &usize| set.is_set(*cpu).unwrap_or(false);
            (0..CpuSet::count()).filter(is_allowed).count().max(1)
        }
        // There are more than such a set has room for.
        Err(_) => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    }
}

/// The options for mount(2): the opened device, and the user and the group that mount, as their user namespace knows them.
/// All users may use the file system, and the kernel checks their rights by itself.
pub fn mount_options(device: BorrowedFd<'_>, user_id: u32, group_id: u32) -> String {
    let descriptor = device.as_raw_fd();
    format!(
        "fd={descriptor},rootmode=40000,user_id={user_id},group_id={group_id},default_permissions,allow_other"
    )
}
