//! Writing fstabs, for tests alone: what is written of any mount has to be read as that mount.

use std::ffi::OsString;

use crate::flags::Change::Set;
use crate::flags::{MS_REC, option, propagation};
use crate::{Create, Mount, bytes};

/// Writes mounts as a fstab that [`parse_fstab`] reads as these.
pub(crate) fn print_fstab(mounts: &[Mount]) -> Vec<u8> {
    let mut out = Vec::new();
    for mount in mounts {
        let none = OsString::from("none");
        for field in [
            mount.source.as_ref().unwrap_or(&none),
            &mount.target,
            mount.fs_type.as_ref().unwrap_or(&none),
        ] {
            escape(bytes(field), &mut out);
            out.push(b' ');
        }
        escape(&print_options(mount), &mut out);
        out.extend(format!(" 0 {}\n", mount.pass).into_bytes());
    }
    out
}

fn print_options(mount: &Mount) -> Vec<u8> {
    let create = mount.create.map(|create| match create {
        Create::Directory => "x-create=dir",
        Create::File => "x-create=file",
        Create::Auto => "x-create=auto",
    });
    let words = [
        (mount.is_move, "x-move"),
        (mount.detach, "x-detach"),
        (mount.may_fail, "nofail"),
        (mount.silent, "silent"),
    ];
    let words = words
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| word);
    let mut options: Vec<&str> = vec!["defaults"];
    options.extend(create);
    options.extend(words);
    options.extend(names(mount.flags));
    options.extend(propagation_names(mount.propagation));
    let mut options = options.join(",").into_bytes();
    if !mount.data.is_empty() {
        options.push(b',');
        options.extend(bytes(&mount.data));
    }
    options
}

/// Writes a field so that it stays one and is not read as anything but itself.
fn escape(field: &[u8], out: &mut Vec<u8>) {
    for &byte in field {
        if byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'#' | b'$' | b':' | 0x0b) {
            out.extend(format!("\\{byte:03o}").into_bytes());
        } else {
            out.push(byte);
        }
    }
}

/// The names that set these bits, in the order that they are written in.
pub(crate) fn names(flags: u64) -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 15] = [
        "rbind",
        "bind",
        "remount",
        "ro",
        "nosuid",
        "nodev",
        "noexec",
        "sync",
        "mand",
        "dirsync",
        "noatime",
        "nodiratime",
        "relatime",
        "strictatime",
        "lazytime",
    ];
    let bind = if flags & MS_REC == 0 { "rbind" } else { "bind" };
    NAMES
        .into_iter()
        .chain(["iversion"])
        .filter(move |name| *name != bind)
        .filter(move |name| match option(name.as_bytes()) {
            Some(Set(bits)) => flags & bits == bits,
            _ => false,
        })
}

/// The names that spread mounts so.
fn propagation_names(bits: u64) -> impl Iterator<Item = &'static str> {
    const NAMES: [(&str, &str); 4] = [
        ("shared", "rshared"),
        ("slave", "rslave"),
        ("private", "rprivate"),
        ("unbindable", "runbindable"),
    ];
    NAMES
        .into_iter()
        .filter(move |(name, _)| propagation(name.as_bytes()).is_some_and(|one| bits & one != 0))
        .map(move |(name, below)| if bits & MS_REC == 0 { name } else { below })
}
