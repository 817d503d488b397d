//! A payload cannot tell that it is in a bundle, and whoever waits for it cannot either: arguments, environment,
//! descriptors, signals and exit codes pass through unchanged.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Output};

use bundle_format::{Bundle as Bytes, Manifest, Parts, Payload, assemble};
use tests::process::finish;
use tests::site::{
    Bundle, SHELL, Site, Who, assert_code, assert_signal, everywhere, write_executable,
};
use tests::{stderr, stdout};

#[test]
fn exit_codes() {
    everywhere("exit_codes", SHELL, |site, rung| {
        for code in [0, 1, 2, 42, 125, 126, 127, 128, 130, 255] {
            assert_code(&site.run(rung, &["-c", &format!("exit {code}")]), code);
        }
    });
}

#[test]
fn signals_that_end_the_payload() {
    everywhere("signals_that_end_the_payload", SHELL, |site, rung| {
        // The last two are real-time signals, which have no names.
        for signal in [1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 35, 64] {
            let script = format!("ulimit -c 0; kill -{signal} $$; sleep 60");
            assert_signal(&site.run(rung, &["-c", &script]), signal);
        }
    });
}

#[test]
fn arguments_of_any_kind() {
    everywhere("arguments_of_any_kind", SHELL, |site, rung| {
        let words: Vec<OsString> = [
            &b"with space"[..],
            b"",
            b"new\nline",
            b"not UTF-8 \xff\x80",
            b"--",
            b"--info",
            b"'\"$HOME`*?\\",
            b"-c",
            "äöü €".as_bytes(),
            b"",
        ]
        .iter()
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
        let script = "for word; do printf '%s\\0' \"$word\"; done";
        let mut line: Vec<OsString> = ["-c", script, "sh"].map(OsString::from).into();
        line.extend(words.clone());
        let output = site.run(rung, &line);
        assert_code(&output, 0);
        let arrived: Vec<&OsStr> = output.stdout[..output.stdout.len() - 1]
            .split(|byte| *byte == 0)
            .map(OsStr::from_bytes)
            .collect();
        assert_eq!(arrived, words);
    });
}

#[test]
fn many_and_long_arguments() {
    everywhere("many_and_long_arguments", SHELL, |site, rung| {
        let mut words: Vec<String> = ["-c", "echo $# ${#1}", "sh"].map(String::from).into();
        words.push("x".repeat(100_000));
        words.extend((0..10_000).map(|index| index.to_string()));
        let output = site.run(rung, &words);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "10001 100000\n");
    });
}

/// What `env -0` printed.
fn variables(output: &Output) -> BTreeMap<OsString, OsString> {
    let entries = output.stdout.split(|byte| *byte == 0);
    entries
        .filter(|entry| !entry.is_empty())
        .map(|entry| {
            let at = entry
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or_else(|| panic!("a variable: {entry:?}"));
            let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
            (part(&entry[..at]), part(&entry[at + 1..]))
        })
        .collect()
}

#[test]
fn the_environment_and_four_variables_more() {
    let name = "the_environment_and_four_variables_more";
    everywhere(name, Bundle::Of("/usr/bin/env"), |site, rung| {
        let with_oddities = |mut command: Command| {
            command
                .env("EMPTY", "")
                .env("TWO", "two\nlines = 2")
                .env("BYTES", OsStr::from_bytes(b"\xff\xfe"))
                .env("BENCHRUN_RUNG", "a lie")
                .env("BENCHRUN_ROOT", "/a/lie")
                .env("LD_LIBRARY_PATH", "/nonexistent");
            finish(command)
        };
        let host = with_oddities(site.command_of(rung, Path::new("env"), &["-0"]));
        let bundle = with_oddities(site.command(rung, &["-0"]));
        assert_code(&bundle, 0);
        let mut expected = variables(&host);
        let mut arrived = variables(&bundle);

        assert_eq!(
            expected
                .remove(OsStr::new("BENCHRUN_FORCE_RUNG"))
                .as_deref(),
            Some(OsStr::new(rung))
        );
        expected.retain(|name, _| !name.as_bytes().starts_with(b"BENCHRUN_"));
        let mut take = |name: &str| arrived.remove(OsStr::new(name)).unwrap_or_default();
        assert_eq!(take("BENCHRUN_RUNG"), rung);
        assert_eq!(
            take("BENCHRUN_BUNDLE"),
            fs::canonicalize(&site.bundle).expect("its path")
        );
        assert_eq!(take("BENCHRUN_BUNDLE_DIGEST").len(), 64);
        let root = take("BENCHRUN_ROOT");
        assert!(
            !Path::new(&root).join("usr").exists(),
            "the image is still there"
        );
        assert_eq!(arrived, expected);
    });
}

/// A library directory that would break the payload if its loader looked there.
#[test]
fn libraries_of_the_user_do_no_harm() {
    let name = "libraries_of_the_user_do_no_harm";
    everywhere(name, SHELL, |site, rung| {
        let broken = site.make_directory("broken");
        fs::write(broken.join("libc.so.6"), "no library").expect("a file");
        let mut variable = OsString::from("LD_LIBRARY_PATH=");
        variable.push(&broken);
        let words = ["../bundle/payload.run", "-c", "echo ran"].map(OsString::from);
        let words = [&[variable], &words[..]].concat();
        let output = finish(site.wrapped(&[], rung, "env".as_ref(), &words));
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "ran\n");
    });
}

/// What a process inherits beside arguments and environment, as the shell sees it of itself.
const INHERITED: &str = "ls /proc/$$/fd; grep -E '^(Sig(Ign|Blk)|Groups)' /proc/self/status; umask; pwd; \
                         ulimit -a; nice; id";

#[test]
fn descriptors_signals_limits_and_ids() {
    let name = "descriptors_signals_limits_and_ids";
    everywhere(name, SHELL, |site, rung| {
        let wrapper = "exec 7</dev/null; umask 027; ulimit -n 500; exec \"$@\"";
        for ignored in ["PIPE", "HUP", "INT", "CHLD", "USR1"] {
            let prefix = format!("--ignore-signal={ignored}");
            let line = |program: &str| {
                ["env", &prefix, "sh", "-c", wrapper, "sh", program].map(String::from)
            };
            let start = |program: &str| {
                let words = [&line(program)[1..], &["-c", INHERITED].map(String::from)].concat();
                finish(site.wrapped(&[], rung, "env".as_ref(), &words))
            };
            let (host, bundle) = (start("/bin/sh"), start("../bundle/payload.run"));
            assert_code(&bundle, 0);
            assert_eq!(
                stdout(&bundle),
                stdout(&host),
                "rung {rung}, {ignored} ignored"
            );
        }
    });
}

#[test]
fn standard_input() {
    use std::io::Write;
    everywhere("standard_input", SHELL, |site, rung| {
        let mut command = site.command(rung, &["-c", "cat; echo end >&2"]);
        command.stdin(std::process::Stdio::piped());
        let mut child = tests::process::start(&mut command);
        let bytes = vec![b'x'; 200_000];
        let mut input = child.stdin.take().expect("its input");
        let sent = bytes.clone();
        let writer = std::thread::spawn(move || input.write_all(&sent));
        let output = tests::process::wait(child);
        writer.join().expect("the writer").expect("it reads");
        assert_code(&output, 0);
        assert!(output.stdout == bytes);
        assert!(stderr(&output).ends_with("end\n"));
    });
}

#[test]
fn own_options_come_first_and_two_dashes_end_them() {
    let name = "own_options_come_first_and_two_dashes_end_them";
    everywhere(name, SHELL, |site, rung| {
        let output = site.run(rung, &["--", "-c", "echo $0 $#", "name", "word"]);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "name 1\n");

        let info = site.run(rung, &["--info"]);
        assert_code(&info, 0);
        let manifest: serde_json::Value = serde_json::from_slice(&info.stdout).expect("JSON");
        assert_eq!(manifest["format_version"], 2);
        assert_eq!(manifest["name"], "sh");

        // Not ours any more: the shell's, which has no such option.
        assert_code(&site.run(rung, &["--", "--info"]), 2);
        let output = site.run(rung, &["-c", "echo $1", "name", "--info"]);
        assert_eq!(stdout(&output), "--info\n");
    });
}

#[test]
fn a_bundle_in_a_bundle() {
    everywhere("a_bundle_in_a_bundle", SHELL, |site, rung| {
        for inner in ["", "1", "2", "4"] {
            if matches!(inner, "1" | "2") && rung == "4" && site.who == Who::User {
                // Whether that holds is the host's affair; `everywhere` asks for it at the outer level.
                continue;
            }
            let force = if inner.is_empty() {
                String::new()
            } else {
                format!("BENCHRUN_FORCE_RUNG={inner} ")
            };
            let script = format!(
                "echo outer; {force}\"$BENCHRUN_BUNDLE\" -c 'echo inner; test -e \"$BENCHRUN_ROOT\"; exit 7'; \
                 code=$?; test -e \"$BENCHRUN_ROOT\"/usr && exit $code"
            );
            let output = site.run(rung, &["-c", &script]);
            assert_code(&output, 7);
            assert_eq!(stdout(&output), "outer\ninner\n", "{inner} in {rung}");
        }
    });
}

/// A bundle of the shell's parts whose manifest names another program.
fn with_executable(site: &Site, executable: &str) {
    let bytes = fs::read(&site.bundle).expect("the bundle");
    let bundle = Bytes::parse(&bytes).expect("a bundle");
    let mut manifest: Manifest = bundle.manifest().clone();
    manifest.payload = Payload::Program {
        executable: executable.into(),
        loader: None,
    };
    let layout = bundle.trailer().layout;
    let part = |range: std::ops::Range<u64>| &bytes[range.start as usize..range.end as usize];
    let parts = Parts {
        launcher: part(layout.launcher()),
        image: &mut part(layout.image()),
        tree: &mut part(layout.tree()),
        manifest: &manifest,
        signature: b"",
    };
    let mut out = Vec::new();
    assemble(parts, &mut out).expect("a bundle");
    write_executable(&site.bundle, &out);
}

#[test]
fn a_program_that_is_not_there_or_cannot_be_executed() {
    let name = "a_program_that_is_not_there_or_cannot_be_executed";
    for (executable, code) in [("usr/nothing", 127), ("usr", 126)] {
        everywhere(name, SHELL, |site, rung| {
            with_executable(site, executable);
            let output = site.run(rung, &["-c", "echo ran"]);
            assert_code(&output, code);
            assert_eq!(stdout(&output), "");
            let message = stderr(&output);
            let last = message.lines().last().unwrap_or_default();
            assert!(last.starts_with("bundle: cannot execute '"), "{message}");
        });
    }
}
