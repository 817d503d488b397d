//! `--extract` and `--keep`: where the image is unpacked to, and how far that has got.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bundle_format::{Manifest, Payload};
use bundle_runtime::{Error, extract};
use bundle_squashfs::{Image, InodeKind};

use crate::options::Options;

/// Cells of the progress bar.
const BAR_WIDTH: usize = 40;

/// The bar is drawn anew after at least this time.
const REDRAW_INTERVAL: Duration = Duration::from_millis(50);

/// Unpacks the image, and returns where it is then: where the option says, where the manifest says, or in a directory named like
/// the bundle.
pub(crate) fn run(
    options: &Options,
    manifest: &Manifest,
    image: &Image<'_>,
) -> Result<PathBuf, Error> {
    let target = match (&options.target, &manifest.payload) {
        (Some(target), _) => target.clone(),
        (None, Payload::Image { container, .. }) if !container.target.is_empty() => {
            bundle_container::substitute(&container.target, &|name| std::env::var_os(name)).into()
        }
        _ => PathBuf::from(&manifest.name),
    };
    if options.quiet || !std::io::stderr().is_terminal() {
        extract(image, &target, &|_| ())?;
    } else {
        let bar = Bar::new(size_of(image)?);
        extract(image, &target, &|bytes| bar.add(bytes))?;
        bar.finish();
    }
    Ok(std::path::absolute(&target).unwrap_or(target))
}

/// Bytes in all files.
fn size_of(image: &Image<'_>) -> Result<u64, Error> {
    let sizes = image
        .walk()?
        .into_iter()
        .map(|entry| match entry.inode.kind {
            InodeKind::File(file) => file.size_bytes,
            _ => 0,
        });
    Ok(sizes.sum())
}

/// A progress bar like Enroot's.
struct Bar {
    size_bytes: u64,
    done_bytes: AtomicU64,
    drawn: Mutex<Instant>,
}

impl Bar {
    fn new(size_bytes: u64) -> Self {
        let bar = Self {
            size_bytes: size_bytes.max(1),
            done_bytes: AtomicU64::new(0),
            drawn: Mutex::new(Instant::now()),
        };
        bar.draw(0);
        bar
    }

    fn add(&self, bytes: u64) {
        let done = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Whoever does not get the lock leaves the drawing to whoever has it.
        if let Ok(mut drawn) = self.drawn.try_lock()
            && drawn.elapsed() >= REDRAW_INTERVAL
        {
            *drawn = Instant::now();
            self.draw(done);
        }
    }

    fn draw(&self, done: u64) {
        let percent = (done * 100 / self.size_bytes).min(100) as usize;
        let filled = percent * BAR_WIDTH / 100;
        let bar = format!("{}{}", "#".repeat(filled), " ".repeat(BAR_WIDTH - filled));
        let _ = write!(std::io::stderr(), "\rExtracting [{bar}] {percent:>3}%");
    }

    fn finish(&self) {
        self.draw(self.size_bytes);
        let _ = writeln!(std::io::stderr());
    }
}
