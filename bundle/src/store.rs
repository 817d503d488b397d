//! The data directory: sandboxes, each a directory of its own name, and beside them what we note about them.
//!
//! ```text
//! DATA/NAME                    a sandbox: the root file system itself, nothing of ours in it
//! DATA/.benchrun/NAME.lock     locked by whoever makes, replaces or removes NAME; shared by whoever uses it
//! DATA/.benchrun/drafts/ID     what is being made or removed; swept by the next command if its maker is dead
//! DATA/.benchrun/drafts/ID.lock  locked as long as its maker lives
//! ```

mod draft;
mod lock;
mod mounted;
mod name;
mod remove_tree;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bundle_container::settings::{DATA_PATH, Setting};
use bundle_container::{Origin, Settings};

use crate::configuration::variable;

pub(crate) use draft::{Draft, sweep};
pub(crate) use lock::Lock;
pub(crate) use name::SandboxName;

/// Where our own notes are, in the data directory.
const NOTES: &str = ".benchrun";
/// How often a command looks whether another one has ended.
const WAIT: Duration = Duration::from_millis(50);

/// The data directory of a user. It need not be there until something is made in it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    data: PathBuf,
}

impl Store {
    /// The one that the settings name.
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        let is_set = settings.get(&DATA_PATH).origin != Origin::Default;
        if !is_set && variable("HOME").is_none() && variable("XDG_DATA_HOME").is_none() {
            let Setting { name, .. } = DATA_PATH;
            bail!("cannot find the data directory: nothing says where it is (set HOME or {name})");
        }
        Ok(Self {
            data: settings.path(&DATA_PATH),
        })
    }

    /// The one at this path.
    #[cfg(test)]
    fn at(data: PathBuf) -> Self {
        Self { data }
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.data
    }

    /// Where the sandbox of this name is, or would be.
    pub(crate) fn root_of(&self, name: &SandboxName) -> PathBuf {
        self.data.join(name.as_os_str())
    }

    /// Where the sandbox of this name is. It is there.
    pub(crate) fn find(&self, name: &SandboxName) -> Result<PathBuf> {
        let root = self.root_of(name);
        match fs::symlink_metadata(&root) {
            Ok(metadata) if metadata.is_dir() => Ok(root),
            Ok(_) => bail!("{} is not a sandbox: it is no directory", quoted(&root)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "there is no sandbox '{name}' in {} (`bundle list` shows those that there are)",
                quoted(&self.data)
            ),
            Err(error) => Err(error).with_context(|| format!("cannot look at {}", quoted(&root))),
        }
    }

    /// The names of all sandboxes, sorted.
    pub(crate) fn names(&self) -> Result<Vec<SandboxName>> {
        let cannot_list = || format!("cannot list {}", quoted(&self.data));
        let entries = match fs::read_dir(&self.data) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(cannot_list),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(cannot_list)?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                names.extend(SandboxName::parse(&entry.file_name()).ok());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Makes the directory and what belongs to it, for the user alone.
    pub(crate) fn make(&self) -> Result<()> {
        let drafts = self.drafts();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&drafts)
            .with_context(|| {
                let Setting { name, .. } = DATA_PATH;
                format!(
                    "cannot make {} (set {name} to another place)",
                    quoted(&drafts)
                )
            })
    }

    /// Keeps everybody else from making, replacing, removing or using the sandbox of this name; waits for those who make or
    /// remove it. None as long as somebody uses it.
    pub(crate) fn lock(&self, name: &SandboxName) -> Result<Option<Lock>> {
        let path = self.lock_path(name);
        let cannot_lock = || format!("cannot lock {}", quoted(&path));
        let mut has_said = false;
        loop {
            if let Some(lock) = Lock::exclusive(&path).with_context(cannot_lock)? {
                return Ok(Some(lock));
            }
            // Whoever uses a sandbox shares the lock, and would share it with us.
            if Lock::shared(&path).with_context(cannot_lock)?.is_some() {
                return Ok(None);
            }
            if !has_said {
                eprintln!("bundle: waiting for another command that works on '{name}'");
                has_said = true;
            }
            thread::sleep(WAIT);
        }
    }

    /// Keeps others from replacing or removing the sandbox of this name while it is used; waits for those who are about to.
    pub(crate) fn share(&self, name: &SandboxName) -> Result<Lock> {
        self.make()?;
        let path = self.lock_path(name);
        loop {
            let lock = Lock::shared(&path);
            if let Some(lock) = lock.with_context(|| format!("cannot lock {}", quoted(&path)))? {
                return Ok(lock);
            }
            thread::sleep(WAIT);
        }
    }

    fn lock_path(&self, name: &SandboxName) -> PathBuf {
        let mut file = name.as_os_str().to_owned();
        file.push(".lock");
        self.data.join(NOTES).join(file)
    }

    fn drafts(&self) -> PathBuf {
        self.data.join(NOTES).join("drafts")
    }
}

/// A path for a message.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", crate::text::escaped(&path.to_string_lossy()))
}
