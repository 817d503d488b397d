//! A launcher that is told whom to trust runs what they have signed, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::site::{SHELL, Site, Who, assert_code, bundle_program};
use tests::{stderr, stdout};

const SHOW: [&str; 2] = ["-c", "echo ran"];

fn bundle(words: &[&std::ffi::OsStr]) {
    let output = Command::new(bundle_program())
        .args(words)
        .output()
        .expect("`bundle` starts");
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
}

/// Makes a pair of keys, and returns the paths of the public and the secret one.
fn keys(site: &Site, name: &str) -> (PathBuf, PathBuf) {
    let (public, secret) = (
        site.path(format!("{name}.pub")),
        site.path(format!("{name}.key")),
    );
    bundle(&[
        "keygen".as_ref(),
        "--no-password".as_ref(),
        "-p".as_ref(),
        public.as_ref(),
        "-s".as_ref(),
        secret.as_ref(),
    ]);
    (public, secret)
}

fn sign(site: &Site, secret: &std::path::Path) {
    bundle(&[
        "sign".as_ref(),
        "-s".as_ref(),
        secret.as_ref(),
        site.bundle.as_ref(),
    ]);
}

/// Asserts that a start is refused in one line with this in it, and that nothing ran.
#[track_caller]
fn assert_untrusted(output: &std::process::Output, part: &str) {
    assert_code(output, 125);
    assert_eq!(stdout(output), "");
    let message = stderr(output);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.starts_with("bundle: ") && message.contains(part),
        "{message}"
    );
}

#[test]
fn only_what_a_trusted_key_has_signed_runs() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        let (public, secret) = keys(&site, "ours");
        let (other_public, other_secret) = keys(&site, "theirs");
        let public = public.to_string_lossy().into_owned();
        let other_public = other_public.to_string_lossy().into_owned();
        let trusting = |key: &str| site.run("", &["--trust", key, SHOW[0], SHOW[1]]);

        assert_untrusted(&trusting(&public), "not signed");
        sign(&site, &other_secret);
        assert_untrusted(&trusting(&public), "none of those to be trusted");
        sign(&site, &secret);
        let output = trusting(&public);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "ran\n");
        assert_untrusted(&trusting(&other_public), "none of those to be trusted");

        // One of several is enough, and a key may be given as it is.
        let text = fs::read_to_string(&public).expect("the key");
        let key = text.lines().last().expect("its second line");
        let words = [
            "--trust",
            &other_public,
            &format!("--trust={key}"),
            SHOW[0],
            SHOW[1],
        ];
        assert_code(&site.run("", &words), 0);

        // By the variable, for those who do not write the command line.
        for (file, code) in [(&public, 0), (&other_public, 125)] {
            let mut command = site.command("", &SHOW);
            command.env("BENCHRUN_TRUST", file);
            assert_code(&finish(command), code);
        }
        assert_nothing_left(&site);
    }
}

#[test]
fn a_signature_that_does_not_hold() {
    let site = Site::new(Who::all()[0], SHELL);
    let (public, secret) = keys(&site, "ours");
    sign(&site, &secret);
    let bytes = fs::read(&site.bundle).expect("the bundle");
    let layout = bundle_format::Bundle::parse(&bytes)
        .expect("a bundle")
        .trailer()
        .layout;
    let signature = &bytes[layout.signature().start as usize..layout.signature().end as usize];
    let text = String::from_utf8(signature.to_vec()).expect("text");
    // A character in the middle of the signature proper becomes another one.
    let at = text.find('\n').expect("two lines") + 60;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    let mut forged = text.clone();
    forged.replace_range(at..=at, other);
    let mut whole = bytes.clone();
    whole[layout.signature().start as usize..layout.signature().end as usize]
        .copy_from_slice(forged.as_bytes());
    let digest = *bundle_format::Digest::of(forged.as_bytes()).as_bytes();
    tests::damage::forge_trailer(&mut whole, 96, &digest);
    tests::site::write_executable(&site.bundle, &whole);
    // Without a key nobody asks.
    assert_code(&site.run("", &SHOW), 0);
    let public = public.to_string_lossy();
    assert_untrusted(
        &site.run("", &["--trust", &public, SHOW[0], SHOW[1]]),
        "signature",
    );
}

#[test]
fn keys_that_cannot_be_used() {
    let site = Site::new(Who::all()[0], SHELL);
    for (word, part) in [
        (
            "/nonexistent/key.pub",
            "cannot read the key file '/nonexistent/key.pub'",
        ),
        ("RWnonsense", "cannot use 'RWnonsense' as a key"),
    ] {
        assert_untrusted(&site.run("", &["--trust", word, SHOW[0], SHOW[1]]), part);
    }
    assert_untrusted(&site.run("", &["--trust"]), "needs a key");
}
