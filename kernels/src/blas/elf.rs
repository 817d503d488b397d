//! What a file is, by its first bytes: the loader's own messages do not say why a file cannot be loaded.

/// The machine that this program is made for, as ELF numbers it.
const MACHINE: u16 = if cfg!(target_arch = "aarch64") {
    183
} else {
    62
};

/// The functions by which a library starts threads; a library that imports none of them has none.
const THREAD_STARTERS: [&str; 3] = ["pthread_create", "GOMP_parallel", "__kmpc_fork_call"];

/// Says why a file with these bytes cannot be loaded as a library, if so.
pub(super) fn objection(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some("the file is empty".to_owned());
    }
    if bytes.starts_with(b"!<arch>") {
        return Some("it is a static archive, not a shared library".to_owned());
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Some("it is not a shared library (no ELF file)".to_owned());
    }
    let (Some([class, data]), Some(kind), Some(machine)) =
        (bytes.get(4..6), half(bytes, 16), half(bytes, 18))
    else {
        return Some("it is cut off in its first bytes".to_owned());
    };
    if *class != 2 || *data != 1 || machine != MACHINE {
        return Some(format!(
            "it is made for {}, this program for {}",
            machine_name(machine, *class),
            machine_name(MACHINE, 2)
        ));
    }
    // Programs that can lie anywhere are of the same type as libraries; those the loader refuses itself.
    (kind != 3).then(|| "it is an ELF file, but not a shared library".to_owned())
}

/// The function by which a library with these bytes starts threads of its own; `None` when it cannot.
pub(super) fn thread_starter(bytes: &[u8]) -> Option<&'static str> {
    THREAD_STARTERS.into_iter().find(|name| {
        let name = name.as_bytes();
        bytes
            .windows(name.len() + 1)
            .any(|window| &window[..name.len()] == name && window[name.len()] == 0)
    })
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn machine_name(machine: u16, class: u8) -> String {
    match (machine, class) {
        (62, 2) => "x86_64".to_owned(),
        (62, _) => "x32".to_owned(),
        (3, _) => "i386".to_owned(),
        (40, _) => "arm".to_owned(),
        (183, _) => "aarch64".to_owned(),
        (243, _) => "riscv".to_owned(),
        (21, _) => "ppc64".to_owned(),
        (number, _) => format!("ELF machine {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn check(bytes: &[u8], expected: &Expect) {
        expected.assert_eq(&objection(bytes).unwrap_or_else(|| "loadable".to_owned()));
    }

    fn header(class: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF".to_vec();
        bytes.extend([class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(kind.to_le_bytes());
        bytes.extend(machine.to_le_bytes());
        bytes
    }

    #[test]
    fn what_cannot_be_loaded_is_named() {
        check(b"", &expect!["the file is empty"]);
        check(
            b"/* GNU ld script */",
            &expect!["it is not a shared library (no ELF file)"],
        );
        check(
            b"!<arch>\n",
            &expect!["it is a static archive, not a shared library"],
        );
        check(b"\x7fELF\x02", &expect!["it is cut off in its first bytes"]);
        check(&header(2, 3, MACHINE), &expect!["loadable"]);
        check(
            &header(2, 1, MACHINE),
            &expect!["it is an ELF file, but not a shared library"],
        );
        let other = objection(&header(1, 3, 40)).unwrap();
        assert!(other.starts_with("it is made for arm, "), "{other}");
    }

    #[test]
    fn thread_starters_are_whole_names() {
        assert_eq!(
            thread_starter(b"\0pthread_create\0"),
            Some("pthread_create")
        );
        assert_eq!(thread_starter(b"\0pthread_created\0"), None);
        assert_eq!(thread_starter(b"short"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut elf = b"\x7fELF".to_vec();
            elf.extend(&bytes);
            prop_assert!(objection(&bytes).is_some() || bytes.starts_with(b"\x7fELF"));
            objection(&elf);
            thread_starter(&elf);
        }
    }
}
