//! `bundle export`: a sandbox becomes an image.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_container::Settings;
use bundle_container::settings::{
    FORCE_OVERRIDE, MAX_PROCESSORS, SQUASH_BLOCK_SIZE, SQUASH_CODEC, SQUASH_LEVEL,
};
use bundle_image::{Compression, ImageWriter, Kind, Node, Options, Ownership, ScanOptions, scan};
use clap::Args;
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use crate::cli::source_date_epoch;
use crate::configuration::load;
use crate::new_file::{NewFile, check_output};
use crate::progress::{bar, spinner, thread_count};
use crate::store::{SandboxName, Store, quoted};

/// What `bundle export` is to make.
#[derive(Debug, Clone, Args)]
pub struct ExportPlan {
    /// The sandbox
    pub name: OsString,
    /// The image to make [default: NAME.sqsh, in this directory]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long)]
    pub force: bool,
}

/// Makes an image of a sandbox. The file appears whole or not at all.
///
/// For an ordinary user all files become root's, whose they stand for. What is below `/dev`, what Enroot leaves in a sandbox
/// of its own, and what mounts have left behind (files and directories without any mode) stay out.
///
/// # Errors
/// If there is no such sandbox, something in it cannot be read or changes meanwhile, or the file exists (and is not to be
/// replaced) or cannot be written.
pub fn export(plan: &ExportPlan) -> Result<()> {
    let settings = load()?;
    let store = Store::of(&settings)?;
    let name = SandboxName::parse(&plan.name)?;
    let output = plan.output.clone().unwrap_or_else(|| {
        let mut file = name.as_os_str().to_owned();
        file.push(".sqsh");
        file.into()
    });
    let replace = plan.force || settings.is_on(&FORCE_OVERRIDE);
    store.find(&name)?;
    check_output(&output, replace)?;
    let _shared = store.share(&name)?;
    let root = store.find(&name)?;
    let cannot_export = || format!("cannot export the sandbox '{name}'");

    let image = NewFile::create(&output)?;
    write_image(&root, image.file(), &settings).with_context(cannot_export)?;
    image.keep(0o666 & !users_mask(), replace)
}

/// Writes an image of the root file system in a directory to an empty file, and returns its size.
pub(crate) fn write_image(root: &Path, mut out: &File, settings: &Settings) -> Result<u64> {
    let scanning = spinner(format!("looking through {}", quoted(root)));
    let keep_xattr = |name: &[u8]| name.starts_with(b"user.") || name == b"security.capability";
    let (tree, files) = scan(
        root,
        &ScanOptions {
            ownership: if geteuid().is_root() {
                Ownership::Kept
            } else {
                Ownership::AllRoot
            },
            exclude: &stays_out,
            keep_xattr: &keep_xattr,
            cross_mounts: false,
        },
    )?;
    scanning.finish_and_clear();
    let mut writer = ImageWriter::new(&mut out, options(settings)?)?;
    let bar = bar("compressing", files.size_bytes());
    files.feed(&tree, &mut writer, &mut |size_bytes| bar.inc(size_bytes))?;
    bar.finish_and_clear();
    let size_bytes = writer.finish(&tree)?;
    out.set_len(size_bytes).context("cannot cut the image")?;
    Ok(size_bytes)
}

/// What is no part of the image: as with Enroot.
fn stays_out(path: &Path, node: &Node) -> bool {
    let is_empty = match &node.kind {
        Kind::Directory(_) => true,
        Kind::File { size_bytes, .. } => *size_bytes == 0,
        _ => false,
    };
    let is_left_behind = matches!(node.metadata.mode & 0o7777, 0) && is_empty;
    let is_enroots = path == Path::new(".enroot") || path == Path::new(".lock");
    path.parent() == Some(Path::new("dev")) || is_left_behind || is_enroots
}

/// How images are made, by the settings.
pub(crate) fn options(settings: &Settings) -> Result<Options> {
    let level = settings.number(&SQUASH_LEVEL);
    let level = level.map(|level| i32::try_from(level).unwrap_or(i32::MAX));
    let codec = &settings.get(&SQUASH_CODEC).value;
    let (compression, levels) = match codec.to_str() {
        Some("gzip") => {
            let level = level.unwrap_or(6);
            (Compression::Gzip { level }, 1..=12)
        }
        Some("lz4") => {
            let level = level.unwrap_or(0);
            (Compression::Lz4 { level }, 0..=12)
        }
        Some("none") => (Compression::Stored, 0..=i32::MAX),
        _ => {
            let level = level.unwrap_or(ZSTD_LEVEL);
            (Compression::Zstd { level }, 1..=22)
        }
    };
    if let Some(level) = level.filter(|level| !levels.contains(level)) {
        let value = settings.get(&SQUASH_LEVEL);
        bail!(
            "cannot compress with {} at level {level}: it has {} to {} (the level is from {})",
            codec.display(),
            levels.start(),
            levels.end(),
            value.origin
        );
    }
    let block_size_bytes = settings.number(&SQUASH_BLOCK_SIZE).unwrap_or(128 << 10);
    let threads = settings.number(&MAX_PROCESSORS).filter(|count| *count > 0);
    Ok(Options {
        compression,
        block_size_bytes: u32::try_from(block_size_bytes).unwrap_or(u32::MAX),
        thread_count: threads.map_or_else(thread_count, |count| count.min(256) as usize),
        time_s: source_date_epoch()?,
    })
}

/// zstd's level where nobody says another: smaller than Enroot's images, and made faster.
const ZSTD_LEVEL: i32 = 9;

fn users_mask() -> u32 {
    let mask = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(mask);
    mask.bits()
}
