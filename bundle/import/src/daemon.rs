//! Images that an engine on this host has: Docker's daemon, over its socket, or a program that writes the image as an archive.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::layered::Layered;
use crate::local::open_docker_archive;
use crate::platform::Platform;
use crate::reference::{Engine, EngineImage};
use crate::settings::Variables;

/// Where Docker's daemon listens unless `DOCKER_HOST` says otherwise.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// No answer's head is larger, and no explanation.
const HEAD_SIZE_BYTES_MAX: u64 = 64 << 10;

/// Why an image could not be had from an engine.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The daemon's place is none that can be used.
    #[error(
        "cannot use $DOCKER_HOST: '{0}' is no unix:// socket (unset it, or use docker:// with a registry)"
    )]
    Host(String),

    /// The engine says no.
    #[error("cannot get '{image}' from {place}: {reason}")]
    Refused {
        /// The image.
        image: String,
        /// The socket or program.
        place: String,
        /// Why not.
        reason: String,
    },

    /// What it sends cannot be kept.
    #[error(
        "cannot keep what the engine sends in '{directory}': {reason} (set $TMPDIR to use another place)"
    )]
    Spool {
        /// Where it was to be kept.
        directory: PathBuf,
        /// Why not.
        reason: io::Error,
    },

    /// What it sends is no image.
    #[error("cannot use what {place} sends for '{image}'")]
    Archive {
        /// The image.
        image: String,
        /// The socket or program.
        place: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
}

/// How Docker's daemon explains an error.
#[derive(serde::Deserialize)]
struct Explanation {
    message: String,
}

/// Gets an image from an engine. It lies in a file without a name in `spool_directory` meanwhile; `received` is told how much has come.
///
/// # Errors
/// If the engine does not have it, or there is none.
pub fn open_engine_image(
    image: &EngineImage,
    platform: &Platform,
    spool_directory: &Path,
    variables: Variables<'_>,
    received: &dyn Fn(u64),
) -> Result<Layered, DaemonError> {
    let spooled = |reason| DaemonError::Spool {
        directory: spool_directory.to_owned(),
        reason,
    };
    let spool = tempfile::tempfile_in(spool_directory).map_err(spooled)?;
    let mut names = names(&image.image).into_iter();
    let mut name = names.next().unwrap_or_default();
    let place = loop {
        match (
            save(image.engine, &name, &spool, variables, received),
            names.next(),
        ) {
            (Err(DaemonError::Refused { .. }), Some(next)) => name = next,
            (saved, _) => break saved?,
        }
    };
    // The file has no other name, and lives as long as it is open: the layers are opened through this one.
    let path = PathBuf::from(format!("/proc/self/fd/{}", spool.as_raw_fd()));
    let mut layered =
        open_docker_archive(&path, None, platform, spool_directory).map_err(|error| {
            DaemonError::Archive {
                image: image.image.clone(),
                place,
                source: Box::new(error),
            }
        })?;
    layered.origin.uri = match image.engine {
        Engine::Docker => format!("dockerd://{}", image.image),
        Engine::Podman => format!("podman://{}", image.image),
    };
    Ok(layered)
}

/// What to ask for. Without a tag engines would send the images of all tags; but an image's id has none.
fn names(image: &str) -> Vec<String> {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        return vec![image.to_owned()];
    }
    vec![format!("{image}:latest"), image.to_owned()]
}

/// Has the engine write the archive, and says who it was.
fn save(
    engine: Engine,
    image: &str,
    spool: &File,
    variables: Variables<'_>,
    received: &dyn Fn(u64),
) -> Result<String, DaemonError> {
    if engine == Engine::Podman {
        let arguments = ["save", "--format", "docker-archive", "--", image];
        return save_with("podman", &arguments, image, spool, received);
    }
    let socket = docker_socket(variables)?;
    match UnixStream::connect(&socket) {
        Ok(stream) => {
            let place = format!("'{}'", socket.display());
            let saved = save_over(stream, image, spool, received);
            saved.map_err(|reason| DaemonError::Refused {
                image: image.to_owned(),
                place: place.clone(),
                reason,
            })?;
            Ok(place)
        }
        // The program may be allowed to do more, or know another context.
        Err(error) => {
            let arguments = ["save", "--", image];
            save_with("docker", &arguments, image, spool, received).map_err(|failed| match failed {
                DaemonError::Refused {
                    image,
                    place,
                    reason,
                } => DaemonError::Refused {
                    image,
                    place: format!("'{}' ({error}) or {place}", socket.display()),
                    reason,
                },
                other => other,
            })
        }
    }
}

fn docker_socket(variables: Variables<'_>) -> Result<PathBuf, DaemonError> {
    match variables("DOCKER_HOST").filter(|host| !host.is_empty()) {
        None => Ok(DOCKER_SOCKET.into()),
        Some(host) => match host.strip_prefix("unix://") {
            Some(path) => Ok(path.into()),
            None => Err(DaemonError::Host(host.escape_default().to_string())),
        },
    }
}

/// Asks Docker's daemon over its socket. As HTTP/1.0 it sends the archive as it is and closes the connection behind it; if it breaks off, the
/// archive is not whole, which its reader finds out.
fn save_over(
    mut stream: UnixStream,
    image: &str,
    spool: &File,
    received: &dyn Fn(u64),
) -> Result<(), String> {
    let failed = |error: io::Error| error.to_string();
    // A name has no character that would end the path.
    let question = format!("GET /images/{image}/get HTTP/1.0\r\nHost: docker\r\n\r\n");
    stream.write_all(question.as_bytes()).map_err(failed)?;
    let mut answer = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let left_bytes = HEAD_SIZE_BYTES_MAX - start as u64;
        let line = (&mut answer).take(left_bytes).read_until(b'\n', &mut head);
        line.map_err(failed)?;
        match &head[start..] {
            b"\r\n" | b"\n" => break,
            line if line.ends_with(b"\n") => {}
            _ => return Err("its answer is not HTTP".to_owned()),
        }
    }
    let status = status_of(&head).ok_or("its answer is not HTTP")?;
    if status == 200 {
        return copy(&mut answer, spool, received).map_err(failed);
    }
    let mut text = Vec::new();
    let _ = answer.take(HEAD_SIZE_BYTES_MAX).read_to_end(&mut text);
    let explained = serde_json::from_slice::<Explanation>(&text);
    let detail = explained.map_or_else(
        |_| String::new(),
        |explained| format!(": {}", shown(explained.message.as_bytes())),
    );
    let remedy = match status {
        404 => " (docker pull gets an image, docker images lists what there is)",
        _ => "",
    };
    Err(format!("it answers {status}{detail}{remedy}"))
}

fn status_of(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let (version, rest) = line.split_once(' ')?;
    version.strip_prefix("HTTP/1.")?;
    rest.split(' ').next()?.parse().ok()
}

/// Has a program write the archive to its standard output.
fn save_with(
    program: &str,
    arguments: &[&str],
    image: &str,
    spool: &File,
    received: &dyn Fn(u64),
) -> Result<String, DaemonError> {
    let refused = |reason: String| DaemonError::Refused {
        image: image.to_owned(),
        place: format!("the program '{program}'"),
        reason,
    };
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refused("it is not installed".to_owned()),
        _ => refused(error.to_string()),
    })?;
    // Both pipes are read, so that neither fills up while the other is waited for.
    let errors = child.stderr.take();
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut errors) = errors {
            let _ = (&mut errors)
                .take(HEAD_SIZE_BYTES_MAX)
                .read_to_end(&mut text);
            let _ = io::copy(&mut errors, &mut io::sink());
        }
        text
    });
    let copied = match child.stdout.take() {
        Some(mut output) => copy(&mut output, spool, received),
        None => Ok(()),
    };
    let status = child.wait().map_err(|error| refused(error.to_string()))?;
    let text = errors.join().unwrap_or_default();
    copied.map_err(|error| refused(error.to_string()))?;
    if !status.success() {
        return Err(refused(format!("it ended with {status}: {}", shown(&text))));
    }
    Ok(format!("the program '{program}'"))
}

fn copy(from: &mut impl Read, mut spool: &File, received: &dyn Fn(u64)) -> io::Result<()> {
    let mut piece = vec![0; 1 << 18];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                spool.write_all(&piece[..count])?;
                received(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Foreign words in one line of bearable length.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let shown = text.trim().chars().take(300);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What comes of a daemon that answers this: what it sends, or why nothing came of it. And what it was asked.
    fn ask(answer: &'static [u8]) -> (Result<Vec<u8>, String>, String) {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        let daemon = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !asked.ends_with("\r\n\r\n") {
                reader.read_line(&mut asked).unwrap();
            }
            // Who has heard enough may be gone.
            let _ = stream.write_all(answer);
            asked
        });
        let stream = UnixStream::connect(directory.path().join("socket")).unwrap();
        let path = directory.path().join("spool");
        let spool = File::create_new(&path).unwrap();
        let outcome = save_over(stream, "a/b:1", &spool, &|_| ());
        let outcome = outcome.map(|()| std::fs::read(&path).unwrap());
        (outcome, daemon.join().unwrap())
    }

    #[test]
    fn what_daemons_answer() {
        let (outcome, asked) =
            ask(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-tar\r\n\r\nan\narchive");
        assert_eq!(outcome, Ok(b"an\narchive".to_vec()));
        assert_eq!(
            asked,
            "GET /images/a/b:1/get HTTP/1.0\r\nHost: docker\r\n\r\n"
        );
        let check = |answer, expected: &str| assert_eq!(ask(answer).0, Err(expected.to_owned()));
        check(
            b"HTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"no such\\nimage\"}",
            "it answers 404: no such image (docker pull gets an image, docker images lists what there is)",
        );
        check(b"HTTP/1.1 500 X\r\n\r\ngarbage", "it answers 500");
        check(b"SSH-2.0\r\n\r\n", "its answer is not HTTP");
        check(b"HTTP/1.1 200 OK\r\n", "its answer is not HTTP");
        check(b"", "its answer is not HTTP");
        check(b"x".repeat(100_000).leak(), "its answer is not HTTP");
    }

    #[test]
    fn where_the_daemon_is() {
        let check = |host: Option<&str>, expected: &str| {
            let socket = docker_socket(&|_| host.map(str::to_owned));
            let shown = socket.map(|path| path.display().to_string());
            assert_eq!(shown.unwrap_or_else(|error| error.to_string()), expected);
        };
        check(None, "/var/run/docker.sock");
        check(Some(""), "/var/run/docker.sock");
        check(
            Some("unix:///run/user/1/docker.sock"),
            "/run/user/1/docker.sock",
        );
        check(
            Some("tcp://host:2375"),
            "cannot use $DOCKER_HOST: 'tcp://host:2375' is no unix:// socket (unset it, or use docker:// with a registry)",
        );
    }

    #[test]
    fn what_is_asked_for() {
        assert_eq!(names("a/b"), ["a/b:latest", "a/b"]);
        assert_eq!(names("h:5000/a"), ["h:5000/a:latest", "h:5000/a"]);
        assert_eq!(names("a:1"), ["a:1"]);
        assert_eq!(names("a@sha256:0"), ["a@sha256:0"]);
    }

    #[test]
    fn programs_that_fail_are_quoted() {
        let spool = tempfile::tempfile().unwrap();
        let run = |program: &str, arguments: &[&str]| {
            let saved = save_with(program, arguments, "a", &spool, &|_| ());
            saved.unwrap_or_else(|error| error.to_string())
        };
        assert_eq!(
            run("sh", &["-c", "echo 'no such' >&2; echo image >&2; exit 3"]),
            "cannot get 'a' from the program 'sh': it ended with exit status: 3: no such image"
        );
        assert_eq!(
            run("/nowhere/docker", &[]),
            "cannot get 'a' from the program '/nowhere/docker': it is not installed"
        );
        // Much on both pipes at once.
        let noisy = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero";
        assert_eq!(run("sh", &["-c", noisy]), "the program 'sh'");
        assert_eq!(spool.metadata().unwrap().len(), 300_000);
    }
}
