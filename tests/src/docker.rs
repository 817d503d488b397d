//! Docker's engine, to run a bundle where most people would: in a container that allows no namespaces.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::process::{finish, pid_of};

/// The image's name, and the beginning of its containers' names.
const IMAGE: &str = "benchrun-test";

/// How long the engine may take to answer.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// An engine with an image that holds the bundle under test and nothing else: no shell, no library, no `/tmp`.
#[derive(Debug)]
pub struct Engine {
    /// The engine that these tests have started, unless one was running.
    own: Option<OwnEngine>,
}

/// An engine of the tests' own. Its socket, its images and its containers lie in a directory that goes with it.
#[derive(Debug)]
struct OwnEngine {
    daemon: Child,
    directory: tempfile::TempDir,
}

impl Engine {
    /// The engine that all tests of this process share; it ends with the last of them. One that runs on this host is used if
    /// it answers, else one is started, which wants root and Debian's docker.io.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn shared() -> Result<Arc<Self>, String> {
        static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
        let mut shared = SHARED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(engine) = shared.upgrade() {
            return Ok(engine);
        }
        let engine = Arc::new(Self::find_or_start()?);
        engine.import_bundle();
        *shared = Arc::downgrade(&engine);
        Ok(engine)
    }

    fn find_or_start() -> Result<Self, String> {
        let found = Self { own: None };
        match found.command(&["version"]).output() {
            Ok(output) if output.status.success() => return Ok(found),
            Ok(_) => {}
            Err(error) => return Err(format!("there is no docker (install docker.io): {error}")),
        }
        std::mem::forget(found);
        let engine = Self {
            own: Some(OwnEngine::start()?),
        };
        engine.wait_until_it_answers()?;
        Ok(engine)
    }

    fn wait_until_it_answers(&self) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            let output = self.command(&["version"]).output();
            if output.is_ok_and(|output| output.status.success()) {
                return Ok(());
            }
            if begin.elapsed() > START_TIMEOUT {
                let log = self.own.as_ref().map(OwnEngine::last_words);
                return Err(format!(
                    "dockerd does not answer: {}",
                    log.unwrap_or_default()
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes the image: the bundle as `/bench.run`.
    fn import_bundle(&self) {
        let scratch = crate::scratch();
        crate::site::copy(&crate::bench_run(), &scratch.path().join("bench.run"));
        let archive = scratch.path().join("image.tar");
        let mut tar = Command::new("tar");
        tar.arg("--create").arg("--file").arg(&archive);
        tar.args(["--owner=0", "--group=0", "--directory"])
            .arg(scratch.path())
            .arg("bench.run");
        assert!(tar.status().expect("tar starts").success());
        let mut import = self.command(&["import"]);
        import.arg(&archive).arg(IMAGE);
        let output = finish(import);
        assert!(output.status.success(), "{}", crate::stderr(&output));
    }

    /// Where it listens, if it is not where Docker's programs look by themselves.
    pub fn host(&self) -> Option<String> {
        self.own.as_ref().map(OwnEngine::address)
    }

    /// A command of Docker's.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        if let Some(own) = &self.own {
            command.arg("--host").arg(own.address());
        }
        command.args(words);
        command
    }

    /// `/bench.run` with these words in a fresh container without a network, made with these options of `docker run`.
    pub fn run(&self, options: &[&str], words: &[&str]) -> Output {
        let mut command = self.command(&["run", "--rm", "--network", "none"]);
        command.args(options).args([IMAGE, "/bench.run"]);
        command.args(words);
        finish(command)
    }

    /// The same in a container that stays until its value goes.
    pub fn start(self: &Arc<Self>, options: &[&str], words: &[&str]) -> Container {
        let mut command = self.command(&["run", "--detach", "--network", "none"]);
        command.args(options).args([IMAGE, "/bench.run"]);
        command.args(words);
        let output = finish(command);
        assert!(output.status.success(), "{}", crate::stderr(&output));
        Container {
            engine: Arc::clone(self),
            id: crate::stdout(&output).trim().to_owned(),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.own.is_none() {
            let _ = self.command(&["rmi", "--force", IMAGE]).output();
        }
    }
}

impl OwnEngine {
    fn start() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("no docker engine answers, and starting one needs root".to_owned());
        }
        // Without the blank of other scratch directories: the engine's address is a URL.
        let directory = tempfile::Builder::new()
            .prefix("benchrun-docker-")
            .tempdir()
            .map_err(|error| format!("no directory for an engine: {error}"))?;
        let place = |name: &str| directory.path().join(name);
        let log = File::create(place("log"))
            .and_then(|log| Ok((log.try_clone()?, log)))
            .map_err(|error| format!("no log for an engine: {error}"))?;
        let daemon = Command::new("dockerd")
            // No network is made or changed, and plain copies work on every file system, a container's own included.
            .args([
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
                "--storage-driver=vfs",
            ])
            .arg("--data-root")
            .arg(place("data"))
            .arg("--exec-root")
            .arg(place("exec"))
            .arg("--pidfile")
            .arg(place("pid"))
            .arg("--host")
            .arg(address(directory.path()))
            .stdin(Stdio::null())
            .stdout(log.0)
            .stderr(log.1)
            .spawn()
            .map_err(|error| format!("dockerd does not start (install docker.io): {error}"))?;
        Ok(Self { daemon, directory })
    }

    fn address(&self) -> String {
        address(self.directory.path())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("; ")
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let _ = kill(pid_of(&self.daemon), Signal::SIGTERM);
        let _ = self.daemon.wait();
    }
}

fn address(directory: &Path) -> String {
    let socket: PathBuf = directory.join("docker.sock");
    format!("unix://{}", socket.display())
}

/// A container, removed when this value goes.
#[derive(Debug)]
pub struct Container {
    engine: Arc<Engine>,
    id: String,
}

impl Container {
    /// Runs a command of Docker's on it and returns what that printed.
    ///
    /// # Panics
    ///
    /// When the command fails.
    pub fn ask(&self, words: &[&str]) -> String {
        let mut command = self.engine.command(words);
        command.arg(&self.id);
        let output = finish(command);
        assert!(
            output.status.success(),
            "{words:?}: {}",
            crate::stderr(&output)
        );
        crate::stdout(&output)
    }

    /// Waits for its end and returns its exit code, as Docker counts: 128 + N for signal N.
    pub fn wait(&self) -> i32 {
        self.ask(&["wait"]).trim().parse().expect("an exit code")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut command = self.engine.command(&["rm", "--force", "--volumes"]);
        let _ = command.arg(&self.id).output();
    }
}
