//! Signing: what `bundle` signs, stock minisign accepts, and the other way round; and nobody else's signature will do.

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bundle_format::Bundle;
use common::{bundle_in, make_image, names_in, plan, refuse_in, sample, stderr, succeed_in};

/// A directory with a bundle `x.run` and two pairs of keys, `own` and `other`, without passwords.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        let tree = tempfile::tempdir().unwrap();
        sample(&tree.path().join("tree"));
        make_image(&tree.path().join("tree"), &scratch.path("x.sqsh"), "zstd");
        scratch.bundle(&["pack", "--image", "x.sqsh"]);
        fs::remove_file(scratch.path("x.sqsh")).unwrap();
        for name in ["own", "other"] {
            let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
            scratch.bundle(&["keygen", "-W", "-p", &public, "-s", &secret]);
        }
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    #[track_caller]
    fn bundle(&self, arguments: &[&str]) -> String {
        succeed_in(self.0.path(), arguments)
    }

    #[track_caller]
    fn refuse(&self, arguments: &[&str], reason: &str) {
        refuse_in(self.0.path(), arguments, 1, reason);
    }

    /// Runs Debian's minisign.
    fn try_minisign(&self, arguments: &[&str]) -> Output {
        Command::new("minisign")
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("minisign (minisign) starts")
    }

    #[track_caller]
    fn minisign(&self, arguments: &[&str]) -> String {
        let output = self.try_minisign(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A public key in base64, and its id.
    fn key(&self, public: &str) -> (String, String) {
        let text = String::from_utf8(self.read(public)).unwrap();
        let mut lines = text.lines();
        let id = lines.next().unwrap().rsplit(' ').next().unwrap().to_owned();
        (lines.next().unwrap().to_owned(), id)
    }

    /// Signs `x.run` and returns its bytes.
    fn signed(&self) -> Vec<u8> {
        self.bundle(&["sign", "-s", "own.key", "x.run"]);
        self.read("x.run")
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

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
fn a_signature_goes_into_the_file_and_changes_nothing_else() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path("x.run"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("x.run", scratch.path("link.run")).unwrap();
    let before = scratch.read("x.run");
    let names = names_in(scratch.0.path());
    scratch.bundle(&[
        "sign",
        "--secret-key",
        "own.key",
        "--comment",
        "first",
        "link.run",
    ]);
    assert_eq!(
        names_in(scratch.0.path()),
        names,
        "something was left behind"
    );
    assert!(
        scratch
            .path("link.run")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert_eq!(mode(&scratch.path("x.run")), 0o750);

    let after = scratch.read("x.run");
    let (old, new) = (
        Bundle::parse(&before).unwrap(),
        Bundle::parse(&after).unwrap(),
    );
    assert_eq!(old.digest(), new.digest());
    let end = old.trailer().layout.manifest().end as usize;
    assert!(before[..end] == after[..end]);
    let (_, id) = scratch.key("own.pub");
    let said = scratch.bundle(&["verify", "--key", "own.pub", "x.run"]);
    assert_eq!(
        said,
        format!("{}  x.run\nsigned by key {id}: first\n", new.digest())
    );
    let said = scratch.bundle(&["verify", "x.run"]);
    assert!(
        said.contains(&format!("has a signature by key {id}, not checked")),
        "{said}"
    );
    let said = scratch.bundle(&["inspect", "x.run"]);
    assert!(
        said.contains(&format!("by key {id}, not checked")),
        "{said}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&scratch.bundle(&["inspect", "--json", "x.run"])).unwrap();
    assert_eq!(json["signature"]["key_id"], id);

    // Somebody else signs again: that replaces it.
    scratch.bundle(&["sign", "-s", "other.key", "x.run"]);
    let (_, other) = scratch.key("other.pub");
    scratch.refuse(
        &["verify", "-k", "own.pub", "x.run"],
        &format!("it is signed by key {other}, which is none of those"),
    );
    let said = scratch.bundle(&["verify", "-k", "own.pub", "-k", "other.pub", "x.run"]);
    assert!(
        said.contains(&format!("signed by key {other}: timestamp:")),
        "{said}"
    );
    assert!(
        said.ends_with(
            "	file:x.run
"
        ),
        "{said}"
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
fn unsigned_altered_and_swapped_are_refused() {
    let scratch = Scratch::new();
    scratch.refuse(
        &["verify", "-k", "own.pub", "x.run"],
        "'x.run' does not verify: it is not signed",
    );
    let signed = scratch.signed();
    // A byte of the image: the signature holds, the image does not.
    let place = Bundle::parse(&signed)
        .unwrap()
        .trailer()
        .layout
        .image()
        .start as usize;
    let mut altered = signed.clone();
    altered[place + 300] ^= 1;
    fs::write(scratch.path("altered.run"), altered).unwrap();
    scratch.refuse(
        &["verify", "-k", "own.pub", "altered.run"],
        "the image is damaged",
    );
    scratch.refuse(
        &["sign", "-s", "own.key", "altered.run"],
        "cannot sign 'altered.run': the image is damaged",
    );

    // The signature of one bundle in another.
    let output = scratch.path("cat.run");
    bundle::pack(&plan(output.clone(), vec![])).unwrap();
    let other = scratch.read("cat.run");
    let other = Bundle::parse(&other).unwrap();
    let section = Bundle::parse(&signed).unwrap().signature_bytes().to_vec();
    let layout = other.trailer().layout;
    let mut swapped = scratch.read("cat.run")[..layout.manifest().end as usize].to_vec();
    swapped.extend_from_slice(&section);
    let size = |part: std::ops::Range<u64>| part.end - part.start;
    let trailer = bundle_format::Trailer {
        layout: bundle_format::Layout::new(
            size(layout.launcher()),
            size(layout.image()),
            size(layout.manifest()),
            section.len() as u64,
        )
        .unwrap(),
        signature_blake3: bundle_format::Digest::of(&section),
        ..*other.trailer()
    };
    swapped.extend_from_slice(&trailer.encode());
    fs::write(&output, swapped).unwrap();
    scratch.bundle(&["verify", "cat.run"]);
    scratch.refuse(
        &["verify", "-k", "own.pub", "cat.run"],
        "does not hold: what was signed is something else",
    );
}

#[test]
fn what_we_sign_stock_minisign_accepts() {
    let scratch = Scratch::new();
    scratch.bundle(&["sign", "-s", "own.key", "--detached", "x.run"]);
    let said = scratch.minisign(&["-V", "-H", "-p", "own.pub", "-m", "x.run"]);
    assert!(
        said.contains("Signature and comment signature verified")
            && said.contains("file:x.run\thashed"),
        "{said}"
    );
    assert!(
        !scratch
            .try_minisign(&["-V", "-p", "other.pub", "-m", "x.run"])
            .status
            .success()
    );

    // The signature in the file is over what `inspect --manifest` prints.
    let signed = scratch.signed();
    fs::write(
        scratch.path("manifest.json"),
        scratch.bundle(&["inspect", "--manifest", "x.run"]),
    )
    .unwrap();
    fs::write(
        scratch.path("section"),
        Bundle::parse(&signed).unwrap().signature_bytes(),
    )
    .unwrap();
    scratch.minisign(&[
        "-V",
        "-H",
        "-p",
        "own.pub",
        "-m",
        "manifest.json",
        "-x",
        "section",
    ]);

    // Our secret key is one for minisign too.
    scratch.minisign(&["-S", "-W", "-s", "own.key", "-m", "x.run"]);
    scratch.minisign(&["-V", "-p", "own.pub", "-m", "x.run"]);
    scratch.minisign(&["-R", "-s", "own.key", "-p", "again.pub"]);
    assert_eq!(scratch.key("again.pub").0, scratch.key("own.pub").0);
}

#[test]
fn what_stock_minisign_signs_we_accept() {
    let scratch = Scratch::new();
    scratch.minisign(&["-G", "-W", "-p", "stock.pub", "-s", "stock.key"]);
    let (_, id) = scratch.key("stock.pub");
    scratch.minisign(&[
        "-S",
        "-s",
        "stock.key",
        "-m",
        "x.run",
        "-t",
        "by stock minisign",
    ]);
    let said = scratch.bundle(&["verify", "--key", "stock.pub", "x.run"]);
    assert!(said.ends_with("by stock minisign\n"), "{said}");
    fs::rename(scratch.path("x.run.minisig"), scratch.path("elsewhere")).unwrap();
    scratch.refuse(&["verify", "-k", "stock.pub", "x.run"], "it is not signed");
    scratch.bundle(&[
        "verify",
        "-k",
        "stock.pub",
        "--signature",
        "elsewhere",
        "x.run",
    ]);
    scratch.refuse(
        &["verify", "-k", "own.pub", "-x", "elsewhere", "x.run"],
        "which is none of those to be trusted",
    );
    refuse_in(
        scratch.0.path(),
        &["verify", "-x", "elsewhere", "x.run"],
        2,
        "--key",
    );

    // Its secret key is one for us too.
    let output = bundle_in(scratch.0.path(), &["sign", "-s", "stock.key", "x.run"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        stderr(&output)
    );
    let said = scratch.bundle(&["verify", "-k", "stock.pub", "x.run"]);
    assert!(said.contains(&id), "{said}");

    // A signature over the file as it was before does not hold for the new one.
    scratch.refuse(
        &["verify", "-k", "stock.pub", "-x", "elsewhere", "x.run"],
        "cannot trust 'elsewhere'",
    );
    // One of the old kind never does.
    scratch.minisign(&["-S", "-l", "-s", "stock.key", "-m", "x.run"]);
    scratch.refuse(
        &["verify", "-k", "stock.pub", "-x", "x.run.minisig", "x.run"],
        "is of minisign's legacy kind",
    );
}

#[test]
fn a_signature_beside_the_file_stands_in_for_one_in_it() {
    let scratch = Scratch::new();
    scratch.bundle(&["sign", "-s", "other.key", "x.run"]);
    scratch.bundle(&["sign", "-s", "own.key", "--detached", "x.run"]);
    let said = scratch.bundle(&["verify", "-k", "own.pub", "x.run"]);
    assert!(said.contains(&scratch.key("own.pub").1), "{said}");
    scratch.bundle(&["verify", "-k", "other.pub", "x.run"]);

    // Signing the file anew makes the one beside it void, and that is said.
    let output = bundle_in(scratch.0.path(), &["sign", "-s", "other.key", "x.run"]);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains("'x.run.minisig' does not hold any more"),
        "{}",
        stderr(&output)
    );
    scratch.refuse(&["verify", "-k", "own.pub", "x.run"], "it is signed by key");

    fs::write(scratch.path("x.run.minisig"), "nonsense").unwrap();
    scratch.refuse(
        &["verify", "-k", "own.pub", "-x", "x.run.minisig", "x.run"],
        "the signature is not one of minisign's",
    );
    fs::write(scratch.path("large"), vec![b'x'; 20_000]).unwrap();
    scratch.refuse(
        &["verify", "-k", "own.pub", "-x", "large", "x.run"],
        "it is too large",
    );
}

#[test]
fn comments_are_one_line_and_cannot_play_with_the_terminal() {
    let scratch = Scratch::new();
    for (comment, reason) in [
        ("a\nb", "use one line"),
        ("\x1b[2J", "use one line"),
        (&"x".repeat(8001), "shorten it"),
    ] {
        scratch.refuse(&["sign", "-s", "own.key", "-t", comment, "x.run"], reason);
    }
    // Others do not hold to that.
    let signature = scratch.minisign(&[
        "-S",
        "-W",
        "-s",
        "own.key",
        "-m",
        "x.run",
        "-t",
        "\x1b[2Jevil",
    ]);
    assert_eq!(signature, "");
    let said = scratch.bundle(&["verify", "-k", "own.pub", "x.run"]);
    assert!(said.ends_with(": \\u{1b}[2Jevil\n"), "{said:?}");
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
