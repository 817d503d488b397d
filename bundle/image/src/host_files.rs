//! The contents of a scanned directory's files.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, Mode, OFlags, Stat};

use crate::{ContentId, Error, ImageWriter, Kind, NodeId, Tree};

/// Where the contents of a scanned tree's files are. Their numbers go from 0 to [`HostFiles::count`].
#[derive(Debug)]
pub struct HostFiles {
    /// What was scanned, for errors.
    top_path: PathBuf,
    top: OwnedFd,
    files: Vec<HostFile>,
}

#[derive(Debug)]
pub(crate) struct HostFile {
    /// Below the top.
    pub(crate) path: PathBuf,
    /// Device and inode.
    pub(crate) inode: (u64, u64),
    pub(crate) size_bytes: u64,
}

impl HostFiles {
    pub(crate) fn new(top_path: &Path, top: &OwnedFd) -> Result<Self, Error> {
        Ok(Self {
            top_path: top_path.to_path_buf(),
            top: top.try_clone().map_err(|source| Error::Host {
                path: top_path.display().to_string(),
                source,
            })?,
            files: Vec::new(),
        })
    }

    pub(crate) fn push(&mut self, file: HostFile) {
        self.files.push(file);
    }

    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The size of all files together.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// Opens a file, which must still be the one that was scanned.
    ///
    /// # Errors
    /// If there is no such number, or the file cannot be opened or is another one now.
    pub fn open(&self, content: ContentId) -> Result<File, Error> {
        let index = usize::try_from(content.0).ok();
        let file = index.and_then(|index| self.files.get(index));
        let file =
            file.ok_or_else(|| self.error(Path::new(""), io::Error::other("it has no such file")))?;
        self.open_file(file, &mut None)
            .map_err(|source| self.error(&file.path, source))
    }

    /// Gives the writer the contents of all files that are in the tree, in the order of its directories, but for those that it
    /// has. Progress is told in bytes that were read since the last time.
    ///
    /// # Errors
    /// If a file cannot be read, has changed, or the image cannot be written.
    pub fn feed<W: Write + Seek>(
        &self,
        tree: &Tree,
        writer: &mut ImageWriter<W>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let mut open_directory = None;
        for content in contents_of(tree) {
            let Some(file) = self.files.get(content.0 as usize) else {
                continue;
            };
            if writer.has(content) {
                continue;
            }
            let opened = self.open_file(file, &mut open_directory);
            let opened = opened.map_err(|source| self.error(&file.path, source))?;
            let mut data = Counted {
                data: opened,
                progress,
            };
            writer
                .add(content, file.size_bytes, &mut data)
                .map_err(|error| match error {
                    Error::Read(source) => self.error(&file.path, source),
                    Error::ContentSize { .. } => Error::File {
                        path: self.shown(&file.path),
                        source: Box::new(error),
                    },
                    other => other,
                })?;
        }
        Ok(())
    }

    pub(crate) fn error(&self, path: &Path, source: io::Error) -> Error {
        Error::Host {
            path: self.shown(path),
            source,
        }
    }

    fn shown(&self, path: &Path) -> String {
        let path = self.top_path.join(path);
        path.as_os_str().as_bytes().escape_ascii().to_string()
    }

    /// Opens a file through each directory on its way. The last directory stays open for the next file.
    fn open_file<'a>(
        &self,
        file: &'a HostFile,
        last: &mut Option<(&'a Path, OwnedFd)>,
    ) -> io::Result<File> {
        let nowhere = || io::Error::from(io::ErrorKind::NotFound);
        let directory = file.path.parent().ok_or_else(nowhere)?;
        let name = CString::new(file.path.file_name().ok_or_else(nowhere)?.as_bytes())?;
        let opened = match last.take() {
            Some((path, opened)) if path == directory => opened,
            _ => self.walk(directory)?,
        };
        let (_, opened) = last.insert((directory, opened));
        let found = open_file(opened.as_fd(), &name)?;
        check_inode(&fs::fstat(&found)?, file.inode)?;
        Ok(found.into())
    }

    fn walk(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut inner = self.top.try_clone()?;
        for name in path {
            let name = CString::new(name.as_bytes())?;
            inner = open_directory(inner.as_fd(), &name)?;
        }
        Ok(inner)
    }
}

/// Contents of files of the tree, each once, directory by directory.
fn contents_of(tree: &Tree) -> Vec<ContentId> {
    let mut contents = Vec::new();
    let mut met = HashSet::new();
    let mut directories: Vec<NodeId> = vec![tree.root()];
    while let Some(directory) = directories.pop() {
        let children = || {
            tree.entries(directory)
                .into_iter()
                .flat_map(|names| names.values())
        };
        for child in children() {
            if let Kind::File { content, .. } = tree.node(*child).kind
                && met.insert(content)
            {
                contents.push(content);
            }
        }
        let is_directory = |child: &&NodeId| tree.entries(**child).is_some();
        directories.extend(children().rev().filter(is_directory));
    }
    contents
}

/// Opens a directory of a directory, and no link to one.
pub(crate) fn open_directory(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(directory, name, flags, Mode::empty())?)
}

/// Opens a file of a directory, and no link to one. It does not wait, should a pipe have taken the file's place.
pub(crate) fn open_file(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(fs::openat(directory, name, flags, Mode::empty())?)
}

/// What was opened, if it is what was seen there before.
pub(crate) fn same(opened: OwnedFd, seen: &Stat) -> io::Result<OwnedFd> {
    check_inode(&fs::fstat(&opened)?, (seen.st_dev, seen.st_ino))?;
    Ok(opened)
}

fn check_inode(stat: &Stat, inode: (u64, u64)) -> io::Result<()> {
    if (stat.st_dev, stat.st_ino) == inode {
        Ok(())
    } else {
        Err(io::Error::other(
            "it was exchanged for another one meanwhile",
        ))
    }
}

/// Tells how much is read.
struct Counted<'a> {
    data: File,
    progress: &'a mut dyn FnMut(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size_bytes = self.data.read(out)?;
        (self.progress)(size_bytes as u64);
        Ok(size_bytes)
    }
}
