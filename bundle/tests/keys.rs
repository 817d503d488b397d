//! Keys: made once, never lost, read in every spelling, and asked for their password.

mod common;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use common::signing::{Scratch, mode};
use common::{bundle_in, stderr};

#[test]
fn keys_are_made_and_never_lost() {
    let scratch = Scratch::new();
    let said = scratch.bundle(&["keygen", "--no-password"]);
    let (key, id) = scratch.key("bundle.pub");
    assert!(said.contains(&key) && said.contains(&id), "{said}");
    assert_eq!(mode(&scratch.path("bundle.key")), 0o600);
    assert_eq!(mode(&scratch.path("bundle.pub")), 0o644);

    let before = (scratch.read("bundle.key"), scratch.read("bundle.pub"));
    scratch.refuse(&["keygen", "-W"], "cannot write 'bundle.key': it exists");
    scratch.refuse(
        &["keygen", "-W", "-s", "new.key"],
        "cannot write 'bundle.pub': it exists",
    );
    assert!(!scratch.path("new.key").exists());
    assert_eq!(
        (scratch.read("bundle.key"), scratch.read("bundle.pub")),
        before
    );
    scratch.bundle(&["keygen", "-W", "--force"]);
    assert_ne!(scratch.read("bundle.key"), before.0);
    scratch.refuse(
        &["keygen", "-W", "-p", "no/a.pub", "-s", "a.key"],
        "cannot write 'no/a.pub'",
    );
    assert!(
        !scratch.path("a.key").exists(),
        "half a pair was left behind"
    );
}

#[test]
fn keys_are_words_or_files() {
    let scratch = Scratch::new();
    scratch.signed();
    let verify = |key: &str| bundle_in(scratch.0.path(), &["verify", "--key", key, "x.run"]);
    let ((own, _), (other, _)) = (scratch.key("own.pub"), scratch.key("other.pub"));
    fs::write(
        scratch.path("both.pub"),
        format!("# those we trust\n{other}\n{own}\n"),
    )
    .unwrap();
    for good in [own.as_str(), "own.pub", "both.pub", "./own.pub"] {
        let output = verify(good);
        assert!(output.status.success(), "{good}: {}", stderr(&output));
    }
    scratch.refuse(
        &["verify", "-k", "none.pub", "x.run"],
        "there is no such file, and itself it is no minisign public key",
    );
    scratch.refuse(
        &["verify", "-k", &own[1..], "x.run"],
        "no minisign public key",
    );
    scratch.refuse(
        &["verify", "-k", "own.key", "x.run"],
        "cannot use the key file 'own.key': its line 2 is no minisign public key",
    );
    fs::write(scratch.path("empty.pub"), "").unwrap();
    scratch.refuse(
        &["verify", "-k", "empty.pub", "x.run"],
        "it has no key in it",
    );
}

#[test]
fn what_is_no_secret_key_is_said_so() {
    let scratch = Scratch::new();
    scratch.refuse(
        &["sign", "-s", "none.key", "x.run"],
        "cannot read the secret key 'none.key'",
    );
    scratch.refuse(
        &["sign", "-s", "own.pub", "x.run"],
        "cannot use the secret key 'own.pub': it is not a minisign secret key",
    );
    let mut key = String::from_utf8(scratch.read("own.key")).unwrap();
    let place = key.find("RWQAAEIy").unwrap() + 90;
    let digit = if &key[place..=place] == "A" { "B" } else { "A" };
    key.replace_range(place..=place, digit);
    fs::write(scratch.path("damaged.key"), key).unwrap();
    scratch.refuse(
        &["sign", "-s", "damaged.key", "x.run"],
        "cannot use the secret key 'damaged.key'",
    );
}

/// Types at a terminal of its own, in which `bundle` runs, and returns the exit code and what is to be seen.
fn at_terminal(scratch: &Scratch, line: &str, typed: &str) -> (Option<i32>, String) {
    let command = format!("{} {line}", env!("CARGO_BIN_EXE_bundle"));
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(scratch.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script (bsdutils) starts");
    let mut keyboard = script.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    drop(keyboard);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn passwords_are_asked_for_at_the_terminal() {
    let scratch = Scratch::new();
    let keygen = "keygen -p safe.pub -s safe.key";
    let (code, seen) = at_terminal(&scratch, keygen, "one\nanother\n");
    assert!(
        code == Some(1) && seen.contains("the two passwords differ"),
        "{seen}"
    );
    let (code, seen) = at_terminal(&scratch, keygen, "\n");
    assert!(
        code == Some(1) && seen.contains("the password is empty"),
        "{seen}"
    );
    assert!(!scratch.path("safe.key").exists());
    let (code, seen) = at_terminal(&scratch, keygen, "secret word\nsecret word\n");
    assert!(code == Some(0), "{seen}");
    assert_eq!(mode(&scratch.path("safe.key")), 0o600);

    let sign = "sign -s safe.key x.run";
    let (code, seen) = at_terminal(&scratch, sign, "wrong\n");
    assert!(
        code == Some(1) && seen.contains("the password is wrong"),
        "{seen}"
    );
    scratch.refuse(&["verify", "-k", "safe.pub", "x.run"], "it is not signed");
    let (code, seen) = at_terminal(&scratch, sign, "secret word\n");
    assert!(code == Some(0), "{seen}");
    scratch.bundle(&["verify", "-k", "safe.pub", "x.run"]);

    // Without a terminal there is nobody to ask.
    let output = Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_bundle")])
        .args(sign.split(' '))
        .current_dir(scratch.0.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        stderr(&output).contains("there is no terminal"),
        "{}",
        stderr(&output)
    );
    assert_eq!(output.status.code(), Some(1));
}
