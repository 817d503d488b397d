//! The first reading: what is in each layer, without contents, and whether it is what the configuration says.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Layer;
use crate::archive::{Archive, Entry, EntryKind};
use crate::checksum::Checksum;
use crate::error::{Error, LayerError};
use crate::limits::Budget;
use crate::progress::Progress;
use crate::stream::{Stream, with_stream};

/// Layers that are read at the same time at most.
const THREADS_MAX: usize = 8;

type Scanned = Result<Vec<Entry>, LayerError>;

/// Lists all layers' entries, several layers at a time.
pub(crate) fn all_entries(
    layers: &[Layer],
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Entry>>, Error> {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let scanned: Vec<Mutex<Option<Scanned>>> = layers.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..processors.min(layers.len()).min(THREADS_MAX) {
            scope.spawn(|| {
                while let Some(index) = take_next(&next, layers.len()) {
                    let entries = entries(&layers[index], budget, progress);
                    if entries.is_err() {
                        // The others need not begin what is in vain.
                        next.store(layers.len(), Ordering::Relaxed);
                    }
                    *scanned[index].lock().expect("no thread panics") = Some(entries);
                }
            });
        }
    });
    let mut all = Vec::with_capacity(layers.len());
    let mut is_missing = false;
    for (layer, scanned) in layers.iter().zip(scanned) {
        match scanned.into_inner().expect("no thread panics") {
            Some(entries) => all.push(entries.map_err(|error| error.of(&layer.name))?),
            None => is_missing = true,
        }
    }
    debug_assert!(!is_missing, "a layer is only left out after an error");
    Ok(all)
}

fn take_next(next: &AtomicUsize, count: usize) -> Option<usize> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index < count).then_some(index)
}

/// Lists one layer's entries, in their order, and checks its digest.
fn entries(layer: &Layer, budget: &Budget, progress: &dyn Progress) -> Scanned {
    let checksum = match &layer.diff_id {
        Some(digest) => {
            Some(Checksum::like(digest).ok_or_else(|| LayerError::UnknownDigest(digest.clone()))?)
        }
        None => None,
    };
    with_stream(layer, budget, progress, |stream| {
        let mut archive = Archive::new(Summed { stream, checksum });
        let listed = list(&mut archive, budget);
        // What is wrong with an archive is most often that it is not the one that was meant.
        if matches!(
            listed,
            Ok(_) | Err(LayerError::Damaged(_) | LayerError::Entry { .. })
        ) {
            archive.finish()?;
            check(archive.into_stream().checksum, layer)?;
        }
        listed
    })
}

fn check(checksum: Option<Checksum>, layer: &Layer) -> Result<(), LayerError> {
    if let (Some(checksum), Some(expected)) = (checksum, &layer.diff_id) {
        let found = checksum.finish();
        if found != *expected {
            let expected = expected.clone();
            return Err(LayerError::Digest { expected, found });
        }
    }
    Ok(())
}

fn list<R: BufRead>(archive: &mut Archive<R>, budget: &Budget) -> Scanned {
    let mut entries = Vec::new();
    while let Some(entry) = archive.next_entry()? {
        budget.take_entries(1)?;
        if let EntryKind::File { size_bytes } = entry.kind {
            // Bytes that are stored count as they are read; holes are nowhere else.
            budget.take_bytes(size_bytes.saturating_sub(archive.stored_bytes()))?;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// A stream whose bytes are summed as they are consumed.
struct Summed<'a> {
    stream: &'a mut Stream,
    checksum: Option<Checksum>,
}

impl Read for Summed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(out)?;
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&out[..read]);
        }
        Ok(read)
    }
}

impl BufRead for Summed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, size_bytes: usize) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.stream.waiting()[..size_bytes]);
        }
        self.stream.consume(size_bytes);
    }
}
