//! Whatever ends whichever process of a run at whatever moment, nothing of the run stays: no process, no mount, no
//! directory.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::damage::Random;
use tests::leftovers::{Process, assert_nothing_left, directories, processes};
use tests::process::{eventually, pid_of, start, wait};
use tests::site::{SHELL, Site, assert_code, everywhere};

/// A payload of one process that says so when it runs, and then waits for its standard input to end.
const WAITING: [&str; 2] = ["-c", "echo ready; read line; exit 7"];

/// A run whose payload waits.
struct Waiting {
    child: Child,
    input: ChildStdin,
}

impl Waiting {
    fn start(site: &Site, rung: &str) -> Self {
        Self::start_with(site, rung, &WAITING)
    }

    fn start_with(site: &Site, rung: &str, words: &[&str]) -> Self {
        let mut child = start(site.command(rung, words).stdin(Stdio::piped()));
        let input = child.stdin.take().expect("its input");
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.as_mut().expect("its output"));
        reader.read_line(&mut line).expect("a line");
        if line.is_empty() {
            let mut message = String::new();
            let _ = child
                .stderr
                .as_mut()
                .map(|stderr| stderr.read_to_string(&mut message));
            panic!("it did not start: {message}");
        }
        Self { child, input }
    }

    fn launcher(&self) -> Pid {
        pid_of(&self.child)
    }

    /// Lets the payload come to its end, and returns how the run ended.
    fn finish(self) -> std::process::ExitStatus {
        drop(self.input);
        wait(self.child).status
    }

    /// Waits while the payload keeps waiting.
    fn ended(self) -> std::process::ExitStatus {
        let status = wait(self.child).status;
        drop(self.input);
        status
    }
}

/// The keeper and the payload of a run.
fn helpers(site: &Site, launcher: Pid) -> (Process, Process) {
    let all = processes(site);
    let child_of = |parent: Pid| {
        all.iter()
            .find(|process| process.parent == parent)
            .unwrap_or_else(|| panic!("{all:?}"))
            .clone()
    };
    let keeper = child_of(launcher);
    let payload = child_of(keeper.pid);
    (keeper, payload)
}

#[test]
fn a_signal_to_the_launcher_ends_the_run_by_that_signal() {
    let name = "a_signal_to_the_launcher_ends_the_run_by_that_signal";
    everywhere(name, SHELL, |site, rung| {
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGKILL,
        ] {
            let run = Waiting::start(site, rung);
            kill(run.launcher(), signal).expect("kill");
            assert_eq!(run.ended().signal(), Some(signal as i32));
            assert_nothing_left(site);
        }
    });
}

#[test]
fn a_signal_to_the_payload_ends_the_run_by_that_signal() {
    let name = "a_signal_to_the_payload_ends_the_run_by_that_signal";
    everywhere(name, SHELL, |site, rung| {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
            let run = Waiting::start(site, rung);
            let payload = helpers(site, run.launcher()).1.pid;
            kill(payload, signal).expect("kill");
            assert_eq!(run.ended().signal(), Some(signal as i32));
            assert_nothing_left(site);
        }
    });
}

#[test]
fn a_run_is_three_processes() {
    everywhere("a_run_is_three_processes", SHELL, |site, rung| {
        let run = Waiting::start(site, rung);
        assert_eq!(processes(site).len(), 3, "{:?}", processes(site));
        let (keeper, payload) = helpers(site, run.launcher());
        // No terminal's signal reaches the keeper; the payload is in the session that the launcher was started in.
        assert_eq!(keeper.session, keeper.pid);
        assert_ne!(payload.session, keeper.session);
        assert_eq!(run.finish().code(), Some(7));
    });
}

#[test]
fn a_keeper_ends_with_its_run_alone() {
    let name = "a_keeper_ends_with_its_run_alone";
    everywhere(name, SHELL, |site, rung| {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let run = Waiting::start(site, rung);
            let (keeper, _) = helpers(site, run.launcher());
            kill(keeper.pid, signal).expect("kill");
            assert_eq!(run.finish().code(), Some(7), "after {signal} to the keeper");
            assert_nothing_left(site);
        }
    });
}

#[test]
fn a_killed_keeper_ends_the_run() {
    everywhere("a_killed_keeper_ends_the_run", SHELL, |site, rung| {
        let run = Waiting::start(site, rung);
        let (keeper, _) = helpers(site, run.launcher());
        kill(keeper.pid, Signal::SIGKILL).expect("kill");
        assert_eq!(run.ended().code(), Some(125));
        assert_nothing_left(site);
    });
}

/// A payload that leaves processes behind: one of its own group, and one that has fled to a session of its own.
const LEAVING: &str = "sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000' & sleep 0.1; echo ready; read line; exit 7";

#[test]
fn what_the_payload_leaves_behind_ends_with_it() {
    let name = "what_the_payload_leaves_behind_ends_with_it";
    everywhere(name, SHELL, |site, rung| {
        for victim in ["nobody", "launcher", "keeper", "payload"] {
            let run = Waiting::start_with(site, rung, &["-c", LEAVING]);
            assert!(processes(site).len() >= 6, "{:?}", processes(site));
            let (keeper, payload) = helpers(site, run.launcher());
            let pid = match victim {
                "launcher" => run.launcher(),
                "keeper" => keeper.pid,
                "payload" => payload.pid,
                _ => {
                    assert_eq!(run.finish().code(), Some(7));
                    assert_nothing_left(site);
                    continue;
                }
            };
            kill(pid, Signal::SIGKILL).expect("kill");
            run.ended();
            assert_nothing_left(site);
        }
    });
}

/// `sh -c 'something & exec ./x.run'`: what the shell has started is not the bundle's to end.
#[test]
fn children_from_before_the_run_are_left_alone() {
    let name = "children_from_before_the_run_are_left_alone";
    everywhere(name, SHELL, |site, rung| {
        let script = "sleep 1000 & echo $!; exec ../bundle/payload.run -c 'exit 7'";
        let output = tests::process::finish_without_waiting_for_children({
            site.wrapped(&[], rung, "sh".as_ref(), &["-c", script])
        });
        assert_code(&output, 7);
        let pid: i32 = tests::stdout(&output).trim().parse().expect("a number");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it still runs");
    });
}

/// The launcher is killed while its payload is stopped, and so ends only if it is killed too.
#[test]
fn a_stopped_payload_ends_with_its_launcher() {
    let name = "a_stopped_payload_ends_with_its_launcher";
    everywhere(name, SHELL, |site, rung| {
        let run = Waiting::start(site, rung);
        let (_, payload) = helpers(site, run.launcher());
        kill(payload.pid, Signal::SIGSTOP).expect("kill");
        kill(run.launcher(), Signal::SIGKILL).expect("kill");
        assert_eq!(run.ended().signal(), Some(libc::SIGKILL));
        assert_nothing_left(site);
    });
}

/// Both who clean up are killed, so the directory stays. The next run takes it away, and leaves a living run's alone.
#[test]
fn the_next_run_sweeps_up_what_nobody_could_clean_up() {
    let name = "the_next_run_sweeps_up_what_nobody_could_clean_up";
    everywhere(name, SHELL, |site, rung| {
        if rung != "4" {
            return;
        }
        let living = Waiting::start(site, rung);
        let own = directories(site);
        assert_eq!(own.len(), 1, "{own:?}");

        let victim = Waiting::start(site, rung);
        let (keeper, _) = helpers(site, victim.launcher());
        // Stopped, it cannot clean up before it is killed too.
        kill(victim.launcher(), Signal::SIGSTOP).expect("kill");
        kill(keeper.pid, Signal::SIGKILL).expect("kill");
        kill(victim.launcher(), Signal::SIGKILL).expect("kill");
        victim.ended();
        assert_eq!(directories(site).len(), 2);

        assert_code(&site.run(rung, &["-c", "exit 0"]), 0);
        assert_eq!(directories(site), own);
        assert_eq!(living.finish().code(), Some(7));
    });
}

/// What other users own, and what only looks like ours, is not swept.
#[test]
fn sweeping_takes_nothing_else() {
    everywhere("sweeping_takes_nothing_else", SHELL, |site, rung| {
        if rung != "4" {
            return;
        }
        let id = site.who.id();
        let foreign = site.make_directory(format!("cache/.benchrun-{}-0123456789abcdef", id + 1));
        fs::write(foreign.join("lock"), "").expect("a file");
        let full = site.make_directory(format!("cache/.benchrun-{id}-0123456789abcdef"));
        fs::write(full.join("precious"), "not ours: it has no lock").expect("a file");
        let file = site.path(format!("cache/.benchrun-{id}-file"));
        fs::write(&file, "a file").expect("a file");
        assert_code(&site.run(rung, &["-c", "exit 0"]), 0);
        assert!(foreign.join("lock").exists() && full.join("precious").exists() && file.exists());
        for directory in [foreign, full] {
            fs::remove_dir_all(directory).expect("it goes");
        }
        fs::remove_file(file).expect("it goes");
    });
}

/// How many moments are tried for each user and rung: `$BENCHRUN_TEST_MOMENTS`, else a few.
fn moments() -> usize {
    let given = std::env::var("BENCHRUN_TEST_MOMENTS").ok();
    given.and_then(|count| count.parse().ok()).unwrap_or(25)
}

#[test]
fn sigkill_at_random_moments() {
    let random = std::sync::Mutex::new(Random::from_printed_seed());
    let below = |limit| random.lock().expect("random numbers").below(limit);
    everywhere("sigkill_at_random_moments", SHELL, |site, rung| {
        for _ in 0..moments() {
            let mut run = start(site.command(rung, &WAITING).stdin(Stdio::piped()));
            let input = run.stdin.take();
            std::thread::sleep(Duration::from_micros(below(40_000)));
            let all = processes(site);
            // Any of them; if it is not the launcher, the run ends with its input or by itself.
            let victim = match below(3) {
                0 if !all.is_empty() => all[below(all.len() as u64) as usize].pid,
                _ => pid_of(&run),
            };
            let _ = kill(victim, Signal::SIGKILL);
            drop(input);
            wait(run);
            assert_nothing_left(site);
        }
    });
}

/// Whether it comes before the payload is there, while it is being unpacked, or later: SIGTERM ends the run by SIGTERM.
#[test]
fn sigterm_at_random_moments() {
    let random = std::sync::Mutex::new(Random::from_printed_seed());
    everywhere("sigterm_at_random_moments", SHELL, |site, rung| {
        for _ in 0..15 {
            let mut run = start(site.command(rung, &WAITING).stdin(Stdio::piped()));
            let input = run.stdin.take();
            let delay_us = random.lock().expect("random numbers").below(40_000);
            std::thread::sleep(Duration::from_micros(delay_us));
            kill(pid_of(&run), Signal::SIGTERM).expect("kill");
            assert_eq!(wait(run).status.signal(), Some(libc::SIGTERM));
            drop(input);
            assert_nothing_left(site);
        }
    });
}

/// All of a run is killed at once, as by a batch system or the kernel's out-of-memory killer. What stays goes with the next.
#[test]
fn sigkill_to_all_at_random_moments() {
    let random = std::sync::Mutex::new(Random::from_printed_seed());
    everywhere("sigkill_to_all_at_random_moments", SHELL, |site, rung| {
        for _ in 0..10 {
            let mut run = start(site.command(rung, &WAITING).stdin(Stdio::piped()));
            let input = run.stdin.take();
            let delay_us = random.lock().expect("random numbers").below(40_000);
            std::thread::sleep(Duration::from_micros(delay_us));
            eventually(|| {
                let all = processes(site);
                for process in &all {
                    let _ = kill(process.pid, Signal::SIGKILL);
                }
                if all.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{all:?}"))
                }
            });
            drop(input);
            wait(run);
        }
        assert_code(&site.run(rung, &["-c", "exit 0"]), 0);
    });
}
