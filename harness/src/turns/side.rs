//! What is run for a side: a file, a command line, or options for this very bench.

use std::env;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// Variables by which a launcher tells its payload what it is: not true of what the payload starts.
pub(super) const OF_THE_LAUNCHER: [&str; 4] = [
    "BENCHRUN_BUNDLE",
    "BENCHRUN_BUNDLE_DIGEST",
    "BENCHRUN_RUNG",
    "BENCHRUN_ROOT",
];

/// One side's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideCommand {
    /// As it was given.
    pub given: String,
    /// The program and its words.
    pub words: Vec<String>,
}

impl SideCommand {
    /// Reads a side: the path of a file, else options for this bench when it begins with `--`, else words as a shell would split
    /// them.
    ///
    /// # Errors
    ///
    /// A usage failure when there are no words, quotes do not match, or the program is a path where no file is.
    pub fn parse(given: &str) -> Result<Self, Failure> {
        let given_again = || given.to_owned();
        if Path::new(given).is_file() {
            let path = absolute(Path::new(given))?;
            return Ok(Self {
                given: given_again(),
                words: vec![path],
            });
        }
        let mut words = shlex::split(given)
            .ok_or_else(|| usage(given, "its quotes do not match", "quote it for a shell"))?;
        if given.trim_start().starts_with("--") {
            words.insert(0, this_bench()?);
        }
        let Some(program) = words.first_mut() else {
            return Err(usage(
                given,
                "it has no words",
                "name a bundle or a program",
            ));
        };
        if Path::new(program).is_file() {
            *program = absolute(Path::new(program))?;
        } else if program.contains('/') {
            let reason = format!("there is no file {program}");
            return Err(usage(given, &reason, "name a bundle or a program"));
        }
        Ok(Self {
            given: given_again(),
            words,
        })
    }

    /// This bench, without options.
    ///
    /// # Errors
    ///
    /// When its own file cannot be found.
    pub fn this() -> Result<Self, Failure> {
        Ok(Self {
            given: "this bench".to_owned(),
            words: vec![this_bench()?],
        })
    }

    /// Whether the side says by itself what this option is.
    pub(super) fn has(&self, option: &str) -> bool {
        self.words.iter().any(|word| {
            word == option
                || word
                    .strip_prefix(option)
                    .is_some_and(|rest| rest.starts_with('='))
        })
    }
}

fn usage(given: &str, reason: &str, remedy: &str) -> Failure {
    Failure::usage(anyhow::anyhow!("cannot run '{given}': {reason} ({remedy})"))
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute
        .into_os_string()
        .into_string()
        .map_err(|path| usage(&path.to_string_lossy(), "its path is not UTF-8", "move it"))
}

/// The file to start for another process of this program. Inside a bundle the running program is its dynamic loader, and the file
/// is the bundle; unless the bundle is another one, from which this program was only started.
fn this_bench() -> Result<String, Failure> {
    let running = env::current_exe().ok();
    let bundle = env::var_os("BENCHRUN_BUNDLE").map(PathBuf::from);
    let root = env::var_os("BENCHRUN_ROOT").map(PathBuf::from);
    own_file(running, bundle, root)
        .and_then(|path| path.into_os_string().into_string().ok())
        .ok_or_else(|| {
            Failure::new(
                Exit::System,
                anyhow::anyhow!("cannot find the file of this bench (name it as a path instead of options alone)"),
            )
        })
}

fn own_file(
    running: Option<PathBuf>,
    bundle: Option<PathBuf>,
    root: Option<PathBuf>,
) -> Option<PathBuf> {
    match (running, bundle, root) {
        (Some(running), Some(bundle), Some(root)) if running.starts_with(&root) => Some(bundle),
        (Some(running), _, _) => Some(running),
        (None, bundle, _) => bundle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_file_is_the_bundle_only_from_inside_of_it() {
        let path = |text: &str| Some(PathBuf::from(text));
        let bundle = || path("/home/u/bench.run");
        let root = || path("/tmp/.benchrun-1");
        let inside = path("/tmp/.benchrun-1/lib64/ld-linux-x86-64.so.2");
        assert_eq!(own_file(inside, bundle(), root()), bundle());
        let outside = || path("/usr/bin/bench");
        assert_eq!(own_file(outside(), bundle(), root()), outside());
        assert_eq!(own_file(outside(), None, None), outside());
        assert_eq!(own_file(None, bundle(), root()), bundle());
    }

    #[test]
    fn sides_are_files_commands_or_options() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("with space.run");
        std::fs::write(&file, "").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(SideCommand::parse(file).unwrap().words, [file]);
        let quoted = format!("'{file}' --blas newest");
        assert_eq!(
            SideCommand::parse(&quoted).unwrap().words,
            [file, "--blas", "newest"]
        );
        let options = SideCommand::parse("--blas 'a b'").unwrap();
        assert_eq!(options.words[1..], ["--blas", "a b"]);
        assert!(options.has("--blas") && !options.has("--bla") && !options.has("--warmup"));
        assert!(
            SideCommand::parse("env --repeats=3")
                .unwrap()
                .has("--repeats")
        );
        for wrong in ["", "  ", "./no/such/file", "sh 'unmatched"] {
            assert!(SideCommand::parse(wrong).is_err(), "{wrong}");
        }
    }
}
