//! What a run must not leave behind: processes, mounts, directories.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

use crate::process::eventually;
use crate::site::Site;

/// Asserts that nothing of this site's runs is left, or that what is left goes by itself soon.
///
/// # Panics
///
/// With a list of what stays.
#[track_caller]
pub fn assert_nothing_left(site: &Site) {
    eventually(|| {
        let mut left: Vec<String> = processes(site)
            .iter()
            .map(|process| format!("{process:?}"))
            .collect();
        left.extend(mounts(site));
        left.extend(loop_devices(site));
        left.extend(
            directories(site)
                .iter()
                .map(|path| path.display().to_string()),
        );
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("left behind: {}", left.join(", ")))
        }
    });
}

/// One process of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its parent's number.
    pub parent: Pid,
    /// The number of its session.
    pub session: Pid,
    /// Its command line.
    pub line: String,
}

/// The processes whose environment or command line names the site. A zombie has neither, and only waits to be counted.
pub fn processes(site: &Site) -> Vec<Process> {
    let marker = site.marker().as_os_str().as_encoded_bytes();
    let names_it = |path: PathBuf| {
        fs::read(path).is_ok_and(|bytes| bytes.windows(marker.len()).any(|window| window == marker))
    };
    let entries = fs::read_dir("/proc").expect("/proc");
    entries
        .filter_map(|entry| entry.ok()?.path().canonicalize().ok())
        .filter(|path| names_it(path.join("environ")) || names_it(path.join("cmdline")))
        .filter_map(|path| describe(&path))
        .filter(|process| process.pid != nix::unistd::getpid())
        .collect()
}

/// Reads `/proc/PID/stat`, unless the process has ended meanwhile.
fn describe(path: &Path) -> Option<Process> {
    let pid = path.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(path.join("stat")).ok()?;
    // After the name, which may hold anything, come: state, parent, group, session.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |index: usize| Some(Pid::from_raw(fields.get(index)?.parse().ok()?));
    let line = fs::read(path.join("cmdline")).unwrap_or_default();
    Some(Process {
        pid: Pid::from_raw(pid),
        parent: number(1)?,
        session: number(3)?,
        line: String::from_utf8_lossy(&line).replace('\0', " "),
    })
}

/// Mounts that this process can see and that a run must have made.
fn mounts(site: &Site) -> Vec<String> {
    let marker = site.marker().to_string_lossy().replace(' ', "\\040");
    let table = fs::read_to_string("/proc/self/mountinfo").expect("the mount table");
    table
        .lines()
        .filter(|line| line.contains(&marker) || line.contains(" bundle "))
        .map(str::to_owned)
        .collect()
}

/// Loop devices on the site's files.
fn loop_devices(site: &Site) -> Vec<String> {
    let marker = site.marker().to_string_lossy().into_owned();
    let devices = fs::read_dir("/sys/block").into_iter().flatten();
    devices
        .filter_map(|device| fs::read_to_string(device.ok()?.path().join("loop/backing_file")).ok())
        .filter(|file| file.contains(&marker))
        .collect()
}

/// What lies where the launcher may have made a directory.
pub fn directories(site: &Site) -> Vec<PathBuf> {
    let places = ["cache", "tmp", "home/.cache", "home", "work"];
    let entries = places.iter().flat_map(|place| {
        let entries = fs::read_dir(site.path(place)).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    });
    entries
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_own = path.starts_with(site.path("work")) || name == ".cache";
            !is_own || name.starts_with(".benchrun-")
        })
        .collect()
}
