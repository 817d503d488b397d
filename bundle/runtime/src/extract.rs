//! An image unpacked for its user to have: a directory that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use bundle_squashfs::Image;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{ForkResult, Pid};

use crate::directory;
use crate::error::errno_of;
use crate::ffi::{self, ChildState};
use crate::unpack::{self, Ownership, Unmasked};
use crate::{Error, stdio};

/// Signals that end a program that nobody has prepared for them, and that users send.
const ENDING: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// Unpacks the image into a directory `target`, which must not exist. `progress` is told of bytes that have been written.
///
/// A child does the work, so that whatever ends it, this process is there to take back what it has done. The process must have
/// one thread.
///
/// # Errors
/// If there is something at `target`, or the image is damaged, or there is no room for it. Nothing is left then.
pub fn extract(
    image: &Image<'_>,
    target: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), Error> {
    if target.as_os_str().is_empty() {
        return Err(Error::unpack("unpack to", target)(Errno::ENOENT));
    }
    let target = &std::path::absolute(target)
        .map_err(|error| Error::unpack("unpack to", target)(errno_of(&error)))?;
    let draft = draft_of(target);
    match target.symlink_metadata() {
        Ok(_) => return Err(Error::unpack("unpack to", target)(Errno::EEXIST)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::unpack("unpack to", target)(errno_of(&error))),
    }
    if let Some(parent) = draft.parent() {
        fs::create_dir_all(parent)
            .map_err(|error| Error::unpack("make directory", parent)(errno_of(&error)))?;
    }
    let ended = in_child(|| fill(image, &draft, progress))?;
    let kept = match ended {
        ChildState::Exited(0) => nix::fcntl::renameat2(
            nix::fcntl::AT_FDCWD,
            &draft,
            nix::fcntl::AT_FDCWD,
            target,
            nix::fcntl::RenameFlags::RENAME_NOREPLACE,
        )
        // Some file systems know no such flag.
        .or_else(|errno| match errno {
            Errno::EINVAL => fs::rename(&draft, target).map_err(|error| errno_of(&error)),
            errno => Err(errno),
        })
        .map_err(Error::unpack("give its name to", target)),
        _ => Err(Error::Told),
    };
    if kept.is_err() {
        directory::remove_at(&draft);
    }
    if let ChildState::Killed(signal) = ended {
        ffi::set_default(signal);
        let _ = ffi::send_signal(nix::unistd::getpid(), signal);
        let _ = ffi::change_mask(SigmaskHow::SIG_UNBLOCK, signal);
    }
    kept
}

/// A name beside the target that nobody else takes.
fn draft_of(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    target.with_file_name(name)
}

fn fill(image: &Image<'_>, draft: &Path, progress: &(dyn Fn(u64) + Sync)) -> Result<(), Error> {
    let failed =
        |operation| move |error: std::io::Error| Error::unpack(operation, draft)(errno_of(&error));
    let ownership = if nix::unistd::geteuid().is_root() {
        Ownership::OfImage
    } else {
        Ownership::OfCaller
    };
    fs::create_dir(draft).map_err(failed("make directory"))?;
    let directory = File::open(draft).map_err(failed("open"))?;
    let thread_count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let _unmasked = Unmasked::new();
    let entries = image.walk()?;
    unpack::unpack_entries(
        image,
        &entries,
        directory.as_fd(),
        ownership,
        thread_count,
        progress,
    )
}

/// Does something in a child, which says itself what goes wrong, and waits for its end. Signals that would end this process end
/// the child.
fn in_child(body: impl FnOnce() -> Result<(), Error>) -> Result<ChildState, Error> {
    let failed = |errno| Error::Process {
        operation: "fork a process that unpacks",
        errno,
    };
    let mut watched: SigSet = ENDING.into_iter().collect();
    watched.add(Signal::SIGCHLD);
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&watched), Some(&mut before)).map_err(failed)?;
    let ended = match ffi::fork().map_err(failed)? {
        ForkResult::Child => {
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
            let code = match body() {
                Ok(()) => 0,
                Err(error) => {
                    stdio::say(&error.to_string());
                    error.exit_code()
                }
            };
            ffi::exit_now(code)
        }
        ForkResult::Parent { child } => wait_for(child, &watched),
    };
    if !matches!(ended, Ok(ChildState::Killed(_))) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    }
    ended.map_err(failed)
}

fn wait_for(child: Pid, watched: &SigSet) -> Result<ChildState, Errno> {
    loop {
        let signal = watched.wait()?;
        if signal != Signal::SIGCHLD {
            let _ = nix::sys::signal::kill(child, signal);
            continue;
        }
        if let state @ (ChildState::Exited(_) | ChildState::Killed(_)) = ffi::child_state(child)? {
            return Ok(state);
        }
    }
}
