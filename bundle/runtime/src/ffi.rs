//! The C conventions that no safe crate covers, one checked wrapper for each.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_void};
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal};
use nix::unistd::{ForkResult, Pid};

/// A file mapped for reading as long as this value lives.
///
/// If someone shortens the file meanwhile, reading beyond its new end ends the process (SIGBUS). The kernel refuses
/// to write to a file that is being executed, and that is the file that gets mapped.
#[derive(Debug)]
pub(crate) struct MappedFile {
    start: NonNull<c_void>,
    size_bytes: usize,
}

// SAFETY: the mapping is read-only and private; reading it from several threads is reading plain memory.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    pub(crate) fn map(file: &File) -> Result<Self, Errno> {
        let size_bytes = file
            .metadata()
            .map_err(|error| crate::error::errno_of(&error))?
            .len();
        let length = usize::try_from(size_bytes)
            .ok()
            .and_then(NonZeroUsize::new)
            .ok_or(Errno::ENODATA)?;
        // All of it is going to be hashed, so its pages are mapped at once and not one fault at a time.
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let start =
            unsafe { nix::sys::mman::mmap(None, length, ProtFlags::PROT_READ, flags, file, 0)? };
        Ok(Self {
            start,
            size_bytes: length.get(),
        })
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: start and size are those of a readable mapping that `self` owns and nobody writes to.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.size_bytes) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and slices of it do not outlive `self`.
        let _ = unsafe { nix::sys::mman::munmap(self.start, self.size_bytes) };
    }
}

/// Can pages of this file be executed? A file system mounted noexec says EPERM here, before anything is unpacked.
pub(crate) fn is_executable_mapping_allowed(file: &File) -> Result<(), Errno> {
    let length = NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN);
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_EXEC;
    // SAFETY: a new mapping at an address of the kernel's choice, which nothing reads or executes.
    unsafe {
        let start = nix::sys::mman::mmap(None, length, protection, MapFlags::MAP_PRIVATE, file, 0)?;
        nix::sys::mman::munmap(start, length.get())
    }
}

/// The name under which the kernel executed this program.
pub(crate) fn executed_name() -> Option<&'static OsStr> {
    // SAFETY: getauxval reads the process's own auxiliary vector; it has no preconditions.
    let address = unsafe { libc::getauxval(libc::AT_EXECFN) };
    if address == 0 {
        return None;
    }
    // SAFETY: for AT_EXECFN the kernel gives the address of a string that lies on the initial stack for ever.
    let name = unsafe { CStr::from_ptr(address as *const c_char) };
    Some(OsStr::from_bytes(name.to_bytes()))
}

/// Forks. The process must have one thread.
pub(crate) fn fork() -> Result<ForkResult, Errno> {
    // SAFETY: every caller forks before the first thread is made (see start.rs), so the child may do anything.
    unsafe { nix::unistd::fork() }
}

/// Ends this process at once, without running anything that belongs to the process it was forked from.
pub(crate) fn exit_now(code: u8) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code.into()) }
}

/// Sets what a signal does and returns whether it was ignored before. Only "ignore" and "default" are possible here, so
/// no handler can run.
pub(crate) fn set_disposition(signal: Signal, ignored: bool) -> bool {
    let handler = if ignored {
        SigHandler::SigIgn
    } else {
        SigHandler::SigDfl
    };
    // SAFETY: neither disposition runs code.
    let before = unsafe { nix::sys::signal::signal(signal, handler) };
    matches!(before, Ok(SigHandler::SigIgn))
}

/// A signal that was taken from the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakenSignal {
    pub(crate) number: c_int,
    /// Sent by a process with kill, not by the kernel (the terminal, an expired timer).
    pub(crate) sent_by_process: bool,
}

/// Waits for one of the blocked signals of `set`.
pub(crate) fn wait_for_signal(set: &SigSet) -> Result<TakenSignal, Errno> {
    // SAFETY: all-zero bytes are a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right type.
    let number = Errno::result(unsafe { libc::sigwaitinfo(set.as_ref(), &raw mut info) })?;
    Ok(TakenSignal {
        number,
        sent_by_process: info.si_code <= 0,
    })
}

/// Sends a signal by number, so that real-time signals can be passed on too.
pub(crate) fn send_signal(pid: Pid, number: c_int) -> Result<(), Errno> {
    // SAFETY: kill has no preconditions.
    Errno::result(unsafe { libc::kill(pid.as_raw(), number) }).map(drop)
}

/// Gives a signal its default effect, by number.
pub(crate) fn set_default(number: c_int) {
    // SAFETY: the default disposition runs no code.
    let _ = unsafe { libc::signal(number, libc::SIG_DFL) };
}

/// Blocks or unblocks one signal, by number.
pub(crate) fn change_mask(how: SigmaskHow, number: c_int) -> Result<(), Errno> {
    // SAFETY: all-zero bytes are a valid sigset_t, and the pointers are to a live one.
    unsafe {
        let mut only: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut only);
        Errno::result(libc::sigaddset(&raw mut only, number))?;
        Errno::result(libc::sigprocmask(
            how as c_int,
            &raw const only,
            std::ptr::null_mut(),
        ))
        .map(drop)
    }
}

/// What has become of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildState {
    /// Nothing new.
    Running,
    /// Stopped by this signal.
    Stopped(c_int),
    /// Ended with this exit code.
    Exited(u8),
    /// Ended by this signal: any number, while nix's `waitpid` fails on real-time signals and has then lost the child's end.
    Killed(c_int),
}

/// Asks without waiting what has become of a child since it was asked last.
pub(crate) fn child_state(pid: Pid) -> Result<ChildState, Errno> {
    let mut status = 0;
    let options = libc::WNOHANG | libc::WUNTRACED;
    // SAFETY: the pointer is to a live integer.
    let changed = Errno::result(unsafe { libc::waitpid(pid.as_raw(), &raw mut status, options) })?;
    Ok(if changed == 0 {
        ChildState::Running
    } else if libc::WIFEXITED(status) {
        ChildState::Exited(libc::WEXITSTATUS(status) as u8)
    } else if libc::WIFSIGNALED(status) {
        ChildState::Killed(libc::WTERMSIG(status))
    } else if libc::WIFSTOPPED(status) {
        ChildState::Stopped(libc::WSTOPSIG(status))
    } else {
        ChildState::Running
    })
}

/// A descriptor that stands for a process, whatever happens to its number.
pub(crate) fn open_process(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two integers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel has just given this descriptor to us alone; it fits, as every descriptor does.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// Kills the process that a descriptor from [`open_process`] stands for.
pub(crate) fn kill_process(process: &OwnedFd) {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a live descriptor, a valid signal, and the null that means "as kill does".
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            libc::SIGKILL,
            no_info,
            0,
        )
    };
}

/// Random bytes from the kernel.
pub(crate) fn random_u64() -> Result<u64, Errno> {
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is writable and of the stated length.
    let count =
        Errno::result(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })?;
    if count == 8 {
        Ok(u64::from_le_bytes(bytes))
    } else {
        Err(Errno::EAGAIN)
    }
}

/// The command line as the kernel gave it.
pub type Arguments = Vec<OsString>;

/// Runs `body` as C's `main` and returns its exit code.
///
/// Rust's own start-up code is left out, because it ignores SIGPIPE and cannot say afterwards what the payload would
/// have inherited.
///
/// # Safety
/// `argument_count` and `arguments` must be what C's `main` was given.
pub unsafe fn run_as_main(
    argument_count: c_int,
    arguments: *const *const c_char,
    body: fn(Arguments) -> u8,
) -> c_int {
    let count = usize::try_from(argument_count).unwrap_or(0);
    let words = (0..count).map(|index| {
        // SAFETY: the caller's arguments are `count` pointers to NUL-terminated strings.
        let word = unsafe { CStr::from_ptr(*arguments.add(index)) };
        OsStr::from_bytes(word.to_bytes()).to_owned()
    });
    c_int::from(body(words.collect()))
}
