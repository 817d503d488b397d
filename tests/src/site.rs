//! A place where one bundle is run by one user: its file, a working directory, a home, and every directory that the
//! launcher might make something in. All of it lies in one scratch directory with a name of its own, so whatever a run leaves
//! behind can be told from everything else on the host.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::process::finish;

/// The rungs that are built, as `BENCHRUN_FORCE_RUNG` names them.
pub const RUNGS: [&str; 4] = ["1", "2", "3", "4"];

const USER_ID: u32 = 1000;

/// Who runs the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The superuser.
    Root,
    /// Somebody without privileges.
    User,
}

impl Who {
    /// Everybody that this test process can be.
    pub fn all() -> &'static [Who] {
        if nix::unistd::geteuid().is_root() {
            &[Who::Root, Who::User]
        } else {
            &[Who::User]
        }
    }

    /// The words before a command line that make this user run it, in the same process.
    pub fn prefix(self) -> &'static [&'static str] {
        if self == Who::User && nix::unistd::geteuid().is_root() {
            &[
                "setpriv",
                "--reuid=1000",
                "--regid=1000",
                "--clear-groups",
                "--",
            ]
        } else {
            &[]
        }
    }

    /// The user's number.
    pub fn id(self) -> u32 {
        match self {
            Who::Root => 0,
            Who::User if nix::unistd::geteuid().is_root() => USER_ID,
            Who::User => nix::unistd::geteuid().as_raw(),
        }
    }

    /// Does this host let this user have what this rung needs? Asked of util-linux, not of the launcher.
    pub fn can_climb(self, rung: &str) -> bool {
        static ANSWERS: [OnceLock<bool>; 2] = [OnceLock::new(), OnceLock::new()];
        let arguments: &[&str] = match self {
            Who::Root => &["unshare", "--mount", "true"],
            Who::User => &["unshare", "--user", "--mount", "true"],
        };
        let ask = || {
            let line = [self.prefix(), arguments].concat();
            let output = Command::new(line[0]).args(&line[1..]).output();
            output.is_ok_and(|output| output.status.success())
        };
        let has_namespaces = || *ANSWERS[usize::from(self == Who::User)].get_or_init(ask);
        match rung {
            "1" => has_namespaces() && (is_fuse_for_all() || nix::unistd::geteuid().is_root()),
            "2" => has_namespaces(),
            // The kernel lets nobody else mount from a loop device, on no host.
            "3" => self == Who::Root && has_namespaces(),
            _ => true,
        }
    }

    /// Is this rung one that this user cannot have on any host?
    fn is_never_for(self, rung: &str) -> bool {
        rung == "3" && self == Who::User
    }
}

/// May everybody use `/dev/fuse`, as on ordinary hosts?
fn is_fuse_for_all() -> bool {
    fs::metadata("/dev/fuse").is_ok_and(|metadata| metadata.permissions().mode() & 0o006 == 0o006)
}

/// Words before a command line that make `/dev/fuse` one that everybody may use, in a namespace of the command's own: as it is
/// on ordinary hosts. `$SITE/fuse` is the device.
const FUSE_FOR_ALL: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-euc",
    "mount --bind \"$SITE/fuse\" /dev/fuse; exec \"$@\"",
    "sh",
];

/// What is run.
#[derive(Debug, Clone, Copy)]
pub enum Bundle {
    /// `bench.run`, the bundle under test.
    Bench,
    /// This program of the host, packed for the purpose.
    Of(&'static str),
    /// A root file system with busybox in it, made and packed for the purpose.
    Image,
}

/// A shell, the payload that can show and do most.
pub const SHELL: Bundle = Bundle::Of("/bin/sh");

/// One user's surroundings for one bundle.
#[derive(Debug)]
pub struct Site {
    scratch: tempfile::TempDir,
    /// Who runs what is here.
    pub who: Who,
    /// The bundle's file.
    pub bundle: PathBuf,
    /// Is `/dev/fuse` opened to everybody where this host does not?
    opens_fuse: bool,
}

impl Site {
    /// Makes one.
    pub fn new(who: Who, bundle: Bundle) -> Self {
        let scratch = crate::scratch();
        let path = scratch.path().join("bundle/payload.run");
        fs::create_dir(scratch.path().join("bundle")).expect("a directory");
        match bundle {
            Bundle::Bench => copy(&crate::bench_run(), &path),
            Bundle::Of(program) => pack(Path::new(program), &path),
            Bundle::Image => {
                let image = scratch.path().join("image.sqsh");
                crate::image::make(&scratch.path().join("image-root"), &image, |_| ());
                crate::image::pack(&image, &path, &[]);
            }
        }
        let site = Self {
            scratch,
            who,
            bundle: path,
            opens_fuse: true,
        };
        for directory in ["work", "home", "home/.cache", "cache", "tmp"] {
            site.make_directory(directory);
        }
        if site.needs_fuse_for_all() {
            site.make_fuse_device();
        }
        site
    }

    /// Leaves `/dev/fuse` as this host has it: opening it takes a namespace, which the place that is tested may refuse.
    #[must_use]
    pub fn without_opening_fuse(mut self) -> Self {
        self.opens_fuse = false;
        self
    }

    fn needs_fuse_for_all(&self) -> bool {
        self.opens_fuse
            && self.who == Who::User
            && nix::unistd::geteuid().is_root()
            && !is_fuse_for_all()
    }

    fn make_fuse_device(&self) {
        use nix::sys::stat::{Mode, SFlag, makedev, mknod};
        let all = Mode::from_bits_truncate(0o666);
        let path = self.path("fuse");
        mknod(&path, SFlag::S_IFCHR, all, makedev(10, 229)).expect("a device node");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("permissions");
    }

    /// Makes a directory here that belongs to the user.
    pub fn make_directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a directory");
        std::os::unix::fs::chown(&path, Some(self.who.id()), Some(self.who.id())).expect("chown");
        path
    }

    /// The path of something here.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The scratch directory: its name is in the environment of every process of a run.
    pub fn marker(&self) -> &Path {
        self.scratch.path()
    }

    /// The bundle with these words, as its user starts it in the working directory.
    pub fn command<S: AsRef<OsStr>>(&self, rung: &str, words: &[S]) -> Command {
        self.wrapped(&[], rung, &self.bundle, words)
    }

    /// This file with these words, as its user starts it.
    pub fn command_of<S: AsRef<OsStr>>(&self, rung: &str, file: &Path, words: &[S]) -> Command {
        self.wrapped(&[], rung, file, words)
    }

    /// The same after a shell script by the test's own user, in a private mount namespace: what it mounts is gone
    /// afterwards. `$SITE` is the scratch directory.
    pub fn mounted<S: AsRef<OsStr>>(&self, script: &str, rung: &str, words: &[S]) -> Command {
        self.mounted_for(script, rung, &self.bundle, words)
    }

    /// The same for another file than the bundle.
    pub fn mounted_for<S: AsRef<OsStr>>(
        &self,
        script: &str,
        rung: &str,
        file: &Path,
        words: &[S],
    ) -> Command {
        // The directory is entered anew, since something may have been mounted over it.
        let script = format!("{script}\ncd \"$SITE/work\"; exec \"$@\"");
        let wrapper = ["unshare", "--mount", "sh", "-euc", &script, "sh"];
        self.wrapped(&wrapper, rung, file, words)
    }

    /// The same, with the words `wrapper` in front of the command line.
    pub fn wrapped<S: AsRef<OsStr>>(
        &self,
        wrapper: &[&str],
        rung: &str,
        file: &Path,
        words: &[S],
    ) -> Command {
        let mut line: Vec<&OsStr> = Vec::new();
        if self.needs_fuse_for_all() {
            line.extend(FUSE_FOR_ALL.iter().map(OsStr::new));
        }
        line.extend(wrapper.iter().map(OsStr::new));
        line.extend(self.who.prefix().iter().map(OsStr::new));
        line.push(file.as_os_str());
        line.extend(words.iter().map(AsRef::as_ref));
        let mut command = Command::new(line[0]);
        command.args(&line[1..]).current_dir(self.path("work"));
        self.set_environment(&mut command, rung);
        command
    }

    /// Makes the environment one that names this place and nothing else. An empty `rung` forces none.
    pub fn set_environment(&self, command: &mut Command, rung: &str) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LC_ALL", "C.UTF-8")
            .env("SITE", self.marker())
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("TMPDIR", self.path("tmp"));
        if !rung.is_empty() {
            command.env("BENCHRUN_FORCE_RUNG", rung);
        }
    }

    /// Runs the bundle with these words to its end.
    pub fn run<S: AsRef<OsStr>>(&self, rung: &str, words: &[S]) -> Output {
        finish(self.command(rung, words))
    }
}

/// Checks something as everybody, on every rung that this host lets them have.
pub fn everywhere(test: &str, bundle: Bundle, check: impl Fn(&Site, &'static str)) {
    if !nix::unistd::geteuid().is_root() {
        crate::skip(test, "its runs as root need root");
    }
    for who in Who::all() {
        let site = Site::new(*who, bundle);
        for rung in RUNGS {
            if who.can_climb(rung) {
                check(&site, rung);
                crate::leftovers::assert_nothing_left(&site);
            } else if !who.is_never_for(rung) {
                crate::skip(test, &format!("rung {rung} does not hold here for {who:?}"));
            }
        }
    }
}

/// Packs a program of the host.
pub fn pack(program: &Path, output: &Path) {
    let mut command = Command::new(bundle_program());
    command.args(["pack", "--level", "1", "--exe"]).arg(program);
    let output = command.arg("--output").arg(output).output();
    let output = output.expect("`bundle` starts");
    assert!(output.status.success(), "{}", crate::stderr(&output));
}

/// Copies by a program of its own. A file that this process had open for writing while another of its threads forks cannot
/// be executed until that child has become something else.
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--").args([from, to]).status();
    assert!(status.expect("cp starts").success());
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).expect("permissions");
}

/// Writes an executable file; see [`copy`].
pub fn write_executable(path: &Path, bytes: &[u8]) {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes).expect("a file");
    copy(&draft, path);
    fs::remove_file(&draft).expect("the draft goes");
}

/// The program that packs: `$BUNDLE`, else the one beside the built `bench`.
pub fn bundle_program() -> PathBuf {
    let path = std::env::var_os("BUNDLE").map_or_else(
        || crate::repository().join("target/release/bundle"),
        PathBuf::from,
    );
    assert!(
        path.is_file(),
        "there is no program to pack with at {} (run `make bench.run` first)",
        path.display()
    );
    path
}

/// Asserts that a run has ended with this exit code.
#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    let status = output.status;
    assert_eq!(
        status.code(),
        Some(code),
        "{status}: {} {}",
        crate::stdout(output),
        crate::stderr(output)
    );
}

/// Asserts that a run was ended by this signal.
#[track_caller]
pub fn assert_signal(output: &Output, signal: i32) {
    use std::os::unix::process::ExitStatusExt;
    let status = output.status;
    assert_eq!(
        status.signal(),
        Some(signal),
        "{status}: {}",
        crate::stderr(output)
    );
}
