//! Furnishing a container: everything between its root file system being there and its being entered. What Enroot does with
//! standard hooks and fstabs of the system is done here; a host's own hooks, fstabs and environments come on top.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use bundle_container::{Mount, parse_fstab};
use nix::errno::Errno;

use crate::inside::Inside;
use crate::namespace::Privilege;
use crate::{Container, Error, Text, hooks, mounts, user};

/// What every container has. Where a host lacks something, the container does too. Places in `/etc` are made before the host's
/// directories are there, into which an image's links could lead.
const SYSTEM_FSTAB: &str = "\
tmpfs /tmp tmpfs x-create=dir,rw,nosuid,nodev,mode=1777,nofail,silent 0 -1
tmpfs /run tmpfs x-create=dir,rw,nosuid,nodev,mode=755,nofail,silent 0 -1
/etc/hosts /etc/hosts none x-create=file,bind,ro,nosuid,nodev,noexec,nofail,silent 0 -1
/etc/hostname /etc/hostname none x-create=file,bind,ro,nosuid,nodev,noexec,nofail,silent 0 -1
/etc/resolv.conf /etc/resolv.conf none x-create=file,bind,ro,nosuid,nodev,noexec,nofail,silent 0 -1
/etc/machine-id /etc/machine-id none x-create=file,bind,ro,nosuid,nodev,noexec,nofail,silent 0 -1
/proc /proc none x-create=dir,rbind,rw,nosuid,nodev,noexec,nofail,silent 0 -1
/sys /sys none x-create=dir,rbind,ro,nosuid,nodev,noexec,nofail,silent 0 -1
/dev /dev none x-create=dir,rbind,rw,nosuid,nofail,silent 0 -1
";

/// Instead of the host's `/proc` in a process namespace of its own.
const PID_FSTAB: &str = "\
none /proc none x-detach,nofail,silent 0 -1
proc /proc proc x-create=dir,rw,nosuid,nodev,noexec 0 -1
";

/// Instead of the host's `/sys` in a network namespace of its own.
const NET_FSTAB: &str = "\
none /sys none x-detach,nofail,silent 0 -1
sysfs /sys sysfs x-create=dir,ro,nosuid,nodev,noexec,nofail,silent 0 -1
";

/// The few devices that every program needs.
const DEVICES_FSTAB: &str = "\
none /dev none x-detach,nofail,silent
tmpfs /dev tmpfs x-create=dir,rw,nosuid,noexec,mode=755
/dev/zero /dev/zero none x-create=file,bind,rw,nosuid,noexec
/dev/null /dev/null none x-create=file,bind,rw,nosuid,noexec
/dev/full /dev/full none x-create=file,bind,rw,nosuid,noexec
/dev/urandom /dev/urandom none x-create=file,bind,rw,nosuid,noexec
/dev/random /dev/random none x-create=file,bind,rw,nosuid,noexec
/dev/tty /dev/tty none x-create=file,bind,rw,nosuid,noexec,nofail,silent
devpts /dev/pts devpts x-create=dir,rw,nosuid,noexec,newinstance,ptmxmode=0666,mode=620
/dev/hugepages /dev/hugepages none x-create=dir,bind,rw,nosuid,noexec,nodev,nofail,silent
/dev/log /dev/log none x-create=file,bind,rw,nosuid,noexec,nodev,nofail,silent
";

const SHARED_MEMORY_FSTAB: &str = "\
/dev/shm /dev/shm none x-create=dir,bind,rw,nosuid,noexec,nodev,nofail,silent
/dev/mqueue /dev/mqueue none x-create=dir,bind,rw,nosuid,noexec,nodev,nofail,silent
";

const OWN_MEMORY_FSTAB: &str = "\
tmpfs /dev/shm tmpfs x-create=dir,rw,nosuid,noexec,nodev,mode=1777
mqueue /dev/mqueue mqueue x-create=dir,rw,nosuid,noexec,nodev,nofail,silent
";

const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/ptmx", "/dev/pts/ptmx"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// apt would give up root's rights for its downloads, which the user who plays root has not.
const APT_FILE: &str = "/etc/apt/apt.conf.d/99benchrun";
const APT_TEXT: &str = "APT::Sandbox::User \"root\";\n";

/// Lets a container's user and time zone be known in it, mounts what belongs there, and returns its environment.
pub(crate) fn furnish(
    root: &Inside,
    container: &Container,
    privilege: Privilege,
) -> Result<Vec<(OsString, OsString)>, Error> {
    let working_directory = env::current_dir().ok();
    let working_directory = working_directory.as_deref();
    // Before anything of the host's is mounted, so that no link in the image leads to it.
    let host_user =
        user::HostUser::of_process(container.remap_root && privilege != Privilege::Host);
    user::add(root, &host_user, privilege);
    add_time_zone(root);
    if privilege == Privilege::RemappedRoot && root.is_directory(Path::new("/etc/apt/apt.conf.d")) {
        let _ = root.write(Path::new(APT_FILE), APT_TEXT.as_bytes(), 0o644);
    }
    let mut entries = all_mounts(root, container)?;
    let late = entries.split_off(entries.partition_point(|entry| entry.pass < 0));
    mounts::mount_all(root, &entries, working_directory)?;
    if container.restrict_devices || container.namespaces.ipc {
        restrict_devices(root, container, working_directory)?;
    }
    let mut environment = environment(root, container)?;
    let mut hooked = Vec::new();
    if container.mount_home {
        hooked.extend(home_mount(&host_user, &mut environment)?);
    }
    hooked.extend(hooks::run_all(container, root, &mut environment)?);
    mounts::mount_all(root, &hooked, working_directory)?;
    mounts::mount_all(root, &late, working_directory)?;
    mounts::mount_all(root, &container.mounts, working_directory)?;
    environment.extend(
        container
            .variables
            .iter()
            .map(|(name, value)| (name.into(), value.clone())),
    );
    user::add_variables(root, &host_user, &mut environment);
    Ok(environment)
}

/// A container's environment where it has no root of its own, for files that lie in a directory of the host.
pub(crate) fn outside(
    root: &Path,
    container: &Container,
) -> Result<Vec<(OsString, OsString)>, Error> {
    let inside = Inside::open(root).map_err(failed("open", root))?;
    let mut environment = environment(&inside, container)?;
    let variables = container.variables.iter();
    environment.extend(variables.map(|(name, value)| (name.into(), value.clone())));
    user::add_variables(
        &inside,
        &user::HostUser::of_process(false),
        &mut environment,
    );
    Ok(environment)
}

/// All fstabs, the ones that come first first.
fn all_mounts(root: &Inside, container: &Container) -> Result<Vec<Mount>, Error> {
    let mut mounts = parse("the system's fstab", SYSTEM_FSTAB.as_bytes())?;
    if let Some(text) = read(root, "/etc/fstab")? {
        mounts.extend(parse("/etc/fstab in the image", &text)?);
    }
    for Text { origin, text } in &container.fstabs {
        mounts.extend(parse(origin, text.as_bytes())?);
    }
    if container.namespaces.pid {
        mounts.extend(parse("the system's fstab", PID_FSTAB.as_bytes())?);
    }
    if container.namespaces.net {
        mounts.extend(parse("the system's fstab", NET_FSTAB.as_bytes())?);
    }
    mounts.sort_by_key(|mount| mount.pass);
    Ok(mounts)
}

fn parse(origin: &str, text: &[u8]) -> Result<Vec<Mount>, Error> {
    parse_fstab(text, &host_variable)
        .map_err(|error| Error::Configuration(format!("cannot use {origin}: {error}")))
}

fn read(root: &Inside, path: &str) -> Result<Option<Vec<u8>>, Error> {
    root.read(Path::new(path)).map_err(|errno| Error::Furnish {
        operation: "read",
        path: path.to_owned(),
        errno,
    })
}

/// Variables that configuration may name: the host's.
pub(crate) fn host_variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// What the container's environment is before the command line's variables.
fn environment(root: &Inside, container: &Container) -> Result<Vec<(OsString, OsString)>, Error> {
    let image = read(root, "/etc/environment")?.unwrap_or_default();
    environment_of(&image, container)
}

/// The same from the image's own text.
pub(crate) fn environment_of(
    image: &[u8],
    container: &Container,
) -> Result<Vec<(OsString, OsString)>, Error> {
    let mut environment = Vec::new();
    let texts = container
        .environments
        .iter()
        .map(|Text { origin, text }| (origin.as_str(), text.as_bytes()));
    for (origin, text) in std::iter::once(("/etc/environment in the image", image)).chain(texts) {
        environment.extend(parse_variables(origin, text)?);
    }
    Ok(environment)
}

/// Variables from a text in the form of `/etc/environment`.
pub(crate) fn parse_variables(
    origin: &str,
    text: &[u8],
) -> Result<Vec<(OsString, OsString)>, Error> {
    bundle_container::parse_environment(text, &host_variable)
        .map(|variables| {
            let pair = |(name, value): (String, OsString)| (name.into(), value);
            variables.into_iter().map(pair).collect()
        })
        .map_err(|error| Error::Configuration(format!("cannot use {origin}: {error}")))
}

fn home_mount(
    host_user: &user::HostUser,
    environment: &mut Vec<(OsString, OsString)>,
) -> Result<Option<Mount>, Error> {
    let home = &host_user.home_on_host;
    if home.parent().is_none() || !home.is_absolute() {
        // All of the host would be in the container.
        return Err(Error::Configuration(format!(
            "cannot mount the home directory '{}': it must be a directory below the root (set HOME)",
            home.display()
        )));
    }
    if !home.is_dir() {
        return Ok(None);
    }
    environment.push(("HOME".into(), host_user.home.clone().into()));
    Ok(Some(Mount {
        source: Some(home.clone().into()),
        target: host_user.home.clone().into(),
        flags: bundle_container::flags::MS_BIND | bundle_container::flags::MS_NOSUID,
        create: Some(bundle_container::Create::Directory),
        ..Mount::default()
    }))
}

fn restrict_devices(
    root: &Inside,
    container: &Container,
    working_directory: Option<&Path>,
) -> Result<(), Error> {
    let memory = if container.namespaces.ipc {
        OWN_MEMORY_FSTAB
    } else {
        SHARED_MEMORY_FSTAB
    };
    for text in [DEVICES_FSTAB, memory] {
        let entries = parse("the system's fstab", text.as_bytes())?;
        mounts::mount_all(root, &entries, working_directory)?;
    }
    for (path, target) in DEVICE_LINKS {
        root.link(Path::new(path), Path::new(target))
            .map_err(|errno| Error::Furnish {
                operation: "link",
                path: path.to_owned(),
                errno,
            })?;
    }
    Ok(())
}

/// The host's time zone, where it is named by a link; the zone's file too, where the container has none.
fn add_time_zone(root: &Inside) {
    let path = Path::new("/etc/localtime");
    let (Ok(link), Ok(zone)) = (fs::read_link(path), fs::canonicalize(path)) else {
        return;
    };
    if !root.exists(&zone)
        && let Ok(bytes) = fs::read(&zone)
        && root.write(&zone, &bytes, 0o644).is_err()
    {
        return;
    }
    let is_there = fs::read_link(root.path().join("etc/localtime")).is_ok_and(|own| own == link);
    if !is_there && root.is_directory(Path::new("/etc")) {
        let _ = root.link(path, &link);
    }
}

/// The errno inside of what went wrong with a file of this name.
pub(crate) fn failed<'p>(
    operation: &'static str,
    path: &'p Path,
) -> impl FnOnce(Errno) -> Error + use<'p> {
    move |errno| Error::Furnish {
        operation,
        path: path.to_string_lossy().into_owned(),
        errno,
    }
}

/// The value that a variable has: the last one that was given.
pub(crate) fn value_of<'v>(
    environment: &'v [(OsString, OsString)],
    name: &str,
) -> Option<&'v OsStr> {
    let found = environment.iter().rev().find(|(set, _)| set == name);
    found.map(|(_, value)| value.as_os_str())
}
