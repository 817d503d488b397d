//! Signatures: who has signed is told apart from who has not, and nothing that was signed can be changed.

mod common;

use std::io::Cursor;

use bundle_format::trust::{KeyError, PublicKey, Signature, parse_keys};
use bundle_format::{Bundle, FormatError};
use common::{IMAGE, LAUNCHER, bundle_with, lie, manifest};
use minisign::KeyPair;
use proptest::prelude::*;

fn key_pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn keys(pairs: &[&KeyPair]) -> Vec<PublicKey> {
    let texts = pairs
        .iter()
        .map(|pair| pair.pk.to_box().unwrap().to_string());
    parse_keys(&texts.collect::<String>()).unwrap()
}

fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    let comment = Some("timestamp:1\tfile:x.run");
    let signature = minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(bytes), comment, None);
    signature.unwrap().to_string()
}

/// A bundle with this name, signed.
fn signed(pair: &KeyPair, name: &str) -> Vec<u8> {
    let mut manifest = manifest(LAUNCHER, IMAGE);
    manifest.name = name.into();
    let signature = sign(pair, &manifest.encode().unwrap());
    bundle_with(LAUNCHER, IMAGE, &manifest, signature.as_bytes())
}

/// What is said about a bundle with this signature section.
fn verdict(section: &str, keys: &[PublicKey]) -> String {
    let bytes = bundle_with(
        LAUNCHER,
        IMAGE,
        &manifest(LAUNCHER, IMAGE),
        section.as_bytes(),
    );
    match Bundle::parse(&bytes).unwrap().verify_signature(keys) {
        Ok(signer) => format!("{} {:?}", signer.key_id, signer.trusted_comment),
        Err(error) => error.to_string(),
    }
}

fn manifest_bytes() -> Vec<u8> {
    manifest(LAUNCHER, IMAGE).encode().unwrap()
}

#[test]
fn who_has_signed_is_told() {
    let (pair, other) = (key_pair(), key_pair());
    let bytes = signed(&pair, "bench");
    let bundle = Bundle::parse(&bytes).unwrap();
    let own = keys(&[&pair]);
    let signer = bundle.verify_signature(&keys(&[&other, &pair])).unwrap();
    assert_eq!(signer.key_id, own[0].id());
    assert_eq!(signer.trusted_comment, "timestamp:1\tfile:x.run");
    assert_eq!(bundle.signature_key_id(), Some(own[0].id()));
    let error = bundle.verify_signature(&keys(&[&other])).unwrap_err();
    assert!(
        matches!(error, FormatError::SignedByAnother(id) if id == own[0].id()),
        "{error}"
    );
    assert!(matches!(
        bundle.verify_signature(&[]),
        Err(FormatError::SignedByAnother(_))
    ));
}

#[test]
fn without_a_signature_it_is_said_so() {
    assert!(verdict("", &keys(&[&key_pair()])).starts_with("it is not signed"));
}

/// Somebody takes the signature of one good bundle for another.
#[test]
fn a_signature_holds_for_one_bundle() {
    let pair = key_pair();
    let of_another = signed(&pair, "another");
    let of_another = Bundle::parse(&of_another).unwrap();
    let section = std::str::from_utf8(of_another.signature_bytes()).unwrap();
    let told = verdict(section, &keys(&[&pair]));
    assert!(
        told.contains("does not hold: what was signed is something else"),
        "{told}"
    );
}

/// Somebody changes the manifest of a signed bundle and makes all digests hold again.
#[test]
fn a_changed_manifest_is_not_what_was_signed() {
    let pair = key_pair();
    let section = sign(&pair, &manifest_bytes());
    let mut changed = manifest(LAUNCHER, IMAGE);
    changed
        .environment
        .insert("LD_PRELOAD".into(), "evil.so".into());
    let bytes = bundle_with(LAUNCHER, IMAGE, &changed, section.as_bytes());
    let bundle = Bundle::parse(&bytes).unwrap();
    let refused = bundle.verify_signature(&keys(&[&pair]));
    assert!(
        matches!(refused, Err(FormatError::WrongSignature(_))),
        "{refused:?}"
    );
}

/// Somebody makes a key with the trusted key's id.
#[test]
fn a_key_id_proves_nothing() {
    let (pair, forger) = (key_pair(), key_pair());
    let mut forged = forger.pk.to_bytes();
    forged[2..10].copy_from_slice(&pair.pk.to_bytes()[2..10]);
    let forged = minisign::PublicKey::from_bytes(&forged).unwrap();
    let forged = parse_keys(&forged.to_base64()).unwrap();
    let own = keys(&[&pair]);
    assert_eq!(forged[0].id(), own[0].id());
    let section = sign(&pair, &manifest_bytes());
    assert!(verdict(&section, &forged).contains("does not hold"));
    // Both may be trusted: then either will do.
    assert!(
        verdict(&section, &[&forged[..], &own[..]].concat()).starts_with(&own[0].id().to_string())
    );
}

/// Every bit of the signature section matters, or the trailer's digest of it does.
#[test]
fn a_flipped_bit_in_the_signature_is_found() {
    let pair = key_pair();
    let trusted = keys(&[&pair]);
    let mut bytes = signed(&pair, "bench");
    let section = Bundle::parse(&bytes).unwrap().trailer().layout.signature();
    let comment = "untrusted comment: ".len() as u64..sign(&pair, b"").find('\n').unwrap() as u64;
    for place in section.clone() {
        for bit in 0..8 {
            bytes[place as usize] ^= 1 << bit;
            assert!(matches!(
                Bundle::parse(&bytes),
                Err(FormatError::DigestMismatch(_))
            ));

            // The same by somebody who can compute digests.
            let mut forged = bytes.clone();
            let digest =
                bundle_format::Digest::of(&forged[section.start as usize..section.end as usize]);
            lie(&mut forged, 96, digest.as_bytes());
            let verified = Bundle::parse(&forged).unwrap().verify_signature(&trusted);
            // minisign's untrusted comment is just that.
            let may_change = comment.contains(&(place - section.start));
            assert!(verified.is_err() || may_change, "bit {bit} of byte {place}");
            bytes[place as usize] ^= 1 << bit;
        }
    }
}

/// Made by minisign 0.11's `-S -l`: the bytes are signed themselves.
#[test]
fn legacy_signatures_are_refused() {
    // The example of minisign's own documentation.
    let key = parse_keys("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
    let text = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
";
    let legacy = Signature::parse(text).unwrap();
    assert_eq!(legacy.key_id().to_string(), "E7620F1842B4E81F");
    for refused in [
        legacy.verify(b"test", &key),
        legacy.verify_reader(&mut &b"test"[..], &key),
    ] {
        assert!(
            matches!(refused, Err(FormatError::LegacySignature(_))),
            "{refused:?}"
        );
    }
    assert!(verdict(text, &key).contains("E7620F1842B4E81F is of minisign's legacy kind"));

    let prehashed = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
";
    let prehashed = Signature::parse(prehashed).unwrap();
    let signer = prehashed.verify(b"test", &key).unwrap();
    assert_eq!(signer.trusted_comment, "timestamp:1556193335\tfile:test");
    assert_eq!(
        prehashed.verify_reader(&mut &b"test"[..], &key).unwrap(),
        signer
    );
    for bytes in [&b"Test"[..], b"", b"test\n"] {
        assert!(matches!(
            prehashed.verify(bytes, &key),
            Err(FormatError::WrongSignature(_))
        ));
        let refused = prehashed.verify_reader(&mut &bytes[..], &key);
        assert!(matches!(refused, Err(FormatError::WrongSignature(_))));
    }
}

#[test]
fn a_section_is_four_plain_lines() {
    let pair = key_pair();
    let keys = keys(&[&pair]);
    let section = sign(&pair, &manifest_bytes());
    assert!(verdict(&section, &keys).contains("timestamp"));
    for other in [
        section.trim_end().to_owned(),
        format!("{section}\n"),
        format!("\n{section}"),
        section.replace('\n', "\r\n"),
        section.replacen("untrusted", "Untrusted", 1),
        section.replacen("trusted comment: t", "comment: t", 1),
        "x".to_owned(),
    ] {
        let told = verdict(&other, &keys);
        assert!(
            told.starts_with("the signature is not one of minisign's"),
            "{other}: {told}"
        );
    }
}

/// Signed by Debian's minisign 0.11 over what `bundle inspect --manifest` prints; the key was thrown away.
#[test]
fn the_golden_signed_bundle_verifies_as_ever() {
    let keys = parse_keys(include_str!("golden/signer.pub")).unwrap();
    let bundle = Bundle::parse(include_bytes!("golden/v2-signed.run")).unwrap();
    let signer = bundle.verify_signature(&keys).unwrap();
    assert_eq!(signer.trusted_comment, "a golden bundle");
    let unsigned = Bundle::parse(include_bytes!("golden/v2.run")).unwrap();
    assert_eq!(unsigned.digest(), bundle.digest());
}

#[test]
fn keys_are_read_from_words_and_files() {
    let (one, other) = (key_pair(), key_pair());
    let file = |pair: &KeyPair| pair.pk.to_box().unwrap().to_string();
    let of = |text: &str| {
        parse_keys(text).map(|keys| keys.iter().map(PublicKey::id).collect::<Vec<_>>())
    };
    let [one_id, other_id] = [&one, &other].map(|pair| keys(&[pair])[0].id());
    assert_eq!(of(&one.pk.to_base64()), Ok(vec![one_id]));
    assert_eq!(of(&file(&one)), Ok(vec![one_id]));
    assert_eq!(
        of(&format!(
            "{}\n# mine\n\n {} \r\n",
            file(&one),
            other.pk.to_base64()
        )),
        Ok(vec![one_id, other_id])
    );
    assert_eq!(of(""), Err(KeyError::Empty));
    assert_eq!(
        of("untrusted comment: minisign public key\n"),
        Err(KeyError::Empty)
    );
    assert_eq!(
        of(&format!("{}nonsense", file(&one))),
        Err(KeyError::NoKey { line: 3 })
    );
    // A secret key is not taken for one.
    assert_eq!(
        of(&one.sk.to_box(None).unwrap().to_string()),
        Err(KeyError::NoKey { line: 2 })
    );
    assert!(
        file(&one).contains(&one_id.to_string()),
        "minisign shows the id another way"
    );
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}\n?[A-Za-z0-9+/=\n]{0,200}") {
        let _ = Signature::parse(&text);
        let _ = parse_keys(&text);
    }
}
