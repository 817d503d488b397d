//! Signing: what `bundle` signs, stock minisign accepts, and the other way round; and nobody else's signature will do.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bundle_format::Bundle;
use common::signing::{Scratch, mode};
use common::{bundle_in, names_in, plan, refuse_in, stderr};

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
