//! Choosing the directory that the image is unpacked on, so that nothing of the host's gets hidden.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories that are usually there and usually empty.
///
/// The first is a mount point that procfs itself provides and that nothing can ever be written to, so covering it
/// cannot take a result away that the user wanted to keep. The others are for hosts without it.
const CANDIDATES: [&str; 6] = [
    "/proc/fs/nfsd",
    "/sys/fs/fuse/connections",
    "/mnt",
    "/media",
    "/srv",
    "/opt",
];

/// What must stay visible.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeepVisible {
    /// Device and inode of directories in use: the working directory and the home directory.
    directories: Vec<(u64, u64)>,
    /// Words that may name a file to be written: the arguments and the values of variables.
    words: Vec<OsString>,
}

impl KeepVisible {
    /// The working directory, the home directory, and whatever `arguments` and the environment name.
    pub(crate) fn of_process(arguments: &[OsString]) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let directories = [Some(PathBuf::from(".")), home].into_iter().flatten();
        let directories = directories.filter_map(|path| identity(&path)).collect();
        let variables = std::env::vars_os().map(|(_, value)| value);
        Self {
            directories,
            words: arguments.iter().cloned().chain(variables).collect(),
        }
    }

    fn is_hidden_by(&self, mount_point: &Path) -> bool {
        let place = mount_point.as_os_str().as_bytes();
        let names_it = |word: &OsString| {
            word.as_bytes()
                .windows(place.len())
                .any(|window| window == place)
        };
        identity(mount_point).is_none_or(|identity| self.directories.contains(&identity))
            || self.words.iter().any(names_it)
    }
}

/// The candidates that are empty directories and hide nothing, best first.
pub(crate) fn suitable(keep: &KeepVisible) -> impl Iterator<Item = &'static Path> {
    CANDIDATES
        .iter()
        .map(Path::new)
        .filter(|path| is_empty_directory(path) && !keep.is_hidden_by(path))
}

/// An empty directory can contain neither the working directory nor the bundle: only be one of them.
fn is_empty_directory(path: &Path) -> bool {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    is_directory && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_an_argument_names_stays_visible() {
        let keep = KeepVisible {
            directories: vec![],
            words: vec!["--out=/proc/fs/nfsd/x".into()],
        };
        assert!(keep.is_hidden_by(Path::new("/proc/fs/nfsd")));
        assert!(!keep.is_hidden_by(Path::new("/sys")));
    }

    #[test]
    fn a_directory_in_use_stays_visible() {
        let scratch = tempfile::tempdir().unwrap();
        let keep = KeepVisible {
            directories: identity(scratch.path()).into_iter().collect(),
            words: vec![],
        };
        assert!(keep.is_hidden_by(scratch.path()));
        assert!(is_empty_directory(scratch.path()));
        fs::write(scratch.path().join("file"), "").unwrap();
        assert!(!is_empty_directory(scratch.path()));
    }
}
