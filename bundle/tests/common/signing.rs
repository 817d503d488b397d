//! A bundle, keys, and the programs that sign.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{make_image, refuse_in, sample, stderr, succeed_in};

/// A directory with a bundle `x.run` and two pairs of keys, `own` and `other`, without passwords.
pub(crate) struct Scratch(pub(crate) tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn bundle(&self, arguments: &[&str]) -> String {
        succeed_in(self.0.path(), arguments)
    }

    #[track_caller]
    pub(crate) fn refuse(&self, arguments: &[&str], reason: &str) {
        refuse_in(self.0.path(), arguments, 1, reason);
    }

    /// Runs Debian's minisign.
    pub(crate) fn try_minisign(&self, arguments: &[&str]) -> Output {
        Command::new("minisign")
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("minisign (minisign) starts")
    }

    #[track_caller]
    pub(crate) fn minisign(&self, arguments: &[&str]) -> String {
        let output = self.try_minisign(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A public key in base64, and its id.
    pub(crate) fn key(&self, public: &str) -> (String, String) {
        let text = String::from_utf8(self.read(public)).unwrap();
        let mut lines = text.lines();
        let id = lines.next().unwrap().rsplit(' ').next().unwrap().to_owned();
        (lines.next().unwrap().to_owned(), id)
    }

    /// Signs `x.run` and returns its bytes.
    pub(crate) fn signed(&self) -> Vec<u8> {
        self.bundle(&["sign", "-s", "own.key", "x.run"]);
        self.read("x.run")
    }
}

/// A file's permissions.
pub(crate) fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}
