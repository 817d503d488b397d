//! A container: what makes a root file system one that programs run in. Its parts are Enroot's, and so is their order:
//! the image's own `/etc/environment` and `/etc/fstab`, then those of the host's administrator and of the user, then what the
//! command line says.

use std::ffi::OsString;
use std::path::PathBuf;

use bundle_container::Mount;

/// How a container is set up. All of it is read and checked before anything is started.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// What it is called: `BENCHRUN_CONTAINER` in its environment.
    pub name: String,
    /// The words that are executed if the command line has none; may be empty.
    pub command: Vec<OsString>,
    /// A script that takes the place of the image's `/etc/rc`.
    pub rc: Option<Vec<u8>>,
    /// Texts in the form of `/etc/environment`, after the image's own.
    pub environments: Vec<Text>,
    /// Variables that the command line sets.
    pub variables: Vec<(String, OsString)>,
    /// Texts in the form of `/etc/fstab`, after the image's own.
    pub fstabs: Vec<Text>,
    /// What the command line mounts.
    pub mounts: Vec<Mount>,
    /// Programs of the host that are run before the container is entered, with the root's path, the environment and the mounts in
    /// files named by their environment.
    pub hooks: Vec<PathBuf>,
    /// The user is root inside.
    pub remap_root: bool,
    /// The root file system can be written to.
    pub writable: bool,
    /// The user's home directory is mounted.
    pub mount_home: bool,
    /// `/dev` has only what every program needs.
    pub restrict_devices: bool,
    /// Namespaces of its own besides.
    pub namespaces: Namespaces,
}

impl Container {
    /// What was asked for that takes a private namespace: an option's name. None if it can do without.
    pub(crate) fn needs_namespace(&self) -> Option<&'static str> {
        let is_root = nix::unistd::geteuid().is_root();
        let asked = [
            (self.namespaces.pid, "--pid"),
            (self.namespaces.net, "--net"),
            (self.namespaces.ipc, "--ipc"),
            (self.namespaces.uts, "--uts"),
            (!self.mounts.is_empty(), "--mount"),
            (self.remap_root && !is_root, "--root"),
            (self.mount_home, "mounting the home directory"),
        ];
        let is_asked = |(asked, _): &&(bool, &'static str)| *asked;
        asked.iter().find(is_asked).map(|(_, name)| *name)
    }
}

/// A configuration text and where it came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Path of its file, or what it is.
    pub origin: String,
    /// The text.
    pub text: String,
}

/// What a container does not share with the host besides the file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Processes.
    pub pid: bool,
    /// The network: only a loopback interface is left.
    pub net: bool,
    /// System V and POSIX inter-process communication.
    pub ipc: bool,
    /// The host's name.
    pub uts: bool,
}
