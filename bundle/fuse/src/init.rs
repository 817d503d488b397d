//! INIT: the first request, with which kernel and server agree on what both know.

use crate::protocol::{Body, Fields, MAJOR, MINOR, MINOR_MINIMUM, READ_SIZE_LIMIT_BYTES};

const ASYNC_READ: u64 = 1 << 0;
const DO_READDIRPLUS: u64 = 1 << 13;
const ASYNC_DIO: u64 = 1 << 15;
const NO_OPEN_SUPPORT: u64 = 1 << 17;
const PARALLEL_DIROPS: u64 = 1 << 18;
const MAX_PAGES: u64 = 1 << 22;
const CACHE_SYMLINKS: u64 = 1 << 23;
const NO_OPENDIR_SUPPORT: u64 = 1 << 24;
const EXPLICIT_INVAL_DATA: u64 = 1 << 25;
const INIT_EXT: u64 = 1 << 30;

/// What is asked for, where the kernel has it. `EXPLICIT_INVAL_DATA`: an image never changes, so the kernel need never drop
/// what it keeps.
const WANTED: u64 = ASYNC_READ
    | DO_READDIRPLUS
    | ASYNC_DIO
    | NO_OPEN_SUPPORT
    | PARALLEL_DIROPS
    | MAX_PAGES
    | CACHE_SYMLINKS
    | NO_OPENDIR_SUPPORT
    | EXPLICIT_INVAL_DATA
    | INIT_EXT;

/// Requests that nobody waits for (reading ahead) that the kernel may send before it holds them back. The kernel lowers
/// it to its own limit for mounts of ordinary users.
const BACKGROUND_LIMIT: u16 = 64;
/// From how many on it takes the device for congested, and does not read ahead.
const CONGESTION_THRESHOLD: u16 = 48;
/// Nothing is ever written; less than a page is not allowed.
const WRITE_LIMIT_BYTES: u32 = 4096;
/// Times in an image are whole seconds.
const TIME_GRANULARITY_NS: u32 = 1_000_000_000;

/// What kernel and server agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreement {
    flags: u64,
}

impl Agreement {
    /// Before INIT: nothing is known of the kernel.
    pub(crate) const NONE: Self = Self { flags: 0 };

    /// May OPEN be answered with ENOSYS, so that the kernel opens files by itself from then on?
    pub(crate) fn opens_by_itself(self) -> bool {
        self.flags & NO_OPEN_SUPPORT != 0
    }

    /// The same for OPENDIR.
    pub(crate) fn opens_directories_by_itself(self) -> bool {
        self.flags & NO_OPENDIR_SUPPORT != 0
    }
}

/// Answers INIT: the reply's body, and what has been agreed on. None if the kernel is too old or the request too short.
/// A kernel of a newer major version is told ours, and asks again.
pub(crate) fn negotiate(
    body: Body<'_>,
    page_size_bytes: u64,
    readahead_size_bytes: u32,
) -> Option<(Fields, Option<Agreement>)> {
    let (major, minor) = (body.u32(0)?, body.u32(4)?);
    let mut reply = Fields::default();
    if major > MAJOR {
        reply.u32(MAJOR).u32(MINOR);
        reply.0.resize(64, 0);
        return Some((reply, None));
    }
    if major < MAJOR || minor < MINOR_MINIMUM {
        return None;
    }
    let readahead_limit_bytes = body.u32(8)?;
    let mut offered = u64::from(body.u32(12)?);
    if offered & INIT_EXT != 0 {
        offered |= u64::from(body.u32(16)?) << 32;
    }
    let flags = offered & WANTED;
    let pages = (u64::from(READ_SIZE_LIMIT_BYTES) / page_size_bytes) as u16;
    reply
        .u32(MAJOR)
        .u32(MINOR.min(minor))
        .u32(readahead_limit_bytes.min(readahead_size_bytes))
        .u32(flags as u32)
        .u16(BACKGROUND_LIMIT)
        .u16(CONGESTION_THRESHOLD)
        .u32(WRITE_LIMIT_BYTES)
        .u32(TIME_GRANULARITY_NS)
        .u16(if flags & MAX_PAGES != 0 { pages } else { 0 })
        .u16(0)
        .u32((flags >> 32) as u32);
    reply.0.resize(64, 0);
    Some((reply, Some(Agreement { flags })))
}
