//! What a container, its image or a mistaken command line must not bring about. Each test opens with its story.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};

use tests::container::{ContainerSite, for_everybody};
use tests::process::{eventually, finish, start};
use tests::site::{Who, assert_code};
use tests::{stderr, stdout};

#[track_caller]
fn assert_refused(output: &Output, part: &str) {
    assert_code(output, 125);
    assert_eq!(stdout(output), "");
    let message = stderr(output);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(part), "{message} lacks {part:?}");
}

/// Root helps a user by entering the user's container. There it would be root on the host whom that user can trace, whatever the
/// number inside.
#[test]
fn root_does_not_enter_a_users_container() {
    if !Who::all().contains(&Who::Root) || !Who::User.can_climb("2") {
        return tests::skip(
            "root_does_not_enter_a_users_container",
            "this takes root and namespaces",
        );
    }
    let site = ContainerSite::new(Who::User);
    let mut running = start(&mut site.command("", &["start", "box", "sleep", "1000"]));
    let pid = eventually(|| {
        tests::leftovers::processes(&site.site)
            .iter()
            .find(|process| process.line.starts_with("sleep"))
            .map(|process| process.pid.to_string())
            .ok_or_else(|| "it does not run".to_owned())
    });
    let exec = |who: &[&str]| {
        let mut line = Command::new(who[0]);
        line.args(&who[1..]).arg(tests::site::bundle_program());
        line.args(["exec", &pid, "id", "-u"]);
        finish(line)
    };
    let output = exec(&["env"]);
    running.kill().expect("it is there");
    running.wait().expect("it ends");
    assert_refused(&output, "it is user 1000's, who may enter it");
}

/// A host without namespaces runs programs beside its own files. Whoever has asked for isolation must not get that instead.
#[test]
fn isolation_that_was_asked_for_is_not_dropped() {
    for_everybody("isolation_that_was_asked_for_is_not_dropped", |site| {
        for option in ["--net", "--pid", "--ipc", "--uts"] {
            let output = site.run("4", &["start", "--quiet", option, "box", "true"]);
            assert_refused(&output, &format!("{option} takes a private namespace"));
        }
        let output = site.run(
            "4",
            &[
                "start",
                "-m",
                "/etc:/x:x-create=dir,bind",
                &site.image(),
                "true",
            ],
        );
        assert_refused(&output, "--mount takes a private namespace");
        let output = site.run("4", &["start", "--root", "box", "echo", "ran"]);
        if site.site.who.id() == 0 {
            assert_code(&output, 0);
        } else {
            assert_refused(&output, "--root takes a private namespace");
        }
    });
}

/// The directory that a relative path starts from is gone: it must not become the host's root.
#[test]
fn a_relative_mount_without_a_working_directory() {
    for_everybody("a_relative_mount_without_a_working_directory", |site| {
        let gone = site.site.make_directory("gone");
        let line = site.command(
            "",
            &[
                "start",
                "-m",
                ".:/mnt:x-create=dir,rbind",
                &site.image(),
                "ls",
                "/mnt",
            ],
        );
        let mut shell = Command::new("sh");
        shell.args(["-euc", "rmdir \"$PWD\"; exec \"$@\"", "sh"]);
        shell
            .arg(line.get_program())
            .args(line.get_args())
            .current_dir(gone);
        shell.env_clear().envs(
            line.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        // Shells on the way have something to say about it, too.
        let output = finish(shell);
        assert_code(&output, 125);
        assert_eq!(stdout(&output), "");
        let message = stderr(&output);
        assert!(
            message.contains("the working directory is gone"),
            "{message}"
        );
    });
}

#[test]
fn all_of_the_host_is_no_home() {
    for_everybody("all_of_the_host_is_no_home", |site| {
        let mut command = site.command("", &["start", "box", "true"]);
        command.env("HOME", "/").env("BENCHRUN_MOUNT_HOME", "yes");
        assert_refused(&finish(command), "cannot mount the home directory '/'");
    });
}

/// The container's own parts are mounted below the host's `/proc`, which a user may show to the container once more.
#[test]
fn a_second_proc_shows_nothing_of_what_a_container_is_made_of() {
    let name = "a_second_proc_shows_nothing_of_what_a_container_is_made_of";
    for_everybody(name, |site| {
        let script = "for place in /p/fs/nfsd/*; do case ${place##*/} in sandbox|written|work|image) echo $place;; esac; done; \
                      echo x >/p/fs/nfsd/etc/os-release; echo x >/p/fs/nfsd/sandbox/etc/os-release; true";
        let output = site.shell(&["-m", "/proc:/p:x-create=dir,rbind"], "box", script);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "");
        let kept = fs::read_to_string(site.sandbox().join("etc/os-release")).expect("the file");
        assert_eq!(kept, "ID=benchrun-test\n");
    });
}

/// An image's `/etc` is a link to `/dev`, which is the host's once it has been mounted.
#[test]
fn furnishing_writes_nothing_to_the_hosts_devices() {
    for_everybody("furnishing_writes_nothing_to_the_hosts_devices", |site| {
        for target in ["dev", "dev/shm"] {
            let etc = site.sandbox().join("etc");
            if etc.is_dir() && !etc.is_symlink() {
                fs::remove_dir_all(&etc).expect("it goes");
            } else {
                fs::remove_file(&etc).expect("it goes");
            }
            symlink(target, &etc).expect("a link");
            let list = |path: &str| {
                let mut names: Vec<_> = fs::read_dir(path)
                    .expect("a directory")
                    .map(|entry| entry.expect("an entry").file_name())
                    .collect();
                names.sort();
                names
            };
            let names = [
                "hosts",
                "hostname",
                "machine-id",
                "resolv.conf",
                "localtime",
                "passwd",
                "group",
            ];
            site.shell(&["--root"], "box", "true");
            for path in ["/dev", "/dev/shm"] {
                let found: Vec<_> = list(path)
                    .into_iter()
                    .filter(|name| names.iter().any(|own| name == own))
                    .collect();
                assert!(found.is_empty(), "{path}: {found:?}");
            }
        }
    });
}

/// Somebody forgets `bind`, and what the container writes would vanish with it.
#[test]
fn a_source_without_a_type_is_bound() {
    for_everybody("a_source_without_a_type_is_bound", |site| {
        let out = site.site.make_directory("out");
        let argument = format!(
            "{}:/out:x-create=dir",
            out.display().to_string().replace(' ', "\\040")
        );
        let output = site.shell(&["-m", &argument], &site.image(), "echo x >/out/result");
        assert_code(&output, 0);
        assert_eq!(
            fs::read_to_string(out.join("result")).expect("the result"),
            "x\n"
        );
    });
}

/// A variable of a script is not set, and the data directory itself would be started.
#[test]
fn what_is_no_name_is_no_sandbox() {
    for_everybody("what_is_no_name_is_no_sandbox", |site| {
        for what in ["", ".", "..", ".benchrun", "-x"] {
            for command in ["start", "pack"] {
                let output = site.run("", &[command, "--", what]);
                assert!(!output.status.success(), "{command} {what:?}");
            }
        }
        let mut names: Vec<_> = fs::read_dir(site.site.path("data/benchrun"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["box"]);
    });
}

/// The user's databases in a sandbox cannot be read: they are not replaced by shorter ones.
#[test]
fn databases_that_cannot_be_read_stay() {
    for_everybody("databases_that_cannot_be_read_stay", |site| {
        let passwd = site.write(
            "data/benchrun/box/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nother:x:7:7::/:/bin/sh\n",
        );
        fs::set_permissions(&passwd, fs::Permissions::from_mode(0o000)).expect("permissions");
        assert_code(
            &site.run("", &["start", "--root", "--rw", "box", "true"]),
            0,
        );
        fs::set_permissions(&passwd, fs::Permissions::from_mode(0o644)).expect("permissions");
        let text = fs::read_to_string(&passwd).expect("the file");
        assert!(text.contains("other:x:7:7"), "{text}");
    });
}

/// `--force` replaces files, not devices.
#[test]
fn an_image_does_not_replace_a_pipe() {
    for_everybody("an_image_does_not_replace_a_pipe", |site| {
        let pipe = site.site.path("work/pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        for line in [
            ["export", "--force", "--output", "pipe", "box"],
            ["pack", "--force", "--output", "pipe", "box"],
        ] {
            let output = site.run("", &line);
            assert!(!output.status.success());
            assert!(
                stderr(&output).contains("no regular file"),
                "{}",
                stderr(&output)
            );
        }
        assert!(!fs::symlink_metadata(&pipe).expect("the pipe").is_file());
    });
}

/// A script from nowhere would fill the memory, and a pipe in an image's place would be waited for.
#[test]
fn endless_files_are_refused() {
    for_everybody("endless_files_are_refused", |site| {
        assert_refused(
            &site.run("", &["start", "--rc", "/dev/zero", "box"]),
            "cannot read '/dev/zero' for --rc",
        );
        assert_refused(
            &site.run("", &["start", "--conf", "/dev/zero", "box"]),
            "cannot read '/dev/zero' for --conf",
        );
        nix::unistd::mkfifo(&site.site.path("work/pipe"), nix::sys::stat::Mode::S_IRWXU)
            .expect("a pipe");
        assert_refused(&site.run("", &["start", "./pipe"]), "not a regular file");
    });
}

/// The host's resolver file is mounted where an image has a link to nothing, as systemd's images do.
#[test]
fn a_dangling_link_for_the_resolver() {
    for_everybody("a_dangling_link_for_the_resolver", |site| {
        let path = site.sandbox().join("etc/resolv.conf");
        fs::remove_file(&path).expect("it goes");
        symlink("../run/systemd/resolve/stub-resolv.conf", &path).expect("a link");
        let output = site.shell(&[], "box", "cat /etc/resolv.conf");
        assert_code(&output, 0);
        assert_eq!(
            stdout(&output),
            fs::read_to_string("/etc/resolv.conf").expect("the host's")
        );
    });
}
