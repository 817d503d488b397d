//! What the payload has started and left behind. A run ends with its payload, so these processes end too.
//!
//! Front and keeper are subreapers: a process whose parent ends becomes the child of the nearest of the two that lives. So
//! nothing that descends from the payload can get out of reach, whatever sessions and groups it makes for itself.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use crate::ffi;

/// Children of this process that were there before the run: those of the shell that has become this process.
#[derive(Debug, Default)]
pub(crate) struct Children(Vec<i32>);

impl Children {
    /// Those that there are now. Without any, this is one system call.
    pub(crate) fn now() -> Self {
        if is_any_left() {
            Self(list())
        } else {
            Self::default()
        }
    }
}

/// Kills all children but those that were there `before`, and their children as they turn up, and waits until there is none.
pub(crate) fn kill_all(before: &Children) {
    while is_any_left() {
        let own: Vec<i32> = list()
            .into_iter()
            .filter(|pid| !before.0.contains(pid))
            .collect();
        if own.is_empty() {
            return;
        }
        for pid in &own {
            let _ = nix::sys::signal::kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        for pid in own {
            let _ = waitpid(Pid::from_raw(pid), None);
        }
    }
}

/// Has this process a child at all?
fn is_any_left() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, flags), Err(Errno::ECHILD))
}

/// The children of this process. They can be listed only where there is a /proc; else those that have ended are reaped, and
/// the list is empty.
fn list() -> Vec<i32> {
    let own = nix::unistd::getpid();
    let by_thread = format!("/proc/self/task/{own}/children");
    let Ok(text) = fs::read_to_string(by_thread) else {
        let reap = || waitpid(None, Some(WaitPidFlag::WNOHANG));
        while matches!(reap(), Ok(status) if status != WaitStatus::StillAlive) {}
        return by_parent(own);
    };
    text.split_ascii_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The same for kernels built without the list: by looking at the parent of every process.
fn by_parent(parent: Pid) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // After the name, which may hold anything, come the state and the parent.
            let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
            fields.split(' ').nth(1) == Some(parent.to_string().as_str())
        })
        .collect()
}

/// Ends this process as soon as its parent ends, however that comes. To be called by a new child; false if the parent has
/// ended already.
pub(crate) fn end_with(parent: Pid) -> bool {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    // The parent may have ended before that took effect.
    nix::unistd::getppid() == parent
}

/// Waits for the payload's next change without knowing which child it will be.
pub(crate) fn reap_others(payload: Pid) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, flags) {
        match status.pid() {
            Some(pid) if pid != payload => {
                let _ = ffi::child_state(pid);
            }
            _ => return,
        }
    }
}
