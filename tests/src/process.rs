//! Starting processes, and waiting for them without waiting for ever.

use std::io::{Read, Seek};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// After so long a run is taken to hang. Nothing that is tested here takes a tenth of it.
const HANG_TIMEOUT: Duration = Duration::from_mins(2);

/// How long what ends by itself (a janitor, a namespace) may take to.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a command to its end with nothing to read, and captures what it prints.
///
/// # Panics
///
/// When it does not start, or does not end.
pub fn finish(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    wait(start(&mut command))
}

/// Runs a command to its end, which may leave processes behind that go on writing to nowhere: its output is captured in files.
pub fn finish_without_waiting_for_children(mut command: Command) -> Output {
    let file = || tempfile::tempfile().expect("a file");
    let (out, err) = (file(), file());
    let end = |file: &std::fs::File| file.try_clone().expect("a descriptor");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(end(&out))
        .stderr(end(&err))
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let status = child.wait().expect("its end can be waited for");
    let read = |mut file: std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind().expect("the beginning");
        file.read_to_end(&mut bytes).expect("the file");
        bytes
    };
    Output {
        status,
        stdout: read(out),
        stderr: read(err),
    }
}

/// Starts a command with its output captured.
pub fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for a command's end and for what it has printed.
///
/// # Panics
///
/// When it does not end, after killing it.
pub fn wait(child: Child) -> Output {
    let pid = pid_of(&child);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    if let Ok(output) = ended.recv_timeout(HANG_TIMEOUT) {
        return output.expect("its end can be waited for");
    }
    let _ = kill(pid, Signal::SIGKILL);
    panic!("process {pid} hangs");
}

/// A child's number.
pub fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process number"))
}

/// Asks until there is an answer.
///
/// # Panics
///
/// With the last refusal, when there is none for ten seconds.
#[track_caller]
pub fn eventually<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let begin = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(refusal) => assert!(
                begin.elapsed() < SETTLE_TIMEOUT,
                "still after {SETTLE_TIMEOUT:?}: {refusal}"
            ),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
