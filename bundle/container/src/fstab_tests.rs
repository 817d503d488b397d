use std::os::unix::ffi::OsStringExt;

use proptest::prelude::*;

use super::*;
use crate::flags::*;
use crate::fstab_printer::{names, print_fstab};

fn host(name: &str) -> Option<OsString> {
    match name {
        "PWD" => Some("/work here".into()),
        "OPTS" => Some("ro,size=1g".into()),
        "LATIN" => Some(OsString::from_vec(b"/caf\xe9\\040".to_vec())),
        "ZERO" => Some(OsString::from_vec(b"a\0b".to_vec())),
        _ => None,
    }
}

fn bind(source: &str, target: &str, flags: u64) -> Mount {
    Mount {
        source: Some(source.into()),
        target: target.into(),
        flags: MS_BIND | flags,
        ..Mount::default()
    }
}

fn default_bind(source: &str, target: &str) -> Mount {
    Mount {
        create: Some(Create::Auto),
        ..bind(source, target, MS_REC)
    }
}

fn tmpfs(target: &str) -> Mount {
    Mount {
        source: Some("tmpfs".into()),
        target: target.into(),
        fs_type: Some("tmpfs".into()),
        ..Mount::default()
    }
}

/// A line means this mount, and the same with colons, where it has four fields at most.
#[track_caller]
fn check(line: &str, expected: Mount) {
    let fields = line.split_ascii_whitespace().count();
    assert_eq!(
        parse_fstab(line.as_bytes(), &host).as_deref(),
        Ok(&[expected.clone()][..])
    );
    if fields <= 4 {
        let argument = line.split_ascii_whitespace().collect::<Vec<_>>().join(":");
        assert_eq!(parse_mount(argument.as_bytes(), &host), Ok(Some(expected)));
    }
}

#[track_caller]
fn check_refused(text: &[u8], line: usize, reason: Reason) {
    assert_eq!(
        parse_fstab(text, &host),
        Err(ParseError::Line { line, reason })
    );
}

#[test]
fn fields_may_be_omitted() {
    check("/proc", default_bind("/proc", "/proc"));
    check("/src /dst", default_bind("/src", "/dst"));
    check(". mnt", default_bind(".", "mnt"));
    check("/src none", default_bind("/src", "none"));
    check("/src /dst none", default_bind("/src", "/dst"));
    check("/src bind", bind("/src", "/src", 0));
    check("/proc /proc rbind", bind("/proc", "/proc", MS_REC));
    check("/src none bind", bind("/src", "/src", 0));
    check("/src /dst bind,ro", bind("/src", "/dst", MS_RDONLY));
    check("/src /dst none bind", bind("/src", "/dst", 0));
    check("/src/a,b", default_bind("/src/a,b", "/src/a,b"));
    check("/src /a=b", default_bind("/src", "/a=b"));
    check("tmpfs /tmp", tmpfs("/tmp"));
    check("tmpfs /tmp none", tmpfs("/tmp"));
    check("tmpfs /tmp tmpfs", tmpfs("/tmp"));
    let sized = Mount {
        data: "size=1g".into(),
        ..tmpfs("/tmp")
    };
    check("tmpfs /tmp size=1g", sized.clone());
    check("tmpfs /tmp tmpfs size=1g", sized);
    let devpts = Mount {
        target: "/dst".into(),
        fs_type: Some("devpts".into()),
        ..Mount::default()
    };
    check("none /dst devpts", devpts);
}

#[test]
fn options_become_bits_words_and_data() {
    let proc = Mount {
        create: Some(Create::Directory),
        flags: MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_BIND | MS_REC,
        propagation: MS_SLAVE | MS_REC,
        pass: -1,
        ..bind("/proc", "/proc", 0)
    };
    check(
        "/proc /proc none x-create=dir,rbind,rw,nosuid,nodev,noexec,rslave 0 -1",
        proc,
    );
    let machine_id = Mount {
        create: Some(Create::File),
        propagation: MS_PRIVATE,
        may_fail: true,
        silent: true,
        ..bind("/m", "/m", MS_RDONLY)
    };
    check(
        "/m /m none x-create=file,bind,ro,private,nofail,silent",
        machine_id,
    );
    let detached = Mount {
        target: "/proc".into(),
        detach: true,
        ..Mount::default()
    };
    check("none /proc none x-detach", detached);
    let moved = Mount {
        is_move: true,
        flags: 0,
        ..bind("/a", "/b", 0)
    };
    check("/a /b none x-move", moved);
    let spread = Mount {
        target: "/a".into(),
        propagation: MS_SLAVE,
        ..Mount::default()
    };
    check("none /a none slave", spread);
    let remount = Mount {
        target: "/a".into(),
        flags: MS_BIND | MS_REMOUNT | MS_RDONLY,
        ..Mount::default()
    };
    check("none /a none remount,bind,ro", remount);
    let overlay = Mount {
        source: Some("overlay".into()),
        target: "/x".into(),
        fs_type: Some("overlay".into()),
        data: r"lowerdir=/a\:b,xino=off".into(),
        ..Mount::default()
    };
    let line = br"overlay /x overlay lowerdir=/a\:b,x-note=1,,xino=off,defaults,nouser";
    assert_eq!(parse_fstab(line, &host), Ok(vec![overlay]));
    check("/a /b none ro,bind,rw,silent,loud", bind("/a", "/b", 0));
}

#[test]
fn variables_stay_within_their_fields_and_escapes_within_the_text() {
    check("${PWD} /mnt", default_bind("/work here", "/mnt"));
    check(
        r"/a\040b /c\072\134d\\e\9",
        default_bind("/a b", r"/c:\d\e\9"),
    );
    check(r"/\044{PWD} $PWD/x", default_bind("/${PWD}", "$PWD/x"));
    let sized = Mount {
        flags: MS_RDONLY,
        data: "size=1g".into(),
        ..tmpfs("/t")
    };
    check("tmpfs /t tmpfs ${OPTS}", sized);
    check("tmpfs /t tmpfs ${UNSET}", tmpfs("/t"));
    let latin = OsString::from_vec(b"/caf\xe9\\040".to_vec());
    let expected = Mount {
        source: Some(latin.clone()),
        target: latin,
        ..default_bind("", "")
    };
    check("${LATIN}", expected);
}

#[test]
fn passes_order_mounts() {
    let text =
        b"# first\n\n /a /a none bind 0 1\r\n\t#/x\n/b /b none bind 2\n/c /c bind 0 -1 # c\n\
                 /d bind\n/e /e none bind # e\n/f /f none bind 0 0 more";
    let mounts = parse_fstab(text, &host).expect("a fstab");
    let order: Vec<_> = mounts
        .iter()
        .map(|mount| (mount.target.to_str().expect("UTF-8"), mount.pass))
        .collect();
    assert_eq!(
        order,
        [
            ("/c", -1),
            ("/d", 0),
            ("/e", 0),
            ("/f", 0),
            ("/a", 1),
            ("/b", 2)
        ]
    );
}

#[test]
fn what_may_fail_is_left_out_without_its_variable() {
    assert_eq!(
        parse_fstab(b"${UNSET} /a none bind,nofail", &host),
        Ok(vec![])
    );
    assert_eq!(
        parse_mount(b"/a:${UNSET}:none:bind,nofail", &host),
        Ok(None)
    );
    check_refused(b"/a\n${UNSET} /b", 2, Reason::Empty("source"));
    check_refused(b"/a ${UNSET} none bind", 1, Reason::Empty("target"));
}

#[test]
fn what_cannot_be_a_mount_is_refused() {
    check_refused(b"tmpfs", 1, Reason::Missing("target"));
    check_refused(b"tmpfs bind", 1, Reason::Missing("target"));
    check_refused(b"none /a none bind", 1, Reason::Missing("source"));
    check_refused(b"none /a none x-move", 1, Reason::Missing("source"));
    check_refused(
        b"/a x-create=folder,bind",
        1,
        Reason::Create("folder".into()),
    );
    check_refused(
        b"/a /b none bind 0 first",
        1,
        Reason::NotANumber("first".into()),
    );
    check_refused(b"/a\0 /b", 1, Reason::ZeroByte);
    check_refused(b"/a\\000 /b", 1, Reason::ZeroByte);
    check_refused(b"${ZERO} /b", 1, Reason::ZeroByte);
    check_refused(b"/a /b tmp\\000fs", 1, Reason::ZeroByte);
    check_refused(b"/a /b tmpfs size=\\000", 1, Reason::ZeroByte);
    check_refused(&[b'/'; 5000], 1, Reason::TooLong);
    for (argument, reason) in [
        (&b""[..], Reason::Empty("source")),
        (b":/dst", Reason::Empty("source")),
        (b"tmpfs", Reason::Missing("target")),
    ] {
        let error = parse_mount(argument, &host).expect_err("no mount");
        assert_eq!(*error.reason(), reason);
    }
    let error = parse_mount(b"none:/a:bind", &host).expect_err("no mount");
    assert_eq!(
        error.to_string(),
        "'none:/a:bind': the mount has no source (write SOURCE TARGET TYPE OPTIONS)"
    );
}

fn paths() -> impl Strategy<Value = OsString> {
    prop::collection::vec(1..=255_u8, 1..20).prop_map(|mut path| {
        path.insert(0, b'/');
        OsString::from_vec(path)
    })
}

prop_compose! {
    fn mounts()(
        source in prop::option::of(paths()),
        target in paths(),
        fs_type in prop::option::of("[a-z]{3,8}"),
        flags in 0..(1_u64 << 26),
        propagation in 0..(1_u64 << 26),
        data in "([a-wyz]=[0-9:/ ]{1,4}(,[a-wyz]=[0-9]{1,4})?)?",
        create in prop::option::of(prop_oneof![
            Just(Create::Directory), Just(Create::File), Just(Create::Auto)
        ]),
        (is_move, detach, may_fail, silent) in any::<(bool, bool, bool, bool)>(),
        pass in -2..3,
    ) -> Mount {
        let known = names_mask();
        let mut flags = flags & known;
        if flags & MS_BIND == 0 || source.is_none() && !detach {
            flags &= !(MS_BIND | MS_REC);
        }
        let bits = propagation & PROPAGATION;
        Mount {
            is_move: is_move && source.is_some(),
            fs_type: fs_type.filter(|it| it != "none").map(OsString::from),
            propagation: if bits == 0 { 0 } else { propagation & (PROPAGATION | MS_REC) },
            data: data.into(),
            source, target, flags, create, detach, may_fail, silent, pass,
        }
    }
}

fn names_mask() -> u64 {
    names(!0).fold(MS_BIND | MS_REC, |mask, name| {
        match flags::option(name.as_bytes()) {
            Some(Change::Set(bits)) => mask | bits,
            _ => mask,
        }
    })
}

proptest! {
    #[test]
    fn a_printed_fstab_is_read_back(mut written in prop::collection::vec(mounts(), 0..5)) {
        let text = print_fstab(&written);
        written.sort_by_key(|mount| mount.pass);
        prop_assert_eq!(parse_fstab(&text, &host), Ok(written));
    }

    #[test]
    fn no_text_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_fstab(&text, &host);
        let _ = parse_mount(&text, &host);
    }

    #[test]
    fn no_text_of_the_right_words_panics(text in "([a-c/ :,#\\\\0-7\n]|tmpfs|none|bind|ro|x-create=|\\$\\{PWD\\}){0,40}") {
        let _ = parse_fstab(text.as_bytes(), &host);
        let _ = parse_mount(text.as_bytes(), &host);
    }
}
