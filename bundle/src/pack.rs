//! `bundle pack`: from a program to one executable file.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bundle_format::{
    Digest, FORMAT_VERSION, FileEntry, ImageInfo, LauncherInfo, Manifest, Parts, Payload, assemble,
};
use indicatif::ProgressBar;

use crate::gather::{Content, Include, Tree, gather};
use crate::image::{ImageOptions, make_image};
use crate::{LAUNCHER, elf};

/// What `bundle pack` is to do, checked.
#[derive(Debug, Clone)]
pub struct PackPlan {
    /// The program.
    pub executable: PathBuf,
    /// What is packed besides.
    pub includes: Vec<Include>,
    /// Variables that are set for the program unless its user has set them.
    pub environment: BTreeMap<String, String>,
    /// What the bundle calls itself.
    pub name: String,
    /// The time that the bundle and everything in it bears, seconds since 1970.
    pub created_s: u64,
    /// How the image is compressed.
    pub image: ImageOptions,
    /// The file to make.
    pub output: PathBuf,
    /// Replace the file if it exists.
    pub replace: bool,
    /// A launcher to use instead of the built-in one.
    pub launcher: Option<PathBuf>,
}

/// Packs a program. The file appears whole or not at all.
///
/// # Errors
/// Says what could not be read, found, or written.
pub fn pack(plan: &PackPlan) -> Result<()> {
    if !plan.replace && plan.output.symlink_metadata().is_ok() {
        bail!(
            "cannot write '{}': it exists (use --force to replace it)",
            plan.output.display()
        );
    }
    let launcher = launcher_bytes(plan)?;
    check_machines(&launcher, &plan.executable)?;
    let (tree, payload) = gather(&plan.executable, &plan.includes)?;
    let progress = progress(&tree);
    let image = make_image(&tree, plan.image, plan.created_s)?;
    progress.finish_and_clear();
    let manifest = manifest(plan, &tree, payload, &launcher, &image);
    let parts = Parts {
        launcher: &launcher,
        image: &image,
        manifest: &manifest,
    };
    write(&plan.output, plan.replace, parts)
}

fn launcher_bytes(plan: &PackPlan) -> Result<Vec<u8>> {
    match &plan.launcher {
        None => Ok(LAUNCHER.to_vec()),
        Some(path) => {
            fs::read(path).with_context(|| format!("cannot read the launcher '{}'", path.display()))
        }
    }
}

fn check_machines(launcher: &[u8], executable: &Path) -> Result<()> {
    let bytes =
        fs::read(executable).with_context(|| format!("cannot read '{}'", executable.display()))?;
    let launcher = elf::machine_of(launcher, Path::new("launcher"))?;
    let program = elf::machine_of(&bytes, executable)?;
    if program != launcher {
        bail!(
            "cannot pack '{}': it is made for {program}, but the launcher for {launcher} (use --launcher)",
            executable.display()
        );
    }
    Ok(())
}

/// Compression takes seconds: somebody at a terminal sees that, and nobody else does.
fn progress(tree: &Tree) -> ProgressBar {
    let size_bytes: usize = tree
        .values()
        .map(|content| match content {
            Content::File { bytes, .. } => bytes.len(),
            _ => 0,
        })
        .sum();
    // Draws nothing unless stderr is a terminal.
    let progress = ProgressBar::new_spinner();
    progress.set_message(format!("compressing {:.1} MB", size_bytes as f64 / 1e6));
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}

fn manifest(
    plan: &PackPlan,
    tree: &Tree,
    payload: Payload,
    launcher: &[u8],
    image: &[u8],
) -> Manifest {
    let file = |(path, content): (&String, &Content)| match content {
        Content::File { bytes, .. } => Some(FileEntry {
            path: path.clone(),
            size_bytes: bytes.len() as u64,
            blake3: Digest::of(bytes),
        }),
        _ => None,
    };
    Manifest {
        format_version: FORMAT_VERSION,
        name: plan.name.clone(),
        created_s: plan.created_s,
        packer: concat!("bundle ", env!("CARGO_PKG_VERSION")).to_owned(),
        launcher: LauncherInfo {
            size_bytes: launcher.len() as u64,
            blake3: Digest::of(launcher),
        },
        image: ImageInfo {
            size_bytes: image.len() as u64,
            blake3: Digest::of(image),
            codec: "zstd".to_owned(),
            block_size_bytes: plan.image.block_size_bytes,
        },
        payload,
        environment: plan.environment.clone(),
        files: tree.iter().filter_map(file).collect(),
    }
}

/// Writes to a file of another name beside it, and gives it its name when it is complete and on the disk.
fn write(output: &Path, replace: bool, parts: Parts<'_>) -> Result<()> {
    let cannot_write = || format!("cannot write '{}'", output.display());
    let directory = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".bundle-")
        .permissions(Permissions::from_mode(0o755))
        .tempfile_in(directory)
        .with_context(cannot_write)?;
    let mut out = BufWriter::new(&file);
    assemble(parts, &mut out).with_context(cannot_write)?;
    out.flush().with_context(cannot_write)?;
    drop(out);
    // The umask may have taken away what every user needs to run it.
    file.as_file()
        .set_permissions(Permissions::from_mode(0o755))
        .with_context(cannot_write)?;
    file.as_file().sync_all().with_context(cannot_write)?;
    let named = if replace {
        file.persist(output)
    } else {
        file.persist_noclobber(output)
    };
    named
        .map(drop)
        .map_err(|failed| failed.error)
        .with_context(cannot_write)
}
