//! The threads, and what each does with a request.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use bundle_squashfs::{BlockReader, Error, Image, Inode, InodeKind};
use nix::unistd::{SysconfVar, sysconf};

use crate::ahead::Ahead;
use crate::attributes::{self, inode_of};
use crate::block_cache::BlockCache;
use crate::crew::{Crew, Duty, Turn};
use crate::device::Device;
use crate::directories::{Listing, NAME_SIZE_LIMIT_BYTES};
use crate::files::OpenFile;
use crate::init::{Agreement, negotiate};
use crate::lookout::Lookout;
use crate::lru::Lru;
use crate::protocol::{Fields, REQUEST_SIZE_BYTES, Request, VALID_S, opcode};
use crate::{Options, processor_count};

/// Bound on the lists of blocks of files that were read lately. A file with a longer list is the only one.
const FILES_LIMIT_BYTES: usize = 1 << 20;
/// Bound on the listings of directories that were read lately. A directory with a longer one is the only one.
const LISTINGS_LIMIT_BYTES: usize = 1 << 20;
/// How long to wait for the file system to be mounted, and how long between two looks.
const MOUNT_WAIT: Duration = Duration::from_secs(10);
const MOUNT_LOOK: Duration = Duration::from_micros(500);

/// What all threads share.
pub(crate) struct Server<'a> {
    pub(crate) image: &'a Image<'a>,
    pub(crate) has_xattrs: bool,
    pub(crate) options: &'a Options,
    pub(crate) device: Device,
    pub(crate) blocks: BlockCache,
    pub(crate) files: Mutex<Lru<u64, Arc<OpenFile>>>,
    pub(crate) listings: Mutex<Lru<u64, Arc<Listing>>>,
    pub(crate) ahead: Ahead,
    /// Can threads run at the same time? On a single processor it does not pay to wake one for another.
    pub(crate) has_processors: bool,
    pub(crate) crew: Crew,
    agreement: OnceLock<Agreement>,
    damage_reported: AtomicBool,
    on_damage: &'a (dyn Fn(&Error) + Sync),
}

/// What each thread has for itself.
pub(crate) struct Hands<'a> {
    pub(crate) reader: BlockReader,
    /// The listening, while this thread has it.
    pub(crate) turn: Option<Turn<'a>>,
    /// The body of the reply that is being made.
    out: Fields,
}

/// Why a request gets an error for an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// That is the answer.
    Errno(i32),
    /// The image is damaged.
    Image(Error),
}

impl Failure {
    /// The request is not one that a kernel sends.
    pub(crate) const MALFORMED: Self = Self::Errno(libc::EINVAL);
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Image(error)
    }
}

/// Serves the image through an opened `/dev/fuse` until the file system is unmounted.
///
/// See the [crate's documentation](crate) for who mounts, and for the memory that this takes.
///
/// `on_damage` is called once, by the thread that met it first, when something that was asked for cannot be read as it was
/// packed. Whoever asked gets EIO, and serving goes on.
///
/// # Errors
/// If nobody mounts the file system within ten seconds, the kernel is older than Linux 3.15, or the device cannot be read
/// for another reason than that the file system has been unmounted.
pub fn serve(
    image: &Image<'_>,
    device: OwnedFd,
    options: &Options,
    on_damage: &(dyn Fn(&Error) + Sync),
) -> io::Result<()> {
    let block_size_bytes = image.superblock().block_size_bytes as usize;
    let server = Server {
        image,
        has_xattrs: image.superblock().xattr_table_start.is_some(),
        options,
        device: Device::new(device),
        blocks: BlockCache::new(options.cache_size_bytes, block_size_bytes),
        files: Mutex::new(Lru::new(FILES_LIMIT_BYTES)),
        listings: Mutex::new(Lru::new(LISTINGS_LIMIT_BYTES)),
        ahead: Ahead::new(),
        has_processors: processor_count() > 1,
        crew: Crew::new(),
        agreement: OnceLock::new(),
        damage_reported: AtomicBool::new(false),
        on_damage,
    };
    let mut space = [0; REQUEST_SIZE_BYTES];
    if !server.begin(&mut space)? {
        return Ok(());
    }
    thread::scope(|scope| {
        // Where the system allows no more threads, those that there are will do.
        let others: Vec<_> = (1..options.thread_count.get())
            .map_while(|_| {
                let work = || server.work(&mut [0; REQUEST_SIZE_BYTES]);
                thread::Builder::new().spawn_scoped(scope, work).ok()
            })
            .collect();
        let mut outcome = server.work(&mut space);
        for other in others {
            outcome = outcome.and(other.join().unwrap_or(Ok(())));
        }
        outcome
    })
}

fn page_size_bytes() -> u64 {
    let size_bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size_bytes.map_or(4096, i64::cast_unsigned).max(4096)
}

/// Locks; a thread that panicked while it held the lock has left nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server<'_> {
    /// Waits for the file system to be mounted and answers INIT. False if it is unmounted before.
    fn begin(&self, space: &mut [u8]) -> io::Result<bool> {
        let mut waited = Duration::ZERO;
        while self.agreement.get().is_none() {
            match self.device.receive(space) {
                Ok(Some(bytes)) => self.greet(bytes)?,
                Ok(None) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(false),
                // Not mounted yet.
                Err(error) if error.raw_os_error() == Some(libc::EPERM) && waited < MOUNT_WAIT => {
                    thread::sleep(MOUNT_LOOK);
                    waited += MOUNT_LOOK;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn greet(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(request) = Request::parse(bytes) else {
            return Ok(());
        };
        if request.opcode != opcode::INIT {
            self.device.reply_error(request.unique, libc::EIO);
            return Ok(());
        }
        let Some((reply, agreement)) = negotiate(
            request.body,
            page_size_bytes(),
            self.options.readahead_size_bytes,
        ) else {
            self.device.reply_error(request.unique, libc::EPROTO);
            return Err(io::Error::from_raw_os_error(libc::EPROTO));
        };
        if let Some(agreement) = agreement {
            let _ = self.agreement.set(agreement);
        }
        self.device.reply_bytes(request.unique, &reply.0);
        Ok(())
    }

    fn work(&self, space: &mut [u8]) -> io::Result<()> {
        let mut hands = Hands {
            reader: BlockReader::new(),
            turn: None,
            out: Fields::default(),
        };
        let mut lookout = Lookout::default();
        loop {
            match self.crew.next_duty() {
                Duty::Listen(turn) => hands.turn = Some(turn),
                Duty::DecodeAhead(plan) => self.decode_ahead(&plan, &mut hands),
                Duty::Leave => return Ok(()),
            }
            while hands.turn.is_some() {
                match self.device.receive(space) {
                    Ok(bytes) => {
                        if let Some(request) = bytes.and_then(Request::parse) {
                            self.answer(request, &mut hands);
                        }
                        if hands.turn.is_some() && self.has_processors {
                            lookout.wait_for(|| self.device.is_pending());
                        }
                    }
                    Err(error) => {
                        self.crew.end();
                        let is_unmounted = error.raw_os_error() == Some(libc::ENODEV);
                        return if is_unmounted { Ok(()) } else { Err(error) };
                    }
                }
            }
        }
    }

    fn answer(&self, request: Request<'_>, hands: &mut Hands<'_>) {
        // Nobody waits for an answer to these, and there is nothing to forget.
        if matches!(request.opcode, opcode::FORGET | opcode::BATCH_FORGET) {
            return;
        }
        // More than one waits for an answer: more than one should answer.
        if self.crew.has_resting() && self.device.is_pending() {
            hands.turn = None;
        }
        let mut out = std::mem::take(&mut hands.out);
        out.0.clear();
        match self.try_to_answer(request, hands, &mut out) {
            Ok(true) => self.device.reply_bytes(request.unique, &out.0),
            Ok(false) => {}
            Err(Failure::Errno(errno)) => self.device.reply_error(request.unique, errno),
            Err(Failure::Image(error)) => {
                if !self.damage_reported.swap(true, Ordering::Relaxed) {
                    (self.on_damage)(&error);
                }
                self.device.reply_error(request.unique, libc::EIO);
            }
        }
        hands.out = out;
    }

    /// Makes the reply's body. False if the request has been answered already.
    fn try_to_answer(
        &self,
        request: Request<'_>,
        hands: &mut Hands<'_>,
        out: &mut Fields,
    ) -> Result<bool, Failure> {
        match request.opcode {
            // The contents go out of the cache as they are.
            opcode::READ => return self.read(request, hands).map(|()| false),
            opcode::LOOKUP => self.lookup(request, out)?,
            opcode::GETATTR => self.get_attributes(request, out)?,
            opcode::READLINK => self.read_link(request, out)?,
            opcode::READDIR => self.read_directory(request, false, out)?,
            opcode::READDIRPLUS => self.read_directory(request, true, out)?,
            opcode::GETXATTR => self.get_xattr(request, out)?,
            opcode::LISTXATTR => self.list_xattrs(request, out)?,
            opcode::LSEEK => self.seek(request, out)?,
            opcode::STATFS => self.file_system(out),
            _ => self.without_effect(request.opcode, out)?,
        }
        Ok(true)
    }

    /// Requests that an unchanging file system answers without looking. ENOSYS tells the kernel not to ask again.
    fn without_effect(&self, number: u32, out: &mut Fields) -> Result<(), Failure> {
        const KEEP_CACHE: u32 = 1 << 1;
        const CACHE_DIR: u32 = 1 << 3;
        let agreement = self.agreement.get().copied().unwrap_or(Agreement::NONE);
        let errno = match number {
            opcode::OPEN if !agreement.opens_by_itself() => {
                out.u64(0).u32(KEEP_CACHE).u32(0);
                return Ok(());
            }
            opcode::OPENDIR if !agreement.opens_directories_by_itself() => {
                out.u64(0).u32(KEEP_CACHE | CACHE_DIR).u32(0);
                return Ok(());
            }
            opcode::RELEASE
            | opcode::RELEASEDIR
            | opcode::FSYNC
            | opcode::FSYNCDIR
            | opcode::SYNCFS
            | opcode::DESTROY => return Ok(()),
            opcode::SETATTR
            | opcode::SYMLINK
            | opcode::MKNOD
            | opcode::MKDIR
            | opcode::UNLINK
            | opcode::RMDIR
            | opcode::RENAME
            | opcode::RENAME2
            | opcode::LINK
            | opcode::WRITE
            | opcode::SETXATTR
            | opcode::REMOVEXATTR
            | opcode::CREATE
            | opcode::TMPFILE
            | opcode::FALLOCATE
            | opcode::COPY_FILE_RANGE => libc::EROFS,
            opcode::IOCTL => libc::ENOTTY,
            _ => libc::ENOSYS,
        };
        Err(Failure::Errno(errno))
    }

    pub(crate) fn inode(&self, node: u64) -> Result<Inode, Failure> {
        let place = inode_of(self.image, node).ok_or(Failure::Errno(libc::ESTALE))?;
        Ok(self.image.inode(place)?)
    }

    fn get_attributes(&self, request: Request<'_>, out: &mut Fields) -> Result<(), Failure> {
        let inode = self.inode(request.node)?;
        out.u64(VALID_S).u32(0).u32(0);
        attributes::attributes(out, &inode, self.options);
        Ok(())
    }

    fn read_link(&self, request: Request<'_>, out: &mut Fields) -> Result<(), Failure> {
        match self.inode(request.node)?.kind {
            InodeKind::Symlink(target) => {
                out.bytes(&target);
                Ok(())
            }
            _ => Err(Failure::MALFORMED),
        }
    }

    /// The body of the answer to STATFS: full, as every image is.
    fn file_system(&self, out: &mut Fields) {
        let superblock = self.image.superblock();
        let block_size_bytes = superblock.block_size_bytes;
        out.u64(superblock.used_size_bytes.div_ceil(block_size_bytes.into()))
            .u64(0)
            .u64(0)
            .u64(superblock.inode_count.into())
            .u64(0)
            .u32(block_size_bytes)
            .u32(NAME_SIZE_LIMIT_BYTES as u32)
            .u32(block_size_bytes);
        out.0.resize(80, 0);
    }
}
