//! A host's own programs that prepare containers: executables in `hooks.d`, run in order before the container is entered. They
//! find what they need in their environment, under the names that Enroot's hooks expect too.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use bundle_container::{Mount, parse_fstab};
use nix::mount::{MntFlags, umount2};

use crate::furnish::{failed, host_variable, parse_variables};
use crate::inside::Inside;
use crate::mount_point::KeepVisible;
use crate::namespace::{mount_somewhere, mount_tmpfs};
use crate::{Container, Error};

/// Runs all hooks, adds the variables that they have set to `environment`, and returns the mounts that they ask for.
pub(crate) fn run_all(
    container: &Container,
    root: &Inside,
    environment: &mut Vec<(OsString, OsString)>,
) -> Result<Vec<Mount>, Error> {
    if container.hooks.is_empty() {
        return Ok(Vec::new());
    }
    // Memory that lies nowhere in the container, and goes with this process's namespace.
    let scratch = &mount_somewhere(&KeepVisible::default(), mount_tmpfs)?;
    let environment_file = scratch.join("environment");
    let fstab = scratch.join("fstab");
    let write = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes)
            .map_err(|error| failed("write", path)(crate::error::errno_of(&error)))
    };
    let read = |path: &Path| {
        fs::read(path).map_err(|error| failed("read", path)(crate::error::errno_of(&error)))
    };
    let line = |(name, value): &(OsString, OsString)| {
        [name.as_bytes(), b"=", value.as_bytes(), b"\n"].concat()
    };
    let lines: Vec<u8> = environment.iter().flat_map(line).collect();
    write(&environment_file, &lines)?;
    write(&fstab, b"")?;
    for hook in &container.hooks {
        let mut command = Command::new(hook);
        for prefix in ["BENCHRUN", "ENROOT"] {
            command
                .env(format!("{prefix}_ROOTFS"), root.path())
                .env(format!("{prefix}_ENVIRON"), &environment_file)
                .env(format!("{prefix}_MOUNTS"), &fstab)
                .env(format!("{prefix}_PID"), std::process::id().to_string());
            if container.remap_root {
                command.env(format!("{prefix}_REMAP_ROOT"), "y");
            }
            if container.writable {
                command.env(format!("{prefix}_ROOTFS_WRITABLE"), "y");
            }
        }
        let failed = |outcome: String| Error::Hook {
            path: hook.clone(),
            outcome,
        };
        let status = command
            .status()
            .map_err(|error| failed(format!("cannot be started: {error} (is it executable?)")))?;
        if !status.success() {
            return Err(failed(format!("failed: {status}")));
        }
    }
    let after = read(&environment_file)?;
    let fstab = read(&fstab)?;
    let _ = umount2(scratch, MntFlags::MNT_DETACH);
    // What was there before has been read already, unless a hook has changed it.
    match after.strip_prefix(&lines[..]) {
        Some(added) => environment.extend(parse_variables("what the hooks have set", added)?),
        None => *environment = parse_variables("what the hooks have set", &after)?,
    }
    parse_fstab(&fstab, &host_variable)
        .map_err(|error| Error::Configuration(format!("cannot use the hooks' mounts: {error}")))
}
