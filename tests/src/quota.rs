//! A control group with a quota of CPU time, to run a bundle in.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The period of all quotas here, the kernel's own choice.
const PERIOD_US: u32 = 100_000;

/// A control group of the tests' own, removed when this value goes. Whoever was started in it must have ended by then.
#[derive(Debug)]
pub struct QuotaGroup {
    directory: PathBuf,
}

impl QuotaGroup {
    /// A group that gets this much CPU time in each period of 100 ms, in version 1 or 2, whichever has the controller.
    ///
    /// # Errors
    ///
    /// Says why there can be none: mostly who is not root may make none.
    pub fn new(name: &str, quota_us: u32) -> Result<Self, String> {
        let top = Path::new("/sys/fs/cgroup");
        let old = ["cpu", "cpu,cpuacct"].map(|controller| top.join(controller));
        let parent = old
            .into_iter()
            .find(|parent| parent.join("cgroup.procs").exists());
        let (parent, is_old) = parent.map_or_else(|| (top.to_owned(), false), |it| (it, true));
        if !is_old {
            // Groups below have the controller once it is handed down.
            let _ = fs::write(top.join("cgroup.subtree_control"), "+cpu");
        }
        let directory = parent.join(format!("benchrun-{name}-{}", std::process::id()));
        let failed = |error| format!("no control group {}: {error}", directory.display());
        fs::create_dir(&directory).map_err(failed)?;
        let group = Self { directory };
        let written = if is_old {
            group
                .write("cpu.cfs_period_us", &PERIOD_US.to_string())
                .and_then(|()| group.write("cpu.cfs_quota_us", &quota_us.to_string()))
        } else {
            group.write("cpu.max", &format!("{quota_us} {PERIOD_US}"))
        };
        // The value is here already, so that a group without a quota is removed, too.
        written.map(|()| group)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.directory.join(file);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// The command, run in this group.
    #[must_use]
    pub fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(r#"echo $$ > "$0" && exec "$@""#);
        command.arg(self.directory.join("cgroup.procs"));
        command.arg(inner.get_program()).args(inner.get_args());
        if let Some(directory) = inner.get_current_dir() {
            command.current_dir(directory);
        }
        let set = |(name, value): (&OsStr, Option<&OsStr>)| {
            if let Some(value) = value {
                command.env(name, value);
            } else {
                command.env_remove(name);
            }
        };
        inner.get_envs().for_each(set);
        command
    }
}

impl Drop for QuotaGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}
