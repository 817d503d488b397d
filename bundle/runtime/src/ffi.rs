//! The C conventions that no safe crate covers, one checked wrapper for each.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::mman::{MapFlags, ProtFlags};
use nix::sys::signal::{SigHandler, SigmaskHow, Signal};
use nix::unistd::{ForkResult, Pid};

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

/// Forks a process that is the first of a process namespace, with a user namespace around it if that takes one. The process must
/// have one thread. True for one in a user namespace, which has no ids yet.
pub(crate) fn fork_into_process_namespace() -> Result<(ForkResult, bool), Errno> {
    let fork = |flags: c_int| {
        // SAFETY: without CLONE_VM and without a stack the call is fork with namespaces: the child goes on in a copy of this
        // process, which has one thread.
        Errno::result(unsafe {
            libc::syscall(
                libc::SYS_clone,
                libc::c_long::from(flags | libc::SIGCHLD),
                0,
                0,
                0,
                0,
            )
        })
    };
    let (pid, is_in_user_namespace) = match fork(libc::CLONE_NEWPID) {
        Err(Errno::EPERM) => (fork(libc::CLONE_NEWPID | libc::CLONE_NEWUSER)?, true),
        forked => (forked?, false),
    };
    let forked = if pid == 0 {
        ForkResult::Child
    } else {
        let child = Pid::from_raw(pid as libc::pid_t);
        ForkResult::Parent { child }
    };
    Ok((forked, is_in_user_namespace))
}

/// Closes all descriptors from `first` on.
pub(crate) fn close_from(first: u32) {
    // SAFETY: nothing that this process does from here on uses a descriptor that it has not opened itself.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if done != 0 {
        for number in first.cast_signed()..1024 {
            // SAFETY: as above; on a number that is no descriptor it fails.
            unsafe { libc::close(number) };
        }
    }
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
    /// Continued after it was stopped.
    Continued,
    /// Ended with this exit code.
    Exited(u8),
    /// Ended by this signal: any number, while nix's `waitpid` fails on real-time signals and has then lost the child's end.
    Killed(c_int),
}

/// Asks without waiting what has become of a child since it was asked last.
pub(crate) fn child_state(pid: Pid) -> Result<ChildState, Errno> {
    let mut status = 0;
    let options = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
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
    } else if libc::WIFCONTINUED(status) {
        ChildState::Continued
    } else {
        ChildState::Running
    })
}

/// Takes over a descriptor that the kernel has just delivered in a message.
pub(crate) fn own_descriptor(number: c_int) -> OwnedFd {
    // SAFETY: the kernel has made this descriptor for the receiver of the message, who calls this once for each.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Has all descriptors from `first` on closed when this process executes a program.
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: the call takes three integers and changes flags of descriptors only.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    match Errno::result(done) {
        Ok(_) => Ok(()),
        // Before Linux 5.11: one by one, as far as the limit on open files lets them be.
        Err(Errno::ENOSYS | Errno::EINVAL) => {
            let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
            for number in first..u32::try_from(limit.1).unwrap_or(u32::MAX).min(1 << 20) {
                // SAFETY: the call takes integers; on a number that is no descriptor it fails.
                unsafe { libc::fcntl(number.cast_signed(), libc::F_SETFD, libc::FD_CLOEXEC) };
            }
            Ok(())
        }
        Err(errno) => Err(errno),
    }
}

/// Adds a filter of system calls for this process and all that it becomes or starts. A kernel without filters has no remedy; that
/// is no error.
///
/// The process must have given up new privileges.
pub(crate) fn add_filter(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    // Without this flag, kernels before 5.16 would slow the payload's memory accesses down for having a filter.
    for flags in [libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0] {
        // SAFETY: the kernel copies the program, which lives until the call returns and has the stated length.
        let done = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const filter,
            )
        };
        match Errno::result(done) {
            Ok(_) | Err(Errno::ENOSYS) => return Ok(()),
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// `struct mount_attr` (linux/mount.h).
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Forbids things to a mount and to all below it. Only flags that restrict count.
pub(crate) fn restrict_mounts(place: &Path, flags: MsFlags) -> Result<(), Errno> {
    const PAIRS: [(MsFlags, u64); 4] = [
        (MsFlags::MS_RDONLY, 1),
        (MsFlags::MS_NOSUID, 2),
        (MsFlags::MS_NODEV, 4),
        (MsFlags::MS_NOEXEC, 8),
    ];
    let set = PAIRS.iter().filter(|(flag, _)| flags.contains(*flag));
    let attributes = MountAttributes {
        set: set.map(|(_, attribute)| attribute).sum(),
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    let place = CString::new(place.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the path is NUL-terminated and the structure has the stated size; both live until the call returns.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            place.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    };
    Errno::result(done).map(drop)
}

/// Switches the loopback interface of this process's network namespace on.
pub(crate) fn set_loopback_up() -> Result<(), Errno> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    // SAFETY: all-zero bytes are a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *place = c_char::from_ne_bytes([*byte]);
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as _;
    // SAFETY: the structure is the one that the request takes, and lives until the call returns.
    Errno::result(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        )
    })
    .map(drop)
}

/// The number of a loop device that nobody uses, made if need be.
pub(crate) fn free_loop_device(control: &File) -> Result<c_int, Errno> {
    const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
    // SAFETY: the request takes no argument.
    Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) })
}

/// What `LOOP_CONFIGURE` takes (linux/loop.h).
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// `struct loop_info64` (linux/loop.h).
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// Attaches a part of a file to a loop device, read-only, to be detached by the kernel when its last user is gone.
pub(crate) fn configure_loop_device(
    device: &File,
    file: c_int,
    part: &std::ops::Range<u64>,
) -> Result<(), Errno> {
    const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
    const LO_FLAGS_READ_ONLY: u32 = 1;
    const LO_FLAGS_AUTOCLEAR: u32 = 4;
    // SAFETY: all-zero bytes are valid for a structure of integers.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = file.cast_unsigned();
    config.info.offset = part.start;
    // A device has whole sectors. What follows the image in the file fills the last one, and is not looked at.
    config.info.sizelimit = (part.end - part.start).next_multiple_of(512);
    config.info.flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    // SAFETY: the structure is the one that the request takes, and lives until the call returns.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) })
        .map(drop)
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
