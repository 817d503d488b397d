//! The launcher's own options, which stand before the payload's words.

use std::ffi::{OsStr, OsString};

use bundle_runtime::Arguments;

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// What to do.
    pub(crate) action: Action,
    /// Run only if one of these keys has signed the bundle: each a key, or the path of a file with keys.
    pub(crate) trust: Vec<OsString>,
    /// Keep the unpacked copy where no namespace can be had.
    pub(crate) keep_cache: bool,
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
    /// Print a profile that lets `AppArmor` allow this file what it needs.
    ApparmorProfile,
    /// Say what the options are.
    Help,
}

/// What `--bundle-help` prints.
pub(crate) const HELP: &str = "\
Options of the bundle itself. They come first; the first other word begins the program's own command line.

  --info                show what is in the file
  --verify [--json]     check every byte of the file, and find out by trying which ways of starting this host allows
  --apparmor-profile    print a profile that allows this file user namespaces (for Ubuntu 24.04 and later)
  --trust KEY           run only if KEY has signed the file: a minisign public key, or a file with some; may be repeated.
                        $BENCHRUN_TRUST and /etc/benchrun/trusted.pub do the same
  --keep-cache          where no namespace can be had, keep the unpacked copy for the next run
  --bundle-help         this text
  --                    end these options";

/// Takes the own options off the command line.
///
/// # Errors
/// If an option lacks its value: the line to print.
pub(crate) fn parse(words: Arguments) -> Result<Options, String> {
    let mut words = words.into_iter();
    let mut options = Options::default();
    options.words.extend(words.next());
    let mut rest = words.peekable();
    while let Some(word) = rest.next_if(|word| is_own(word, options.action)) {
        match word.to_str().unwrap_or_default() {
            "--" => break,
            "--info" => options.action = Action::Info,
            "--verify" => options.action = Action::Verify,
            "--json" => options.action = Action::VerifyJson,
            "--apparmor-profile" => options.action = Action::ApparmorProfile,
            "--bundle-help" => options.action = Action::Help,
            "--keep-cache" => options.keep_cache = true,
            "--trust" => match rest.next() {
                Some(key) => options.trust.push(key),
                None => return Err("cannot use --trust: it needs a key or a file with keys".into()),
            },
            other => options
                .trust
                .extend(other.strip_prefix("--trust=").map(OsString::from)),
        }
    }
    options.words.extend(rest);
    Ok(options)
}

fn is_own(word: &OsStr, action: Action) -> bool {
    const WORDS: [&str; 7] = [
        "--",
        "--info",
        "--verify",
        "--apparmor-profile",
        "--bundle-help",
        "--keep-cache",
        "--trust",
    ];
    let text = word.to_str().unwrap_or_default();
    WORDS.contains(&text)
        || text.starts_with("--trust=")
        // The payload may have an option of this name.
        || (text == "--json" && action == Action::Verify)
}
