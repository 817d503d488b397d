//! Containers for tests: a site with an image, a sandbox of it, and the program `bundle` started as the site's user.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::process::finish;
use crate::site::{Bundle, Site, Who, assert_code, bundle_program, copy};

/// A site with `image.sqsh`, and a sandbox of it called `box`.
#[derive(Debug)]
pub struct ContainerSite {
    /// The site.
    pub site: Site,
    program: PathBuf,
}

impl ContainerSite {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// If the sandbox cannot be made.
    pub fn new(who: Who) -> Self {
        let site = Site::new(who, Bundle::Image);
        let program = site.path("bundle/bundle");
        copy(&bundle_program(), &program);
        for directory in ["data", "data/benchrun", "config", "system"] {
            site.make_directory(directory);
        }
        let own = Self { site, program };
        let target = own.sandbox();
        let target = target.to_str().expect("a path");
        assert_code(&own.site.run("", &["--extract", "--target", target]), 0);
        own
    }

    /// The sandbox's directory.
    pub fn sandbox(&self) -> PathBuf {
        self.site.path("data/benchrun/box")
    }

    /// The image's file.
    pub fn image(&self) -> String {
        self.site.path("image.sqsh").to_string_lossy().into_owned()
    }

    /// `bundle` with these words.
    pub fn command<S: AsRef<OsStr>>(&self, rung: &str, words: &[S]) -> Command {
        let mut command = self.site.command_of(rung, &self.program, words);
        command
            .env("XDG_DATA_HOME", self.site.path("data"))
            .env("BENCHRUN_CONFIG_PATH", self.site.path("config"))
            .env("BENCHRUN_SYSCONF_PATH", self.site.path("system"));
        command
    }

    /// Runs `bundle` with these words.
    pub fn run<S: AsRef<OsStr>>(&self, rung: &str, words: &[S]) -> Output {
        finish(self.command(rung, words))
    }

    /// Runs a shell's script in a container that is started with these options.
    pub fn shell(&self, options: &[&str], what: &str, script: &str) -> Output {
        let line = [&["start"], options, &[what, "sh", "-c", script]].concat();
        self.run("", &line)
    }

    /// Writes a file of configuration, or one in the sandbox, that belongs to the user.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        use std::os::unix::fs::{PermissionsExt, chown};
        let path = self.site.path(path);
        let directory = path.parent().expect("a directory");
        std::fs::create_dir_all(directory).expect("a directory");
        crate::site::write_executable(&path, text.as_bytes());
        let id = Some(self.site.who.id());
        chown(&path, id, id).expect("chown");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        path
    }
}

/// Checks something with a site of everybody who can have a private namespace here.
pub fn for_everybody(test: &str, check: impl Fn(&ContainerSite)) {
    for who in Who::all() {
        if who.can_climb("2") {
            let site = ContainerSite::new(*who);
            check(&site);
            crate::leftovers::assert_nothing_left(&site.site);
        } else {
            crate::skip(test, &format!("{who:?} can have no namespace here"));
        }
    }
}
