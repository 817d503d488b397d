//! What is executed in a bundle of a whole root file system.
//!
//! The words of the command line replace the command in the manifest. An image with an `/etc/rc` gets them as its arguments,
//! which is Enroot's rule. Without either, a shell is started.
//!
//! On rung 4 the image is not the root. The program's own loader is executed then, with the image's library directories, and
//! a script's interpreter in the same way. That serves one program; what it starts by absolute paths is the host's.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

use crate::child::Place;
use crate::furnish::value_of;
use crate::{Container, Error};

/// Where programs are looked for if nothing says otherwise.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Directories of libraries that need no configuration, and those of the distributions that have others.
const LIBRARY_DIRECTORIES: [&str; 11] = [
    "usr/local/lib",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
    "lib/x86_64-linux-gnu/blas",
    "lib/x86_64-linux-gnu/lapack",
];

/// Links that lead to links, at most; as the kernel counts.
const LINK_COUNT_LIMIT: usize = 40;

/// Longest command that an imported image says it has: the kernel takes no longer one.
const COMMAND_SIZE_LIMIT_BYTES: u64 = 2 << 20;

/// Scripts whose interpreters are scripts, at most; as the kernel counts.
const SCRIPT_DEPTH_LIMIT: usize = 4;

/// A program header table has at most so many entries here; real programs have about a dozen.
const PROGRAM_HEADER_COUNT_LIMIT: u16 = 64;

/// The program to execute and all its words, the first being its name for itself. `environment` is what it will have.
pub(crate) fn command_line(
    place: &Place,
    container: &Container,
    words: &[OsString],
    environment: &[(OsString, OsString)],
) -> Result<(PathBuf, Vec<OsString>), Error> {
    let mut line: Vec<OsString> = words.to_vec();
    if line.is_empty() {
        line.clone_from(&container.command);
    }
    let path = value_of(environment, "PATH").unwrap_or(default_path());
    let rc = match &container.rc {
        Some(script) => Some(readable_script(script)?),
        None => is_rc_there(&place.root).then(|| "/etc/rc".into()),
    };
    if let Some(rc) = rc {
        let has_shell = resolve(&place.root, Path::new("/bin/sh")).is_ok();
        match plain_command(&place.root).filter(|_| !has_shell && container.rc.is_none()) {
            Some(plain) => line = plain.enter(place, line),
            None => drop(line.splice(0..0, ["/bin/sh".into(), rc])),
        }
    } else if line.is_empty() {
        line.push(shell(place, environment));
    }
    let program = find(&place.root, &line[0], path)?;
    if place.is_switched {
        return Ok((program, line));
    }
    // A relative path of a script's is one in the image.
    if line.get(1).is_some_and(|word| word == "/etc/rc") {
        line[1] = place.root.join("etc/rc").into();
    }
    through_loader(&place.root, &program, line, path, 0)
}

/// The user's shell, if the container has it.
fn shell(place: &Place, environment: &[(OsString, OsString)]) -> OsString {
    let shell = value_of(environment, "SHELL").unwrap_or(OsStr::new("/bin/sh"));
    match resolve(&place.root, Path::new(shell)) {
        Ok(path) if is_executable(&path) => shell.to_owned(),
        _ => "/bin/sh".into(),
    }
}

/// A script that lies nowhere but in memory, by a name under which a shell can open it.
fn readable_script(script: &[u8]) -> Result<OsString, Error> {
    let failed = |errno| Error::Process {
        operation: "keep the script of --rc in memory",
        errno,
    };
    // Stays open for the shell that reads it.
    let memory =
        nix::sys::memfd::memfd_create("rc", nix::sys::memfd::MFdFlags::empty()).map_err(failed)?;
    let mut file = File::from(memory);
    file.write_all(script)
        .map_err(|error| failed(crate::error::errno_of(&error)))?;
    Ok(format!("/proc/self/fd/{}", file.into_raw_fd()).into())
}

/// What an imported image is to run, for those that have no shell for their `/etc/rc`.
struct PlainCommand {
    working_directory: PathBuf,
    entrypoint: Vec<OsString>,
    command: Vec<OsString>,
}

impl PlainCommand {
    /// The line to execute, in the working directory: OCI's rule, by which words replace the command and follow the entry point.
    fn enter(mut self, place: &Place, words: Vec<OsString>) -> Vec<OsString> {
        if place.is_switched {
            let _ = nix::unistd::chdir(&self.working_directory);
        }
        self.entrypoint.extend(if words.is_empty() {
            self.command
        } else {
            words
        });
        self.entrypoint
    }
}

/// Reads what importing has written: words, each with a NUL behind it.
fn plain_command(root: &Path) -> Option<PlainCommand> {
    let path = resolve(root, Path::new("/etc/benchrun/command")).ok()?;
    let mut words = Vec::new();
    File::open(path)
        .ok()?
        .take(COMMAND_SIZE_LIMIT_BYTES)
        .read_to_end(&mut words)
        .ok()?;
    let words = words.strip_suffix(b"\0")?;
    let mut words = words
        .split(|byte| *byte == 0)
        .map(|word| OsStr::from_bytes(word).to_owned());
    let working_directory = words.next()?.into();
    let count: usize = words.next()?.to_str()?.parse().ok()?;
    let mut entrypoint: Vec<OsString> = words.collect();
    let command = entrypoint.split_off(count.min(entrypoint.len()));
    let plain = PlainCommand {
        working_directory,
        entrypoint,
        command,
    };
    (!plain.entrypoint.is_empty() || !plain.command.is_empty()).then_some(plain)
}

fn is_rc_there(root: &Path) -> bool {
    resolve(root, Path::new("/etc/rc")).is_ok_and(|path| path.is_file())
}

/// The variable `PATH` for the program, unless something else sets one.
pub(crate) fn default_path() -> &'static OsStr {
    OsStr::new(DEFAULT_PATH)
}

/// A program by its path or name in the image, as a path that can be opened from here.
fn find(root: &Path, name: &OsStr, path: &OsStr) -> Result<PathBuf, Error> {
    let not_there = || Error::NotInImage(name.to_string_lossy().escape_debug().to_string());
    if name.as_bytes().contains(&b'/') {
        return resolve(root, Path::new(name)).map_err(|_| not_there());
    }
    // The image's directories may be others than those that the user's PATH has.
    let fallback = std::env::split_paths(DEFAULT_PATH).collect::<Vec<_>>();
    std::env::split_paths(path)
        .chain(fallback)
        .filter_map(|directory| resolve(root, &directory.join(name)).ok())
        .find(|path| is_executable(path))
        .ok_or_else(not_there)
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The path of what `path` names in a file system with the given root, links followed as if that were the root.
fn resolve(root: &Path, path: &Path) -> std::io::Result<PathBuf> {
    let mut pending: Vec<OsString> = parts(path);
    let mut resolved = PathBuf::new();
    let mut link_count = 0;
    while let Some(part) = pending.pop() {
        if part == ".." {
            resolved.pop();
            continue;
        }
        let here = root.join(&resolved).join(&part);
        if !fs::symlink_metadata(&here)?.is_symlink() {
            resolved.push(part);
            continue;
        }
        link_count += 1;
        if link_count > LINK_COUNT_LIMIT {
            return Err(std::io::Error::from_raw_os_error(libc::ELOOP));
        }
        let target = fs::read_link(&here)?;
        if target.is_absolute() {
            resolved.clear();
        }
        pending.extend(parts(&target));
    }
    Ok(root.join(resolved))
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// What to execute so that a program that lies below `root` finds its own loader and libraries.
fn through_loader(
    root: &Path,
    program: &Path,
    mut line: Vec<OsString>,
    path: &OsStr,
    depth: usize,
) -> Result<(PathBuf, Vec<OsString>), Error> {
    let failed = |error: &std::io::Error| Error::Exec {
        path: program.to_owned(),
        errno: crate::error::errno_of(error),
    };
    let file = File::open(program).map_err(|error| failed(&error))?;
    let mut head = Vec::new();
    (&file)
        .take(256)
        .read_to_end(&mut head)
        .map_err(|error| failed(&error))?;
    if let Some(script) = head.strip_prefix(b"#!") {
        if depth == SCRIPT_DEPTH_LIMIT {
            return Err(Error::Exec {
                path: program.to_owned(),
                errno: Errno::ELOOP,
            });
        }
        let (interpreter, argument) = script_interpreter(script);
        line[0] = program.into();
        line.splice(0..0, argument);
        line.insert(0, interpreter.clone());
        let interpreter = find(root, &interpreter, path)?;
        return through_loader(root, &interpreter, line, path, depth + 1);
    }
    let Some(loader) = loader_of(&file).map_err(|error| failed(&error))? else {
        return Ok((program.to_owned(), line));
    };
    let loader = resolve(root, &loader).map_err(|error| failed(&error))?;
    let options = fs::read(&loader).map_err(|error| failed(&error))?;
    let knows = |option: &[u8]| options.windows(option.len()).any(|window| window == option);
    let mut words: Vec<OsString> = vec![loader.clone().into()];
    if knows(b"--inhibit-cache") {
        words.push("--inhibit-cache".into());
    }
    if knows(b"--argv0") {
        // By its whole path, a program finds what lies beside it.
        words.extend(["--argv0".into(), program.into()]);
    }
    let directories: Vec<OsString> = LIBRARY_DIRECTORIES
        .iter()
        .map(|directory| root.join(directory))
        .filter(|directory| directory.is_dir())
        .map(PathBuf::into_os_string)
        .collect();
    words.extend(["--library-path".into(), directories.join(OsStr::new(":"))]);
    words.push(program.into());
    words.extend(line.drain(1..));
    Ok((loader, words))
}

/// The interpreter that a script's first line names, and its one argument.
fn script_interpreter(first_line: &[u8]) -> (OsString, Option<OsString>) {
    let line = first_line.split(|byte| *byte == b'\n').next();
    let line = line.unwrap_or_default().trim_ascii();
    let mut words = line.splitn(2, |byte| matches!(byte, b' ' | b'\t'));
    let mut word = || {
        words
            .next()
            .map(|word| OsStr::from_bytes(word.trim_ascii()).to_owned())
    };
    (word().unwrap_or_default(), word())
}

/// The loader that a 64-bit little-endian ELF program names; none if it is static or something else.
fn loader_of(file: &File) -> std::io::Result<Option<PathBuf>> {
    const INTERPRETER: u32 = 3;
    let mut header = [0; 64];
    if file.read_exact_at(&mut header, 0).is_err() || header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(None);
    }
    let table = u64_at(&header, 32);
    let entry_size_bytes = u16::from_le_bytes([header[54], header[55]]);
    let count = u16::from_le_bytes([header[56], header[57]]).min(PROGRAM_HEADER_COUNT_LIMIT);
    for index in 0..count {
        let mut entry = [0; 56];
        let offset = u64::from(index) * u64::from(entry_size_bytes);
        file.read_exact_at(&mut entry, table.saturating_add(offset))?;
        if entry[..4] == INTERPRETER.to_le_bytes() {
            let size_bytes = u64_at(&entry, 32).min(libc::PATH_MAX as u64) as usize;
            let mut name = vec![0; size_bytes];
            file.read_exact_at(&mut name, u64_at(&entry, 8))?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            return Ok(Some(OsStr::from_bytes(name).into()));
        }
    }
    Ok(None)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_never_lead_out_of_the_image() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/tool"), "").unwrap();
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("/bin/tool", root.join("absolute")).unwrap();
        symlink("../../../../bin/tool", root.join("usr/up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for path in ["/bin/tool", "/absolute", "/usr/up", "usr/../../bin/tool"] {
            assert_eq!(
                resolve(root, Path::new(path)).unwrap(),
                root.join("usr/bin/tool"),
                "{path}"
            );
        }
        assert!(resolve(root, Path::new("/loop")).is_err());
        assert!(resolve(root, Path::new("/none")).is_err());
    }

    #[test]
    fn an_image_without_a_shell_runs_its_entry_point() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("etc/benchrun");
        fs::create_dir_all(&directory).unwrap();
        let place = Place {
            root: root.path().to_owned(),
            is_switched: false,
            environment: None,
        };
        let line = |text: &[u8], words: &[&str]| {
            fs::write(directory.join("command"), text).unwrap();
            let words = words.iter().map(OsString::from).collect();
            let plain = plain_command(root.path())?;
            Some(plain.enter(&place, words).join(OsStr::new(" ")))
        };
        let text = b"/\x002\0/hello\0-v\0world\0";
        assert_eq!(line(text, &[]).unwrap(), "/hello -v world");
        assert_eq!(line(text, &["you", ""]).unwrap(), "/hello -v you ");
        assert_eq!(line(b"/\x000\0/only\0", &[]).unwrap(), "/only");
        for text in [&b""[..], b"/\0", b"/\x000\0", b"/\0x\0/a\0", b"/\x001\0/a"] {
            assert_eq!(line(text, &[]), None, "{text:?}");
        }
    }

    #[test]
    fn a_scripts_interpreter_and_its_argument() {
        let read = |line: &[u8]| script_interpreter(line);
        assert_eq!(read(b"/bin/sh\necho"), ("/bin/sh".into(), None));
        assert_eq!(
            read(b" /usr/bin/env  -S python3 -u \n"),
            ("/usr/bin/env".into(), Some("-S python3 -u".into()))
        );
    }

    #[test]
    fn this_tests_own_loader_is_found() {
        let program = File::open("/proc/self/exe").unwrap();
        let loader = loader_of(&program).unwrap().unwrap();
        assert!(loader.is_absolute() && loader.exists(), "{loader:?}");
        let script = tempfile::tempfile().unwrap();
        assert_eq!(loader_of(&script).unwrap(), None);
    }
}
