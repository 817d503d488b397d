//! `bundle import`: from a container image to a squashfs image; and `bundle digest`.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use bundle_container::settings::{self, FORCE_OVERRIDE, Kind};
use bundle_container::{Origin as SetBy, Settings as InForce};
use bundle_image::{Compression, Ownership};
use bundle_import::{
    Cache, Client, EngineImage, Layered, Limits, LocalSource, NoWatch, Options, Origin, Platform,
    Progress, Reference, Settings, Step, Summary, Variables, Watch, make_directory_image,
    make_image, open_docker_archive, open_engine_image, open_oci, open_tar, parse_engine_image,
    parse_reference,
};
use clap::Args;
use indicatif::ProgressBar;
use nix::unistd::geteuid;

use crate::configuration::load;
use crate::export::options as image_options;
use crate::new_file::{NewFile, cannot_write, check_output};
use crate::progress::{bar, transfer_bar};

/// An image that everybody may read.
const IMAGE_MODE: u32 = 0o644;

/// A file name ends before these.
const ARCHIVE_EXTENSIONS: [&str; 6] = [".tar.gz", ".tar.zst", ".tar.xz", ".tgz", ".tar", ".oci"];

/// What `bundle import` is to do.
#[derive(Debug, Clone, Args)]
pub struct ImportPlan {
    /// Where the image is.
    #[arg(
        value_name = "URI",
        help = "docker://[USER@][REGISTRY#]IMAGE[:TAG|@DIGEST], dockerd://IMAGE, podman://IMAGE, oci:DIRECTORY[:TAG], \
                docker-archive:FILE[:NAME], tar:FILE or dir:DIRECTORY"
    )]
    pub uri: String,
    /// The file to make [default: IMAGE+TAG.sqsh in this directory]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace FILE if it exists
    #[arg(short, long)]
    pub force: bool,
    /// How much zstd compresses the image, 1 (fast) to 22 (small) [default: as the settings say, or 9]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub level: Option<i32>,
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
    /// Where the image is.
    #[arg(
        value_name = "URI",
        help = "docker://[USER@][REGISTRY#]IMAGE[:TAG|@DIGEST]"
    )]
    pub uri: String,
    /// From where and for what.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// What both share.
#[derive(Debug, Clone, Args)]
pub struct Wanted {
    /// Architecture of the image, such as aarch64 or amd64 [default: this host's]
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
    let in_force = load()?;
    let source = source(&plan.uri)?;
    let output = match &plan.output {
        Some(output) => output.clone(),
        None => default_output(&source)?,
    };
    let replace = plan.force || in_force.is_on(&FORCE_OVERRIDE);
    check_output(&output, replace)?;
    // What cannot be written is not downloaded.
    let new = NewFile::create(&output)?;
    let drawn = Drawn::new(plan.quiet);
    let made = make(&source, plan, &in_force, &output, &new, &drawn);
    drawn.clear();
    let (summary, origin) = made?;
    new.file()
        .set_len(summary.size_bytes)
        .with_context(|| cannot_write(&output))?;
    new.keep(IMAGE_MODE, replace)?;
    if summary.xattrs_left_out > 0 {
        drawn.note(&format!(
            "{} extended attributes have no place in a squashfs image",
            summary.xattrs_left_out
        ));
    }
    if plan.quiet {
        return Ok(());
    }
    writeln!(io::stdout(), "{}", made_line(&output, &origin, summary)).context("cannot print")
}

/// Writes the image, and says where it came from.
fn make(
    source: &Source,
    plan: &ImportPlan,
    in_force: &InForce,
    output: &Path,
    new: &NewFile,
    drawn: &Drawn,
) -> Result<(Summary, Origin)> {
    let mut image = image_options(in_force)?;
    if let Some(level) = plan.level {
        image.compression = Compression::Zstd { level };
    }
    let options = Options {
        image,
        limits: Limits::default(),
    };
    let cannot_import = || format!("cannot import '{}'", plan.uri.escape_default());
    if let Source::Local(LocalSource::Directory(path)) = source {
        // Root's directory is a system as it is; a user's own files stand for root's.
        let ownership = if geteuid().is_root() {
            Ownership::Kept
        } else {
            Ownership::AllRoot
        };
        let made = make_directory_image(path, ownership, new.file(), &options, drawn);
        return Ok((made.with_context(cannot_import)?, Origin::default()));
    }
    let layered = open(source, plan, in_force, output, drawn)?;
    let made = make_image(&layered, new.file(), &options, drawn);
    Ok((made.with_context(cannot_import)?, layered.origin))
}

/// Prints the digest of the manifest that an image has for a platform.
///
/// # Errors
/// If the registry does not say.
pub fn digest(plan: &DigestPlan) -> Result<()> {
    let reference = parse_reference(&plan.uri)?;
    let in_force = load()?;
    let variable = |name: &str| variable(&in_force, name);
    let client = client(&plan.wanted, &variable, &NoWatch)?;
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
                "cannot import '{}': it begins with none of docker://, dockerd://, podman://, oci:, docker-archive:, tar: and dir:",
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
fn open(
    source: &Source,
    plan: &ImportPlan,
    in_force: &InForce,
    output: &Path,
    drawn: &Drawn,
) -> Result<Layered> {
    let platform = platform(&plan.wanted);
    let variable = |name: &str| variable(in_force, name);
    let layered = match source {
        Source::Registry(reference) => {
            let cache = Cache::of_environment(&variable)?;
            let client = client(&plan.wanted, &variable, drawn)?;
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
        Source::Local(LocalSource::Directory(path)) => {
            bail!("cannot import '{}': it has no layers", path.display())
        }
    };
    drawn.clear();
    Ok(layered)
}

fn client<'a>(
    wanted: &Wanted,
    variable: Variables<'a>,
    watch: &'a dyn Watch,
) -> Result<Client<'a>> {
    let mut settings = Settings::of_environment(variable)?;
    settings.allow_http |= wanted.allow_http;
    Ok(Client {
        settings,
        variables: variable,
        ask_password: &|question| rpassword::prompt_password(question),
        watch,
    })
}

/// A variable of the environment, where a setting has the value that is in force, whoever has set it, and what configuration files
/// export is set.
fn variable(in_force: &InForce, name: &str) -> Option<String> {
    if let Some(setting) = settings::find(name) {
        let value = in_force.get(setting);
        // Where nobody says where something is, the environment decides.
        let is_said = setting.kind != Kind::Path || value.origin != SetBy::Default;
        return is_said
            .then(|| value.value.to_string_lossy().into_owned())
            .filter(|value| !value.is_empty());
    }
    let exported = || {
        let found = in_force.exported.iter().find(|(set, _)| set == name);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    };
    env::var(name).ok().or_else(exported)
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

fn made_line(output: &Path, origin: &Origin, summary: Summary) -> String {
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
