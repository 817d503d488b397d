//! A layer's archive as a stream: read from its file, decompressed on a thread of its own, counted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use flate2::bufread::MultiGzDecoder;

use crate::Layer;
use crate::error::LayerError;
use crate::limits::Budget;
use crate::progress::Progress;

/// Size of the pieces in which decompressed bytes go from thread to thread.
const PIECE_SIZE_BYTES: usize = 256 << 10;
/// So many pieces wait for their reader at most.
const PIECES_WAITING_MAX: usize = 8;
/// In such pieces a layer's file is read.
const READ_SIZE_BYTES: usize = 128 << 10;
/// Zstandard's window may take this much memory, 128 MiB: what its own tools decode without being asked twice.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What the first bytes of a file say; as many as there are, up to [`Self::MAGIC_SIZE_BYTES`].
    pub(crate) fn of(magic: &[u8]) -> Result<Self, LayerError> {
        match magic {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(LayerError::Compression("xz")),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => {
                Err(LayerError::Compression("bzip2"))
            }
            _ => Ok(Self::None),
        }
    }

    pub(crate) const MAGIC_SIZE_BYTES: u64 = 6;
}

/// Part of a file, read from its beginning without moving the file's own position.
pub(crate) struct Section<'a> {
    file: &'a File,
    position: u64,
    end: u64,
    progress: &'a dyn Progress,
}

impl<'a> Section<'a> {
    pub(crate) fn new(layer: &'a Layer, progress: &'a dyn Progress) -> Self {
        Self {
            file: &layer.file,
            position: layer.offset_bytes,
            end: layer.offset_bytes.saturating_add(layer.size_bytes),
            progress,
        }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut out[..wanted], self.position)?;
        if read == 0 {
            return Err(LayerError::Cut.into());
        }
        self.position += read as u64;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

/// Gives `take` a layer's decompressed bytes, which another thread prepares meanwhile.
pub(crate) fn with_stream<T>(
    layer: &Layer,
    budget: &Budget,
    progress: &dyn Progress,
    take: impl FnOnce(&mut Stream) -> Result<T, LayerError>,
) -> Result<T, LayerError> {
    let section = BufReader::with_capacity(READ_SIZE_BYTES, Section::new(layer, progress));
    let decoder = decoder(section)?;
    thread::scope(|scope| {
        let (full_sender, full) = sync_channel(PIECES_WAITING_MAX);
        let (empty, empty_receiver) = channel();
        scope.spawn(move || {
            decompress(
                decoder,
                layer.size_bytes,
                budget,
                &full_sender,
                &empty_receiver,
            );
        });
        // Dropped when `take` is done: then the thread finds nobody who listens, and ends.
        take(&mut Stream {
            full,
            empty,
            piece: Vec::new(),
            position: 0,
        })
    })
}

/// Reads what decompresses, whatever it is compressed with.
pub(crate) fn decoder<'a, R: BufRead + Send + 'a>(
    mut stored: R,
) -> Result<Box<dyn Read + Send + 'a>, LayerError> {
    // A buffer's first filling is longer than the magic unless the file is not.
    let compression = Compression::of(stored.fill_buf()?)?;
    Ok(match compression {
        Compression::None => Box::new(stored),
        Compression::Gzip => Box::new(Decoding(MultiGzDecoder::new(stored))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(Decoding(decoder))
        }
    })
}

/// Tells errors of decoding from those of reading.
struct Decoding<R>(R);

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|error| {
            let is_reading = error.raw_os_error().is_some()
                || error
                    .get_ref()
                    .is_some_and(|inner| inner.is::<LayerError>());
            if is_reading {
                error
            } else if error.kind() == io::ErrorKind::UnexpectedEof {
                LayerError::Cut.into()
            } else {
                LayerError::Decompress(error.to_string()).into()
            }
        })
    }
}

type Piece = io::Result<Vec<u8>>;

/// Sends pieces until there are no more, or nobody listens any more, or it has become too much.
fn decompress(
    mut decoder: Box<dyn Read + Send + '_>,
    stored_bytes: u64,
    budget: &Budget,
    full: &SyncSender<Piece>,
    empty: &Receiver<Vec<u8>>,
) {
    let mut total_bytes = 0;
    loop {
        let piece = empty.try_recv();
        let mut piece = piece.unwrap_or_else(|_| Vec::with_capacity(PIECE_SIZE_BYTES));
        piece.clear();
        let read = (&mut decoder)
            .take(PIECE_SIZE_BYTES as u64)
            .read_to_end(&mut piece);
        total_bytes += piece.len() as u64;
        let counted = budget
            .take_bytes(piece.len() as u64)
            .and_then(|()| budget.check_ratio(stored_bytes, total_bytes));
        let is_end = piece.is_empty();
        let message = match (read, counted) {
            (Ok(_), Ok(())) if is_end => return,
            (Ok(_), Ok(())) => Ok(piece),
            (Err(error), _) => Err(error),
            (_, Err(too_large)) => Err(LayerError::from(too_large).into()),
        };
        let is_error = message.is_err();
        if full.send(message).is_err() || is_error {
            return;
        }
    }
}

/// A layer's decompressed bytes.
pub(crate) struct Stream {
    full: Receiver<Piece>,
    empty: Sender<Vec<u8>>,
    piece: Vec<u8>,
    position: usize,
}

impl Stream {
    /// What [`BufRead::fill_buf`] has given and is not consumed yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.piece[self.position..]
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(out.len());
        out[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.piece.len() {
            let used = std::mem::take(&mut self.piece);
            self.position = 0;
            if used.capacity() > 0 {
                // Nobody takes it when the other thread is done.
                let _ = self.empty.send(used);
            }
            // The sender is gone when all has been sent.
            self.piece = self.full.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
        }
        Ok(self.waiting())
    }

    fn consume(&mut self, size_bytes: usize) {
        self.position += size_bytes;
    }
}
