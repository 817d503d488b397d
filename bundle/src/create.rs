//! `bundle create`: an image becomes a sandbox.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_container::Settings;
use bundle_container::settings::{FORCE_OVERRIDE, MAX_PROCESSORS};
use bundle_runtime::{Ownership, unpack_entries};
use bundle_squashfs::{Image, InodeKind, WalkEntry};
use clap::Args;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::geteuid;

use crate::configuration::load;
use crate::open::open_file;
use crate::progress::{bar, thread_count};
use crate::running::{pids, running_in};
use crate::source::FileSource;
use crate::store::{Draft, SandboxName, Store, quoted};

/// More threads do not unpack faster: the file system is the bottleneck.
const THREAD_COUNT_MAX: usize = 16;

/// What `bundle create` is to make.
#[derive(Debug, Clone, Args)]
pub struct CreatePlan {
    /// The squashfs image
    pub image: PathBuf,
    /// Name of the sandbox [default: IMAGE's file name without .sqsh]
    #[arg(short, long)]
    pub name: Option<OsString>,
    /// Replace a sandbox of this name
    #[arg(short, long)]
    pub force: bool,
}

/// Makes a sandbox of an image. Whatever ends this process, there is the whole sandbox, or what there was before.
///
/// # Errors
/// If the image cannot be read, the sandbox exists (and is not to be replaced) or is in use, or there is no room for it.
pub fn create(plan: &CreatePlan) -> Result<()> {
    let settings = load()?;
    let store = Store::of(&settings)?;
    let name = match &plan.name {
        Some(name) => SandboxName::parse(name)?,
        None => SandboxName::of_image(&plan.image)?,
    };
    let replace = plan.force || settings.is_on(&FORCE_OVERRIDE);
    let root = store.root_of(&name);
    check_target(&root, replace)?;
    let (file, size_bytes) = open_file(&plan.image)?;
    let source = FileSource {
        file: &file,
        size_bytes,
    };
    let cannot_unpack = || format!("cannot unpack {}", quoted(&plan.image));
    let image = Image::open(&source).with_context(cannot_unpack)?;
    store.make()?;
    let Some(_lock) = store.lock(&name)? else {
        bail!("cannot replace the sandbox '{name}': it is in use (end what runs there first)");
    };
    // While this one waited, another may have made it.
    check_target(&root, replace)?;
    let processes = running_in(&store, &name);
    if replace && !processes.is_empty() && root.exists() {
        let pids = pids(&processes);
        bail!("cannot replace the sandbox '{name}': processes run in it: {pids} (end them first)");
    }
    let draft = Draft::begin(&store)?;
    let entries = image.walk().with_context(cannot_unpack)?;
    fill(&draft.root(), &image, &entries, &settings).with_context(cannot_unpack)?;
    tell_left_out(&draft.root(), &entries);
    if replace {
        draft.replace(&root)
    } else {
        draft.place(&root)
    }
}

fn check_target(root: &Path, replace: bool) -> Result<()> {
    if !replace && fs::symlink_metadata(root).is_ok() {
        bail!("{} exists (use --force to replace it)", quoted(root));
    }
    Ok(())
}

/// Unpacks the image into a new directory.
fn fill(root: &Path, image: &Image<'_>, entries: &[WalkEntry], settings: &Settings) -> Result<()> {
    let ownership = if geteuid().is_root() {
        Ownership::OfImage
    } else {
        Ownership::OfCaller
    };
    // Files get the modes of the image, whatever the user's mask is. This program has one thread here.
    nix::sys::stat::umask(Mode::empty());
    fs::create_dir(root).with_context(|| format!("cannot make {}", quoted(root)))?;
    let directory = File::open(root).with_context(|| format!("cannot open {}", quoted(root)))?;
    let size_bytes = entries.iter().map(|entry| match &entry.inode.kind {
        InodeKind::File(file) => file.size_bytes,
        _ => 0,
    });
    let bar = bar("unpacking", size_bytes.sum());
    let threads = match settings.number(&MAX_PROCESSORS) {
        None | Some(0) => thread_count(),
        Some(count) => usize::try_from(count).unwrap_or(THREAD_COUNT_MAX),
    };
    unpack_entries(
        image,
        entries,
        directory.as_fd(),
        ownership,
        threads.min(THREAD_COUNT_MAX),
        &|size_bytes| bar.inc(size_bytes),
    )?;
    bar.finish_and_clear();
    finish(root, image, entries, ownership)
}

/// What unpacking for a single run leaves out: extended attributes, sticky directories, and the root's own attributes.
fn finish(
    root: &Path,
    image: &Image<'_>,
    entries: &[WalkEntry],
    ownership: Ownership,
) -> Result<()> {
    for entry in entries {
        let path = root.join(&entry.path);
        set_xattrs(&path, image, entry, ownership)?;
        let is_directory = matches!(entry.inode.kind, InodeKind::Directory(_));
        let is_root = entry.path.as_os_str().is_empty();
        let is_sticky = ownership == Ownership::OfCaller && entry.inode.mode & 0o1000 != 0;
        if is_directory && (is_root || is_sticky) {
            let kept = if ownership == Ownership::OfImage {
                0o7777
            } else {
                0o1777
            };
            let mode = u32::from(entry.inode.mode) & kept | 0o700;
            let set = fs::set_permissions(&path, Permissions::from_mode(mode));
            set.with_context(|| format!("cannot set the mode of {}", quoted(&path)))?;
        }
        if is_root && ownership == Ownership::OfImage {
            let (uid, gid) = (entry.inode.uid, entry.inode.gid);
            std::os::unix::fs::chown(&path, Some(uid), Some(gid))
                .with_context(|| format!("cannot set the owner of {}", quoted(&path)))?;
        }
    }
    if let Some(entry) = entries.first() {
        let time = TimeSpec::new(entry.inode.modified_s.into(), 0);
        let flags = UtimensatFlags::NoFollowSymlink;
        utimensat(nix::fcntl::AT_FDCWD, root, &time, &time, flags)
            .with_context(|| format!("cannot set the time of {}", quoted(root)))?;
    }
    Ok(())
}

/// Sets what programs keep in attributes, and for root what a file may do. A file system need not have any.
fn set_xattrs(
    path: &Path,
    image: &Image<'_>,
    entry: &WalkEntry,
    ownership: Ownership,
) -> Result<()> {
    if matches!(entry.inode.kind, InodeKind::Symlink(_)) {
        return Ok(());
    }
    for (name, value) in image.xattrs(&entry.inode)? {
        let name = String::from_utf8_lossy(&name).into_owned();
        let is_wanted = name.starts_with("user.")
            || (ownership == Ownership::OfImage && name == "security.capability");
        if is_wanted {
            // Where the file is read-only, or the file system has none: a sandbox without them is what Enroot makes.
            let _ = xattr::set(path, name, &value);
        }
    }
    Ok(())
}

/// Says what could not be made: devices for ordinary users, and sockets.
fn tell_left_out(root: &Path, entries: &[WalkEntry]) {
    let is_device =
        |kind: &InodeKind| matches!(kind, InodeKind::BlockDevice(_) | InodeKind::CharDevice(_));
    let count = entries
        .iter()
        .filter(|entry| is_device(&entry.inode.kind))
        .filter(|entry| fs::symlink_metadata(root.join(&entry.path)).is_err())
        .count();
    match count {
        0 => {}
        1 => {
            eprintln!("bundle: one device of the image is left out (only root can make it)");
        }
        _ => {
            eprintln!(
                "bundle: {count} devices of the image are left out (only root can make them)"
            );
        }
    }
}
