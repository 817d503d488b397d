//! From a directory of the host to a [`Tree`]: by descriptors, so that no link and no renaming leads out of it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir, Stat};
use rustix::io::Errno;

use crate::host_files::{HostFile, HostFiles, open_directory, open_file, same};
use crate::{ContentId, Error, Kind, Metadata, Node, NodeId, SCAN_DEPTH_LIMIT, Tree};

/// Whose the files are in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Whose they are on the host.
    Kept,
    /// Root's, all of them: for a user whose own files stand for root's.
    AllRoot,
}

/// How a directory is scanned.
pub struct ScanOptions<'a> {
    /// Whose the files are in the image.
    pub ownership: Ownership,
    /// Whether to leave this out, with all that is below it: told the path below the top, and the node, of which the
    /// attributes and, of a directory, the entries are not known yet.
    pub exclude: &'a dyn Fn(&Path, &Node) -> bool,
    /// Whether to keep the extended attribute of this name. Others than [`is_storable`](crate::is_storable) are left out anyway.
    pub keep_xattr: &'a dyn Fn(&[u8]) -> bool,
    /// Whether to go on below mount points. Otherwise they are empty directories.
    pub cross_mounts: bool,
}

impl Default for ScanOptions<'_> {
    /// Everything as it is, but for other file systems and the host's labels.
    fn default() -> Self {
        Self {
            ownership: Ownership::Kept,
            exclude: &|_, _| false,
            keep_xattr: &|name| name != b"security.selinux",
            cross_mounts: false,
        }
    }
}

/// What is in a directory of the host: the tree, and where the contents of its files are.
///
/// Names of one file in several directories are hard links in the tree too. Times before 1970 and after 2106 become the
/// nearest that squashfs has.
///
/// # Errors
/// If anything below `top` cannot be read, is nested deeper than [`SCAN_DEPTH_LIMIT`], or is exchanged meanwhile.
pub fn scan(top: &Path, options: &ScanOptions<'_>) -> Result<(Tree, HostFiles), Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = fs::open(top, flags, Mode::empty());
    let stat = opened.and_then(|opened| Ok((fs::fstat(&opened)?, opened)));
    let (stat, opened) = stat.map_err(|errno| Error::Host {
        path: top.display().to_string(),
        source: errno.into(),
    })?;
    let mut metadata = metadata(&stat, options.ownership);
    let mut scan = Scan {
        options,
        tree: Tree::new(Metadata::default()),
        files: HostFiles::new(top, &opened)?,
        links: HashMap::new(),
        path: PathBuf::new(),
        device: stat.st_dev,
    };
    metadata.xattrs = scan.failing(fd_xattrs(&opened, options))?;
    let root = scan.tree.root();
    scan.tree.node_mut(root).metadata = metadata;
    scan.directory(root, &opened, 0)?;
    Ok((scan.tree, scan.files))
}

struct Scan<'a> {
    options: &'a ScanOptions<'a>,
    tree: Tree,
    files: HostFiles,
    /// What has more than one name, by device and inode.
    links: HashMap<(u64, u64), NodeId>,
    /// Where the scan is, below the top.
    path: PathBuf,
    /// The top's device.
    device: u64,
}

impl Scan<'_> {
    fn directory(&mut self, id: NodeId, opened: &OwnedFd, depth: usize) -> Result<(), Error> {
        if depth > SCAN_DEPTH_LIMIT {
            return self.failing(Err(io::Error::other("it is nested too deep")));
        }
        for name in self.failing(names(opened))? {
            self.path.push(OsStr::from_bytes(name.to_bytes()));
            self.entry(id, opened, &name, depth)?;
            self.path.pop();
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: NodeId,
        opened: &OwnedFd,
        name: &CStr,
        depth: usize,
    ) -> Result<(), Error> {
        let stat = fs::statat(opened, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = self.failing(stat.map_err(Into::into))?;
        let kind = self.failing(self.kind(opened, name, &stat))?;
        let mut node = Node {
            metadata: metadata(&stat, self.options.ownership),
            kind,
        };
        if (self.options.exclude)(&self.path, &node) {
            return Ok(());
        }
        let inode = (stat.st_dev, stat.st_ino);
        let is_directory = matches!(node.kind, Kind::Directory(_));
        if !is_directory && let Some(earlier) = self.links.get(&inode) {
            self.tree.link(directory, name.to_bytes(), *earlier);
            return Ok(());
        }
        let inner = self.failing(open(opened, name, &node.kind, &stat))?;
        node.metadata.xattrs = self.failing(match &inner {
            Some(inner) => fd_xattrs(inner, self.options),
            None => path_xattrs(opened.as_fd(), name, self.options),
        })?;
        if let Kind::File { size_bytes, .. } = node.kind {
            self.files.push(HostFile {
                path: self.path.clone(),
                inode,
                size_bytes,
            });
        }
        let id = self.tree.insert(directory, name.to_bytes(), node);
        if !is_directory {
            if stat.st_nlink > 1 {
                self.links.insert(inode, id);
            }
            return Ok(());
        }
        match inner {
            Some(inner) if self.options.cross_mounts || stat.st_dev == self.device => {
                self.directory(id, &inner, depth + 1)
            }
            _ => Ok(()),
        }
    }

    fn kind(&self, directory: &OwnedFd, name: &CStr, stat: &Stat) -> io::Result<Kind> {
        let (major, minor) = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory(BTreeMap::new()),
            FileType::RegularFile => Kind::File {
                content: ContentId(self.files.count() as u64),
                size_bytes: stat.st_size as u64,
            },
            FileType::Symlink => {
                Kind::Symlink(fs::readlinkat(directory, name, Vec::new())?.into_bytes())
            }
            FileType::CharacterDevice => Kind::CharacterDevice { major, minor },
            FileType::BlockDevice => Kind::BlockDevice { major, minor },
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::Unknown => return Err(io::Error::other("it is of an unknown kind")),
        })
    }

    /// Says where it failed.
    fn failing<T>(&self, result: io::Result<T>) -> Result<T, Error> {
        result.map_err(|source| self.files.error(&self.path, source))
    }
}

/// Opens directories and files. Whether a file can be read is better known now than after half of the image is written.
fn open(directory: &OwnedFd, name: &CStr, kind: &Kind, stat: &Stat) -> io::Result<Option<OwnedFd>> {
    let opened = match kind {
        Kind::Directory(_) => open_directory(directory.as_fd(), name)?,
        Kind::File { .. } => open_file(directory.as_fd(), name)?,
        _ => return Ok(None),
    };
    same(opened, stat).map(Some)
}

fn metadata(stat: &Stat, ownership: Ownership) -> Metadata {
    let (uid, gid) = match ownership {
        Ownership::Kept => (stat.st_uid, stat.st_gid),
        Ownership::AllRoot => (0, 0),
    };
    Metadata {
        mode: (stat.st_mode & 0o7777) as u16,
        uid,
        gid,
        mtime_s: stat.st_mtime.clamp(0, u32::MAX.into()) as u32,
        xattrs: BTreeMap::new(),
    }
}

/// The names in a directory, sorted by their bytes.
fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
    let mut listing = RawDir::new(directory, &mut buffer);
    let mut names = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name();
        if ![c".", c".."].contains(&name) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The attributes of what is opened.
fn fd_xattrs(opened: &OwnedFd, options: &ScanOptions<'_>) -> io::Result<Xattrs> {
    xattrs(
        options,
        |out| fs::flistxattr(opened, out),
        |name, out| fs::fgetxattr(opened, name, out),
    )
}

/// The attributes of what cannot be opened, or does something when it is: links, devices, pipes, sockets. There are no system
/// calls for it that take a directory, but a path can begin with one.
fn path_xattrs(
    directory: BorrowedFd<'_>,
    name: &CStr,
    options: &ScanOptions<'_>,
) -> io::Result<Xattrs> {
    let directory = format!("/proc/self/fd/{}/", directory.as_raw_fd());
    let path = [directory.as_bytes(), name.to_bytes()].concat();
    xattrs(
        options,
        |out| fs::llistxattr(path.as_slice(), out),
        |name, out| fs::lgetxattr(path.as_slice(), name, out),
    )
}

fn xattrs(
    options: &ScanOptions<'_>,
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&CStr, &mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Xattrs> {
    let mut xattrs = Xattrs::new();
    let names = match grown(list) {
        Err(Errno::NOTSUP) => return Ok(xattrs),
        names => names?,
    };
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if !crate::is_storable(name.to_bytes()) || !(options.keep_xattr)(name.to_bytes()) {
            continue;
        }
        match grown(|out| get(name, out)) {
            // It went away.
            Err(Errno::NODATA) => {}
            value => {
                xattrs.insert(name.to_bytes().to_vec(), value?);
            }
        }
    }
    Ok(xattrs)
}

/// What a call puts into a buffer, which grows until it is large enough.
fn grown(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    /// Linux's limit for the names and for one value.
    const MOST_BYTES: usize = 64 << 10;
    let mut out = vec![0; 256];
    loop {
        match call(&mut out) {
            Ok(size_bytes) => {
                out.truncate(size_bytes);
                return Ok(out);
            }
            Err(Errno::RANGE) if out.len() < MOST_BYTES => out.resize(MOST_BYTES, 0),
            Err(errno) => return Err(errno),
        }
    }
}
