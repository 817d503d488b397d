//! Joining a container that runs: a process of ours enters the namespaces and the root of one that is in it, and becomes a command.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, chroot, execve, fchdir};

use crate::confine::is_only_user;
use crate::ffi::ChildState;
use crate::furnish::value_of;
use crate::image_command::default_path;
use crate::{Ended, Error, ffi, owner_filter, terminal_filter};

/// Namespaces in the order in which they are entered: the user's first, which gives the right to the others.
const NAMESPACES: [(&str, CloneFlags); 6] = [
    ("user", CloneFlags::CLONE_NEWUSER),
    ("net", CloneFlags::CLONE_NEWNET),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("mnt", CloneFlags::CLONE_NEWNS),
];

/// Executes a command in the container that process `pid` is in, with that process's environment and `variables`, and returns how
/// it ended. This process must have one thread, and is in the container afterwards.
///
/// # Errors
/// If there is no such process, it is not in a container, or the command cannot be executed.
pub fn exec(
    pid: i32,
    words: &[OsString],
    variables: &[(String, OsString)],
) -> Result<Ended, Error> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Held open, so that nobody else's process can take this number in between.
    let held = open(Path::new(&format!("/proc/{pid}")), flags, Mode::empty());
    let directory = match &held {
        Ok(held) => format!("/proc/self/fd/{}", held.as_raw_fd()),
        Err(_) => format!("/proc/{pid}"),
    };
    let failed = |what: &str, errno: Errno| {
        Error::Configuration(format!(
            "cannot enter the container of process {pid}: {what}: {errno} (`bundle list -f` shows the processes)"
        ))
    };
    let mut environment = environment_of(Path::new(&directory))
        .map_err(|errno| failed("its environment cannot be read", errno))?;
    let refused = |why: &str| {
        Error::Configuration(format!(
            "cannot enter the container of process {pid}: {why} (`bundle list -f` shows the processes)"
        ))
    };
    if value_of(&environment, "BENCHRUN_CONTAINER").is_none() || !has_own_root(&directory) {
        return Err(refused("it is in none"));
    }
    // Root in a namespace of somebody else would be root on the host whom that user can trace.
    let own = nix::unistd::geteuid().as_raw();
    let users = users_of(&directory);
    if users != [own; 4] {
        let user = users
            .first()
            .map_or("somebody".to_owned(), |user| format!("user {user}"));
        return Err(refused(&format!("it is {user}'s, who may enter it")));
    }
    if own == 0 && namespace_of(&directory, "user") != namespace_of("/proc/self", "user") {
        return Err(refused(
            "it is in a user namespace, which root's containers are not",
        ));
    }
    for (name, value) in variables {
        environment.retain(|(set, _)| set != name.as_str());
        environment.push((name.into(), value.clone()));
    }
    let entered = |name: &str| {
        open(
            Path::new(&directory).join(name).as_path(),
            flags,
            Mode::empty(),
        )
    };
    let root = entered("root").map_err(|errno| failed("its root cannot be opened", errno))?;
    let working_directory = entered("cwd").ok();
    let namespaces = others(Path::new(&directory))
        .map_err(|errno| failed("its namespaces cannot be opened", errno))?;
    for (namespace, flag) in &namespaces {
        setns(namespace, *flag).map_err(|errno| failed("a namespace of it refuses", errno))?;
    }
    fchdir(&root)
        .and_then(|()| chroot("."))
        .map_err(|errno| failed("its root cannot be entered", errno))?;
    if let Some(directory) = working_directory {
        let _ = fchdir(&directory);
    }
    // Whoever ends this process means the command. It is watched from here on.
    let passed_on: SigSet = [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect();
    let mut before = SigSet::empty();
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&passed_on), Some(&mut before));
    // A process namespace is entered by children.
    match ffi::fork().map_err(|errno| failed("no process can be made", errno))? {
        ForkResult::Child => {
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
            let Err(error) = become_command(words, &environment);
            crate::stdio::say(&error.to_string());
            ffi::exit_now(error.exit_code())
        }
        ForkResult::Parent { child } => {
            wait_for(child, &passed_on).map_err(|errno| failed("it cannot be waited for", errno))
        }
    }
}

/// Waits for the command, and passes on to it what it is to be told.
fn wait_for(child: Pid, passed_on: &SigSet) -> Result<Ended, Errno> {
    // What the terminal sends reaches the command too, which decides what it means.
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        ffi::set_disposition(signal, true);
    }
    loop {
        match ffi::child_state(child)? {
            ChildState::Exited(code) => return Ok(Ended::Exited(code)),
            ChildState::Killed(signal) => return Ok(Ended::Killed(signal)),
            _ => {}
        }
        let signal = passed_on.wait()?;
        if signal != Signal::SIGCHLD {
            let _ = nix::sys::signal::kill(child, signal);
        }
    }
}

/// Is this process somewhere else than this one, as far as files go?
fn has_own_root(directory: &str) -> bool {
    namespace_of(directory, "mnt") != namespace_of("/proc/self", "mnt")
}

fn namespace_of(directory: &str, name: &str) -> Option<PathBuf> {
    fs::read_link(Path::new(directory).join("ns").join(name)).ok()
}

/// The real, effective, saved and file system user of a process. Its directory's owner is the effective one alone.
fn users_of(directory: &str) -> Vec<u32> {
    let status = fs::read_to_string(Path::new(directory).join("status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let words = line.unwrap_or_default().split_ascii_whitespace();
    words.filter_map(|word| word.parse().ok()).collect()
}

fn become_command(
    words: &[OsString],
    environment: &[(OsString, OsString)],
) -> Result<Infallible, Error> {
    let failed = |operation| move |errno| Error::Process { operation, errno };
    nix::sys::prctl::set_no_new_privs().map_err(failed("give up new privileges"))?;
    ffi::add_filter(&terminal_filter::program())
        .map_err(failed("filter the terminal's system calls"))?;
    if nix::unistd::geteuid().is_root() && is_only_user() {
        ffi::add_filter(&owner_filter::program()).map_err(failed("play root"))?;
    }
    ffi::close_on_exec_from(3).map_err(failed("close inherited descriptors"))?;
    let program = words.first().cloned().unwrap_or_else(|| "/bin/sh".into());
    let path = find(&program, environment)
        .ok_or_else(|| Error::NotInImage(program.to_string_lossy().escape_debug().to_string()))?;
    let c_string = |word: &OsStr| {
        CString::new(word.as_bytes()).map_err(|_| Error::Nul(word.to_string_lossy().into_owned()))
    };
    let words = words
        .iter()
        .map(|word| c_string(word))
        .collect::<Result<Vec<_>, _>>()?;
    let variables = environment
        .iter()
        .map(|(name, value)| {
            c_string(
                &[name, OsStr::new("="), value]
                    .into_iter()
                    .collect::<OsString>(),
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    execve(&c_string(&path)?, &words, &variables).map_err(|errno| Error::Exec {
        path: path.into(),
        errno,
    })
}

/// The path of a program that is named without one.
fn find(program: &OsStr, environment: &[(OsString, OsString)]) -> Option<OsString> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.to_owned());
    }
    let path = value_of(environment, "PATH").unwrap_or(default_path());
    std::env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|path| {
            nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok() && path.is_file()
        })
        .map(Into::into)
}

fn environment_of(directory: &Path) -> Result<Vec<(OsString, OsString)>, Errno> {
    let bytes =
        fs::read(directory.join("environ")).map_err(|error| crate::error::errno_of(&error))?;
    let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let at = variable.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&variable[..at], &variable[at + 1..]);
        Some((
            OsString::from_vec(name.to_vec()),
            OsString::from_vec(value.to_vec()),
        ))
    });
    Ok(variables.collect())
}

/// The namespaces of a process that are not this one's.
fn others(directory: &Path) -> Result<Vec<(OwnedFd, CloneFlags)>, Errno> {
    let mut found = Vec::new();
    for (name, flag) in NAMESPACES {
        let path = directory.join("ns").join(name);
        let identity = |path: &Path| fs::read_link(path).ok();
        if identity(&path) == identity(&Path::new("/proc/self/ns").join(name)) {
            continue;
        }
        let file = File::open(&path).map_err(|error| crate::error::errno_of(&error))?;
        found.push((file.into(), flag));
    }
    Ok(found)
}
