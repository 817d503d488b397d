//! The command line, and turning its flags into a plan.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use bundle_format::is_name;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::gather::Include;
use crate::image::ImageOptions;
use crate::import::{DigestPlan, ImportPlan};
use crate::inspect::InspectPlan;
use crate::keys::KeygenPlan;
use crate::pack::{PackPlan, Packed};
use crate::sign::SignPlan;
use crate::verify::VerifyPlan;

/// Makes one self-running file out of a program and everything that it needs to run
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
    /// Pack a program with its loader and libraries, or an image, into one executable file
    Pack(PackFlags),
    /// Make a squashfs image of a container image, from a registry, an engine, or files
    Import(ImportPlan),
    /// Print the digest of the manifest that an image in a registry has
    Digest(DigestPlan),
    /// Show what a bundle holds
    Inspect(InspectPlan),
    /// Check every byte of a bundle, and who has signed it, without executing it
    Verify(VerifyPlan),
    /// Make a pair of keys to sign with and to check with, in minisign's formats
    Keygen(KeygenPlan),
    /// Sign a bundle
    Sign(SignPlan),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The flags of `bundle pack`, as given.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["exe", "image"])))]
pub struct PackFlags {
    /// The program to pack
    #[arg(long, value_name = "PATH")]
    exe: Option<PathBuf>,
    /// The squashfs image to pack, a root file system of its own, as it is
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Also pack the file or directory SRC as DST in the image (may be repeated)
    #[arg(long, value_name = "SRC:DST", value_parser = parse_include, conflicts_with = "image")]
    include: Vec<Include>,
    /// Set a variable for the payload unless its user has set it (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// What the bundle calls itself [default: the file name of what is packed]
    #[arg(long)]
    name: Option<String>,
    /// How the image of a program is compressed
    #[arg(long, value_enum, default_value_t = Compression::Zstd, conflicts_with = "image")]
    codec: Compression,
    /// Compression level, 1 (fast) to 22 (small)
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=22), conflicts_with = "image")]
    level: i32,
    /// Size of the pieces that are compressed one by one: 4K to 1M
    #[arg(long, value_name = "SIZE", default_value = "128K", value_parser = parse_block_size, conflicts_with = "image")]
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
    /// With --image: what is executed unless the bundle's command line says otherwise
    #[arg(
        last = true,
        value_name = "COMMAND",
        requires = "image",
        conflicts_with = "exe"
    )]
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
        let (path, packed) = match (self.exe, self.image) {
            (Some(executable), _) => (
                executable.clone(),
                Packed::Program {
                    executable,
                    includes: self.include,
                    options: ImageOptions {
                        level: self.level,
                        block_size_bytes: self.block_size,
                    },
                },
            ),
            (None, Some(image)) => (
                image.clone(),
                Packed::Image {
                    image,
                    command: self.command,
                },
            ),
            (None, None) => bail!("nothing to pack (use --exe or --image)"),
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
        Packed::Program { .. } => path.file_name(),
        Packed::Image { .. } => path.file_stem(),
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
    let mut output = path.file_stem().unwrap_or_default().to_owned();
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
