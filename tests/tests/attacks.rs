//! Payloads that try to reach what is not theirs: the file that they came from, privileges, the user's terminal.

use std::fs;
use std::path::Path;

use tests::process::{finish, wait};
use tests::site::{Bundle, SHELL, Site, assert_code, everywhere};
use tests::stdout;
use tests::terminal::Terminal;

/// The bundle's bytes before and after a script that the payload runs.
fn bytes_around(site: &Site, rung: &str, script: &str) -> (Vec<u8>, Vec<u8>, String) {
    let read = || fs::read(&site.bundle).expect("the bundle");
    let before = read();
    let output = site.run(rung, &["-c", script]);
    (before, read(), stdout(&output))
}

/// CVE-2019-5736: the payload writes to the program that has started it, for the next user to run.
#[test]
fn the_bundle_cannot_be_written_to() {
    let name = "the_bundle_cannot_be_written_to";
    everywhere(name, SHELL, |site, rung| {
        // The file is the user's own: nothing but the launcher keeps anybody from writing to it.
        std::os::unix::fs::chown(&site.bundle, Some(site.who.id()), None).expect("chown");
        let other_name = site.path("bundle").join(format!("hard-link-{rung}"));
        fs::hard_link(&site.bundle, &other_name).expect("a link");
        let ways = [
            "(echo x >>\"$BENCHRUN_BUNDLE\") 2>/dev/null && echo done",
            "(: >\"$BENCHRUN_BUNDLE\") 2>/dev/null && echo done",
            "(echo x >>\"$SITE/bundle/hard-link-$BENCHRUN_RUNG\") 2>/dev/null && echo done",
            "dd if=/dev/zero of=\"$BENCHRUN_BUNDLE\" bs=1 count=1 conv=notrunc 2>/dev/null && echo done",
            "for exe in /proc/[0-9]*/exe; do test \"$exe\" -ef \"$BENCHRUN_BUNDLE\" && (echo x >>\"$exe\") 2>/dev/null && echo done; done",
        ];
        for script in ways {
            let (before, after, printed) = bytes_around(site, rung, script);
            assert!(before == after, "rung {rung}: {script}");
            assert_eq!(printed, "", "rung {rung}: {script}");
        }
        fs::remove_file(other_name).expect("it goes");
    });
}

/// The name cannot be given to something else either, where there is a private namespace.
#[test]
fn the_bundle_cannot_be_replaced() {
    let name = "the_bundle_cannot_be_replaced";
    everywhere(name, SHELL, |site, rung| {
        if rung == "4" {
            // Without a namespace the directory is the user's, and so is what stands in it.
            return;
        }
        let directory = site.bundle.parent().expect("its directory");
        std::os::unix::fs::chown(directory, Some(site.who.id()), None).expect("chown");
        let ways = [
            "echo evil >\"$SITE/bundle/evil\"; mv -f \"$SITE/bundle/evil\" \"$BENCHRUN_BUNDLE\" 2>/dev/null && echo done",
            "rm -f \"$BENCHRUN_BUNDLE\" 2>/dev/null && echo done",
            "mv \"$BENCHRUN_BUNDLE\" \"$SITE/bundle/away\" 2>/dev/null && echo done",
            "ln -sf /bin/true \"$BENCHRUN_BUNDLE\" 2>/dev/null && echo done",
        ];
        for script in ways {
            let (before, after, printed) = bytes_around(site, rung, script);
            assert!(before == after, "rung {rung}: {script}");
            assert_eq!(printed, "", "rung {rung}: {script}");
        }
        let _ = fs::remove_file(site.path("bundle/evil"));
    });
}

/// The image cannot be changed for what the payload starts next.
#[test]
fn a_programs_image_cannot_be_written_to() {
    let name = "a_programs_image_cannot_be_written_to";
    everywhere(name, SHELL, |site, rung| {
        if rung == "4" {
            return;
        }
        let script = "for file in \"$BENCHRUN_ROOT\" \"$BENCHRUN_ROOT\"/*; do \
                      (echo x >\"$file/new\") 2>/dev/null && echo done; \
                      mount -o remount,rw \"$file\" 2>/dev/null && echo remounted; done; exit 0";
        let output = site.run(rung, &["-c", script]);
        assert_code(&output, 0);
        // Root may do what it likes in its own namespace, and has nothing to gain.
        if site.who != tests::site::Who::Root {
            assert_eq!(stdout(&output), "");
        }
    });
}

#[test]
fn no_program_gains_privileges() {
    let name = "no_program_gains_privileges";
    for bundle in [SHELL, Bundle::Image] {
        everywhere(name, bundle, |site, rung| {
            let show = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
            let words: &[&str] = match bundle {
                Bundle::Image => &["sh", "-c", show],
                _ => &["-c", show],
            };
            let output = site.run(rung, words);
            assert_code(&output, 0);
            assert_eq!(stdout(&output), "NoNewPrivs:\t1\nSeccomp:\t2\n");
        });
    }
}

/// Pushes a character into the terminal's input queue, and says how that went.
const PUSH: &str = "perl -e 'my $c = \"x\"; print ioctl(STDIN, 0x5412, $c) ? \"pushed\" : \"refused: $!\", \"\\n\"'";

/// CVE-2017-5226: characters pushed into the terminal's input queue are commands for the user's shell.
#[test]
fn nothing_is_typed_into_the_terminal() {
    let name = "nothing_is_typed_into_the_terminal";
    if nix::unistd::geteuid().is_root() {
        // The control: without a bundle, root can, on every kernel.
        let site = Site::new(tests::site::Who::Root, SHELL);
        let terminal = Terminal::open();
        let wrapper = ["setsid", "--ctty"];
        let run = terminal.start(&mut site.wrapped(&wrapper, "", Path::new("sh"), &["-c", PUSH]));
        wait(run);
        terminal.wait_for("pushed");
    }
    everywhere(name, SHELL, |site, rung| {
        let terminal = Terminal::open();
        let wrapper = ["setsid", "--ctty"];
        let run = terminal.start(&mut site.wrapped(&wrapper, rung, &site.bundle, &["-c", PUSH]));
        wait(run);
        terminal.wait_for("refused: Operation not permitted");
    });
}

/// CVE-2024-21626: a descriptor of the launcher's that stays open leads to what the payload must not see.
#[test]
fn no_descriptor_is_the_launchers() {
    let name = "no_descriptor_is_the_launchers";
    everywhere(name, SHELL, |site, rung| {
        // What the test's own process hands on is the same with and without a bundle.
        let show = ["-c", "for fd in /proc/$$/fd/*; do echo \"${fd##*/}\"; done"];
        let host = finish(site.command_of(rung, Path::new("/bin/sh"), &show));
        let output = finish(site.command(rung, &show));
        assert_code(&output, 0);
        assert_eq!(stdout(&output), stdout(&host));
    });
}
