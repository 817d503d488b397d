//! A data directory of a test's own, and what is in it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::stderr;

/// A directory with a data directory in it, where commands run.
pub(crate) struct Site {
    directory: TempDir,
    /// Whether commands run as an ordinary user, even if the tests do not.
    ordinary: bool,
}

impl Site {
    /// For commands of whoever runs the tests.
    pub(crate) fn new() -> Self {
        Self::make(false)
    }

    /// For commands of an ordinary user.
    pub(crate) fn ordinary() -> Self {
        Self::make(true)
    }

    fn make(ordinary: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let site = Self {
            directory,
            ordinary,
        };
        // The user need not be able to reach the target directory.
        fs::copy(env!("CARGO_BIN_EXE_bundle"), site.path("program")).unwrap();
        site.give(site.directory.path());
        site
    }

    /// Makes the user of the site the owner.
    pub(crate) fn give(&self, path: &Path) {
        if self.drops_root() {
            std::os::unix::fs::chown(path, Some(1000), Some(1000)).unwrap();
        }
    }

    fn drops_root(&self) -> bool {
        self.ordinary && fs::metadata("/proc/self").unwrap().uid() == 0
    }

    /// A path in the directory.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Where a sandbox is.
    pub(crate) fn root(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path("data").join(name)
    }

    /// `bundle` with these arguments, and nothing of the environment that steers it.
    pub(crate) fn command<T: AsRef<OsStr>>(&self, arguments: &[T]) -> Command {
        let mut command = if self.drops_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=1000", "--regid=1000", "--clear-groups"]);
            command.arg(self.path("program"));
            command
        } else {
            Command::new(self.path("program"))
        };
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("BENCHRUN_SYSCONF_PATH", self.path("etc"))
            .env("BENCHRUN_DATA_PATH", self.path("data"));
        command
    }

    pub(crate) fn run<T: AsRef<OsStr>>(&self, arguments: &[T]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `bundle`, which succeeds with this on stdout.
    #[track_caller]
    pub(crate) fn succeed<T: AsRef<OsStr>>(&self, arguments: &[T]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `bundle`, which fails in one line that says this.
    #[track_caller]
    pub(crate) fn refuse<T: AsRef<OsStr>>(&self, arguments: &[T], reason: &str) {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    /// What is being made or removed, or was left by the dead.
    pub(crate) fn drafts(&self) -> Vec<String> {
        match fs::read_dir(self.path("data/.benchrun/drafts")) {
            Ok(entries) => entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Makes an image of a tree, and of more that only root could make.
    ///
    /// # Panics
    /// Without squashfs-tools.
    pub(crate) fn image(&self, tree: &Path, name: &str, more: &[&str]) -> PathBuf {
        let image = self.path(name);
        let mut command = Command::new("mksquashfs");
        command.arg(tree).arg(&image);
        command.args([
            "-no-progress",
            "-quiet",
            "-comp",
            "zstd",
            "-Xcompression-level",
            "1",
        ]);
        for one in more {
            command.args(["-p", one]);
        }
        let output = command
            .output()
            .expect("mksquashfs (squashfs-tools) starts");
        assert!(output.status.success(), "{}", stderr(&output));
        image
    }
}

/// Everything about a tree that an image keeps.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut found = BTreeMap::new();
    look(root, root, &mut found);
    found
}

fn look(root: &Path, path: &Path, found: &mut BTreeMap<Vec<u8>, String>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let kind = metadata.file_type();
    let what = if kind.is_dir() {
        "directory".to_owned()
    } else if kind.is_symlink() {
        format!("link to {}", fs::read_link(path).unwrap().display())
    } else if kind.is_file() {
        let bytes = fs::read(path).unwrap();
        let sum: u64 = bytes
            .iter()
            .zip(1..)
            .map(|(byte, place)| u64::from(*byte) * place)
            .sum();
        let links = metadata.nlink();
        format!("file of {} bytes, {sum}, {links} links", bytes.len())
    } else {
        format!("fifo {}, device {}", kind.is_fifo(), metadata.rdev())
    };
    let mode = if kind.is_symlink() {
        0
    } else {
        metadata.permissions().mode()
    };
    let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
    let (uid, gid, time) = (metadata.uid(), metadata.gid(), metadata.mtime());
    found.insert(
        relative.to_vec(),
        format!("{what}, {mode:o}, {uid}:{gid}, {time}"),
    );
    if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(root, &entry.unwrap().path(), found);
        }
    }
}
