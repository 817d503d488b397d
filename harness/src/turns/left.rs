//! What a side has started and left behind: a process that goes on would disturb all that is measured after it.
//!
//! This program is a subreaper: a process whose parent ends becomes the child of the nearest subreaper above it, whatever session or group
//! it has made for itself. So all that a side leaves becomes a child of this program, which can list its children and wait for them. A
//! side that is a bundle is a subreaper itself and leaves nothing; where this program runs inside of one, it is the nearer one.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpid};

/// How long what is left may take to end by itself: who was asked to end with its group, or is about to.
const ENDING: Duration = Duration::from_millis(100);

/// How long it may take to end after it was asked to, so that it can clean up.
const GRACE: Duration = Duration::from_secs(3);

/// How long it may take to be gone after it was killed.
const DYING: Duration = Duration::from_secs(1);

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(1);

/// Children of this process that are not a side's: those of the shell that has become this process.
#[derive(Debug)]
pub(super) struct Before(Vec<i32>);

impl Before {
    /// Those that there are now, before a side is started. From here on, what is left behind comes to this process.
    pub(super) fn now() -> Self {
        // Where the system refuses, what is left stays out of reach.
        let _ = set_child_subreaper(true);
        Self(if is_any() { list() } else { Vec::new() })
    }

    /// Ends all other children, and theirs as they turn up: asked first, then made to. Returns how many there were that did not end by
    /// themselves. To be called when the side's own process was waited for.
    pub(super) fn end_others(&self) -> usize {
        let mut told = Vec::new();
        for (signal, patience) in [
            (None, ENDING),
            (Some(Signal::SIGTERM), GRACE),
            (Some(Signal::SIGKILL), DYING),
        ] {
            let deadline = Instant::now() + patience;
            loop {
                let others = self.others();
                if others.is_empty() {
                    return told.len();
                }
                for pid in others {
                    let is_new = !told.contains(&pid);
                    // Once: who is asked again may take it for a second request, and end without cleaning up.
                    let is_due = is_new || signal == Some(Signal::SIGKILL);
                    if let Some(signal) = signal.filter(|_| is_due) {
                        let _ = kill(Pid::from_raw(pid), signal);
                    }
                    if signal.is_some() && is_new {
                        told.push(pid);
                    }
                }
                if Instant::now() >= deadline {
                    break;
                }
                thread::sleep(INTERVAL);
            }
        }
        told.len()
    }

    /// The other children that still run; those that have ended are taken note of.
    fn others(&self) -> Vec<i32> {
        if !is_any() {
            return Vec::new();
        }
        let mut others = list();
        others.retain(|pid| {
            let ended = || waitpid(Pid::from_raw(*pid), Some(WaitPidFlag::WNOHANG));
            !self.0.contains(pid) && matches!(ended(), Ok(WaitStatus::StillAlive))
        });
        others
    }
}

/// Whether this process has a child at all.
fn is_any() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, flags), Err(Errno::ECHILD))
}

/// The children of this process, of all of its threads. None where there is no /proc.
fn list() -> Vec<i32> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let texts: Result<Vec<String>, _> = threads
        .filter_map(Result::ok)
        .map(|thread| fs::read_to_string(thread.path().join("children")))
        .collect();
    match texts {
        Ok(texts) => texts
            .iter()
            .flat_map(|text| text.split_ascii_whitespace())
            .filter_map(|word| word.parse().ok())
            .collect(),
        // A kernel that is built without these lists, or a thread that has just ended.
        Err(_) => by_parent(getpid()),
    }
}

/// The same by looking at the parent of every process.
fn by_parent(parent: Pid) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|pid: &i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            parent_in(&stat) == Some(parent.as_raw())
        })
        .collect()
}

/// The parent that `/proc/PID/stat` names. After the name, which may hold anything, come the state and the parent.
fn parent_in(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_in("12 (sh) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent_in("12 (a) R 1 (b) S 8 12"), Some(8));
        assert_eq!(parent_in(""), None);
        assert_eq!(parent_in("12 (sh) S"), None);
    }

    #[test]
    fn both_ways_find_the_same_children() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        assert!(list().contains(&pid));
        assert!(by_parent(getpid()).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!list().contains(&pid));
    }
}
