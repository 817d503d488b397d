//! What reads bytes that anybody may have written, driven as far as the bytes let it: the entry points of the fuzz targets
//! (`fuzz/`) and of the test that replays their corpus. None of them may panic, run away, or take memory without a bound,
//! whatever the bytes are.

use std::fs::File;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use bundle_format::trust::{Signature, parse_keys};
use bundle_format::{Bundle, Digest, Manifest, ReadError, TRAILER_SIZE_BYTES};
use bundle_fuse::Options;
use bundle_squashfs::{BlockReader, DirInode, Error, FileInode, Image, Inode, InodeKind, InodeRef};

/// So much is decompressed of one image's files. A few kilobytes may ask for terabytes, and every byte costs time.
const CONTENTS_LIMIT_BYTES: u64 = 4 << 20;
/// So many entries of one image are looked at.
const ENTRY_LIMIT: usize = 2000;
/// So many requests are made of one server.
const REQUEST_LIMIT: usize = 128;
const REQUEST_HEADER_SIZE_BYTES: usize = 40;
/// The key that the signed bundle in the corpus is signed with.
const SIGNER: &str = include_str!("../../bundle/format/tests/golden/signer.pub");

/// Opens a bundle, as it is and with the digests mended that stand in the way of what they protect, and reads all of it. The
/// bytes are also read as a manifest, as keys and as a signature.
pub fn bundle(bytes: &[u8]) {
    let _ = Manifest::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let keys = parse_keys(text);
        let signature = Signature::parse(text);
        if let (Ok(keys), Ok(signature)) = (keys, signature) {
            let _ = signature.verify(bytes, &keys);
        }
    }
    open_bundle(bytes);
    let mut mended = bytes.to_vec();
    if mend(&mut mended).is_some() {
        open_bundle(&mended);
    }
}

/// Makes an image of a layer: as the bytes are, and twice over itself with the checksums of its headers mended. The bytes are also read
/// as a saved image and as a configuration. An image that is made can be read.
pub fn layer(bytes: &[u8]) {
    make_image(&[bytes], None);
    let mut mended = bytes.to_vec();
    for block in mended.chunks_exact_mut(512) {
        if block[257..].starts_with(b"ustar") {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    make_image(&[&mended, &mended], None);
    make_image(&[], Some(bytes));
    let file = file_of(bytes);
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let saved = bundle_import::open_docker_archive(
        Path::new(&path),
        None,
        &bundle_import::Platform::host(),
        &std::env::temp_dir(),
    );
    if let Ok(image) = saved {
        make_image_of(&image);
    }
}

fn file_of(bytes: &[u8]) -> File {
    let file = tempfile::tempfile().expect("a temporary file");
    file.write_all_at(bytes, 0).expect("space");
    file
}

fn make_image(layers: &[&[u8]], config: Option<&[u8]>) {
    let layers = layers.iter().map(|bytes| bundle_import::Layer {
        file: file_of(bytes),
        offset_bytes: 0,
        size_bytes: bytes.len() as u64,
        name: "layer".into(),
        diff_id: None,
    });
    make_image_of(&bundle_import::Layered {
        layers: layers.collect(),
        config: config.map(<[u8]>::to_vec),
        origin: bundle_import::Origin::default(),
    });
}

fn make_image_of(image: &bundle_import::Layered) {
    let options = bundle_import::Options {
        image: bundle_image::Options {
            compression: bundle_image::Compression::Stored,
            block_size_bytes: 4096,
            thread_count: 1,
            time_s: 0,
        },
        limits: bundle_import::Limits {
            entries: ENTRY_LIMIT as u64,
            size_bytes: CONTENTS_LIMIT_BYTES,
            ratio: 200,
            ratio_free_bytes: CONTENTS_LIMIT_BYTES,
        },
    };
    let mut out = Cursor::new(Vec::new());
    if let Ok(summary) = bundle_import::make_image(image, &mut out, &options, &()) {
        let bytes = &out.get_ref()[..summary.size_bytes as usize];
        let image = Image::open(&bytes).expect("an image that was made is sound");
        image.walk().expect("an image that was made is sound");
    }
}

fn open_bundle(bytes: &[u8]) {
    let Ok(bundle) = Bundle::parse(bytes) else {
        return;
    };
    let _ = bundle.verify_launcher();
    let _ = bundle.embedded_signature();
    let keys = parse_keys(SIGNER).expect("a key");
    let _ = bundle.verify_signature(&keys);
    let image = bundle.image();
    let place = bundle.trailer().layout.image();
    let packed = &bytes[place.start as usize..place.end as usize];
    let mut out = vec![0; 40_000];
    for offset in [0, 1, 16_383, 16_384, image.size_bytes() - 1, u64::MAX] {
        for size_bytes in [0, 1, 20_000, 40_000] {
            let out = &mut out[..size_bytes];
            match image.read_at(offset, out) {
                Ok(()) => assert_eq!(out, &packed[offset as usize..][..size_bytes]),
                Err(ReadError::OutOfBounds) => {
                    assert!(offset.saturating_add(size_bytes as u64) > packed.len() as u64);
                }
                Err(_) => {}
            }
        }
    }
    let _ = image.verify_all(1);
}

/// Makes the trailer's three digests fit what they are digests of, as far as its sizes say where that is.
fn mend(bytes: &mut [u8]) -> Option<()> {
    let trailer_start = bytes.len().checked_sub(TRAILER_SIZE_BYTES)?;
    let size = |index: usize| {
        let place = trailer_start + 24 + 8 * index;
        let field: [u8; 8] = bytes[place..place + 8].try_into().ok()?;
        usize::try_from(u64::from_le_bytes(field)).ok()
    };
    let image_start = size(0)?.checked_next_multiple_of(4096)?;
    let manifest_start = image_start.checked_add(size(1)?)?.checked_add(size(2)?)?;
    let signature_start = manifest_start.checked_add(size(3)?)?;
    let manifest = Digest::of(bytes.get(manifest_start..signature_start)?);
    let signature = Digest::of(bytes.get(signature_start..trailer_start)?);
    let trailer = &mut bytes[trailer_start..];
    trailer[64..96].copy_from_slice(manifest.as_bytes());
    trailer[96..128].copy_from_slice(signature.as_bytes());
    let own = Digest::of(&trailer[..128]);
    trailer[128..].copy_from_slice(own.as_bytes());
    Some(())
}

/// The bytes of a sound image with a file of every kind in it, for [`requests`].
pub fn sample_image() -> &'static [u8] {
    include_bytes!("../../fuzz/sample.sqsh")
}

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
    let _ = image.xattrs(inode);
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
    let mut reply = vec![0; 256 << 10];
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
        let at_end = [
            &[0; 8][..],
            &u64::to_ne_bytes(8000),
            &u32::to_ne_bytes(8192),
        ]
        .concat();
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
