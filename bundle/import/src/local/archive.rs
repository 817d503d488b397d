//! An archive whose members are parts of an image: where each lies is found in one reading.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::store::{Part, PartReader, open_error, open_file};
use crate::Limits;
use crate::archive::{Archive, EntryKind};
use crate::error::{Error, LayerError};
use crate::limits::Budget;
use crate::merge::clean;
use crate::stream::{Compression, decoder};

/// So many members one archive may have: an image has a few for each layer.
const MEMBERS_MAX: usize = 100_000;
/// In such pieces an archive's headers are read.
const BUFFER_SIZE_BYTES: usize = 8192;
/// So many links are followed to a member.
const LINKS_MAX: usize = 8;

/// Where the members of an archive lie.
pub(super) struct Members {
    file: File,
    places: HashMap<Vec<u8>, Place>,
}

enum Place {
    Stored {
        offset_bytes: u64,
        size_bytes: u64,
    },
    /// Another member: of two layers that are the same, old Dockers wrote one as a link.
    Link(Vec<u8>),
}

impl Members {
    /// Lists an archive. A compressed one is decompressed first, to a file without a name in `spool_directory`.
    pub(super) fn open(path: &Path, spool_directory: &Path) -> Result<Self, Error> {
        let wrong = |error: LayerError| Error::Source {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let part = open_file(path)?;
        let mut magic = Vec::new();
        PartReader::new(&part)
            .take(Compression::MAGIC_SIZE_BYTES)
            .read_to_end(&mut magic)
            .map_err(|error| open_error(path, error))?;
        let part = match Compression::of(&magic).map_err(wrong)? {
            Compression::None => part,
            Compression::Gzip | Compression::Zstd => {
                spool(&part, spool_directory).map_err(wrong)?
            }
        };
        let places = places(&part).map_err(wrong)?;
        let file = part.file;
        Ok(Self { file, places })
    }

    /// The member of this name, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<io::Result<Part>> {
        let mut name = normal(name.as_bytes())?;
        for _ in 0..LINKS_MAX {
            match self.places.get(&name)? {
                Place::Link(target) => name.clone_from(target),
                Place::Stored {
                    offset_bytes,
                    size_bytes,
                } => {
                    return Some(self.file.try_clone().map(|file| Part {
                        file,
                        offset_bytes: *offset_bytes,
                        size_bytes: *size_bytes,
                    }));
                }
            }
        }
        None
    }
}

fn places(part: &Part) -> Result<HashMap<Vec<u8>, Place>, LayerError> {
    let mut archive = Archive::new(Seeking::new(part));
    let mut places = HashMap::new();
    loop {
        archive.skip_contents(Seeking::skip)?;
        let Some(entry) = archive.next_entry()? else {
            return Ok(places);
        };
        if places.len() == MEMBERS_MAX {
            return Err(LayerError::Damaged(
                "it has too many members to be an image",
            ));
        }
        let Some(name) = normal(&entry.name) else {
            continue;
        };
        let place = match entry.kind {
            EntryKind::File { size_bytes } if size_bytes == archive.stored_bytes() => {
                Place::Stored {
                    offset_bytes: part.offset_bytes + archive.stream().place(),
                    size_bytes,
                }
            }
            EntryKind::HardLink(target) => match normal(&target) {
                Some(target) => Place::Link(target),
                None => continue,
            },
            EntryKind::Symlink(target) => {
                let directory = name.rsplitn(2, |byte| *byte == b'/').nth(1);
                let beside = [directory.unwrap_or_default(), b"/", &target[..]].concat();
                match normal(&beside) {
                    Some(target) => Place::Link(target),
                    None => continue,
                }
            }
            _ => continue,
        };
        places.insert(name, place);
    }
}

/// Reads headers, and jumps over the gigabytes between them.
struct Seeking<'a> {
    part: &'a Part,
    /// What has been read, and where the rest of it begins.
    buffer: Vec<u8>,
    used: usize,
    /// Where the next reading begins.
    next: u64,
}

impl<'a> Seeking<'a> {
    fn new(part: &'a Part) -> Self {
        Self {
            part,
            buffer: Vec::new(),
            used: 0,
            next: 0,
        }
    }

    /// How far it has come.
    fn place(&self) -> u64 {
        self.next - (self.buffer.len() - self.used) as u64
    }

    fn skip(&mut self, size_bytes: u64) -> io::Result<()> {
        let place = self.place().saturating_add(size_bytes);
        if place > self.part.size_bytes {
            return Err(LayerError::Cut.into());
        }
        if place <= self.next {
            self.used = self.buffer.len() - (self.next - place) as usize;
        } else {
            self.used = self.buffer.len();
            self.next = place;
        }
        Ok(())
    }
}

impl Read for Seeking<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let read = available.len().min(out.len());
        out[..read].copy_from_slice(&available[..read]);
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Seeking<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let left = usize::try_from(self.part.size_bytes - self.next).unwrap_or(usize::MAX);
            self.buffer.resize(left.min(BUFFER_SIZE_BYTES), 0);
            self.used = 0;
            let place = self.part.offset_bytes + self.next;
            self.part.file.read_exact_at(&mut self.buffer, place)?;
            self.next += self.buffer.len() as u64;
        }
        Ok(&self.buffer[self.used..])
    }

    fn consume(&mut self, size_bytes: usize) {
        self.used += size_bytes;
    }
}

/// A member's name as the archive's other parts may call it.
fn normal(name: &[u8]) -> Option<Vec<u8>> {
    Some(clean(name).ok()?.join(&b'/'))
}

/// Decompresses an archive to a file that has no name.
fn spool(part: &Part, directory: &Path) -> Result<Part, LayerError> {
    let budget = Budget::new(Limits::default());
    let mut file = tempfile::tempfile_in(directory)?;
    let mut stream = decoder(BufReader::with_capacity(128 << 10, PartReader::new(part)))?;
    let mut piece = vec![0; 256 << 10];
    let mut total_bytes = 0;
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            break;
        }
        total_bytes += read as u64;
        budget.take_bytes(read as u64)?;
        budget.check_ratio(part.size_bytes, total_bytes)?;
        file.write_all(&piece[..read])?;
    }
    file.rewind()?;
    Ok(Part {
        file,
        offset_bytes: 0,
        size_bytes: total_bytes,
    })
}
