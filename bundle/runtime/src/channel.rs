//! What the processes of a run tell each other: one packet for each message, over a socket that nobody else has.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

use crate::Error;
use crate::error::Refusal;

/// Longest message. Only an error's text can be longer, and is cut.
const MESSAGE_SIZE_LIMIT_BYTES: usize = 16 << 10;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// To the launcher: the payload's process has this number.
    Payload(i32),
    /// To the launcher: a directory with this path is going to be made.
    Directory(Vec<u8>),
    /// To the launcher, once: what the user should know about this start.
    Notice(String),
    /// To the launcher: the payload has been stopped by this signal.
    Stopped(i32),
    /// To the launcher: the payload has ended with this exit code.
    Exited(u8),
    /// To the launcher: the payload was ended by this signal.
    Killed(i32),
    /// To the launcher: a block of the image that was read is not what was packed.
    Damaged(String),
    /// Upwards: this cannot be done. What it means for the rung stands in the refusal.
    Refused(Refusal),
    /// Upwards: everything was tried that had to be, and holds.
    Holds,
    /// To the keeper: the file system is mounted, in a user namespace or not; the descriptor that serves it comes along.
    Mounted {
        /// User and group, as that namespace numbers them, to whom everything belongs; none if all ids exist there.
        owner: Option<(u32, u32)>,
    },
    /// Downwards: all checks are done; the payload may run. The bytes are the image's place where that is not known yet.
    Go(Vec<u8>),
}

/// One end of a connection between two processes. A message is there whole or not at all.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Both ends, closed on exec.
    pub(crate) fn pair() -> Result<(Self, Self), Error> {
        let kind = SockType::SeqPacket;
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)
            .map(|(one, other)| (Self(one), Self(other)))
            .map_err(|errno| Error::Process {
                operation: "connect the processes of a run",
                errno,
            })
    }

    /// Sends a message, with a descriptor if there is one. If the other end is gone, nobody listens, and that is no error:
    /// its end is noticed elsewhere.
    pub(crate) fn send(&self, message: &Message, descriptor: Option<&OwnedFd>) {
        let bytes = encode(message);
        let parts = [std::io::IoSlice::new(&bytes)];
        let numbers: Vec<RawFd> = descriptor.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let rights = if numbers.is_empty() { &[] } else { &rights[..] };
        while sendmsg::<()>(
            self.0.as_raw_fd(),
            &parts,
            rights,
            MsgFlags::MSG_NOSIGNAL,
            None,
        ) == Err(Errno::EINTR)
        {}
    }

    /// Waits for a message. None when the other end is closed, by whatever end of its process.
    pub(crate) fn receive(&self) -> Option<(Message, Option<OwnedFd>)> {
        let mut bytes = vec![0; MESSAGE_SIZE_LIMIT_BYTES];
        let mut space = nix::cmsg_space!(RawFd);
        let (size_bytes, descriptor) = loop {
            let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut space), flags) {
                Ok(received) => break (received.bytes, descriptor_of(&received)),
                // A process that ended without reading what it was sent is told of before what it has sent; that is still there.
                Err(Errno::EINTR | Errno::ECONNRESET) => {}
                Err(_) => return None,
            }
        };
        decode(&bytes[..size_bytes]).map(|message| (message, descriptor))
    }

    /// The descriptor, to wait for messages on.
    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.0
    }
}

fn descriptor_of<S>(received: &nix::sys::socket::RecvMsg<'_, '_, S>) -> Option<OwnedFd> {
    let messages = received.cmsgs().ok()?;
    let mut numbers = messages.filter_map(|message| match message {
        ControlMessageOwned::ScmRights(numbers) => Some(numbers),
        _ => None,
    });
    let number = *numbers.next()?.first()?;
    Some(crate::ffi::own_descriptor(number))
}

fn encode(message: &Message) -> Vec<u8> {
    let (kind, body): (u8, Vec<u8>) = match message {
        Message::Payload(pid) => (1, pid.to_le_bytes().into()),
        Message::Directory(path) => (2, path.clone()),
        Message::Notice(text) => (3, text.clone().into()),
        Message::Stopped(signal) => (4, signal.to_le_bytes().into()),
        Message::Exited(code) => (5, vec![*code]),
        Message::Killed(signal) => (6, signal.to_le_bytes().into()),
        Message::Damaged(text) => (7, text.clone().into()),
        Message::Refused(refusal) => (8, refusal.encode()),
        Message::Holds => (9, vec![]),
        Message::Mounted { owner } => (
            10,
            owner.map_or_else(Vec::new, |(uid, gid)| {
                [uid.to_le_bytes(), gid.to_le_bytes()].concat()
            }),
        ),
        Message::Go(place) => (11, place.clone()),
    };
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&body[..body.len().min(MESSAGE_SIZE_LIMIT_BYTES - 1)]);
    bytes
}

fn decode(bytes: &[u8]) -> Option<Message> {
    let (kind, body) = bytes.split_first()?;
    let number = || body.try_into().ok().map(i32::from_le_bytes);
    let text = || String::from_utf8_lossy(body).into_owned();
    Some(match kind {
        1 => Message::Payload(number()?),
        2 => Message::Directory(body.to_vec()),
        3 => Message::Notice(text()),
        4 => Message::Stopped(number()?),
        5 => Message::Exited(*body.first()?),
        6 => Message::Killed(number()?),
        7 => Message::Damaged(text()),
        8 => Message::Refused(Refusal::decode(body)?),
        9 => Message::Holds,
        10 => Message::Mounted {
            owner: body.split_at_checked(4).and_then(|(uid, gid)| {
                let id = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
                Some((id(uid)?, id(gid)?))
            }),
        },
        11 => Message::Go(body.to_vec()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (one, other) = Channel::pair().unwrap();
        let refusal = Refusal {
            what: "mount".into(),
            errno: Some(1),
            remedy: "allow it".into(),
            exit_code: 125,
            is_final: true,
        };
        for message in [
            Message::Payload(4711),
            Message::Directory(b"/tmp/\xff".to_vec()),
            Message::Notice("one".into()),
            Message::Stopped(20),
            Message::Exited(255),
            Message::Killed(64),
            Message::Damaged("block".into()),
            Message::Refused(refusal),
            Message::Holds,
            Message::Mounted { owner: None },
            Message::Mounted {
                owner: Some((0, 1000)),
            },
            Message::Go(vec![]),
            Message::Go(b"/place".to_vec()),
        ] {
            one.send(&message, None);
            assert_eq!(other.receive().unwrap().0, message);
        }
        drop(one);
        assert!(other.receive().is_none());
    }

    #[test]
    fn a_descriptor_comes_along() {
        let (one, other) = Channel::pair().unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mounted = Message::Mounted { owner: None };
        one.send(&mounted, Some(&writer.into()));
        let (message, descriptor) = other.receive().unwrap();
        assert_eq!(message, mounted);
        std::fs::File::from(descriptor.unwrap())
            .write_all(b"x")
            .unwrap();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"x");
    }

    /// A process reports why it cannot go on, and ends without having read that it may.
    #[test]
    fn last_words_arrive_though_the_other_end_was_sent_more() {
        let (one, other) = Channel::pair().unwrap();
        one.send(&Message::Holds, None);
        other.send(&Message::Go(vec![]), None);
        drop(one);
        assert_eq!(other.receive().unwrap().0, Message::Holds);
        assert!(other.receive().is_none());
    }

    #[test]
    fn a_long_text_is_cut() {
        let (one, other) = Channel::pair().unwrap();
        one.send(&Message::Notice("x".repeat(1 << 20)), None);
        assert!(matches!(other.receive(), Some((Message::Notice(_), None))));
    }
}
