//! `bundle start` and `bundle batch`: running a container from a sandbox or an image.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bundle_container::{Settings, parse_script};
use bundle_runtime::{
    Container, ContainerOptions, Ended, Error, Files, Namespaces, Payload, StartRequest, Trace,
};
use bundle_squashfs::Image;
use clap::Args;

use crate::configuration::{self, variable};
use crate::container_configuration;
use crate::open::open_file;
use crate::root_fs::RootFs;
use crate::source::FileSource;
use crate::store::Store;

/// What `bundle start` is to do.
#[derive(Debug, Clone, Args)]
pub struct StartPlan {
    /// Take environment, mounts, script and settings from this file
    #[arg(short, long, value_name = "FILE")]
    conf: Option<PathBuf>,
    #[command(flatten)]
    options: ContainerFlags,
    /// The sandbox's name, or the path of an image (.sqsh) or of a directory
    #[arg(value_name = "NAME|IMAGE")]
    what: OsString,
    /// The command and its arguments, given to the container's /etc/rc if it has one
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// What `bundle batch` is to do.
#[derive(Debug, Clone, Args)]
pub struct BatchPlan {
    #[command(flatten)]
    options: ContainerFlags,
    /// The configuration: as for `start --conf`, with a line `#BENCHRUN_ROOTFS=NAME`
    #[arg(value_name = "CONFIG")]
    conf: PathBuf,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// What both take.
#[derive(Debug, Clone, Args)]
struct ContainerFlags {
    /// Set a variable in the container, or pass on the host's (may be repeated)
    #[arg(short, long = "env", value_name = "KEY[=VALUE]")]
    environment: Vec<OsString>,
    /// Start with this script instead of the container's /etc/rc
    #[arg(long, value_name = "SCRIPT")]
    rc: Option<PathBuf>,
    /// Be root in the container
    #[arg(short, long)]
    root: bool,
    /// Let the root file system be written to: a sandbox keeps it, an image in memory forgets it
    #[arg(short = 'w', long)]
    rw: bool,
    /// Mount something of the host: SOURCE:TARGET[:OPTIONS], a line of fstab with colons (may be repeated)
    #[arg(short, long = "mount", value_name = "FSTAB")]
    mounts: Vec<OsString>,
    /// Have process numbers of its own
    #[arg(long)]
    pid: bool,
    /// Have a network of its own, with nothing but the loopback interface
    #[arg(long)]
    net: bool,
    /// Have shared memory and message queues of its own, and few devices
    #[arg(long)]
    ipc: bool,
    /// Have a host name of its own
    #[arg(long)]
    uts: bool,
    /// Say nothing that is not an error
    #[arg(short, long)]
    quiet: bool,
}

impl ContainerFlags {
    fn options(&self) -> ContainerOptions {
        ContainerOptions {
            environment: self.environment.clone(),
            mounts: self.mounts.clone(),
            rc: self.rc.clone(),
            remap_root: self.root,
            writable: self.rw,
            namespaces: Namespaces {
                pid: self.pid,
                net: self.net,
                ipc: self.ipc,
                uts: self.uts,
            },
        }
    }
}

/// Runs a container and ends as its payload ends: with its exit code, or by the same signal. 125, 126 and 127 say that it
/// could not be run.
pub fn start(plan: &StartPlan) -> ExitCode {
    exit_code(try_start(
        &plan.what,
        plan.conf.as_deref(),
        &plan.options,
        &plan.words,
    ))
}

/// The same, with the root file system that the configuration names.
pub fn batch(plan: &BatchPlan) -> ExitCode {
    let outcome = root_of(&plan.conf)
        .and_then(|what| try_start(&what, Some(&plan.conf), &plan.options, &plan.words));
    exit_code(outcome)
}

fn exit_code(outcome: Result<u8>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("bundle: {error:#}");
            let code = error.downcast_ref::<Error>().map_or(125, Error::exit_code);
            ExitCode::from(code)
        }
    }
}

/// The root file system that a batch configuration names.
fn root_of(conf: &Path) -> Result<OsString> {
    let text = std::fs::read_to_string(conf)
        .with_context(|| format!("cannot read the configuration '{}'", conf.display()))?;
    let script = parse_script(&text)
        .with_context(|| format!("cannot use the configuration '{}'", conf.display()))?;
    let name = script.settings.lines().rev().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        matches!(name.trim(), "BENCHRUN_ROOTFS" | "ENROOT_ROOTFS").then(|| value.trim())
    });
    match name {
        Some(name) if !name.is_empty() => Ok(name.trim_matches(['"', '\'']).into()),
        _ => bail!(
            "cannot start '{}': it names no root file system (add a line #BENCHRUN_ROOTFS=NAME)",
            conf.display()
        ),
    }
}

fn try_start(
    what: &OsStr,
    conf: Option<&Path>,
    flags: &ContainerFlags,
    words: &[OsString],
) -> Result<u8> {
    let files = configuration::files()?;
    let mut in_force = Settings::resolve(&files, &variable)?;
    let mut container = container_configuration::container(&in_force)?;
    if let Some(conf) = conf {
        in_force = container.add_script(conf, &files)?;
    }
    flags.options().apply(&mut container, &in_force)?;
    let root = RootFs::find(what, &in_force, "start")?;
    container.name = root.name();
    let mut line = vec![container.name.clone().into()];
    line.extend(words.iter().cloned());
    // A sandbox that is in use is neither replaced nor removed.
    let _lock = match root.sandbox_name(&in_force) {
        // In a data directory that this user cannot write to, nobody else who could is kept from it.
        Some(name) => Store::of(&in_force)?.share(&name).ok(),
        None => None,
    };
    let run = |files: Files<'_>| run(files, &container, &line, flags.quiet);
    let path = match &root {
        RootFs::Directory(path) => return run(Files::Directory(path)),
        RootFs::Image(path) => path,
    };
    let (file, size_bytes) = open_file(path)?;
    let source = FileSource {
        file: &file,
        size_bytes,
    };
    let image =
        Image::open(&source).with_context(|| format!("cannot start '{}'", path.display()))?;
    run(Files::Image {
        image: &image,
        file: &file,
        size_bytes,
        path,
    })
}

fn run(files: Files<'_>, container: &Container, words: &[OsString], quiet: bool) -> Result<u8> {
    let environment = BTreeMap::new();
    let ended = bundle_runtime::start(&StartRequest {
        files,
        payload: Payload::Container(container),
        environment: &environment,
        words,
        sigpipe_was_ignored: false,
        keep_cache: false,
        quiet,
        trace: Trace::from_environment(),
    })?;
    Ok(match ended {
        Ended::Exited(code) => code,
        Ended::Killed(signal) => 128_u8.saturating_add(signal as u8),
    })
}
