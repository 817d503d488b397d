//! What is being made or removed, out of sight, and sweeping up what the dead have left of that.
//!
//! A draft lives as long as its lock file is locked. Its maker takes the lock before it makes the directory, and removes the
//! lock file after the directory; whoever sweeps takes the lock first. So nothing that lives is swept, and nothing that is
//! dead stays.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::mounted::mounted_in;
use super::remove_tree::remove_tree;
use super::{Lock, Store, quoted};

/// A place for a tree that is not yet, or no longer, a sandbox. Whatever is in it when it is dropped is removed.
#[derive(Debug)]
pub(crate) struct Draft {
    directory: PathBuf,
    lock: Option<Lock>,
}

impl Draft {
    /// Makes an empty one, once what the dead have left is gone.
    pub(crate) fn begin(store: &Store) -> Result<Self> {
        store.make()?;
        sweep(store);
        let drafts = store.drafts();
        Self::make(&drafts).with_context(|| format!("cannot write to {}", quoted(&drafts)))
    }

    fn make(drafts: &Path) -> io::Result<Self> {
        loop {
            let file = tempfile::Builder::new()
                .prefix("")
                .suffix(".lock")
                .tempfile_in(drafts)?;
            let (_, path) = file.keep().map_err(|failed| failed.error)?;
            // In this moment a sweeper may have been quicker.
            if let Some(lock) = Lock::exclusive(&path)? {
                let directory = path.with_extension("");
                fs::create_dir(&directory)?;
                return Ok(Self {
                    directory,
                    lock: Some(lock),
                });
            }
        }
    }

    /// Where the tree goes; nothing is there yet.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Gives the tree its place, where nothing is yet.
    pub(crate) fn place(self, target: &Path) -> Result<()> {
        rename_new(&self.root(), target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                anyhow::anyhow!("{} exists (use --force to replace it)", quoted(target))
            }
            _ => anyhow::Error::new(error).context(format!("cannot make {}", quoted(target))),
        })
    }

    /// Gives the tree its place, and removes what has been there.
    pub(crate) fn replace(self, target: &Path) -> Result<()> {
        let cannot_replace = || format!("cannot replace {}", quoted(target));
        refuse_mounts(target).with_context(cannot_replace)?;
        make_movable(target);
        loop {
            let exchanged = renameat2(
                AT_FDCWD,
                &self.root(),
                AT_FDCWD,
                target,
                RenameFlags::RENAME_EXCHANGE,
            );
            match exchanged {
                Ok(()) => break,
                Err(Errno::ENOENT) => match rename_new(&self.root(), target) {
                    Ok(()) => break,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error).with_context(cannot_replace),
                },
                Err(Errno::EINVAL | Errno::ENOSYS) => {
                    self.replace_in_two_steps(target)
                        .with_context(cannot_replace)?;
                    break;
                }
                Err(errno) => return Err(errno).with_context(cannot_replace),
            }
        }
        self.remove()
    }

    /// For file systems that cannot exchange names. Whoever ends this between the steps has the next command put the old tree
    /// back, see [`restore`].
    fn replace_in_two_steps(&self, target: &Path) -> io::Result<()> {
        let old = self.directory.join("old");
        fs::create_dir_all(&old)?;
        let old = old.join(target.file_name().unwrap_or_default());
        fs::rename(target, &old)?;
        fs::rename(self.root(), target).or_else(|error| {
            fs::rename(&old, target)?;
            Err(error)
        })
    }

    /// Takes the sandbox away from its place, and removes it.
    pub(crate) fn take(self, sandbox: &Path) -> Result<()> {
        let cannot_remove = || format!("cannot remove {}", quoted(sandbox));
        refuse_mounts(sandbox).with_context(cannot_remove)?;
        make_movable(sandbox);
        fs::rename(sandbox, self.root()).with_context(cannot_remove)?;
        self.remove()
    }

    fn remove(mut self) -> Result<()> {
        let directory = std::mem::take(&mut self.directory);
        let removed = remove_tree(&directory);
        let lock = self.lock.take();
        if let Err(error) = removed {
            let is_mount = error.raw_os_error() == Some(Errno::EXDEV as i32);
            let remedy = if is_mount {
                " (something is mounted in it: unmount that)"
            } else {
                ""
            };
            bail!("cannot remove {}: {error}{remedy}", quoted(&directory));
        }
        if let Some(lock) = lock {
            lock.remove();
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else {
            return;
        };
        // What cannot be removed keeps its lock file, so that the next command tries again.
        if remove_tree(&self.directory).is_ok() {
            lock.remove();
        }
    }
}

/// Removes what the dead have left, and puts back what one of them had only half replaced. What cannot be removed is left.
pub(crate) fn sweep(store: &Store) {
    let drafts = store.drafts();
    let Ok(entries) = fs::read_dir(&drafts) else {
        return;
    };
    let mut ids: Vec<OsString> = entries
        .filter_map(Result::ok)
        .map(|entry| match Path::new(&entry.file_name()) {
            name if name.extension() == Some(OsStr::new("lock")) => name.with_extension("").into(),
            name => name.as_os_str().to_owned(),
        })
        .collect();
    ids.sort();
    ids.dedup();
    for id in ids {
        let directory = drafts.join(&id);
        let mut lock_name = id;
        lock_name.push(".lock");
        let Ok(Some(lock)) = Lock::exclusive(&drafts.join(lock_name)) else {
            continue;
        };
        restore(store, &directory);
        if remove_tree(&directory).is_ok() {
            lock.remove();
        }
    }
}

/// Puts back the sandbox that a dead command had moved away to replace it, unless it got as far as to do so.
fn restore(store: &Store, draft: &Path) {
    let Ok(entries) = fs::read_dir(draft.join("old")) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let _ = rename_new(&entry.path(), &store.path().join(entry.file_name()));
    }
}

/// Renames, and never replaces.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // A file system that cannot promise that. A directory replaces nothing but an empty one anyway.
        Err(Errno::EINVAL | Errno::ENOSYS) => match fs::symlink_metadata(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error),
        },
        renamed => Ok(renamed?),
    }
}

/// A tree is removed as a whole or not begun with.
fn refuse_mounts(path: &Path) -> Result<()> {
    match mounted_in(path) {
        None => Ok(()),
        Some(mount) => bail!("something is mounted on {} (unmount it)", quoted(&mount)),
    }
}

/// A directory can go to another one only if its owner may write to it.
fn make_movable(path: &Path) {
    if let Ok(metadata) = fs::symlink_metadata(path)
        && metadata.is_dir()
        && metadata.permissions().mode() & 0o700 != 0o700
    {
        let mode = metadata.permissions().mode() | 0o700;
        let _ = fs::set_permissions(path, Permissions::from_mode(mode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Site {
        _base: tempfile::TempDir,
        store: Store,
    }

    impl Site {
        fn new() -> Self {
            let base = tempfile::tempdir().unwrap();
            let store = Store::at(base.path().join("data"));
            store.make().unwrap();
            Self { _base: base, store }
        }

        /// A draft with a tree that says this.
        fn draft(&self, content: &str) -> Draft {
            let draft = Draft::begin(&self.store).unwrap();
            fs::create_dir(draft.root()).unwrap();
            fs::write(draft.root().join("content"), content).unwrap();
            draft
        }

        fn target(&self) -> PathBuf {
            self.store.path().join("s")
        }

        fn content(&self) -> Option<String> {
            fs::read_to_string(self.target().join("content")).ok()
        }

        fn draft_count(&self) -> usize {
            fs::read_dir(self.store.drafts()).unwrap().count()
        }
    }

    #[test]
    fn a_tree_gets_its_place_or_goes() {
        let site = Site::new();
        drop(site.draft("dropped"));
        assert_eq!((site.content(), site.draft_count()), (None, 0));
        site.draft("first").place(&site.target()).unwrap();
        site.draft("second")
            .place(&site.target())
            .expect_err("it is there");
        assert_eq!(site.content().as_deref(), Some("first"));
        site.draft("third").replace(&site.target()).unwrap();
        assert_eq!(site.content().as_deref(), Some("third"));
        Draft::begin(&site.store)
            .unwrap()
            .take(&site.target())
            .unwrap();
        site.draft("fourth").replace(&site.target()).unwrap();
        assert_eq!(site.content().as_deref(), Some("fourth"));
        assert_eq!(site.draft_count(), 0);
    }

    #[test]
    fn only_the_dead_are_swept() {
        let site = Site::new();
        let alive = site.draft("alive");
        let dead = site.store.drafts().join("dead");
        fs::create_dir_all(dead.join("root/deep")).unwrap();
        fs::write(site.store.drafts().join("dead.lock"), "").unwrap();
        fs::create_dir(site.store.drafts().join("without a lock")).unwrap();
        fs::write(site.store.drafts().join("only.lock"), "").unwrap();
        sweep(&site.store);
        assert!(alive.root().exists());
        assert_eq!(site.draft_count(), 2, "the living one and its lock");
        drop(alive);
        assert_eq!(site.draft_count(), 0);
    }

    /// Where names cannot be exchanged, a command may die when the old tree is away and the new one not yet there.
    #[test]
    fn what_is_half_replaced_comes_back() {
        let site = Site::new();
        site.draft("old").place(&site.target()).unwrap();
        let draft = site.draft("new");
        draft.replace_in_two_steps(&site.target()).unwrap();
        assert_eq!(site.content().as_deref(), Some("new"));
        // It dies now: the old tree is not needed any more.
        let mut draft = draft;
        drop(draft.lock.take());
        sweep(&site.store);
        assert_eq!(
            (site.content().as_deref(), site.draft_count()),
            (Some("new"), 0)
        );
        // It dies between the steps.
        let mut draft = site.draft("newer");
        fs::create_dir(draft.directory.join("old")).unwrap();
        fs::rename(site.target(), draft.directory.join("old/s")).unwrap();
        drop(draft.lock.take());
        sweep(&site.store);
        assert_eq!(
            (site.content().as_deref(), site.draft_count()),
            (Some("new"), 0)
        );
    }
}
