//! One process of a side: started, waited for, ended when it has to be, and its record read.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use results::Record;

use super::left::Before;
use super::side::{OF_THE_LAUNCHER, SideCommand};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;

/// How often it is asked whether to go on waiting. Ten times a second is nothing that a measurement would notice.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often it is asked whether a process that has closed its output has ended.
const ENDING: Duration = Duration::from_millis(1);

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(3);

/// How long it may take until all that it printed is read, when everything that it started has ended.
const CLOSING: Duration = Duration::from_secs(10);

/// No record is larger.
const OUTPUT_MAX_BYTES: u64 = 256 << 20;

/// Why there is no record.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A signal asked the program to end.
    Interrupted(i32),
    /// The process failed, in one line.
    Failed(Failure),
    /// The process says that a result is wrong, in one line.
    Invalid(String),
}

/// What a process has found.
#[derive(Debug)]
pub(super) struct Measured {
    /// What it printed.
    pub(super) record: Record,
    /// How many processes it left running, which were ended.
    pub(super) left: usize,
}

/// Runs a side with these words behind its own and reads the record that it prints. Nothing is left running.
///
/// # Errors
///
/// When it cannot be started, takes longer than `timeout`, fails, or prints no record; or when the program is to end.
pub(super) fn measure(
    side: &SideCommand,
    words: &[String],
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<Measured, Trouble> {
    let failed = |exit, reason: String| {
        let error = anyhow::anyhow!("cannot measure '{}': {reason}", side.given);
        Trouble::Failed(Failure::new(exit, error))
    };
    let before = Before::now();
    let mut child = start(side, words).map_err(|error| {
        failed(
            Exit::Usage,
            format!(
                "{} does not start: {error} (name a program that can be run)",
                side.words[0]
            ),
        )
    })?;
    let (sender, printed) = mpsc::channel();
    let stdout = reader(child.stdout.take(), sender.clone());
    let stderr = reader(child.stderr.take(), sender);
    let deadline = Instant::now() + timeout;
    let mut open = 2;
    let status = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if open > 0 {
            match printed.recv_timeout(PATIENCE.min(left)) {
                Ok(()) => {
                    open -= 1;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => open = 0,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        // It has closed both and is about to end, or goes on in silence; or it has ended, and what it left holds them open.
        let ended = child.try_wait();
        match ended.map_err(|error| failed(Exit::System, format!("{error}")))? {
            Some(status) => break status,
            None if open == 0 => thread::sleep(ENDING.min(left)),
            None => {}
        }
        if let Some(signal) = interrupt.signal() {
            end(&mut child);
            before.end_others();
            return Err(Trouble::Interrupted(signal));
        }
        if Instant::now() >= deadline {
            end(&mut child);
            before.end_others();
            let limit_s = timeout.as_secs_f64();
            let reason = format!(
                "it took longer than {limit_s} s (try a longer --timeout or a smaller --size)"
            );
            return Err(failed(Exit::System, reason));
        }
    };
    let left = before.end_others();
    if let Some(signal) = interrupt.signal() {
        return Err(Trouble::Interrupted(signal));
    }
    while open > 0 {
        // Who holds them can be no process of the side that is in reach.
        if let Err(RecvTimeoutError::Timeout) = printed.recv_timeout(CLOSING) {
            let reason = "it has ended and its output is held open by another process (end that)";
            return Err(failed(Exit::System, reason.to_owned()));
        }
        open -= 1;
    }
    let join = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    let (stdout, stderr) = (join(stdout), join(stderr));
    // A record with wrong results comes with this code, too.
    let has_ended = status.success() || status.code() == Some(Exit::Invalid as i32);
    if !has_ended {
        let exit = match status.code() {
            Some(code) if code == Exit::Usage as i32 => Exit::Usage,
            _ => Exit::System,
        };
        return Err(failed(exit, how_it_ended(status, &stderr)));
    }
    let read = results::load::read_sealed(&stdout);
    let (record, _) = read.map_err(|reason| {
        let reason = format!(
            "it printed no record that can be read: {reason} (it was run with {})",
            words.join(" ")
        );
        failed(Exit::Usage, reason)
    })?;
    let mut samples = record.cases.iter().flat_map(|case| &case.samples);
    if !status.success() && samples.all(|sample| sample.verification.passed) {
        // Whatever it found wrong is not in the record: it is not taken for right.
        let reason = how_it_ended(status, &stderr);
        return Err(Trouble::Invalid(format!(
            "'{}': {reason}, although each result of its record is verified",
            side.given
        )));
    }
    Ok(Measured { record, left })
}

/// Starts it in a process group of its own, so that what it starts can be ended with it.
fn start(side: &SideCommand, words: &[String]) -> io::Result<Child> {
    let mut command = Command::new(&side.words[0]);
    for variable in OF_THE_LAUNCHER {
        command.env_remove(variable);
    }
    command
        .args(&side.words[1..])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn reader(
    stream: Option<impl Read + Send + 'static>,
    done: mpsc::Sender<()>,
) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            let _ = stream.take(OUTPUT_MAX_BYTES).read_to_end(&mut bytes);
        }
        let _ = done.send(());
        bytes
    })
}

/// Ends a process and what it has started: asked first, so that a bundle can clean up, then made to.
fn end(child: &mut Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let _ = killpg(group, Signal::SIGTERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(5));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

/// For example `it ended with code 2: cannot measure 3 sizes`.
fn how_it_ended(status: ExitStatus, stderr: &[u8]) -> String {
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it failed".to_owned(),
    };
    let text = String::from_utf8_lossy(stderr);
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{ended}: {}", line.trim().trim_start_matches("bench: ")),
        None => format!("{ended} and said nothing (run it by hand to see why)"),
    }
}
