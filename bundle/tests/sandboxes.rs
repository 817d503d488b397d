//! Sandboxes from their making to their end: `create`, `list`, `export`, `remove`.

mod common;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::sandboxes::{Site, snapshot};
use common::{names_in, stderr};

/// A tree with all that an ordinary user can make, some of it awkward.
fn tree(site: &Site) -> PathBuf {
    let top = site.path("tree");
    fs::create_dir_all(top.join("etc")).unwrap();
    fs::write(top.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
    fs::write(top.join("large"), vec![7; 400_000]).unwrap();
    fs::write(top.join("empty"), "").unwrap();
    fs::create_dir_all(top.join("tmp")).unwrap();
    fs::set_permissions(top.join("tmp"), Permissions::from_mode(0o1777)).unwrap();
    symlink("../etc/hosts", top.join("tmp/link")).unwrap();
    fs::hard_link(top.join("large"), top.join("tmp/hard link")).unwrap();
    fs::write(top.join(OsStr::from_bytes(b"caf\xe9\n")), "latin").unwrap();
    fs::write(top.join("tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(top.join("tool"), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(top.join("closed/deep")).unwrap();
    fs::write(top.join("closed/deep/file"), "x").unwrap();
    for directory in ["closed/deep", "closed"] {
        fs::set_permissions(top.join(directory), Permissions::from_mode(0o555)).unwrap();
    }
    nix::unistd::mkfifo(&top.join("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    top
}

/// The sandbox can be changed from the host, exported, and made again from that; and nothing is lost on the way.
#[track_caller]
fn check_round(site: &Site, devices: &[&str]) {
    let image = site.image(&tree(site), "first.sqsh", devices);
    site.succeed(&[OsStr::new("create"), image.as_os_str()]);
    let root = site.root("first");
    fs::create_dir_all(root.join("usr/local/bin")).unwrap();
    fs::write(root.join("usr/local/bin/added"), "by hand").unwrap();
    for added in ["usr", "usr/local", "usr/local/bin", "usr/local/bin/added"] {
        site.give(&root.join(added));
    }
    site.succeed(&["export", "first", "-o", "again.sqsh"]);
    site.succeed(&["create", "-n", "second", "again.sqsh"]);
    let (first, second) = (snapshot(&root), snapshot(&site.root("second")));
    assert!(first.len() > 15, "{first:?}");
    assert_eq!(first, second);
    assert_eq!(site.succeed(&["list"]), "first\nsecond\n");
    site.succeed(&["remove", "--force", "first", "second"]);
    assert_eq!(site.succeed(&["list"]), "");
    assert_eq!(names_in(&site.path("data")), [".benchrun"]);
    assert!(site.drafts().is_empty());
}

#[test]
fn nothing_is_lost_between_sandboxes_and_images() {
    check_round(&Site::new(), &[]);
}

#[test]
fn an_ordinary_user_owns_all_of_a_sandbox() {
    let site = Site::ordinary();
    check_round(&site, &[]);
    let devices = [
        "dev d 755 0 0",
        "dev/null c 666 0 0 1 3",
        "dev/sda b 600 0 0 8 0",
        "secret f 600 7 8 echo x",
    ];
    let image = site.image(&site.path("tree"), "devices.sqsh", &devices);
    let made = site.run(&[OsStr::new("create"), image.as_os_str()]);
    assert_eq!(
        stderr(&made),
        "bundle: 2 devices of the image are left out (only root can make them)\n"
    );
    assert!(site.root("devices/secret").exists());
    assert!(names_in(&site.root("devices/dev")).is_empty());
    // In the image everything is root's again.
    site.succeed(&["export", "devices", "--output", "mine.sqsh"]);
    let listed = std::process::Command::new("unsquashfs")
        .args(["-lln", "-d", ""])
        .arg(site.path("mine.sqsh"))
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    // A name with a line break has a second line.
    let is_roots = |line: &str| line.is_empty() || line.split_whitespace().nth(1) == Some("0/0");
    assert!(
        !listed.is_empty() && listed.lines().all(is_roots),
        "{listed}"
    );
    site.succeed(&["remove", "-f", "devices"]);
}

#[test]
fn a_sandbox_is_replaced_only_on_request() {
    let site = Site::new();
    for content in ["old", "new"] {
        let tree = site.path(content);
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("content"), content).unwrap();
        site.image(&tree, &format!("{content}.sqsh"), &[]);
    }
    let content = || fs::read_to_string(site.root("s/content")).unwrap();
    site.succeed(&["create", "--name", "s", "old.sqsh"]);
    site.refuse(
        &["create", "-n", "s", "new.sqsh"],
        "exists (use --force to replace it)",
    );
    assert_eq!(content(), "old");
    // The owner may have closed the sandbox even to himself.
    fs::set_permissions(site.root("s"), Permissions::from_mode(0o500)).unwrap();
    site.succeed(&["create", "-n", "s", "-f", "new.sqsh"]);
    assert_eq!(content(), "new");
    let forced = site
        .command(&["create", "-n", "s", "old.sqsh"])
        .env("ENROOT_FORCE_OVERRIDE", "y")
        .status();
    assert!(forced.unwrap().success());
    assert_eq!(content(), "old");
    // What cannot be read leaves the sandbox as it is, and nothing else behind.
    fs::write(site.path("broken.sqsh"), [b'x'; 5000]).unwrap();
    site.refuse(&["create", "-n", "s", "-f", "broken.sqsh"], "cannot unpack");
    let whole = fs::read(site.path("new.sqsh")).unwrap();
    fs::write(site.path("broken.sqsh"), &whole[..200]).unwrap();
    site.refuse(&["create", "-n", "s", "-f", "broken.sqsh"], "cannot unpack");
    assert_eq!(content(), "old");
    assert!(site.drafts().is_empty());
    site.succeed(&["export", "s"]);
    assert!(site.path("s.sqsh").is_file());
    site.refuse(&["export", "s"], "it exists (use --force to replace it)");
    site.succeed(&["export", "--force", "s"]);
    site.refuse(&["export", "s", "-o", "."], "it is a directory");
    assert_eq!(names_in(&site.path("data")), [".benchrun", "s"]);
}

#[test]
fn names_are_those_of_files_and_nothing_else() {
    let site = Site::new();
    let tree = site.path("tree");
    fs::create_dir(&tree).unwrap();
    let image = site.image(&tree, "ubuntu+20.04.sqsh", &[]);
    let image = image.as_os_str();
    for name in ["a b", "ä", "x.y+z", "quote'\""] {
        site.succeed(&["create".as_ref(), "-n".as_ref(), OsStr::new(name), image]);
        assert!(site.root(name).is_dir());
    }
    let latin = OsStr::from_bytes(b"caf\xe9");
    site.succeed(&["create".as_ref(), "-n".as_ref(), latin, image]);
    assert!(site.root(latin).is_dir());
    site.succeed(&["create".as_ref(), image]);
    let listed = site.run(&["list"]).stdout;
    assert_eq!(
        listed,
        b"a b\ncaf\xe9\nquote'\"\nubuntu+20.04\nx.y+z\n\xc3\xa4\n"
    );
    let table = site.succeed(&["list", "--fancy"]);
    assert!(
        table.starts_with("NAME ") && table.lines().count() == 7,
        "{table}"
    );
    let json: serde_json::Value = serde_json::from_str(&site.succeed(&["list", "--json"])).unwrap();
    assert_eq!(json[3]["name"], "ubuntu+20.04");
    assert_eq!(json[3]["processes"], serde_json::json!([]));
    for (name, reason) in [
        ("", "it is empty"),
        (".", "it begins with '.'"),
        (".benchrun", "it begins with '.'"),
        ("../x", "it begins with '.'"),
        ("a/b", "it has a '/'"),
        ("a\nb", "it has control characters"),
    ] {
        site.refuse(
            &["create".as_ref(), "-n".as_ref(), OsStr::new(name), image],
            reason,
        );
        site.refuse(&["remove", "-f", name], reason);
        site.refuse(&["export", name], reason);
    }
    site.refuse(
        &["create".as_ref(), "--name=-x".as_ref(), image],
        "it begins with '-'",
    );
    site.succeed(&["remove".as_ref(), "-f".as_ref(), latin]);
    assert!(!site.root(latin).exists());
}

#[test]
fn removing_asks_first() {
    let site = Site::new();
    let tree = site.path("tree");
    fs::create_dir(&tree).unwrap();
    site.image(&tree, "s.sqsh", &[]);
    site.succeed(&["create", "s.sqsh"]);
    let answer = |answer: &str| {
        let mut remove = site.command(&["remove", "s"]);
        let mut remove = remove
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        remove
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        let output = remove.wait_with_output().unwrap();
        let said = stderr(&output);
        assert!(said.starts_with("Do you really want to delete "), "{said}");
        output.status.success()
    };
    for no in ["n\n", "\n", "yes please\n"] {
        assert!(answer(no));
        assert!(site.root("s").exists());
    }
    assert!(!answer(""));
    assert!(site.root("s").exists());
    assert!(answer("y\n"));
    assert!(!site.root("s").exists());
    site.refuse(&["remove", "-f", "s"], "there is no sandbox 's'");
    site.refuse(&["export", "s"], "there is no sandbox 's'");
    fs::write(site.root("s"), "a file").unwrap();
    site.refuse(&["remove", "-f", "s"], "it is no directory");
}

/// Whoever uses a sandbox shares its lock.
#[test]
fn a_sandbox_in_use_stays() {
    let site = Site::new();
    let tree = site.path("tree");
    fs::create_dir(&tree).unwrap();
    site.image(&tree, "s.sqsh", &[]);
    site.succeed(&["create", "s.sqsh"]);
    let lock = fs::File::open(site.path("data/.benchrun/s.lock")).unwrap();
    let shared = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockShared);
    let shared = shared.map_err(|(_, errno)| errno).unwrap();
    site.refuse(&["create", "-f", "s.sqsh"], "it is in use");
    site.succeed(&["export", "s", "-o", "x.sqsh"]);
    let mut refused = site.command(&["remove", "s"]);
    let mut refused = refused
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    refused.stdin.take().unwrap().write_all(b"y\n").unwrap();
    let refused = refused.wait_with_output().unwrap();
    assert!(
        stderr(&refused).contains("it is in use (use --force)"),
        "{}",
        stderr(&refused)
    );
    assert!(site.root("s").exists());
    site.succeed(&["remove", "--force", "s"]);
    assert!(!site.root("s").exists());
    drop(shared);
    site.succeed(&["create", "s.sqsh"]);
}

/// A process that has the variable and a mount namespace of its own is in the sandbox. Without the right to make one, there
/// can be none, and this is about what is refused then: so it needs `unshare` to work.
#[test]
fn processes_in_a_sandbox_are_seen() {
    let site = Site::new();
    let tree = site.path("tree");
    fs::create_dir(&tree).unwrap();
    site.image(&tree, "s.sqsh", &[]);
    site.succeed(&["create", "s.sqsh"]);
    let mut inside = std::process::Command::new("unshare");
    inside.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "echo ready; read line",
    ]);
    inside
        .env("BENCHRUN_CONTAINER", "s")
        .env("BENCHRUN_CONTAINER_ROOT", site.root("s"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut inside = inside.spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(inside.stdout.as_mut().unwrap(), &mut ready).expect("unshare works");
    let json: serde_json::Value = serde_json::from_str(&site.succeed(&["list", "--json"])).unwrap();
    let process = &json[0]["processes"][0];
    assert_eq!(process["pid"], inside.id());
    assert_eq!(process["command"], "sh -c echo ready; read line");
    let table = site.succeed(&["list", "-f"]);
    assert!(table.contains(&inside.id().to_string()), "{table}");
    let pid = inside.id();
    site.refuse(
        &["remove", "s"],
        &format!("processes run in it: {pid} (end them, or use --force)"),
    );
    site.refuse(
        &["create", "-f", "s.sqsh"],
        &format!("processes run in it: {pid} (end them first)"),
    );
    assert!(site.root("s").exists());
    drop(inside.stdin.take());
    inside.wait().unwrap();
    site.succeed(&["create", "-f", "s.sqsh"]);
}

/// What is mounted in a sandbox may be anything of the user's. It needs `unshare` to work.
#[test]
fn what_is_mounted_in_a_sandbox_is_not_removed() {
    let site = Site::new();
    let tree = site.path("tree");
    fs::create_dir_all(tree.join("mnt")).unwrap();
    fs::write(tree.join("file"), "").unwrap();
    site.image(&tree, "s.sqsh", &[]);
    site.succeed(&["create", "s.sqsh"]);
    fs::create_dir(site.path("mine")).unwrap();
    fs::write(site.path("mine/kept"), "").unwrap();
    let script =
        "mount --bind mine data/s/mnt && ./program remove -f s; ./program create -f s.sqsh";
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .current_dir(site.path(""))
        .env("BENCHRUN_DATA_PATH", site.path("data"))
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(
        said.matches("/data/s/mnt' (unmount it)").count(),
        2,
        "{said}"
    );
    assert!(site.root("s/file").exists() && site.path("mine/kept").exists());
    assert!(site.drafts().is_empty());
}

#[test]
fn configuration_comes_from_files_and_the_environment() {
    let site = Site::new();
    let write = |path: &str, text: &str| {
        let path = site.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let config = |name: &str| {
        let json: serde_json::Value =
            serde_json::from_str(&site.succeed(&["config", "--json"])).unwrap();
        let settings = json["settings"].as_array().unwrap().clone();
        let found = settings
            .into_iter()
            .find(|setting| setting["name"] == name)
            .unwrap();
        let value = found["value"].as_str().unwrap().to_owned();
        (value, found["origin"].clone())
    };
    let data = site.path("data").to_str().unwrap().to_owned();
    assert_eq!(config("BENCHRUN_DATA_PATH").0, data);
    let cache = format!("{}/.cache/benchrun", site.path("home").display());
    assert_eq!(config("BENCHRUN_CACHE_PATH").0, cache);
    write(
        "etc/benchrun.conf",
        "BENCHRUN_CACHE_PATH /system\nENROOT_MOUNT_HOME yes\n",
    );
    write(
        "etc/benchrun.conf.d/10.conf",
        "BENCHRUN_CACHE_PATH /late\nBENCHRUN_SQUASH_LEVEL 7\n",
    );
    write("etc/benchrun.conf.d/not", "BENCHRUN_SQUASH_LEVEL 8\n");
    assert_eq!(config("BENCHRUN_CACHE_PATH").0, "/system");
    assert_eq!(config("BENCHRUN_SQUASH_LEVEL").0, "7");
    assert_eq!(config("BENCHRUN_MOUNT_HOME").1["line"], 2);
    write(
        "home/.config/benchrun/benchrun.conf",
        "\nBENCHRUN_CACHE_PATH ~/mine\n",
    );
    let (value, origin) = config("BENCHRUN_CACHE_PATH");
    assert_eq!(value, format!("{}/mine", site.path("home").display()));
    assert_eq!(origin["line"], 2);
    let table = site.succeed(&["config"]);
    assert!(
        table.contains("# the variable BENCHRUN_DATA_PATH"),
        "{table}"
    );
    write(
        "home/.config/benchrun/benchrun.conf",
        "BENCHRUN_CACHE_PATH $(id)\n",
    );
    site.refuse(
        &["config"],
        "benchrun.conf': line 1: commands in values are not run",
    );
    site.refuse(
        &["list"],
        "benchrun.conf': line 1: commands in values are not run",
    );
    write(
        "home/.config/benchrun/benchrun.conf",
        "BENCHRUN_CASH_PATH /x\n",
    );
    let warned = site.run(&["config"]);
    assert!(
        stderr(&warned).contains("BENCHRUN_CASH_PATH is no setting"),
        "{}",
        stderr(&warned)
    );
    // The settings for images: a level that the codec has not.
    let tree = site.path("tree");
    fs::create_dir(&tree).unwrap();
    site.image(&tree, "s.sqsh", &[]);
    site.succeed(&["create", "s.sqsh"]);
    write(
        "home/.config/benchrun/benchrun.conf",
        "BENCHRUN_SQUASH_CODEC gzip\nBENCHRUN_SQUASH_LEVEL 19\n",
    );
    site.refuse(
        &["export", "s", "-o", "x.sqsh"],
        "cannot compress with gzip at level 19: it has 1 to 12",
    );
    assert!(!Path::exists(&site.path("x.sqsh")));
}

#[test]
fn every_command_has_a_manual_page() {
    let site = Site::new();
    fs::create_dir(site.path("man")).unwrap();
    site.succeed(&["man", "man"]);
    let pages = names_in(&site.path("man"));
    for page in [
        "bundle.1",
        "bundle-create.1",
        "bundle-export.1",
        "bundle-pack.1",
    ] {
        assert!(pages.iter().any(|it| it == page), "{pages:?}");
    }
    assert!(site.succeed(&["man"]).contains(".TH bundle 1"));
}
