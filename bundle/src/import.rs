//! `bundle import`: from a container image to a squashfs image; and `bundle digest`.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use bundle_image::Compression;
use bundle_import::{
    Cache, Client, EngineImage, Layered, Limits, LocalSource, NoWatch, Options, Platform, Progress,
    Reference, Settings, Step, Summary, Watch, make_image, open_docker_archive, open_engine_image,
    open_oci, open_tar, parse_engine_image, parse_reference,
};
use clap::Args;
use indicatif::ProgressBar;

use crate::cli::source_date_epoch;
use crate::new_file::{NewFile, cannot_write, check_output};
use crate::progress::{bar, thread_count, transfer_bar};

/// An image that everybody may read.
const IMAGE_MODE: u32 = 0o644;

/// A file name ends before these.
const ARCHIVE_EXTENSIONS: [&str; 6] = [".tar.gz", ".tar.zst", ".tar.xz", ".tgz", ".tar", ".oci"];

/// What `bundle import` is to do.
#[derive(Debug, Clone, Args)]
pub struct ImportPlan {
    /// docker://[USER@][REGISTRY#]IMAGE[:TAG|@DIGEST], dockerd://IMAGE, podman://IMAGE, oci:DIRECTORY[:TAG],
    /// docker-archive:FILE[:NAME] or tar:FILE
    #[arg(value_name = "URI")]
    pub uri: String,
    /// The file to make [default: IMAGE+TAG.sqsh in this directory]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long)]
    pub force: bool,
    /// How much zstd compresses the image, 1 (fast) to 22 (small)
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: i32,
    /// Neither show progress nor say what was made
    #[arg(short, long)]
    pub quiet: bool,
    /// From where and for what.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// What `bundle digest` is to do.
#[derive(Debug, Clone, Args)]
pub struct DigestPlan {
    /// docker://[USER@][REGISTRY#]IMAGE[:TAG|@DIGEST]
    #[arg(value_name = "URI")]
    pub uri: String,
    /// From where and for what.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// What both share.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// Architecture of the image, such as x86_64 or arm64 [default: this host's]
    #[arg(short, long, value_name = "ARCH", value_parser = Platform::parse)]
    pub arch: Option<Platform>,
    /// Do without TLS if the registry has none: what it sends can then be read on its way, passwords too
    #[arg(long)]
    pub allow_http: bool,
}

/// Where an image comes from.
enum Source {
    Registry(Reference),
    Engine(EngineImage),
    Local(LocalSource),
}

/// Makes a squashfs image. The file appears whole or not at all; what has been downloaded stays in the cache.
///
/// # Errors
/// Says what could not be had, understood, or written.
pub fn import(plan: &ImportPlan) -> Result<()> {
    let source = source(&plan.uri)?;
    let output = match &plan.output {
        Some(output) => output.clone(),
        None => default_output(&source)?,
    };
    check_output(&output, plan.force)?;
    // What cannot be written is not downloaded.
    let new = NewFile::create(&output)?;
    let drawn = Drawn::new(plan.quiet);
    let layered = open(&source, plan, &output, &drawn)?;
    let options = Options {
        image: bundle_image::Options {
            compression: Compression::Zstd { level: plan.level },
            block_size_bytes: 128 << 10,
            thread_count: thread_count(),
            time_s: source_date_epoch()?,
        },
        limits: Limits::default(),
    };
    let made = make_image(&layered, new.file(), &options, &drawn);
    drawn.clear();
    let summary = made.with_context(|| format!("cannot import '{}'", plan.uri.escape_default()))?;
    new.file()
        .set_len(summary.size_bytes)
        .with_context(|| cannot_write(&output))?;
    new.keep(IMAGE_MODE, plan.force)?;
    if summary.xattrs_left_out > 0 {
        drawn.note(&format!(
            "{} extended attributes have no place in a squashfs image",
            summary.xattrs_left_out
        ));
    }
    if plan.quiet {
        return Ok(());
    }
    writeln!(io::stdout(), "{}", made_line(&output, &layered, summary)).context("cannot print")
}

/// Prints the digest of the manifest that an image has for a platform.
///
/// # Errors
/// If the registry does not say.
pub fn digest(plan: &DigestPlan) -> Result<()> {
    let reference = parse_reference(&plan.uri)?;
    let client = client(&plan.wanted, &NoWatch)?;
    let digest = client.digest(&reference, &platform(&plan.wanted))?;
    writeln!(io::stdout(), "{digest}").context("cannot print")
}

fn source(uri: &str) -> Result<Source> {
    Ok(match uri.split_once(':') {
        Some(("docker", _)) => Source::Registry(parse_reference(uri)?),
        Some(("dockerd" | "podman", _)) => Source::Engine(parse_engine_image(uri)?),
        _ => match LocalSource::parse(uri) {
            Some(local) => Source::Local(local),
            None => bail!(
                "cannot import '{}': it begins with none of docker://, dockerd://, podman://, oci:, docker-archive: and tar:",
                uri.escape_default()
            ),
        },
    })
}

fn default_output(source: &Source) -> Result<PathBuf> {
    let path = match source {
        Source::Registry(reference) => return Ok(reference.file_name().into()),
        Source::Engine(image) => return Ok(image.file_name().into()),
        Source::Local(
            LocalSource::Oci(path, _)
            | LocalSource::DockerArchive(path, _)
            | LocalSource::Tar(path)
            | LocalSource::Directory(path),
        ) => path,
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| {
        format!(
            "cannot name the image after '{}' (use --output)",
            path.display()
        )
    })?;
    let ends = |extension: &&str| name.len() > extension.len() && name.ends_with(*extension);
    let extension = ARCHIVE_EXTENSIONS
        .into_iter()
        .find(ends)
        .unwrap_or_default();
    let name = name.strip_suffix(extension).unwrap_or(name);
    Ok(format!("{name}.sqsh").into())
}

fn platform(wanted: &Wanted) -> Platform {
    wanted.arch.clone().unwrap_or_else(Platform::host)
}

/// Gets the image's layers, wherever they are.
fn open(source: &Source, plan: &ImportPlan, output: &Path, drawn: &Drawn) -> Result<Layered> {
    let platform = platform(&plan.wanted);
    let layered = match source {
        Source::Registry(reference) => {
            let cache = Cache::of_environment(&variable)?;
            let client = client(&plan.wanted, drawn)?;
            client.pull(reference, &platform, &plan.uri, &cache)?
        }
        Source::Engine(image) => {
            drawn.show(ProgressBar::new_spinner().with_message("saving the image"));
            let spool = spool_directory(output);
            open_engine_image(image, &platform, &spool, &variable, &|size_bytes| {
                drawn.received(size_bytes);
            })?
        }
        Source::Local(LocalSource::Oci(path, tag)) => open_oci(path, tag.as_deref(), &platform)?,
        Source::Local(LocalSource::DockerArchive(path, tag)) => {
            let spool = spool_directory(output);
            open_docker_archive(path, tag.as_deref(), &platform, &spool)?
        }
        Source::Local(LocalSource::Tar(path)) => open_tar(path)?,
        Source::Local(LocalSource::Directory(path)) => bail!(
            "cannot import '{}': directories are not supported yet (make a tar file of it)",
            path.display()
        ),
    };
    drawn.clear();
    Ok(layered)
}

fn client<'a>(wanted: &Wanted, watch: &'a dyn Watch) -> Result<Client<'a>> {
    let mut settings = Settings::of_environment(&variable)?;
    settings.allow_http |= wanted.allow_http;
    Ok(Client {
        settings,
        variables: &variable,
        ask_password: &|question| rpassword::prompt_password(question),
        watch,
    })
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Where an image lies that comes as one archive: beside what is made of it, which must have room, too.
fn spool_directory(output: &Path) -> PathBuf {
    if let Some(directory) = env::var_os("TMPDIR").filter(|directory| !directory.is_empty()) {
        return directory.into();
    }
    match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    }
}

fn made_line(output: &Path, layered: &Layered, summary: Summary) -> String {
    let origin = &layered.origin;
    let facts = [
        origin.platform.as_deref(),
        origin.manifest_digest.as_deref(),
    ];
    let facts: Vec<&str> = facts.into_iter().flatten().collect();
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(", {}", facts.join(", "))
    };
    format!(
        "made '{}': {:.1} MB with {} files of {:.1} MB{facts}",
        output.display(),
        summary.size_bytes as f64 / 1e6,
        summary.nodes,
        summary.contents_size_bytes as f64 / 1e6,
    )
}

/// One bar at a time, on a terminal, and notes in lines of their own.
struct Drawn {
    quiet: bool,
    bar: Mutex<ProgressBar>,
}

impl Drawn {
    fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bar: Mutex::new(ProgressBar::hidden()),
        }
    }

    fn bar(&self) -> ProgressBar {
        let bar = self.bar.lock();
        bar.unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn show(&self, bar: ProgressBar) {
        if self.quiet {
            return;
        }
        let shown = self.bar.lock();
        let mut shown = shown.unwrap_or_else(std::sync::PoisonError::into_inner);
        shown.finish_and_clear();
        *shown = bar;
    }

    fn clear(&self) {
        self.show(ProgressBar::hidden());
    }
}

impl Watch for Drawn {
    fn begin(&self, size_bytes: u64) {
        self.show(transfer_bar("downloading", size_bytes));
    }

    fn received(&self, size_bytes: u64) {
        self.bar().inc(size_bytes);
    }

    fn lost(&self, size_bytes: u64) {
        self.bar().dec(size_bytes);
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.bar().suspend(|| eprintln!("bundle: {text}"));
        }
    }
}

impl Progress for Drawn {
    fn begin(&self, step: Step, size_bytes: u64) {
        self.show(match step {
            Step::Merge => bar("reading the layers", size_bytes),
            Step::Write => bar("making the image", size_bytes),
        });
    }

    fn advance(&self, size_bytes: u64) {
        self.bar().inc(size_bytes);
    }
}
