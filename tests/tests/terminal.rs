//! In a terminal a bundle behaves as its payload would: Ctrl-C, Ctrl-Z and `fg`, the window's size, hanging up.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use tests::bench::records;
use tests::leftovers::assert_nothing_left;
use tests::process::wait;
use tests::site::{Bundle, SHELL, Site, everywhere};
use tests::terminal::{SIZE, Terminal};

const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";
const CTRL_BACKSLASH: &[u8] = b"\x1c";

/// Starts the bundle in the terminal's foreground. No shell is between.
fn in_foreground(
    site: &Site,
    terminal: &Terminal,
    rung: &str,
    words: &[&str],
) -> std::process::Child {
    let wrapper = ["setsid", "--ctty"];
    terminal.start(&mut site.wrapped(&wrapper, rung, &site.bundle, words))
}

#[test]
fn ctrl_c_while_bench_measures_leaves_nothing_half_written() {
    let name = "ctrl_c_while_bench_measures_leaves_nothing_half_written";
    everywhere(name, Bundle::Bench, |site, rung| {
        let terminal = Terminal::open();
        let words = ["--size", "2000", "--repeats", "1000"];
        let run = in_foreground(site, &terminal, rung, &words);
        terminal.wait_for("norm: ");
        terminal.press(CTRL_C);
        let status = wait(run).status;
        assert!(
            status.signal() == Some(libc::SIGINT) || status.code() == Some(130),
            "{status}"
        );
        let results = site.path("work/bench-results");
        // Reading panics on a record that is not whole.
        let whole = records(&results).len();
        let all = std::fs::read_dir(&results).map_or(0, Iterator::count);
        assert_eq!(all, whole, "what is no record in {}", results.display());
    });
}

#[test]
fn ctrl_c_and_ctrl_backslash() {
    everywhere("ctrl_c_and_ctrl_backslash", SHELL, |site, rung| {
        for (key, signal) in [(CTRL_C, libc::SIGINT), (CTRL_BACKSLASH, libc::SIGQUIT)] {
            let terminal = Terminal::open();
            let words = ["-c", "ulimit -c 0; echo ready; read line"];
            let run = in_foreground(site, &terminal, rung, &words);
            terminal.wait_for("ready");
            terminal.press(key);
            assert_eq!(wait(run).status.signal(), Some(signal));
            assert_nothing_left(site);
        }
    });
}

/// A payload that handles the key decides for itself, and gets it once.
#[test]
fn ctrl_c_arrives_once() {
    everywhere("ctrl_c_arrives_once", SHELL, |site, rung| {
        let terminal = Terminal::open();
        let script =
            "trap 'echo got it' INT; echo ready; read line; read line; echo end of $line; exit 9";
        let run = in_foreground(site, &terminal, rung, &["-c", script]);
        terminal.wait_for("ready");
        terminal.press(CTRL_C);
        terminal.wait_for("got it");
        terminal.press(b"one\ntwo\n");
        terminal.press(b"three\n");
        let status = wait(run).status;
        assert_eq!(status.code(), Some(9), "{:?}", terminal.text());
        assert_eq!(
            terminal.text().matches("got it").count(),
            1,
            "{:?}",
            terminal.text()
        );
    });
}

/// As in an interactive shell: the job stops, the shell goes on, `fg` continues the job.
#[test]
fn ctrl_z_and_fg() {
    everywhere("ctrl_z_and_fg", SHELL, |site, rung| {
        let terminal = Terminal::open();
        let script = "\"$SITE/bundle/payload.run\" -c 'echo ready; read line; echo got $line; exit 42'; \
                      echo \"code $?\"; fg; echo \"code $?\"";
        let words = ["sh", "-mc", script];
        let wrapper = ["setsid", "--ctty"];
        let mut command = site.wrapped(&wrapper, rung, Path::new(words[0]), &words[1..]);
        let run = terminal.start(&mut command);
        terminal.wait_for("ready");
        terminal.press(CTRL_Z);
        terminal.wait_for(&format!("code {}", 128 + libc::SIGTSTP));
        terminal.press(b"word\n");
        terminal.wait_for("got word");
        terminal.wait_for("code 42");
        assert!(wait(run).status.success());
    });
}

/// A job in the background that is stopped and continued with signals, as a batch system does.
#[test]
fn stopped_and_continued_by_signals() {
    use nix::sys::signal::{Signal, kill};
    let name = "stopped_and_continued_by_signals";
    everywhere(name, SHELL, |site, rung| {
        for stop in [Signal::SIGTSTP, Signal::SIGTTIN] {
            let terminal = Terminal::open();
            let script = "\"$SITE/bundle/payload.run\" -c 'echo pid $$; read line; exit 42'; echo \"code $?\"; \
                          echo \"job $(jobs -p)\"; fg; echo \"code $?\"";
            let wrapper = ["setsid", "--ctty"];
            let mut command = site.wrapped(&wrapper, rung, Path::new("sh"), &["-mc", script]);
            let run = terminal.start(&mut command);
            terminal.wait_for("pid ");
            let launcher = tests::process::eventually(|| {
                let all = tests::leftovers::processes(site);
                all.iter()
                    .find(|process| {
                        process.line.contains("payload.run -c echo pid")
                            || process.line.contains("--argv0")
                    })
                    .map(|process| process.pid)
                    .ok_or(format!("{all:?}"))
            });
            kill(launcher, stop).expect("kill");
            terminal.wait_for(&format!("code {}", 128 + stop as i32));
            terminal.press(b"word\n");
            terminal.wait_for("code 42");
            assert!(wait(run).status.success());
            assert_nothing_left(site);
        }
    });
}

#[test]
fn the_windows_size_and_its_changes() {
    let name = "the_windows_size_and_its_changes";
    everywhere(name, SHELL, |site, rung| {
        let terminal = Terminal::open();
        let script = "trap 'stty size; exit 3' WINCH; stty size; tty; while :; do sleep 0.05; done";
        let run = in_foreground(site, &terminal, rung, &["-c", script]);
        terminal.wait_for(&format!("{} {}", SIZE.0, SIZE.1));
        terminal.wait_for("/dev/");
        terminal.resize(44, 55);
        terminal.wait_for("44 55");
        assert_eq!(wait(run).status.code(), Some(3));
    });
}

/// The window is closed.
#[test]
fn hanging_up_ends_the_run() {
    everywhere("hanging_up_ends_the_run", SHELL, |site, rung| {
        let terminal = Terminal::open();
        let run = in_foreground(
            site,
            &terminal,
            rung,
            &["-c", "echo ready; while :; do sleep 0.05; done"],
        );
        terminal.wait_for("ready");
        drop(terminal);
        assert_eq!(wait(run).status.signal(), Some(libc::SIGHUP));
    });
}
