//! `bundle pack`: from a program, or from an image, to one executable file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_format::{
    ContainerInfo, Digest, FORMAT_VERSION, HashTree, ImageInfo, LauncherInfo, Layout, Manifest,
    Payload, write_head, write_tail,
};
use bundle_squashfs::Image;

use crate::configuration::load;
use crate::copy::copy;
use crate::export::write_image;
use crate::gather::{Content, Include, Tree, gather};
use crate::image::{ImageOptions, make_image};
use crate::new_file::{NewFile, cannot_write, check_output};
use crate::open::open_file;
use crate::progress::{bar, spinner, thread_count};
use crate::root_fs::RootFs;
use crate::source::FileSource;
use crate::{LAUNCHER, elf};

/// An executable that everybody may run.
const BUNDLE_MODE: u32 = 0o755;

/// What `bundle pack` is to do, checked.
#[derive(Debug, Clone)]
pub struct PackPlan {
    /// What is packed.
    pub packed: Packed,
    /// Variables that are set for the payload unless its user has set them.
    pub environment: BTreeMap<String, String>,
    /// What the bundle calls itself.
    pub name: String,
    /// The time that the bundle bears, and everything in it that is made for it; seconds since 1970.
    pub created_s: u64,
    /// The file to make.
    pub output: PathBuf,
    /// Replace the file if it exists.
    pub replace: bool,
    /// A launcher to use instead of the built-in one.
    pub launcher: Option<PathBuf>,
}

/// What is packed.
#[derive(Debug, Clone)]
pub enum Packed {
    /// A program and what it needs, in an image that is made for it.
    Program {
        /// The program.
        executable: PathBuf,
        /// What is packed besides.
        includes: Vec<Include>,
        /// Libraries that the program loads when it runs.
        libraries: Vec<PathBuf>,
        /// How the image is compressed.
        options: ImageOptions,
    },
    /// A root file system in an image that exists.
    Image {
        /// The image, or a sandbox of which one is made.
        source: RootFs,
        /// What is executed in it unless the command line says otherwise; may be empty.
        command: Vec<String>,
        /// What else the bundle says about its container.
        container: ContainerInfo,
    },
}

/// Packs a bundle. The file appears whole or not at all.
///
/// # Errors
/// Says what could not be read, found, or written.
pub fn pack(plan: &PackPlan) -> Result<()> {
    check_output(&plan.output, plan.replace)?;
    let launcher = launcher_bytes(plan)?;
    match &plan.packed {
        Packed::Program {
            executable,
            includes,
            libraries,
            options,
        } => {
            check_machines(&launcher, executable)?;
            for library in libraries {
                check_machines(&launcher, library)?;
            }
            let (tree, payload) = gather(executable, libraries, includes)?;
            let compressing = spinner(format!("compressing {:.1} MB", size_of(&tree) as f64 / 1e6));
            let image = make_image(&tree, *options, plan.created_s)?;
            compressing.finish_and_clear();
            let info = image_info(image.len() as u64, "zstd", options.block_size_bytes);
            write(
                plan,
                &launcher,
                manifest(plan, &launcher, info, payload),
                |mut out| {
                    out.write_all(&image)
                        .with_context(|| cannot_write(&plan.output))
                },
            )
        }
        Packed::Image {
            source,
            command,
            container,
        } => {
            elf::machine_of(&launcher, Path::new("launcher"))?;
            let payload = Payload::Image {
                command: command.clone(),
                container: container.clone(),
            };
            let path = source.path();
            let (file, size_bytes) = match source {
                RootFs::Image(image) => open_file(image)?,
                RootFs::Directory(directory) => export_unnamed(directory, &plan.output)?,
            };
            check_is_not(&file, &plan.output)?;
            let info = examine(&file, size_bytes)
                .with_context(|| format!("cannot pack '{}'", path.display()))?;
            write(
                plan,
                &launcher,
                manifest(plan, &launcher, info, payload),
                |out| {
                    copy(&file, size_bytes, out).with_context(|| {
                        format!(
                            "cannot copy '{}' to '{}'",
                            path.display(),
                            plan.output.display()
                        )
                    })
                },
            )
        }
    }
}

/// An image of a sandbox in a file beside the bundle that has no name and goes with this process.
fn export_unnamed(directory: &Path, output: &Path) -> Result<(File, u64)> {
    let cannot_pack = || format!("cannot pack '{}'", directory.display());
    let mut image = NewFile::create(output)?.into_file();
    let size_bytes = write_image(directory, &image, &load()?).with_context(cannot_pack)?;
    image.rewind().with_context(cannot_pack)?;
    Ok((image, size_bytes))
}

/// Packing an image does not replace it.
fn check_is_not(image: &File, output: &Path) -> Result<()> {
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    if let (Ok(image), Ok(output_metadata)) = (image.metadata(), fs::metadata(output))
        && place(image) == place(output_metadata)
    {
        bail!(
            "{}: it is the image itself (use --output to name another file)",
            cannot_write(output)
        );
    }
    Ok(())
}

fn launcher_bytes(plan: &PackPlan) -> Result<Cow<'static, [u8]>> {
    match &plan.launcher {
        None => Ok(LAUNCHER.into()),
        Some(path) => fs::read(path)
            .map(Cow::Owned)
            .with_context(|| format!("cannot read the launcher '{}'", path.display())),
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

fn size_of(tree: &Tree) -> usize {
    let sizes = tree.values().map(|content| match content {
        Content::File { bytes, .. } => bytes.len(),
        _ => 0,
    });
    sizes.sum()
}

/// What an image says about itself. Its superblock and the tables that opening needs are read, and its root.
fn examine(file: &File, size_bytes: u64) -> Result<ImageInfo> {
    let source = FileSource { file, size_bytes };
    let image = Image::open(&source)?;
    image.inode(image.root())?;
    let superblock = image.superblock();
    Ok(image_info(
        size_bytes,
        superblock.codec.name(),
        superblock.block_size_bytes,
    ))
}

/// The root of the hash tree is filled in when the image has been written; it always takes the same room.
fn image_info(size_bytes: u64, codec: &str, block_size_bytes: u32) -> ImageInfo {
    ImageInfo {
        size_bytes,
        tree_blake3: Digest::from_bytes([0; 32]),
        codec: codec.to_owned(),
        block_size_bytes,
    }
}

fn manifest(plan: &PackPlan, launcher: &[u8], image: ImageInfo, payload: Payload) -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        name: plan.name.clone(),
        created_s: plan.created_s,
        packer: concat!("bundle ", env!("CARGO_PKG_VERSION")).to_owned(),
        launcher: LauncherInfo {
            size_bytes: launcher.len() as u64,
            blake3: Digest::of(launcher),
        },
        image,
        payload,
        environment: plan.environment.clone(),
    }
}

/// Writes the bundle from front to back. `write_image` writes the image; what is hashed is what then stands in the file.
fn write(
    plan: &PackPlan,
    launcher: &[u8],
    mut manifest: Manifest,
    write_image: impl FnOnce(&File) -> Result<()>,
) -> Result<()> {
    let image_size_bytes = manifest.image.size_bytes;
    let manifest_size_bytes = manifest.encode()?.len() as u64;
    let layout = Layout::new(
        launcher.len() as u64,
        image_size_bytes,
        manifest_size_bytes,
        0,
    )?;
    let new = NewFile::create(&plan.output)?;
    let mut file = new.file();
    write_head(launcher, &mut file).with_context(|| cannot_write(&plan.output))?;
    write_image(file)?;

    let progress = bar("hashing", image_size_bytes);
    let start = layout.image().start;
    let tree = HashTree::build(file, start, image_size_bytes, thread_count(), &|bytes| {
        progress.inc(bytes);
    });
    progress.finish_and_clear();
    let tree = tree.with_context(|| format!("cannot read '{}' again", plan.output.display()))?;
    manifest.image.tree_blake3 = tree.root();
    let mut out = BufWriter::new(file);
    write_tail(layout, &mut tree.as_bytes(), &manifest, &[], &mut out)
        .and_then(|_| out.flush().map_err(bundle_format::FormatError::Write))
        .with_context(|| cannot_write(&plan.output))?;
    drop(out);
    new.keep(BUNDLE_MODE, plan.replace)
}
