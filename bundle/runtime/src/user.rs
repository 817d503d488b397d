//! The user inside of a container: known by name, with a home, a shell and the variables of a login.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bundle_container::passwd::{
    User, default_of, find_group, find_user, group_with_user, passwd_with_user,
};
use nix::unistd::{getegid, geteuid};

use crate::furnish::value_of;
use crate::image_command::default_path;
use crate::inside::Inside;
use crate::namespace::Privilege;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const FALLBACK_SHELL: &[u8] = b"/bin/sh";

/// The user who starts a container.
#[derive(Debug)]
pub(crate) struct HostUser {
    /// As the container knows the user.
    user: User,
    /// The name of the user's group.
    group: Vec<u8>,
    /// The home directory in the container.
    pub(crate) home: PathBuf,
    /// The home directory on the host.
    pub(crate) home_on_host: PathBuf,
}

impl HostUser {
    /// Of this process, after its namespaces were made. The user databases are read as files: a directory service's users are
    /// known by `USER` and `HOME`.
    pub(crate) fn of_process(is_remapped: bool) -> Self {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let variable = |name| env::var_os(name).map(OsString::into_vec);
        let entry = if is_remapped {
            None
        } else {
            find_user(&fs::read(PASSWD).unwrap_or_default(), uid)
        };
        let home_on_host = variable("HOME")
            .or_else(|| entry.as_ref().map(|entry| entry.home.clone()))
            .unwrap_or_else(|| b"/".to_vec());
        let home = if is_remapped {
            b"/root".to_vec()
        } else {
            home_on_host.clone()
        };
        let user = User {
            name: match (is_remapped, &entry) {
                (true, _) => b"root".to_vec(),
                (false, Some(entry)) => entry.name.clone(),
                (false, None) => variable("USER").unwrap_or_else(|| b"user".to_vec()),
            },
            uid,
            gid,
            gecos: entry
                .as_ref()
                .map_or_else(Vec::new, |entry| entry.gecos.clone()),
            home: home.clone(),
            shell: variable("SHELL")
                .or_else(|| entry.map(|entry| entry.shell))
                .unwrap_or_else(|| FALLBACK_SHELL.to_vec()),
        };
        let group = if is_remapped {
            b"root".to_vec()
        } else {
            find_group(&fs::read(GROUP).unwrap_or_default(), gid)
                .unwrap_or_else(|| user.name.clone())
        };
        Self {
            user,
            group,
            home: path(home),
            home_on_host: path(home_on_host),
        }
    }
}

/// Writes the user into the container's databases, and makes a home. A container that cannot be written to does without; root's
/// has all users of its image already.
pub(crate) fn add(root: &Inside, host: &HostUser, privilege: Privilege) {
    if privilege == Privilege::Host || !root.is_directory(Path::new("/etc")) {
        return;
    }
    let (nobody, nogroup) = (overflow_id("overflowuid"), overflow_id("overflowgid"));
    let mut user = host.user.clone();
    user.shell = shell_inside(root, &user.shell);
    // What cannot be read is not replaced.
    let old = |name: &str| root.read(Path::new(name)).map(Option::unwrap_or_default);
    let (Ok(old_passwd), Ok(old_group)) = (old(PASSWD), old(GROUP)) else {
        return;
    };
    let passwd = passwd_with_user(&old_passwd, &user, nobody, nogroup);
    let group = group_with_user(&old_group, &host.group, user.gid, nogroup);
    for (name, old, new) in [(PASSWD, old_passwd, passwd), (GROUP, old_group, group)] {
        if old != new {
            let _ = root.write(Path::new(name), &new, 0o644);
        }
    }
    if host.home.is_absolute() {
        let _ = root.make_directory(&host.home);
    }
}

/// The user's shell, if the container has it.
fn shell_inside(root: &Inside, shell: &[u8]) -> Vec<u8> {
    if root.is_executable(Path::new(OsStr::from_bytes(shell))) {
        return shell.to_vec();
    }
    let defaults = root.read(Path::new("/etc/default/useradd")).ok().flatten();
    let default = defaults
        .as_deref()
        .and_then(|text| default_of(text, "SHELL"));
    default.unwrap_or(FALLBACK_SHELL).to_vec()
}

/// The number that stands for users who do not exist in a namespace.
fn overflow_id(name: &str) -> u32 {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(name));
    text.ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(65534)
}

/// Adds the variables of a login that nothing has set.
pub(crate) fn add_variables(
    root: &Inside,
    host: &HostUser,
    environment: &mut Vec<(OsString, OsString)>,
) {
    let shell = OsString::from_vec(shell_inside(root, &host.user.shell));
    let name = OsString::from_vec(host.user.name.clone());
    let terminal = env::var_os("TERM").unwrap_or_else(|| "dumb".into());
    add_missing(
        environment,
        [
            ("HOME", host.home.clone().into()),
            ("SHELL", shell),
            ("USER", name.clone()),
            ("LOGNAME", name),
            ("TERM", terminal),
            ("PATH", default_path().into()),
        ],
    );
}

/// Adds those variables that have no value yet.
pub(crate) fn add_missing<const COUNT: usize>(
    environment: &mut Vec<(OsString, OsString)>,
    variables: [(&str, OsString); COUNT],
) {
    for (name, value) in variables {
        if value_of(environment, name).is_none() {
            environment.push((name.into(), value));
        }
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}
