//! The server against something that speaks like a kernel, but says what no kernel would: old and future versions,
//! requests that are too short, too long, or about nothing. It takes neither root nor /dev/fuse.

mod common;

use std::collections::HashSet;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixDatagram;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use bundle_fuse::{Options, serve};
use bundle_squashfs::Image;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use proptest::prelude::*;

use common::{make_image, make_tree};

const ROOT: u64 = 1;
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const OPEN: u32 = 14;
const READ: u32 = 15;
const STATFS: u32 = 17;
const WRITE: u32 = 16;
const GETXATTR: u32 = 22;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
const READDIRPLUS: u32 = 44;

const NO_OPEN_SUPPORT: u32 = 1 << 17;
const NO_OPENDIR_SUPPORT: u32 = 1 << 24;
/// The body of INIT is longer.
const INIT_EXT: u32 = 1 << 30;

/// An image of the usual tree; none where `mksquashfs` is not installed.
static IMAGE: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let tree = scratch.path().join("tree");
    make_tree(&tree);
    let image = scratch.path().join("image");
    let image = make_image("the protocol", &tree, &image, &["-comp", "zstd"])?;
    Some(std::fs::read(image).expect("the image"))
});

/// The kernel's end of the device.
struct Kernel(UnixDatagram);

#[derive(Debug)]
struct Reply {
    error: i32,
    unique: u64,
    body: Vec<u8>,
}

impl Reply {
    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.body[offset..offset + 4].try_into().expect("4 bytes"))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.body[offset..offset + 8].try_into().expect("8 bytes"))
    }
}

impl Kernel {
    fn send(&self, opcode: u32, unique: u64, node: u64, body: &[u8]) {
        let mut request = Vec::new();
        request.extend_from_slice(&(40 + body.len() as u32).to_ne_bytes());
        request.extend_from_slice(&opcode.to_ne_bytes());
        request.extend_from_slice(&unique.to_ne_bytes());
        request.extend_from_slice(&node.to_ne_bytes());
        request.extend_from_slice(&[0; 16]);
        request.extend_from_slice(body);
        self.0.send(&request).expect("the server listens");
    }

    fn receive(&self) -> Reply {
        let mut bytes = vec![0; 2 << 20];
        let size_bytes = self.0.recv(&mut bytes).expect("a reply in time");
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!(word(0) as usize, size_bytes, "a reply says its size");
        Reply {
            error: word(4).cast_signed(),
            unique: u64::from_ne_bytes(bytes[8..16].try_into().expect("8 bytes")),
            body: bytes[16..size_bytes].to_vec(),
        }
    }

    fn ask(&self, opcode: u32, node: u64, body: &[u8]) -> Reply {
        self.send(opcode, 4242, node, body);
        let reply = self.receive();
        assert_eq!(reply.unique, 4242);
        reply
    }

    fn init(&self, major: u32, minor: u32, flags: u32) -> Reply {
        let mut body = words(&[major, minor, 1 << 20, flags]);
        if flags & INIT_EXT != 0 {
            body.resize(64, 0xff);
        }
        self.ask(INIT, 0, &body)
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// The body of READ, READDIR and READDIRPLUS.
fn read_body(offset: u64, size_bytes: u32) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend_from_slice(&offset.to_ne_bytes());
    body.extend_from_slice(&size_bytes.to_ne_bytes());
    body.resize(40, 0);
    body
}

/// Serves the usual image to `kernel`, and returns what became of the server after the kernel has gone.
fn serve_to(thread_count: usize, kernel: impl FnOnce(&Kernel)) -> Option<io::Result<()>> {
    let bytes = IMAGE.as_ref()?;
    let (ours, device) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .expect("a pair of sockets");
    let ours = UnixDatagram::from(ours);
    let limit = Some(Duration::from_secs(20));
    ours.set_read_timeout(limit).expect("a time limit");
    Some(thread::scope(|scope| {
        let server = scope.spawn(move || {
            let image = Image::open(bytes).expect("an image");
            let options = Options {
                thread_count: NonZeroUsize::new(thread_count).expect("a thread"),
                ..Options::default()
            };
            // Nodes that were never given out lead to places where there is no inode.
            serve(&image, device, &options, &|_| {})
        });
        let ours = Kernel(ours);
        kernel(&ours);
        drop(ours);
        server.join().expect("no panic")
    }))
}

#[test]
fn old_kernels_are_answered_as_they_expect() {
    let ended = serve_to(1, |kernel| {
        let reply = kernel.init(7, 27, NO_OPEN_SUPPORT);
        assert_eq!((reply.error, reply.body.len()), (0, 64));
        assert_eq!((reply.u32(0), reply.u32(4)), (7, 27));
        assert_eq!(
            reply.u32(12),
            NO_OPEN_SUPPORT,
            "nothing that was not offered"
        );
        // It would open files by itself, but has never heard of that for directories.
        assert_eq!(kernel.ask(OPEN, ROOT, &[0; 8]).error, -libc::ENOSYS);
        let reply = kernel.ask(OPENDIR, ROOT, &[0; 8]);
        assert_eq!((reply.error, reply.body.len()), (0, 16));
    });
    assert!(ended.is_none_or(|ended| ended.is_ok()));
}

#[test]
fn new_kernels_never_ask_to_open() {
    let ended = serve_to(2, |kernel| {
        let reply = kernel.init(7, 99, u32::MAX);
        assert_eq!((reply.u32(0), reply.u32(4)), (7, 40));
        let flags = reply.u32(12);
        assert_ne!(flags & NO_OPEN_SUPPORT, 0);
        assert_ne!(flags & NO_OPENDIR_SUPPORT, 0);
        assert_eq!(kernel.ask(OPEN, ROOT, &[0; 8]).error, -libc::ENOSYS);
        assert_eq!(kernel.ask(OPENDIR, ROOT, &[0; 8]).error, -libc::ENOSYS);
    });
    assert!(ended.is_none_or(|ended| ended.is_ok()));
}

#[test]
fn another_major_version_is_told_ours_or_refused() {
    let ended = serve_to(1, |kernel| {
        assert_eq!(kernel.init(8, 0, 0).u32(0), 7);
        assert_eq!(kernel.init(7, 31, 0).u32(4), 31);
    });
    assert!(ended.is_none_or(|ended| ended.is_ok()));
    let ended = serve_to(1, |kernel| {
        assert_eq!(kernel.init(7, 22, 0).error, -libc::EPROTO);
    });
    assert!(ended.is_none_or(|ended| ended.is_err()));
}

#[test]
fn requests_that_change_something_are_refused_and_others_say_so() {
    let ended = serve_to(2, |kernel| {
        kernel.init(7, 31, u32::MAX);
        assert_eq!(kernel.ask(WRITE, ROOT, &[0; 40]).error, -libc::EROFS);
        assert_eq!(kernel.ask(GETXATTR, ROOT, &[0; 16]).error, -libc::ENOSYS);
        assert_eq!(kernel.ask(INTERRUPT, 0, &[0; 8]).error, -libc::ENOSYS);
        assert_eq!(kernel.ask(9999, ROOT, &[]).error, -libc::ENOSYS);
        assert_eq!(
            kernel.ask(READ, ROOT, &read_body(0, 1)).error,
            -libc::EISDIR
        );
        assert_eq!(kernel.ask(READ, 0, &read_body(0, 1)).error, -libc::ESTALE);
        assert_eq!(kernel.ask(LOOKUP, ROOT, b"no end").error, -libc::EINVAL);
        let reply = kernel.ask(LOOKUP, ROOT, b"absent\0");
        assert_eq!((reply.error, reply.body.len(), reply.u64(0)), (0, 128, 0));
        assert!(reply.u64(16) > 1_000_000, "its absence may be remembered");
    });
    assert!(ended.is_none_or(|ended| ended.is_ok()));
}

/// The names of a listing that is read in pieces of this size.
fn list(kernel: &Kernel, opcode: u32, node: u64, size_bytes: u32) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut offset = 0;
    loop {
        let reply = kernel.ask(opcode, node, &read_body(offset, size_bytes));
        assert_eq!(reply.error, 0);
        assert!(reply.body.len() <= size_bytes as usize);
        if reply.body.is_empty() {
            return names;
        }
        let mut at = 0;
        while at < reply.body.len() {
            at += if opcode == READDIRPLUS { 128 } else { 0 };
            offset = reply.u64(at + 8);
            let name_size_bytes = reply.u32(at + 16) as usize;
            names.push(reply.body[at + 24..at + 24 + name_size_bytes].to_vec());
            at += (24 + name_size_bytes).next_multiple_of(8);
        }
    }
}

#[test]
fn listings_are_the_same_in_pieces_of_any_size() {
    let ended = serve_to(1, |kernel| {
        kernel.init(7, 31, u32::MAX);
        let many = kernel.ask(LOOKUP, ROOT, b"many\0").u64(0);
        let whole = list(kernel, READDIR, many, 64 << 10);
        assert_eq!(whole.len(), common::MANY + 2);
        assert_eq!(whole[..2], [b".".to_vec(), b"..".to_vec()]);
        assert!(whole[2..].is_sorted());
        for (opcode, size_bytes) in [(READDIR, 4096), (READDIRPLUS, 4096), (READDIRPLUS, 400)] {
            assert!(list(kernel, opcode, many, size_bytes) == whole);
        }
        // Too small for a single name: nothing, rather than a part of it.
        let reply = kernel.ask(READDIR, many, &read_body(7, 24));
        assert_eq!((reply.error, reply.body.len()), (0, 0));
        let reply = kernel.ask(READDIR, many, &read_body(u64::MAX, 4096));
        assert_eq!((reply.error, reply.body.len()), (0, 0));
    });
    assert!(ended.is_none_or(|ended| ended.is_ok()));
}

/// All nodes that a kernel could know.
fn nodes(kernel: &Kernel) -> Vec<u64> {
    ["sizes", "a", "links", "holes"]
        .iter()
        .map(|name| {
            kernel
                .ask(LOOKUP, ROOT, format!("{name}\0").as_bytes())
                .u64(0)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever it is asked, the server answers once, or not at all where no answer is expected, and goes on.
    #[test]
    fn nonsense_is_answered_and_survived(
        requests in prop::collection::vec(
            (
                prop_oneof![0_u32..60, any::<u32>()],
                prop_oneof![0_u64..5, any::<u64>(), 0_u64..20_000],
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..100),
                    (0_u64..600_000, 0_u32..100_000).prop_map(|(offset, size)| read_body(offset, size)),
                ],
                any::<bool>(),
            ),
            1..60,
        ),
        garbage in prop::collection::vec(any::<u8>(), 1..80),
        thread_count in 1_usize..4,
    ) {
        let ended = serve_to(thread_count, |kernel| {
            kernel.init(7, 31, u32::MAX);
            let known = nodes(kernel);
            kernel.0.send(&garbage).expect("the server listens");
            let mut expected = HashSet::new();
            for (number, (opcode, node, body, is_known)) in requests.iter().enumerate() {
                let node = if *is_known { known[*node as usize % known.len()] } else { *node };
                let unique = number as u64 + 1;
                kernel.send(*opcode, unique, node, body);
                if !matches!(*opcode, FORGET | BATCH_FORGET) {
                    expected.insert(unique);
                    // Answered in any order, but no more than the sockets hold.
                    let reply = loop {
                        let reply = kernel.receive();
                        // What is put into the page cache was not asked for.
                        if reply.unique != 0 {
                            break reply;
                        }
                    };
                    assert!(expected.remove(&reply.unique));
                    assert!(reply.error <= 0 && reply.error > -512, "{}", reply.error);
                }
            }
            kernel.send(STATFS, 5555, ROOT, &[]);
            while kernel.receive().unique != 5555 {}
        });
        prop_assert!(ended.is_none_or(|ended| ended.is_ok()));
    }
}
