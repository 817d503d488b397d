//! What is mounted in a tree, which must not be removed with it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Something that is mounted on `path` or below it, for this process.
pub(crate) fn mounted_in(path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).ok()?;
    find(&fs::read("/proc/self/mountinfo").ok()?, &path)
}

/// The first mount point of a mountinfo, see proc(5), that is this path or below it.
fn find(mountinfo: &[u8], path: &Path) -> Option<PathBuf> {
    mountinfo
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(4))
        .map(|field| PathBuf::from(OsString::from_vec(unescaped(field))))
        .find(|mount_point| mount_point.starts_with(path))
}

/// The kernel writes blanks, tabs, line breaks and backslashes with three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..3).and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                out.push(byte);
                rest = &after[3..];
            }
            _ => out.push(first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mountinfo: &[u8], path: &str, expected: Option<&str>) {
        assert_eq!(
            find(mountinfo, Path::new(path)),
            expected.map(PathBuf::from)
        );
    }

    #[test]
    fn mount_points_below_are_found() {
        let mountinfo = b"22 1 8:1 / / rw - ext4 /dev/sda rw\n\
                          23 22 0:5 / /data/a\\040b/mnt rw shared:2 - tmpfs tmpfs rw\n\
                          24 22 0:6 / /data/sx rw - tmpfs tmpfs rw\n";
        check(mountinfo, "/data/a b", Some("/data/a b/mnt"));
        check(mountinfo, "/data/a b/mnt", Some("/data/a b/mnt"));
        check(mountinfo, "/data/s", None);
        check(mountinfo, "/data/sx", Some("/data/sx"));
        check(b"\n1 2\nx \\", "/", None);
        assert!(mounted_in(Path::new("/")).is_some());
    }
}
