//! The kernel's protocol: numbers, and what requests and replies look like in memory. Integers are in the machine's own
//! byte order.
//!
//! The protocol is described in the kernel's `include/uapi/linux/fuse.h`.

use std::io::IoSlice;

/// The one major version there is.
pub(crate) const MAJOR: u32 = 7;
/// The newest minor version whose rules are kept here.
pub(crate) const MINOR: u32 = 40;
/// The oldest (Linux 3.15): from it on, replies to INIT have the size that they have now.
pub(crate) const MINOR_MINIMUM: u32 = 23;

/// The root directory's node.
pub(crate) const ROOT_NODE: u64 = 1;

/// A buffer for requests must have at least this size. It is enough for every request of a mount that is never written to.
pub(crate) const REQUEST_SIZE_BYTES: usize = 8192;
/// Size of the fixed part at the front of a request.
pub(crate) const REQUEST_HEADER_SIZE_BYTES: usize = 40;
/// Size of the fixed part at the front of a reply.
pub(crate) const REPLY_HEADER_SIZE_BYTES: usize = 16;

/// No read is larger: the kernel is told so.
pub(crate) const READ_SIZE_LIMIT_BYTES: u32 = 1 << 20;

/// How many seconds the kernel may believe what it was told. An image never changes: ten years.
pub(crate) const VALID_S: u64 = 10 * 365 * 24 * 3600;

/// Requests by number.
pub(crate) mod opcode {
    pub(crate) const LOOKUP: u32 = 1;
    pub(crate) const FORGET: u32 = 2;
    pub(crate) const GETATTR: u32 = 3;
    pub(crate) const SETATTR: u32 = 4;
    pub(crate) const READLINK: u32 = 5;
    pub(crate) const SYMLINK: u32 = 6;
    pub(crate) const MKNOD: u32 = 8;
    pub(crate) const MKDIR: u32 = 9;
    pub(crate) const UNLINK: u32 = 10;
    pub(crate) const RMDIR: u32 = 11;
    pub(crate) const RENAME: u32 = 12;
    pub(crate) const LINK: u32 = 13;
    pub(crate) const OPEN: u32 = 14;
    pub(crate) const READ: u32 = 15;
    pub(crate) const WRITE: u32 = 16;
    pub(crate) const STATFS: u32 = 17;
    pub(crate) const RELEASE: u32 = 18;
    pub(crate) const FSYNC: u32 = 20;
    pub(crate) const SETXATTR: u32 = 21;
    pub(crate) const GETXATTR: u32 = 22;
    pub(crate) const LISTXATTR: u32 = 23;
    pub(crate) const REMOVEXATTR: u32 = 24;
    pub(crate) const INIT: u32 = 26;
    pub(crate) const OPENDIR: u32 = 27;
    pub(crate) const READDIR: u32 = 28;
    pub(crate) const RELEASEDIR: u32 = 29;
    pub(crate) const FSYNCDIR: u32 = 30;
    pub(crate) const CREATE: u32 = 35;
    pub(crate) const DESTROY: u32 = 38;
    pub(crate) const IOCTL: u32 = 39;
    pub(crate) const BATCH_FORGET: u32 = 42;
    pub(crate) const FALLOCATE: u32 = 43;
    pub(crate) const READDIRPLUS: u32 = 44;
    pub(crate) const RENAME2: u32 = 45;
    pub(crate) const LSEEK: u32 = 46;
    pub(crate) const COPY_FILE_RANGE: u32 = 47;
    pub(crate) const SYNCFS: u32 = 50;
    pub(crate) const TMPFILE: u32 = 51;
}

/// A request as it was read from the device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// What is asked for: one of [`opcode`], or a number that this server does not know.
    pub(crate) opcode: u32,
    /// The request's own number, which its reply repeats.
    pub(crate) unique: u64,
    /// The file or directory that it is about.
    pub(crate) node: u64,
    /// What follows the header.
    pub(crate) body: Body<'a>,
}

impl<'a> Request<'a> {
    /// Takes a request apart; none if it is not as long as it says.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(REQUEST_HEADER_SIZE_BYTES)?;
        let header = Body(header);
        (header.u32(0)? as usize == bytes.len()).then_some(())?;
        Some(Self {
            opcode: header.u32(4)?,
            unique: header.u64(8)?,
            node: header.u64(16)?,
            body: Body(body),
        })
    }
}

/// A structure whose fields are found by their offset, and a name that may follow it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    pub(crate) fn u32(self, offset: usize) -> Option<u32> {
        self.field(offset).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(self, offset: usize) -> Option<u64> {
        self.field(offset).map(u64::from_ne_bytes)
    }

    /// The name that begins at `offset` and ends before a NUL.
    pub(crate) fn name(self, offset: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(offset..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(&rest[..end])
    }

    fn field<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }
}

/// The front of a reply whose body has this size; `error` is zero or a negated errno, in a notification its code.
pub(crate) fn reply_header(
    body_size_bytes: usize,
    error: i32,
    unique: u64,
) -> [u8; REPLY_HEADER_SIZE_BYTES] {
    let size_bytes = (REPLY_HEADER_SIZE_BYTES + body_size_bytes) as u32;
    let mut header = [0; REPLY_HEADER_SIZE_BYTES];
    header[..4].copy_from_slice(&size_bytes.to_ne_bytes());
    header[4..8].copy_from_slice(&error.to_ne_bytes());
    header[8..].copy_from_slice(&unique.to_ne_bytes());
    header
}

/// Total size of some pieces.
pub(crate) fn size_bytes(pieces: &[IoSlice<'_>]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// Appends fields one after the other: the body of a reply.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<u8>);

impl Fields {
    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Zeros up to the next multiple of eight.
    pub(crate) fn align(&mut self) -> &mut Self {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self
    }
}
