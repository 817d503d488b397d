//! Root file systems for tests, made of nothing but Debian's static busybox.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The commands that the image has.
const APPLETS: [&str; 16] = [
    "sh", "cat", "echo", "ls", "touch", "id", "stat", "sleep", "true", "env", "rm", "mkdir",
    "grep", "test", "ln", "mv",
];

/// Makes a squashfs image of a small root file system; `change` may change it before. `root` is made and removed.
///
/// # Panics
///
/// When busybox-static or squashfs-tools are not there.
pub fn make(root: &Path, image: &Path, change: impl Fn(&Path)) {
    for directory in [
        "bin", "etc", "proc", "sys", "dev", "tmp", "run", "root", "var/tmp",
    ] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox (busybox-static)");
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).expect("a link");
    }
    fs::write(root.join("etc/os-release"), "ID=benchrun-test\n").expect("a file");
    fs::write(root.join("etc/resolv.conf"), "").expect("a file");
    change(root);
    let output = Command::new("mksquashfs")
        .args([root, image])
        .args(["-all-root", "-no-progress", "-quiet", "-comp", "zstd"])
        .output()
        .expect("mksquashfs (squashfs-tools) starts");
    assert!(output.status.success(), "{}", crate::stderr(&output));
    fs::remove_dir_all(root).expect("it goes");
}

/// Packs an image, with a command for a start without words.
///
/// # Panics
///
/// When it cannot be packed.
pub fn pack(image: &Path, output: &Path, command: &[&str]) {
    let mut line = Command::new(crate::site::bundle_program());
    line.args(["pack", "--force", "--image"]).arg(image);
    line.arg("--output").arg(output);
    if !command.is_empty() {
        line.arg("--").args(command);
    }
    let output = line.output().expect("`bundle` starts");
    assert!(output.status.success(), "{}", crate::stderr(&output));
}
