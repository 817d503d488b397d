//! The command line, and turning its flags into a plan.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use bundle_container::settings;
use bundle_format::{ContainerInfo, is_name};
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::configuration;
use crate::configuration::ConfigPlan;
use crate::container_configuration;
use crate::create::CreatePlan;
use crate::exec::ExecPlan;
use crate::export::ExportPlan;
use crate::gather::Include;
use crate::image::ImageOptions;
use crate::import::{DigestPlan, ImportPlan};
use crate::inspect::InspectPlan;
use crate::keys::KeygenPlan;
use crate::list::ListPlan;
use crate::pack::{PackPlan, Packed};
use crate::remove::RemovePlan;
use crate::root_fs::RootFs;
use crate::sign::SignPlan;
use crate::start::{BatchPlan, StartPlan};
use crate::verify::VerifyPlan;

/// Makes, runs and edits container images and sandboxes, and self-running files of them or of plain programs
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a squashfs image of a container image, from a registry, an engine, or files
    Import(ImportPlan),
    /// Print the digest of the manifest that an image in a registry has
    Digest(DigestPlan),
    /// Make a sandbox of an image: a root file system that can be changed and started
    Create(CreatePlan),
    /// Start a container from a sandbox or an image
    Start(StartPlan),
    /// Execute a command in a container that runs
    Exec(ExecPlan),
    /// Start a container from a configuration that names its root file system
    Batch(BatchPlan),
    /// List the sandboxes
    List(ListPlan),
    /// Make an image of a sandbox
    Export(ExportPlan),
    /// Remove sandboxes
    Remove(RemovePlan),
    /// Pack a program with its loader and libraries, an image or a sandbox, into one executable file
    Pack(PackFlags),
    /// Show what a bundle holds
    Inspect(InspectPlan),
    /// Check every byte of a bundle, and who has signed it, without executing it
    Verify(VerifyPlan),
    /// Make a pair of keys to sign with and to check with, in minisign's formats
    Keygen(KeygenPlan),
    /// Sign a bundle
    Sign(SignPlan),
    /// Show the settings that are in force, and where each is from
    Config(ConfigPlan),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a directory, or print that of the program
    #[command(hide = true)]
    Man {
        /// The directory, which exists
        directory: Option<PathBuf>,
    },
}

/// The flags of `bundle pack`, as given.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("packed").required(true).args(["exe", "image", "what"])))]
pub struct PackFlags {
    /// What to pack: a squashfs image, or the name of a sandbox
    #[arg(value_name = "IMAGE|NAME")]
    what: Option<OsString>,
    /// The program to pack
    #[arg(long, value_name = "PATH")]
    exe: Option<PathBuf>,
    /// The squashfs image to pack; the same as naming it without an option
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// What the bundle is, in a few words
    #[arg(short, long = "desc", value_name = "TEXT", conflicts_with = "exe")]
    description: Option<String>,
    /// Where the bundle's --keep and --extract unpack the image, with ${VARIABLE}s [default: a directory named like it]
    #[arg(short, long, value_name = "DIR", conflicts_with = "exe")]
    target: Option<String>,
    /// Pack the user's environ.d, mounts.d and settings too, besides the system's
    #[arg(short, long, conflicts_with = "exe")]
    all: bool,
    /// Also pack the file or directory SRC as DST in the image (may be repeated)
    #[arg(long, value_name = "SRC:DST", value_parser = parse_include, conflicts_with_all = ["image", "what"])]
    include: Vec<Include>,
    /// Also pack a library that the program loads by name when it runs, beside the program's own, with what it needs (may be
    /// repeated)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "what"])]
    library: Vec<PathBuf>,
    /// Set a variable for the payload unless its user has set it (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// What the bundle calls itself [default: the file name of what is packed]
    #[arg(long)]
    name: Option<String>,
    /// How the image of a program is compressed
    #[arg(long, value_enum, default_value_t = Compression::Zstd, conflicts_with_all = ["image", "what"])]
    codec: Compression,
    /// Compression level, 1 (fast) to 22 (small)
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=22), conflicts_with_all = ["image", "what"])]
    level: i32,
    /// Size of the pieces that are compressed one by one: 4K to 1M
    #[arg(long, value_name = "SIZE", default_value = "128K", value_parser = parse_block_size, conflicts_with_all = ["image", "what"])]
    block_size: u32,
    /// The file to make [default: what is packed, without its extension and with .run, in this directory]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long)]
    force: bool,
    /// Use another launcher than the one built in
    #[arg(long, value_name = "FILE")]
    launcher: Option<PathBuf>,
    /// Of an image: what is executed unless the bundle's command line says otherwise
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "exe")]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compression {
    Zstd,
}

impl PackFlags {
    /// Checks the flags against each other and the environment.
    ///
    /// # Errors
    /// If no usable name follows from the file name of what is packed, or `SOURCE_DATE_EPOCH` is no number.
    pub fn plan(self) -> Result<PackPlan> {
        let Compression::Zstd = self.codec;
        let (path, packed) = if let Some(executable) = self.exe {
            let options = ImageOptions {
                level: self.level,
                block_size_bytes: self.block_size,
            };
            let packed = Packed::Program {
                executable: executable.clone(),
                includes: self.include,
                libraries: self.library,
                options,
            };
            (executable, packed)
        } else {
            let settings = configuration::load()?;
            let source = match self.image {
                Some(image) => RootFs::Image(image),
                None => RootFs::find(&self.what.unwrap_or_default(), &settings, "pack")?,
            };
            let all = self.all || settings.is_on(&settings::BUNDLE_ALL);
            let container = ContainerInfo {
                description: self.description.unwrap_or_default(),
                target: self.target.unwrap_or_default(),
                ..container_configuration::packed(&settings, all)?
            };
            let path = source.path().to_owned();
            let packed = Packed::Image {
                source,
                command: self.command,
                container,
            };
            (path, packed)
        };
        let name = match self.name {
            Some(name) => name,
            None => name_after(&path, &packed)?,
        };
        if !is_name(&name) {
            bail!(
                "cannot name the bundle '{}': a name is 1 to 64 of letters, digits, '.', '_', '-', \
                 not beginning with '.' or '-' (use --name)",
                name.escape_default()
            );
        }
        Ok(PackPlan {
            packed,
            environment: self.env.into_iter().collect(),
            name,
            created_s: source_date_epoch()?.into(),
            output: self.output.unwrap_or_else(|| output_after(&path)),
            replace: self.force,
            launcher: self.launcher,
        })
    }
}

/// A program's name is all of its file name; an image's ends before the extension.
fn name_after(path: &Path, packed: &Packed) -> Result<String> {
    let name = match packed {
        Packed::Image {
            source: RootFs::Image(_),
            ..
        } => path.file_stem(),
        Packed::Program { .. } | Packed::Image { .. } => path.file_name(),
    };
    let name = name.and_then(|name| name.to_str());
    // Imported images are called `team+tool+1.0.sqsh`, Enroot's way; names of bundles have no plus sign.
    name.map(|name| name.replace('+', "-")).with_context(|| {
        format!(
            "cannot name the bundle after '{}' (use --name)",
            path.display()
        )
    })
}

fn output_after(path: &Path) -> PathBuf {
    // A directory's name has no extension, whatever dots are in it.
    let name = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    let mut output = name.unwrap_or_default().to_owned();
    output.push(".run");
    output.into()
}

/// Prints a completion script.
///
/// # Errors
/// If nobody takes it.
pub fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bundle", &mut script);
    io::stdout().write_all(&script).context("cannot print")
}

/// Writes a manual page of the program and one of each command into a directory, or prints the program's.
///
/// # Errors
/// If it cannot be written.
pub fn man(directory: Option<&Path>) -> Result<()> {
    let command = Cli::command().name("bundle");
    if let Some(directory) = directory {
        return clap_mangen::generate_to(command, directory)
            .with_context(|| format!("cannot write manual pages to '{}'", directory.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .and_then(|()| io::stdout().write_all(&page))
        .context("cannot print")
}

/// squashfs counts the seconds since 1970 in 32 bits.
pub(crate) fn source_date_epoch() -> Result<u32> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(0);
    };
    let text = text.to_string_lossy();
    text.parse().with_context(|| {
        format!("cannot use SOURCE_DATE_EPOCH: '{text}' is not a number of seconds below 2^32")
    })
}

fn parse_include(text: &str) -> Result<Include> {
    let (source, destination) = text
        .rsplit_once(':')
        .ok_or_else(|| anyhow!("expected SRC:DST, for example /etc/hosts:etc/hosts"))?;
    if source.is_empty() {
        bail!("expected SRC:DST, but SRC is empty");
    }
    Ok(Include {
        source: source.into(),
        destination: image_path(destination)?,
    })
}

/// A path in the image as the manifest wants it: relative, without `.`, `..` or empty parts.
fn image_path(text: &str) -> Result<String> {
    let path = text.trim_matches('/');
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        bail!("'{text}' is not a path inside the image (no '.', '..' or empty parts)");
    }
    Ok(path.to_owned())
}

fn parse_variable(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => bail!("expected NAME=VALUE"),
    }
}

fn parse_block_size(text: &str) -> Result<u32> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text
            .strip_suffix(['M', 'm'])
            .map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let size_bytes = digits
        .parse::<u32>()
        .ok()
        .and_then(|count| count.checked_mul(unit));
    size_bytes
        .filter(|size| size.is_power_of_two() && (4096..=1 << 20).contains(size))
        .ok_or_else(|| anyhow!("expected a power of two from 4K to 1M"))
}
