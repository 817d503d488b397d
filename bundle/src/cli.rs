//! The command line, and turning its flags into a plan.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::gather::Include;
use crate::image::ImageOptions;
use crate::pack::PackPlan;

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
    /// Pack a program, its dynamic loader and its libraries into one executable file
    Pack(PackFlags),
    /// Show what a bundle holds
    Inspect {
        /// The bundle
        file: PathBuf,
        /// Print the manifest as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check every byte of a bundle, without executing it
    Verify {
        /// The bundle
        file: PathBuf,
    },
}

/// The flags of `bundle pack`, as given.
#[derive(Debug, Args)]
pub struct PackFlags {
    /// The program to pack
    #[arg(long, value_name = "PATH")]
    exe: PathBuf,
    /// Also pack the file or directory SRC as DST in the image (may be repeated)
    #[arg(long, value_name = "SRC:DST", value_parser = parse_include)]
    include: Vec<Include>,
    /// Set a variable for the program unless its user has set it (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// What the bundle calls itself [default: the program's file name]
    #[arg(long)]
    name: Option<String>,
    /// How the image is compressed
    #[arg(long, value_enum, default_value_t = Codec::Zstd)]
    codec: Codec,
    /// Compression level, 1 (fast) to 22 (small)
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=22))]
    level: i32,
    /// Size of the pieces that are compressed one by one: 4K to 1M
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = parse_block_size)]
    block_size: u32,
    /// The file to make
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace FILE if it exists
    #[arg(short, long)]
    force: bool,
    /// Use another launcher than the one built in
    #[arg(long, value_name = "FILE")]
    launcher: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Codec {
    Zstd,
}

impl PackFlags {
    /// Checks the flags against each other and the environment.
    ///
    /// # Errors
    /// If the name that follows from the program's file name is unusable, or `SOURCE_DATE_EPOCH` is no number.
    pub fn plan(self) -> Result<PackPlan> {
        let Codec::Zstd = self.codec;
        let file_name = self.exe.file_name().and_then(|name| name.to_str());
        let name = match (self.name, file_name) {
            (Some(name), _) => name,
            (None, Some(name)) => name.to_owned(),
            (None, None) => bail!(
                "cannot name the bundle after '{}' (use --name)",
                self.exe.display()
            ),
        };
        Ok(PackPlan {
            executable: self.exe,
            includes: self.include,
            environment: self.env.into_iter().collect(),
            name,
            created_s: source_date_epoch()?,
            image: ImageOptions {
                level: self.level,
                block_size_bytes: self.block_size,
            },
            output: self.output,
            replace: self.force,
            launcher: self.launcher,
        })
    }
}

/// squashfs counts the seconds since 1970 in 32 bits.
fn source_date_epoch() -> Result<u64> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(0);
    };
    let text = text.to_string_lossy();
    let seconds: u32 = text.parse().with_context(|| {
        format!("cannot use SOURCE_DATE_EPOCH: '{text}' is not a number of seconds below 2^32")
    })?;
    Ok(u64::from(seconds))
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
