//! Which processes run in which sandbox.
//!
//! Whoever starts a sandbox gives its first process the variables [`CONTAINER`] and [`CONTAINER_ROOT`] and a mount namespace of
//! its own; what that starts has them, too. Only processes of the caller can be looked into, those of everybody for root.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};

use crate::store::{SandboxName, Store};

/// The variable that tells a process the name of the sandbox that it runs in.
pub const CONTAINER: &str = "BENCHRUN_CONTAINER";

/// The variable that tells a process where that sandbox is on the host: the data directory, links resolved, and the name.
/// Sandboxes of one name in two data directories are told apart by it.
pub const CONTAINER_ROOT: &str = "BENCHRUN_CONTAINER_ROOT";

/// A process in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// The program's name, as the kernel has it.
    pub(crate) program: String,
    /// One letter, as ps(1) shows it.
    pub(crate) state: char,
    /// How long it has run.
    pub(crate) elapsed_s: u64,
    /// The numbers of its namespaces.
    pub(crate) mount_namespace: u64,
    pub(crate) user_namespace: u64,
    /// What it was started with.
    pub(crate) command: String,
}

/// All processes in sandboxes of a data directory, by the sandboxes' names, the oldest first.
pub(crate) fn running(store: &Store) -> BTreeMap<OsString, Vec<Process>> {
    let data = fs::canonicalize(store.path()).unwrap_or_else(|_| store.path().to_owned());
    let mut found: BTreeMap<OsString, Vec<Process>> = BTreeMap::new();
    let own = namespace(Path::new("/proc/self/ns/mnt"));
    let uptime_s = fs::read_to_string("/proc/uptime")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or_default();
    let Ok(entries) = fs::read_dir("/proc") else {
        return found;
    };
    for entry in entries.filter_map(Result::ok) {
        let is_pid = |name: &OsStr| name.to_str()?.parse::<u32>().ok();
        let Some(pid) = is_pid(&entry.file_name()) else {
            continue;
        };
        if let Some((name, process)) = look(&entry.path(), pid, &data, own, uptime_s) {
            found.entry(name).or_default().push(process);
        }
    }
    for processes in found.values_mut() {
        processes.sort_by_key(|process| (std::cmp::Reverse(process.elapsed_s), process.pid));
    }
    found
}

/// The processes in the sandbox of this name.
pub(crate) fn running_in(store: &Store, name: &SandboxName) -> Vec<Process> {
    running(store).remove(name.as_os_str()).unwrap_or_default()
}

/// The numbers of processes for a message.
pub(crate) fn pids(processes: &[Process]) -> String {
    let pids: Vec<_> = processes.iter().map(|it| it.pid.to_string()).collect();
    pids.join(", ")
}

/// What is known of a process, if it is in a sandbox. It may end at any moment.
fn look(
    proc: &Path,
    pid: u32,
    data: &Path,
    own: Option<u64>,
    uptime_s: f64,
) -> Option<(OsString, Process)> {
    let environment = fs::read(proc.join("environ")).ok()?;
    let name = container_of(&environment, data)?.to_owned();
    let mount_namespace = namespace(&proc.join("ns/mnt"));
    // A shell that has the variable but has left, or never was there.
    if mount_namespace.is_none() || mount_namespace == own {
        return None;
    }
    let stat = parse_stat(&fs::read(proc.join("stat")).ok()?)?;
    let ticks_per_s = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let started_s = stat.start_ticks as f64 / ticks_per_s as f64;
    let command = fs::read(proc.join("cmdline")).ok()?;
    let command: Vec<_> = command
        .split(|&byte| byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    Some((
        OsString::from_vec(name),
        Process {
            pid,
            program: stat.program,
            state: stat.state,
            elapsed_s: (uptime_s - started_s).max(0.0) as u64,
            mount_namespace: mount_namespace?,
            user_namespace: namespace(&proc.join("ns/user")).unwrap_or_default(),
            command: command.join(" ").trim_end().to_owned(),
        },
    ))
}

/// The sandbox of this data directory that an environment, as the kernel shows it, tells of.
fn container_of<'e>(environment: &'e [u8], data: &Path) -> Option<&'e [u8]> {
    let name = variable(environment, CONTAINER).filter(|name| !name.is_empty())?;
    match variable(environment, CONTAINER_ROOT) {
        Some(root) if Path::new(OsStr::from_bytes(root)) != data.join(OsStr::from_bytes(name)) => {
            None
        }
        _ => Some(name),
    }
}

fn variable<'e>(environment: &'e [u8], name: &str) -> Option<&'e [u8]> {
    environment
        .split(|&byte| byte == 0)
        .filter_map(|variable| variable.strip_prefix(name.as_bytes()))
        .find_map(|rest| rest.strip_prefix(b"="))
}

/// The number in a link such as `mnt:[4026531841]`.
fn namespace(link: &Path) -> Option<u64> {
    parse_namespace(fs::read_link(link).ok()?.as_os_str().as_bytes())
}

fn parse_namespace(link: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(link).ok()?;
    let (_, number) = text.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    program: String,
    state: char,
    start_ticks: u64,
}

/// Reads `/proc/PID/stat`. The program's name is in parentheses and may hold any byte, also those.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let begin = bytes.iter().position(|&byte| byte == b'(')? + 1;
    let end = bytes.iter().rposition(|&byte| byte == b')')?;
    let program = bytes.get(begin..end)?;
    let rest = std::str::from_utf8(&bytes[end + 1..]).ok()?;
    // The fields are numbered from 1 in proc(5): the state is the third, the start the twenty-second.
    let mut fields = rest.split_ascii_whitespace();
    Some(Stat {
        program: String::from_utf8_lossy(program).into_owned(),
        state: fields.next()?.chars().next()?,
        start_ticks: fields.nth(22 - 4)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_environment_tells_the_sandbox() {
        #[track_caller]
        fn check(environment: &[u8], expected: Option<&[u8]>) {
            assert_eq!(container_of(environment, Path::new("/data")), expected);
        }
        check(b"A=b\0BENCHRUN_CONTAINER=np\0C=d\0", Some(b"np"));
        check(b"BENCHRUN_CONTAINER=caf\xe9", Some(b"caf\xe9"));
        check(b"BENCHRUN_CONTAINER=a=b\0", Some(b"a=b"));
        check(b"BENCHRUN_CONTAINER=\0", None);
        check(b"BENCHRUN_CONTAINERS=x\0XBENCHRUN_CONTAINER=x\0", None);
        check(b"", None);
        check(
            b"BENCHRUN_CONTAINER_ROOT=/data/np\0BENCHRUN_CONTAINER=np\0",
            Some(b"np"),
        );
        check(
            b"BENCHRUN_CONTAINER=np\0BENCHRUN_CONTAINER_ROOT=/other/np\0",
            None,
        );
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let numbers = (4..60)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        for program in ["sleep", "a) R (b", "x y", ""] {
            let line = format!("7 ({program}) S {numbers}\n");
            let expected = Stat {
                program: program.into(),
                state: 'S',
                start_ticks: 22,
            };
            assert_eq!(parse_stat(line.as_bytes()), Some(expected));
        }
        let own = fs::read("/proc/self/stat").expect("a line");
        assert!(parse_stat(&own).expect("a line").start_ticks > 0);
        assert_eq!(parse_stat(b")("), None);
    }

    #[test]
    fn a_namespace_has_a_number() {
        assert_eq!(parse_namespace(b"mnt:[4026531841]"), Some(4_026_531_841));
        assert_eq!(parse_namespace(b"mnt:[x]"), None);
        assert!(namespace(Path::new("/proc/self/ns/mnt")).is_some());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = (container_of(&bytes, Path::new("/")), parse_stat(&bytes), parse_namespace(&bytes));
        }
    }
}
