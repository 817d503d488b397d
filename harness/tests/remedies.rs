//! What messages tell to try can be tried: every option that stands in the parentheses of a message is one of the command that says it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Commands, and where their messages are: files, or directories of files, below the workspace.
const MESSAGES: [(&[&str], &[&str]); 8] = [
    (&["import"], &["harness/src/import.rs"]),
    (&["ab"], &["harness/src/ab.rs"]),
    (
        &["ab", "check"],
        &[
            "harness/src/comparing.rs",
            "harness/src/turns.rs",
            "harness/src/turns",
        ],
    ),
    (
        &["check"],
        &[
            "harness/src/check.rs",
            "harness/src/check",
            "results/src/run_gate.rs",
        ],
    ),
    (&["check", "history"], &["results/src/accepted.rs"]),
    (
        &["compare"],
        &[
            "harness/src/compare.rs",
            "results/src/compare.rs",
            "results/src/compare",
            "results/src/load.rs",
            "results/src/load",
            "reports/src/compare.rs",
            "reports/src/compare",
        ],
    ),
    (
        &["export"],
        &[
            "harness/src/export.rs",
            "results/src/exchange.rs",
            "results/src/exchange",
        ],
    ),
    (
        &["history"],
        &[
            "harness/src/history.rs",
            "harness/src/history",
            "reports/src/history_text.rs",
        ],
    ),
];

/// The files of the store are those of several commands: the variants of its error, by the beginnings of their messages.
const OF_THE_STORE: [(&str, &[&str]); 4] = [
    ("cannot write results to the directory", &["run", "import"]),
    ("make room or", &["run", "import"]),
    (
        "name a file in",
        &["ab", "check", "export", "history", "topology"],
    ),
    ("as a list of accepted changes", &["check", "history"]),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of the program in a file, or in the files of a directory.
fn lines(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        return entries
            .flat_map(|entry| lines(&entry.unwrap().path()))
            .collect();
    }
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    program.lines().filter(is_code).map(str::to_owned).collect()
}

/// The options in the parentheses of this line's message, but for those of another command that is named.
fn remedies(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(" --").chain(line.match_indices("(--")) {
        let before = &line[..at];
        let Some(open) = before
            .rfind('(')
            .or(line[at..].starts_with('(').then_some(at))
        else {
            continue;
        };
        let between = &line[open..=at];
        if between.contains(['"', ')']) || between.contains("bench ") {
            continue;
        }
        let option = line[at + 1..]
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '-');
        found.push(option.collect::<String>());
    }
    found
}

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([command, "--help"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_has(command: &str, option: &str, line: &str) {
    let help = help(command);
    let mut words = help.split(|c: char| c.is_whitespace() || c == ',' || c == '=');
    assert!(
        words.any(|word| word == option),
        "bench {command} has no {option}: {line}"
    );
}

#[test]
fn options_in_messages_are_those_of_their_commands() {
    let mut count = 0;
    for (commands, places) in MESSAGES {
        for line in places
            .iter()
            .map(|place| workspace().join(place))
            .flat_map(|path| lines(&path))
        {
            for option in remedies(&line) {
                for command in commands {
                    assert_has(command, &option, &line);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn options_in_messages_of_the_store_are_those_of_its_commands() {
    let all = lines(&workspace().join("results/src/store.rs"));
    for (part, commands) in OF_THE_STORE {
        let mut lines = all.iter().filter(|line| line.contains(part));
        let line = lines.next().unwrap_or_else(|| panic!("no '{part}'"));
        for option in remedies(line) {
            for command in commands {
                assert_has(command, &option, line);
            }
        }
    }
    // None is overlooked.
    let with = all.iter().filter(|line| !remedies(line).is_empty());
    for line in with {
        let mut parts = OF_THE_STORE.iter();
        assert!(parts.any(|(part, _)| line.contains(part)), "{line}");
    }
}

#[test]
fn remedies_are_found() {
    let of = |line: &str| remedies(line);
    assert_eq!(
        of(r#""x (try --by file, or --reference)""#),
        ["--by", "--reference"]
    );
    assert_eq!(of(r#""x (--anyway does it)""#), ["--anyway"]);
    assert_eq!(of(r#"side.has("--until") (x)"#), [""; 0]);
    assert_eq!(of(r#""x (bench run --output DIR makes one)""#), [""; 0]);
}
