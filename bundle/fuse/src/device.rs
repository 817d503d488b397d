//! The device: requests come out of it, replies and notifications go into it.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::protocol::{self, REPLY_HEADER_SIZE_BYTES, reply_header};

/// An opened and mounted `/dev/fuse`, which any number of threads may use.
#[derive(Debug)]
pub(crate) struct Device(File);

impl Device {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self(File::from(descriptor))
    }

    /// Waits for a request and returns its bytes; none if the wait was in vain and should begin anew.
    ///
    /// # Errors
    /// ENODEV when the file system has been unmounted.
    pub(crate) fn receive<'a>(&self, space: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match (&self.0).read(space) {
            // The device never says so; what stands in for it in tests does.
            Ok(0) => Err(io::Error::from_raw_os_error(libc::ENODEV)),
            Ok(size_bytes) => Ok(space.get(..size_bytes)),
            // ENOENT: the request was withdrawn before it could be read.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Is there a request to be received?
    pub(crate) fn is_pending(&self) -> bool {
        let mut descriptors = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    /// Answers a request. That it cannot be answered is nobody's concern: the one who asked has been killed, or the file
    /// system has been unmounted, which the next [`Device::receive`] says.
    pub(crate) fn reply(&self, unique: u64, pieces: &[IoSlice<'_>]) {
        let header = reply_header(protocol::size_bytes(pieces), 0, unique);
        let _ = self.send(&header, pieces);
    }

    /// Answers a request with one piece.
    pub(crate) fn reply_bytes(&self, unique: u64, bytes: &[u8]) {
        self.reply(unique, &[IoSlice::new(bytes)]);
    }

    /// Answers a request with an errno.
    pub(crate) fn reply_error(&self, unique: u64, errno: i32) {
        let _ = self.send(&reply_header(0, -errno, unique), &[]);
    }

    /// All in one write, as the kernel demands.
    fn send(
        &self,
        header: &[u8; REPLY_HEADER_SIZE_BYTES],
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let mut all = Vec::with_capacity(1 + pieces.len());
        all.push(IoSlice::new(header));
        all.extend_from_slice(pieces);
        (&self.0).write_vectored(&all)
    }
}
