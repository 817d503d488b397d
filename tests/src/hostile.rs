//! What reads bytes that anybody may have written, driven as far as the bytes let it: the entry points of the fuzz targets
//! (`fuzz/`) and of the test that replays their corpus. None of them may panic, run away, or take memory without a bound,
//! whatever the bytes are.

use std::num::NonZeroUsize;
use std::os::unix::net::UnixDatagram;

use bundle_fuse::Options;
use bundle_squashfs::{BlockReader, DirInode, Error, FileInode, Image, Inode, InodeKind, InodeRef};

/// So much is decompressed of one image's files. A few kilobytes may ask for terabytes, and every byte costs time.
const CONTENTS_LIMIT_BYTES: u64 = 4 << 20;
/// So many entries of one image are looked at.
const ENTRY_LIMIT: usize = 2000;
/// So many requests are made of one server.
const REQUEST_LIMIT: usize = 128;
const REQUEST_HEADER_SIZE_BYTES: usize = 40;

/// Opens an image and reads all that is in it: names, by listing and by looking up, attributes, links, contents, extended
/// attributes. Whether it holds anything is not asked.
pub fn image(bytes: &[u8]) {
    let Ok(image) = Image::open(&bytes) else {
        return;
    };
    let _ = read_all(&image);
    requests(&image, &thorough_requests(&image));
    // Places that no directory leads to.
    for number in [0, 1, 0xffff, 1 << 16, u64::MAX] {
        let _ = image.inode(InodeRef::from_number(number));
    }
    for index in [0, image.superblock().fragment_count, u32::MAX] {
        let _ = image.fragment(index);
    }
}

fn read_all(image: &Image<'_>) -> Result<(), Error> {
    let mut reader = BlockReader::new();
    let mut budget_bytes = CONTENTS_LIMIT_BYTES;
    let mut entry_count = 0;
    image.visit(|_, inode| {
        entry_count += 1;
        if entry_count > ENTRY_LIMIT {
            return Err(Error::LimitExceeded("entries to look at"));
        }
        // What one file's damage does must not hide the next file.
        let _ = read_inode(image, &inode, &mut reader, &mut budget_bytes);
        Ok(())
    })
}

fn read_inode(
    image: &Image<'_>,
    inode: &Inode,
    reader: &mut BlockReader,
    budget_bytes: &mut u64,
) -> Result<(), Error> {
    match &inode.kind {
        InodeKind::Directory(directory) => look_up(image, directory),
        InodeKind::File(file) => read_file(image, file, reader, budget_bytes),
        _ => Ok(()),
    }
}

/// What is listed is found by its name, and nothing else is.
fn look_up(image: &Image<'_>, directory: &DirInode) -> Result<(), Error> {
    for name in [&b""[..], b".", b"..", b"no such name", &[0xff; 300]] {
        let _ = image.lookup(directory, name);
    }
    for entry in image.read_dir(directory)?.into_iter().take(ENTRY_LIMIT) {
        // In an image whose names are out of order, another one may be found, or none.
        let _ = image.lookup(directory, &entry.name);
    }
    Ok(())
}

fn read_file(
    image: &Image<'_>,
    file: &FileInode,
    reader: &mut BlockReader,
    budget_bytes: &mut u64,
) -> Result<(), Error> {
    let block_size_bytes = image.superblock().block_size_bytes as usize;
    let mut out = vec![0; block_size_bytes];
    for block in image.blocks(file)?.iter() {
        let Some(rest) = budget_bytes.checked_sub(block.size_bytes.into()) else {
            return Ok(());
        };
        *budget_bytes = rest;
        let _ = reader.read(image, block, &mut out[..block.size_bytes as usize]);
    }
    if let Some((index, _)) = file.fragment {
        *budget_bytes = budget_bytes.saturating_sub(block_size_bytes as u64);
        reader.read_up_to(image, image.fragment(index)?, &mut out)?;
    }
    Ok(())
}

/// Serves an image to a kernel that sends these requests: each two bytes of length and then what follows the length that
/// stands in front of every request. What the server answers must be as long as it says.
pub fn requests(image: &Image<'_>, bytes: &[u8]) {
    let (kernel, server) = UnixDatagram::pair().expect("a pair of sockets");
    // When there is no request left, the server is told that the device fails, and ends. So it needs no thread of its own.
    for socket in [&kernel, &server] {
        socket.set_nonblocking(true).expect("a socket's flag");
    }
    let _ = kernel.send(&init_request());
    for request in split(bytes).take(REQUEST_LIMIT) {
        let _ = kernel.send(&request);
    }
    let options = Options {
        thread_count: NonZeroUsize::MIN,
        cache_size_bytes: 1 << 20,
        ..Options::default()
    };
    let outcome = bundle_fuse::serve(image, server.into(), &options, &|_| ());
    assert!(outcome.is_err(), "the device has failed");
    let mut reply = vec![0; 2 << 20];
    while let Ok(size_bytes) = kernel.recv(&mut reply) {
        let stated: [u8; 4] = reply[..4].try_into().expect("four bytes");
        assert_eq!(u32::from_ne_bytes(stated) as usize, size_bytes);
    }
}

/// What [`requests`] takes to ask for all there is to ask about the root directory and the first entries in it.
pub fn thorough_requests(image: &Image<'_>) -> Vec<u8> {
    const ROOT_NODE: u64 = 1;
    let mut nodes = vec![ROOT_NODE];
    let mut bytes = Vec::new();
    if let Ok(InodeKind::Directory(root)) = image.inode(image.root()).map(|inode| inode.kind) {
        let entries = image.read_dir(&root).unwrap_or_default();
        for entry in entries.into_iter().take(8) {
            bytes.extend(request(1, ROOT_NODE, &[&entry.name[..], b"\0"].concat()));
            // A node's number is its inode's place, behind two that are taken.
            nodes.push(entry.inode.to_number().saturating_add(2));
        }
    }
    for node in nodes {
        let at_begin = [&[0; 16][..], &u32::to_ne_bytes(64 << 10), &[0; 20]].concat();
        let at_end = [&[0; 8][..], &u64::to_ne_bytes(8000), &u32::to_ne_bytes(8192)].concat();
        let names = [&u32::to_ne_bytes(4096)[..], &[0; 4], b"user.name\0"].concat();
        // GETATTR, READLINK, READ, STATFS, GETXATTR, LISTXATTR, READDIR, READDIRPLUS, LSEEK.
        let asked: [(u32, &[u8]); 10] = [
            (3, &at_begin),
            (5, &[]),
            (15, &at_begin),
            (15, &at_end),
            (17, &[]),
            (22, &names),
            (23, &names),
            (28, &at_begin),
            (44, &at_begin),
            (46, &at_end),
        ];
        for (opcode, body) in asked {
            bytes.extend(request(opcode, node, body));
        }
    }
    bytes
}

/// One request, as [`requests`] takes them apart: length, then opcode, number, node and what else stands in a header, then the
/// body.
fn request(opcode: u32, node: u64, body: &[u8]) -> Vec<u8> {
    let size_bytes = (REQUEST_HEADER_SIZE_BYTES - 4 + body.len()) as u16;
    [
        &size_bytes.to_le_bytes()[..],
        &opcode.to_ne_bytes(),
        &2_u64.to_ne_bytes(),
        &node.to_ne_bytes(),
        &[0; 16],
        body,
    ]
    .concat()
}

/// Takes the bytes apart into requests, each with its true length in front.
fn split(mut bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let (size, rest) = bytes.split_first_chunk::<2>()?;
        let size = usize::from(u16::from_le_bytes(*size) % 1024).min(rest.len());
        let (request, rest) = rest.split_at(size);
        bytes = rest;
        let size_bytes = (4 + request.len()) as u32;
        Some([&size_bytes.to_ne_bytes(), request].concat())
    })
}

/// The first request of every kernel: protocol 7.40, with everything that it has on offer.
fn init_request() -> Vec<u8> {
    const INIT: u32 = 26;
    let mut request = vec![0; REQUEST_HEADER_SIZE_BYTES];
    request[4..8].copy_from_slice(&INIT.to_ne_bytes());
    request[8] = 1;
    for field in [7, 40, 128 << 10, u32::MAX, u32::MAX] {
        request.extend(u32::to_ne_bytes(field));
    }
    request.resize(104, 0);
    let size_bytes = request.len() as u32;
    request[..4].copy_from_slice(&size_bytes.to_ne_bytes());
    request
}
