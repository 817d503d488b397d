//! Decodes every block of an image, in memory, and says how fast: `decode IMAGE [THREADS [ROUNDS]]`. The best of the rounds
//! counts. The speed for each second of processor time does not depend on what else the machine does, or not as much.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bundle_squashfs::{Block, BlockReader, Error, Image, InodeKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let path = words.next().ok_or("which image?")?;
    let thread_count: usize = words.next().map_or(Ok(1), |word| word.parse())?;
    let round_count: usize = words.next().map_or(Ok(5), |word| word.parse())?;
    let bytes = std::fs::read(path)?;

    let mut best = Round {
        open: Duration::MAX,
        walk: Duration::MAX,
        decode: Duration::MAX,
        decode_cpu: Duration::MAX,
    };
    let mut summary = (0, 0, 0);
    for _ in 0..round_count {
        let (file_count, block_count, size_bytes, round) = round(&bytes, thread_count)?;
        summary = (file_count, block_count, size_bytes);
        best = Round {
            open: best.open.min(round.open),
            walk: best.walk.min(round.walk),
            decode: best.decode.min(round.decode),
            decode_cpu: best.decode_cpu.min(round.decode_cpu),
        };
    }
    let (file_count, block_count, size_bytes) = summary;
    let megabytes = size_bytes as f64 / 1e6;
    writeln!(
        io::stdout(),
        "open {:.3} ms, walk of {file_count} entries {:.1} ms; {block_count} blocks, {megabytes:.0} MB: \
         {:.0} MB/s with {thread_count} threads, {:.0} MB for each second of processor time",
        best.open.as_secs_f64() * 1e3,
        best.walk.as_secs_f64() * 1e3,
        megabytes / best.decode.as_secs_f64(),
        megabytes / best.decode_cpu.as_secs_f64(),
    )?;
    Ok(())
}

struct Round {
    open: Duration,
    walk: Duration,
    decode: Duration,
    /// Of all threads together.
    decode_cpu: Duration,
}

fn round(
    bytes: &[u8],
    thread_count: usize,
) -> Result<(usize, usize, u64, Round), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let image = Image::open(&bytes)?;
    let open = start.elapsed();
    let start = Instant::now();
    let (file_count, blocks) = blocks(&image)?;
    let walk = start.elapsed();
    let start = Instant::now();
    let (size_bytes, decode_cpu) = decode(&image, &blocks, thread_count)?;
    let round = Round {
        open,
        walk,
        decode: start.elapsed(),
        decode_cpu,
    };
    Ok((file_count, blocks.len(), size_bytes, round))
}

/// Processor time of this thread so far, as Linux counts it.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu_ns = stat.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(on_cpu_ns.unwrap_or(0))
}

/// The number of entries, and all data and fragment blocks.
fn blocks(image: &Image<'_>) -> Result<(usize, Vec<Block>), Error> {
    let mut count = 0;
    let mut blocks = Vec::new();
    image.visit(|_, inode| {
        count += 1;
        if let InodeKind::File(file) = &inode.kind {
            blocks.extend(image.blocks(file)?.iter());
        }
        Ok::<_, Error>(())
    })?;
    for index in 0..image.superblock().fragment_count {
        blocks.push(image.fragment(index)?);
    }
    Ok((count, blocks))
}

fn decode(
    image: &Image<'_>,
    blocks: &[Block],
    thread_count: usize,
) -> Result<(u64, Duration), Error> {
    let next = AtomicUsize::new(0);
    let work = || {
        let start = cpu();
        let mut reader = BlockReader::new();
        let mut out = vec![0; image.superblock().block_size_bytes as usize];
        let mut size_bytes = 0;
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let out = &mut out[..block.size_bytes as usize];
            if block.is_hole() {
                size_bytes += out.len() as u64;
            } else {
                size_bytes += reader.read_up_to(image, *block, out)? as u64;
            }
        }
        Ok::<_, Error>((size_bytes, cpu().saturating_sub(start)))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..thread_count).map(|_| scope.spawn(work)).collect();
        let mut sum = (0, Duration::ZERO);
        for thread in threads {
            let (size_bytes, cpu) = thread
                .join()
                .map_err(|_| Error::Invalid("a thread died"))??;
            sum = (sum.0 + size_bytes, sum.1 + cpu);
        }
        Ok(sum)
    })
}
