//! Rung 4's janitor: a process that outlives the supervisor for as long as it takes to clean up.
//!
//! It holds the reading end of a pipe whose writing end only the supervisor has, so the supervisor's end, however it
//! comes, is the end of the pipe. It lives in a session of its own, where no terminal's signal reaches it, and holds none of
//! the standard descriptors, so nobody waits for it to close a pipe.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};

use crate::error::errno_of;
use crate::remove::remove_tree;
use crate::{Error, directory, ffi};

/// How long a killed payload may take to end before its directory is removed all the same.
const PAYLOAD_END_TIMEOUT_MS: u16 = 10_000;

const DIRECTORY: u8 = b'D';
const PAYLOAD: u8 = b'P';
const CLEANED: u8 = b'C';

/// The supervisor's handle on its janitor.
#[derive(Debug)]
pub(crate) struct Janitor {
    pid: Pid,
    pipe: PipeWriter,
}

impl Janitor {
    /// Forks the janitor. The process must have one thread.
    pub(crate) fn fork() -> Result<Self, Error> {
        let failed = |operation| move |errno| Error::Process { operation, errno };
        let (reader, pipe) =
            std::io::pipe().map_err(|error| failed("make a pipe")(errno_of(&error)))?;
        match ffi::fork().map_err(failed("fork the cleaning process"))? {
            ForkResult::Child => {
                drop(pipe);
                tend(reader);
                ffi::exit_now(0)
            }
            ForkResult::Parent { child } => Ok(Self { pid: child, pipe }),
        }
    }

    /// Tells it about a directory that is going to be made. Only the last one counts.
    pub(crate) fn will_make(&self, path: &Path) {
        self.tell(DIRECTORY, path.as_os_str().as_bytes());
    }

    /// Tells it about the payload's process.
    pub(crate) fn payload_is(&self, pid: Pid) {
        self.tell(PAYLOAD, &pid.as_raw().to_le_bytes());
    }

    /// Dismisses it: there is nothing left to clean up.
    pub(crate) fn dismiss(self) {
        self.tell(CLEANED, &[]);
        drop(self.pipe);
        let _ = waitpid(self.pid, None);
    }

    /// In a process forked from the supervisor: lets go of the pipe, so that only the supervisor holds it.
    pub(crate) fn forget(self) {
        drop(self.pipe);
    }

    /// One write for each record, below `PIPE_BUF`: the janitor never sees half of one. If it is gone, nobody listens.
    fn tell(&self, kind: u8, body: &[u8]) {
        let mut record = vec![kind];
        record.extend_from_slice(&(body.len() as u16).to_le_bytes());
        record.extend_from_slice(body);
        let _ = (&self.pipe).write_all(&record);
    }
}

#[derive(Debug, Default)]
struct Duties {
    directory: Option<PathBuf>,
    payload: Option<OwnedFd>,
    cleaned: bool,
}

fn tend(mut reader: PipeReader) {
    detach();
    let mut duties = Duties::default();
    while let Ok((kind, body)) = read_record(&mut reader) {
        match kind {
            DIRECTORY => duties.directory = Some(std::ffi::OsString::from_vec(body).into()),
            // Its number cannot be another process's yet: only the supervisor can reap it, and that still lives or has just ended.
            PAYLOAD => {
                duties.payload = body
                    .try_into()
                    .ok()
                    .and_then(|pid| ffi::open_process(Pid::from_raw(i32::from_le_bytes(pid))).ok());
            }
            _ => duties.cleaned = true,
        }
    }
    if !duties.cleaned {
        clean_up(&duties);
    }
}

fn detach() {
    let _ = nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None);
    let _ = nix::unistd::setsid();
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(&null);
        let _ = nix::unistd::dup2_stdout(&null);
        let _ = nix::unistd::dup2_stderr(&null);
    }
    // A working directory keeps its file system from being unmounted.
    let _ = nix::unistd::chdir("/");
}

fn read_record(reader: &mut PipeReader) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 3];
    reader.read_exact(&mut head)?;
    let mut body = vec![0; usize::from(u16::from_le_bytes([head[1], head[2]]))];
    reader.read_exact(&mut body)?;
    Ok((head[0], body))
}

fn clean_up(duties: &Duties) {
    if let Some(payload) = &duties.payload {
        ffi::kill_process(payload);
        let mut ended = [PollFd::new(payload.as_fd(), PollFlags::POLLIN)];
        let _ = nix::poll::poll(&mut ended, PollTimeout::from(PAYLOAD_END_TIMEOUT_MS));
    }
    let Some((base, name)) = duties.directory.as_deref().and_then(directory::split) else {
        return;
    };
    if let Ok(base) = File::open(base) {
        let _ = remove_tree(base.as_fd(), &name);
    }
}
