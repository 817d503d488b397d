//! The launcher's own options, which stand before the payload's words.
//!
//! A bundle of an image takes all of Enroot's bundle options, short ones too. A bundle of a plain program takes long ones alone, and
//! none that only a container has: its user's options are the program's.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use bundle_runtime::{Arguments, ContainerOptions};

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) action: Action,
    /// Run only if one of these keys has signed the bundle: each a key, or the path of a file with keys.
    pub(crate) trust: Vec<OsString>,
    /// Keep the unpacked copy where no namespace can be had.
    pub(crate) keep_cache: bool,
    /// Unpack the image and start it there.
    pub(crate) keep: bool,
    /// Where to unpack it.
    pub(crate) target: Option<PathBuf>,
    /// Show no progress, and nothing that is not an error.
    pub(crate) quiet: bool,
    /// How the container is set up.
    pub(crate) container: ContainerOptions,
    /// A file that says more about how it is.
    pub(crate) configuration: Option<PathBuf>,
    /// The payload's name for itself, and its words.
    pub(crate) words: Vec<OsString>,
}

/// What a launcher can do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start the payload.
    #[default]
    Start,
    /// Show the manifest.
    Info,
    /// Check the file and find out which rungs hold.
    Verify,
    /// The same, as JSON.
    VerifyJson,
    /// Unpack the image, and nothing else.
    Extract,
    /// Print a profile that lets `AppArmor` allow this file what it needs.
    ApparmorProfile,
    /// Say what the options are.
    Help,
}

/// What is in the bundle, as far as it decides what the options are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program, whose options are not to be taken for ours.
    Program,
    /// A root file system.
    Image,
}

/// What `--bundle-help` prints.
pub(crate) fn help(kind: Kind) -> String {
    const HEAD: &str = "\
Options of the bundle itself. They come first; the first other word begins the program's own command line.
";
    const COMMON: &str = "
      --info               show what is in the file
      --verify [--json]    check every byte of the file, and find out by trying which ways of starting this host allows
      --extract            unpack what is in the file into the target directory, and do nothing else
      --target DIR         the target directory (by default what was packed, or one named like the bundle, in the working directory)
      --env KEY[=VALUE]    set a variable of the program, or pass on the host's
      --quiet              show no progress, and say nothing that is not an error
      --trust KEY          run only if KEY has signed the file: a minisign public key, or a file with some; may be repeated.
                           $BENCHRUN_TRUST and /etc/benchrun/trusted.pub do the same
      --keep-cache         where no namespace can be had, keep the unpacked copy for the next run
      --apparmor-profile   print a profile that allows this file user namespaces (for Ubuntu 24.04 and later)
      --bundle-help        this text
      --                   end these options";
    const CONTAINER: &str = "
  -k, --keep               unpack into the target directory, start there, and leave it
  -r, --root               be root inside
  -w, --rw                 let the root file system be written to: in memory, or in what --keep keeps
  -m, --mount FSTAB        mount something of the host inside: SOURCE:TARGET[:OPTIONS], a line of fstab with colons; may be
                           repeated
      --rc SCRIPT          start with this script instead of the image's own
  -c, --conf FILE          take environment, mounts, script and settings from this file
      --pid --net --ipc --uts
                           have processes, network, shared memory or host name of its own
  -i, -v, -x, -e, -q       short for --info, --verify, --extract, --env, --quiet
";
    match kind {
        Kind::Program => format!("{HEAD}{COMMON}"),
        Kind::Image => format!("{HEAD}{CONTAINER}{COMMON}"),
    }
}

/// An option, and whether it has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    long: &'static str,
    short: Option<char>,
    has_value: bool,
    /// Only bundles of images have it.
    is_containers: bool,
}

const fn flag(long: &'static str, short: Option<char>) -> Known {
    Known {
        long,
        short,
        has_value: false,
        is_containers: false,
    }
}

const fn value(long: &'static str, short: Option<char>) -> Known {
    Known {
        has_value: true,
        ..flag(long, short)
    }
}

const fn containers(known: Known) -> Known {
    Known {
        is_containers: true,
        ..known
    }
}

const KNOWN: [Known; 21] = [
    flag("info", Some('i')),
    flag("verify", Some('v')),
    flag("extract", Some('x')),
    value("target", None),
    value("env", Some('e')),
    flag("quiet", Some('q')),
    value("trust", None),
    flag("keep-cache", None),
    flag("apparmor-profile", None),
    flag("bundle-help", None),
    flag("json", None),
    containers(flag("keep", Some('k'))),
    containers(flag("root", Some('r'))),
    containers(flag("rw", Some('w'))),
    containers(value("mount", Some('m'))),
    containers(value("rc", None)),
    containers(value("conf", Some('c'))),
    containers(flag("pid", None)),
    containers(flag("net", None)),
    containers(flag("ipc", None)),
    containers(flag("uts", None)),
];

/// Takes the own options off the command line.
///
/// # Errors
/// If an option lacks its value: the line to print.
pub(crate) fn parse(words: Arguments, kind: Kind) -> Result<Options, String> {
    let mut rest = words.into_iter().peekable();
    let mut options = Options::default();
    let own_name = rest.next();
    let mut passed_on = Vec::new();
    while let Some(word) = rest.peek() {
        if word == "--" {
            rest.next();
            break;
        }
        let Some((known, attached)) = recognize(word, kind, options.action) else {
            break;
        };
        let word = rest.next().unwrap_or_default();
        let argument = match (known.has_value, attached) {
            (false, _) => OsString::new(),
            (true, Some(argument)) => argument,
            (true, None) => rest.next().ok_or_else(|| missing_value(known.long))?,
        };
        if known.long == "quiet" && kind == Kind::Program {
            // The program is to be quiet too.
            passed_on.push(word);
        }
        apply(&mut options, known.long, argument);
    }
    options.words.extend(own_name);
    options.words.extend(passed_on);
    options.words.extend(rest);
    Ok(options)
}

fn missing_value(long: &str) -> String {
    let what = match long {
        "trust" => "a key or a file with keys",
        "env" => "KEY=VALUE or KEY",
        "mount" => "SOURCE:TARGET[:OPTIONS]",
        "target" => "a directory",
        _ => "a file",
    };
    format!("cannot use --{long}: it needs {what}")
}

/// The option that a word is, with the value that stands in the same word.
fn recognize(word: &OsStr, kind: Kind, action: Action) -> Option<(Known, Option<OsString>)> {
    let text = word.to_str()?;
    let allowed = |known: &&Known| {
        (kind == Kind::Image || !known.is_containers)
            // The payload may have an option of this name.
            && (known.long != "json" || action == Action::Verify)
    };
    if let Some(long) = text.strip_prefix("--") {
        let (name, attached) = match long.split_once('=') {
            Some((name, attached)) => (name, Some(attached.into())),
            None => (long, None),
        };
        let known = KNOWN
            .iter()
            .filter(allowed)
            .find(|known| known.long == name)?;
        return (known.has_value || attached.is_none()).then_some((*known, attached));
    }
    let letter = text.strip_prefix('-').filter(|_| kind == Kind::Image)?;
    let mut letters = letter.chars();
    let (first, others) = (letters.next()?, letters.as_str());
    let known = KNOWN
        .iter()
        .filter(allowed)
        .find(|known| known.short == Some(first))?;
    match (known.has_value, others) {
        (_, "") => Some((*known, None)),
        (true, attached) => Some((*known, Some(attached.into()))),
        (false, _) => None,
    }
}

fn apply(options: &mut Options, long: &str, argument: OsString) {
    let container = &mut options.container;
    match long {
        "info" => options.action = Action::Info,
        "verify" => options.action = Action::Verify,
        "json" => options.action = Action::VerifyJson,
        "extract" => options.action = Action::Extract,
        "apparmor-profile" => options.action = Action::ApparmorProfile,
        "bundle-help" => options.action = Action::Help,
        "keep-cache" => options.keep_cache = true,
        "keep" => options.keep = true,
        "quiet" => options.quiet = true,
        "target" => options.target = Some(argument.into()),
        "trust" => options.trust.push(argument),
        "conf" => options.configuration = Some(argument.into()),
        "env" => container.environment.push(argument),
        "mount" => container.mounts.push(argument),
        "rc" => container.rc = Some(argument.into()),
        "root" => container.remap_root = true,
        "rw" => container.writable = true,
        "pid" => container.namespaces.pid = true,
        "net" => container.namespaces.net = true,
        "ipc" => container.namespaces.ipc = true,
        _ => container.namespaces.uts = true,
    }
}
