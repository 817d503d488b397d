//! `bundle start`: containers from sandboxes and images, as root and as an ordinary user.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use tests::container::{ContainerSite, for_everybody};
use tests::process::{finish, start};
use tests::site::{RUNGS, assert_code, assert_signal};
use tests::{stderr, stdout};

/// Asserts that a run has succeeded and printed this.
#[track_caller]
fn assert_prints(output: &std::process::Output, expected: &str) {
    assert_code(output, 0);
    assert_eq!(stdout(output), expected, "{}", stderr(output));
}

#[test]
fn a_sandbox_and_an_image_are_the_root() {
    for_everybody("a_sandbox_and_an_image_are_the_root", |site| {
        for what in ["box", &site.image()] {
            let show = "cat /etc/os-release; id -u; echo $BENCHRUN_CONTAINER";
            let name = if what == "box" { "box" } else { "image" };
            let id = site.site.who.id();
            assert_prints(
                &site.shell(&[], what, show),
                &format!("ID=benchrun-test\n{id}\n{name}\n"),
            );
            assert_code(&site.shell(&[], what, "exit 7"), 7);
            assert_signal(&site.shell(&[], what, "kill -KILL $$"), libc::SIGKILL);
            assert_code(&site.run("", &["start", what, "nothing"]), 127);
            assert_code(&site.run("", &["start", what, "/etc/os-release"]), 126);
        }
    });
}

/// Every rung that this user has can start an image that nobody has signed or hashed.
#[test]
fn an_image_starts_on_every_rung() {
    for_everybody("an_image_starts_on_every_rung", |site| {
        for rung in RUNGS {
            if !site.site.who.can_climb(rung) {
                continue;
            }
            let image = site.image();
            let output = site.run(rung, &["start", &image, "sh", "-c", "echo $BENCHRUN_RUNG"]);
            assert_prints(&output, &format!("{rung}\n"));
        }
    });
}

/// A start that may not write to a sandbox leaves it as it is, though the container is furnished.
#[test]
fn without_rw_nothing_is_written() {
    for_everybody("without_rw_nothing_is_written", |site| {
        let listing = || {
            let command =
                "find . -printf '%p %m %U %s %T@\\n' | sort; cat etc/passwd 2>/dev/null; true";
            let mut line = std::process::Command::new("sh");
            line.args(["-c", command]).current_dir(site.sandbox());
            stdout(&finish(line))
        };
        let before = listing();
        assert!(before.lines().count() > 20, "{before}");
        for what in ["box", &site.image()] {
            let output = site.shell(
                &[],
                what,
                "touch /new || echo refused; echo x >/tmp/x && cat /tmp/x",
            );
            assert_prints(&output, "refused\nx\n");
        }
        assert_eq!(listing(), before);
    });
}

#[test]
fn with_rw_a_sandbox_keeps_and_an_image_forgets() {
    let name = "with_rw_a_sandbox_keeps_and_an_image_forgets";
    for_everybody(name, |site| {
        let script = "test -e /new && echo kept; echo x >/new; rm /bin/mv; cat /new";
        assert_prints(&site.shell(&["--rw"], "box", script), "x\n");
        assert_prints(
            &site.shell(&["-w"], "box", "test -e /bin/mv || cat /new"),
            "x\n",
        );
        let made = site.sandbox().join("new");
        assert_eq!(
            fs::metadata(&made).expect("the file").uid(),
            site.site.who.id()
        );
        for _ in 0..2 {
            assert_prints(
                &site.shell(&["--rw"], &site.image(), &script.replace("rm /bin/mv;", "")),
                "x\n",
            );
        }
    });
}

/// A user who plays root owns everything, and package managers' calls succeed.
#[test]
fn with_root_the_user_is_root() {
    for_everybody("with_root_the_user_is_root", |site| {
        for what in ["box", &site.image()] {
            let script = "id -u; touch /new && busybox chown 5:6 /new && stat -c %u /new; echo $HOME $USER; grep -c ^root: /etc/passwd";
            let output = site.shell(&["--root", "--rw"], what, script);
            let is_root = site.site.who.id() == 0;
            let lines: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
            assert_eq!(lines[0], "0", "{}", stderr(&output));
            // Real root changes owners; a user plays.
            assert_eq!(lines[1], if is_root { "5" } else { "0" });
            if !is_root {
                assert_eq!(lines[2..], ["/root root", "1"]);
                let made = site.site.path("data/benchrun/box/new");
                assert!(what != "box" || fs::metadata(made).expect("a file").uid() == 1000);
            }
        }
    });
}

/// Enroot's order: the image, the system, the user, the command line. The host's own variables stay outside.
#[test]
fn the_environment_comes_from_four_places() {
    for_everybody("the_environment_comes_from_four_places", |site| {
        site.write(
            "data/benchrun/box/etc/environment",
            "A=image\nB=image\nC=image\nD=image\nH=${HOME}\n",
        );
        site.write("system/environ.d/10.env", "B=system\nC=system\nD=system\n");
        site.write("config/environ.d/10.env", "C=user\nD=user\n");
        let script = "echo $A $B $C $D $H $SITE-$XDG_DATA_HOME";
        let home = site.site.path("home").display().to_string();
        assert_prints(
            &site.shell(&["--env", "D=line"], "box", script),
            &format!("image system user line {home} -\n"),
        );
        let output = finish({
            let mut command = site.command(
                "",
                &[
                    "start",
                    "-e",
                    "PASSED",
                    "-e",
                    "NOT_SET",
                    "box",
                    "sh",
                    "-c",
                    "echo $PASSED ${NOT_SET-unset}",
                ],
            );
            command.env("PASSED", "two words");
            command
        });
        assert_prints(&output, "two words unset\n");
        for bad in ["1A=x", "", "A-B"] {
            let output = site.run("", &["start", "--env", bad, "box", "true"]);
            assert_code(&output, 125);
            assert!(
                stderr(&output).starts_with("bundle: cannot use --env '"),
                "{}",
                stderr(&output)
            );
        }
    });
}

#[test]
fn mounts_come_from_the_same_places() {
    for_everybody("mounts_come_from_the_same_places", |site| {
        let shared = site.site.make_directory("shared");
        fs::write(shared.join("file"), "the host's\n").expect("a file");
        let shared = shared.display().to_string().replace(' ', "\\040");
        site.write(
            "data/benchrun/box/etc/fstab",
            &format!("{shared} /image none x-create=dir,bind,ro\n"),
        );
        site.write(
            "system/mounts.d/10.fstab",
            "tmpfs /system tmpfs x-create=dir,size=64k\n",
        );
        site.write(
            "config/mounts.d/10.fstab",
            "${UNSET}/nothing /user none bind,nofail,silent\n",
        );
        let argument = format!("{shared}:/line/deep:x-create=dir,bind");
        let script = "cat /image/file /line/deep/file; touch /image/x || echo refused; echo x >/line/deep/made; \
                      grep -c ' /system tmpfs' /proc/mounts; test -e /user || echo absent";
        let output = site.shell(&["--mount", &argument], "box", script);
        assert_prints(&output, "the host's\nthe host's\nrefused\n1\nabsent\n");
        assert!(site.site.path("shared/made").exists());
        // In the working directory, by a relative name, and a single file.
        fs::write(site.site.path("work/here"), "here\n").expect("a file");
        let output = site.shell(
            &["-m", "here:/etc/there:x-create=file,bind"],
            &site.image(),
            "cat /etc/there",
        );
        assert_prints(&output, "here\n");
    });
}

#[test]
fn a_mount_that_cannot_be_made_is_an_error_with_a_remedy() {
    let name = "a_mount_that_cannot_be_made_is_an_error_with_a_remedy";
    for_everybody(name, |site| {
        for (argument, part) in [
            ("/none:/mnt:x-create=dir,bind", "is the source there"),
            ("/etc:/none:bind", "x-create=dir"),
            ("/etc", "read-only"),
            (":", "source"),
            ("tmpfs:/tmp:x-create=what", "x-create=what"),
        ] {
            let output = site.run("", &["start", "-m", argument, &site.image(), "true"]);
            if argument == "/etc" {
                // One word is a path of the host at the same place.
                assert_code(&output, 0);
                continue;
            }
            assert_code(&output, 125);
            let message = stderr(&output);
            assert_eq!(message.lines().count(), 1, "{message}");
            assert!(message.contains(part), "{message} lacks {part}");
        }
    });
}

/// The story: an image has links where something is to be mounted or written, which lead to the host's files
/// (CVE-2025-31133 and its like). Whatever is made lands inside.
#[test]
fn links_lead_nowhere_else() {
    for_everybody("links_lead_nowhere_else", |site| {
        let outside = site.site.make_directory("outside");
        fs::write(outside.join("passwd"), "the host's").expect("a file");
        let sandbox = site.sandbox();
        let etc = sandbox.join("etc");
        fs::remove_dir_all(&etc).expect("it goes");
        symlink(&outside, &etc).expect("a link");
        symlink("../../../../../..", sandbox.join("up")).expect("a link");
        let argument = format!(
            "tmpfs:/up{}:x-create=dir",
            outside.display().to_string().replace(' ', "\\040")
        );
        site.shell(&["--rw", "--root", "-m", &argument], "box", "true");
        assert_eq!(
            fs::read_to_string(outside.join("passwd")).expect("the file"),
            "the host's"
        );
        let left: Vec<_> = fs::read_dir(&outside).expect("a directory").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    });
}

/// What is the host's is there with less rights: the story is a flag that was asked for and silently not set.
#[test]
fn the_hosts_file_systems_are_restricted() {
    for_everybody("the_hosts_file_systems_are_restricted", |site| {
        let output = site.shell(&[], &site.image(), "cat /proc/mounts");
        let table = stdout(&output);
        let options = |target: &str| -> Vec<String> {
            let mut lines = table
                .lines()
                .filter(|line| line.split(' ').nth(1) == Some(target));
            let line = lines
                .next_back()
                .unwrap_or_else(|| panic!("no {target} in {table}"));
            line.split(' ')
                .nth(3)
                .unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect()
        };
        for (target, wanted) in [
            ("/", &["ro", "nosuid", "nodev"][..]),
            ("/proc", &["nosuid", "nodev", "noexec"]),
            ("/sys", &["ro", "nosuid", "nodev", "noexec"]),
            ("/dev", &["nosuid"]),
            ("/tmp", &["nosuid", "nodev"]),
            ("/etc/hosts", &["ro", "nosuid", "nodev", "noexec"]),
        ] {
            let found = options(target);
            for option in wanted {
                assert!(found.iter().any(|is| is == option), "{target} is {found:?}");
            }
        }
        // What the container itself is made of came along with the host's /proc, and is hidden.
        let targets = table.lines().filter_map(|line| line.split(' ').nth(1));
        assert_eq!(
            targets
                .filter(|target| target.starts_with("/proc/fs/nfsd"))
                .count(),
            0,
            "{table}"
        );
    });
}

#[test]
fn the_script_that_starts() {
    for_everybody("the_script_that_starts", |site| {
        site.write("data/benchrun/box/etc/rc", "echo image \"$@\"\n");
        assert_prints(
            &site.run("", &["start", "box", "a", "b c"]),
            "image a b c\n",
        );
        let other = site.write("work/other", "echo other $# \"$1\"; exec \"$@\"\n");
        let line = ["start", "--rc", "other", "box", "echo", "x y"];
        assert_prints(&site.run("", &line), "other 2 echo\nx y\n");
        let output = site.run("4", &line);
        assert_prints(&output, "other 2 echo\nx y\n");
        fs::remove_file(other).expect("it goes");
        let output = site.run("", &line);
        assert_code(&output, 125);
        assert!(
            stderr(&output).contains("cannot read 'other' for --rc"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn a_configuration_script_and_batch() {
    for_everybody("a_configuration_script_and_batch", |site| {
        let text = "#!/usr/bin/env bundle-batch\n#ENROOT_ROOTFS=box\n#BENCHRUN_ROOTFS_WRITABLE=y\n\
                    environ() {\n    echo \"A=$HOME\"\n}\n\
                    mounts() {\n    echo \"tmpfs /conf tmpfs x-create=dir\"\n}\n\
                    rc() {\n    touch /new; echo rc $A; exec \"$@\"\n}\n";
        site.write("work/conf", text);
        let home = site.site.path("home").display().to_string();
        let expected = format!("rc {home}\n1\n");
        let script = "grep -c ' /conf ' /proc/mounts";
        assert_prints(
            &site.run("", &["batch", "conf", "sh", "-c", script]),
            &expected,
        );
        assert!(site.sandbox().join("new").exists());
        assert_prints(
            &site.run(
                "",
                &["start", "-c", "conf", &site.image(), "sh", "-c", script],
            ),
            &expected,
        );
        site.write("work/conf", "curl x | sh\n");
        let output = site.run("", &["start", "--conf", "conf", "box"]);
        assert_code(&output, 125);
        assert!(
            stderr(&output).contains("line 1: 'curl x | sh'"),
            "{}",
            stderr(&output)
        );
        assert_code(&site.run("", &["batch", "conf"]), 125);
    });
}

#[test]
fn hooks_prepare_the_container() {
    for_everybody("hooks_prepare_the_container", |site| {
        let hook = "#!/bin/sh -e\necho HOOKED=yes >>\"$ENROOT_ENVIRON\"\n\
                    echo 'tmpfs /hooked tmpfs x-create=dir' >>\"$BENCHRUN_MOUNTS\"\n\
                    echo written >\"$ENROOT_ROOTFS/etc/hooked\"\n";
        site.write("system/hooks.d/10.sh", hook);
        let script = "echo $HOOKED; cat /etc/hooked; grep -c ' /hooked ' /proc/mounts";
        assert_prints(&site.shell(&[], "box", script), "yes\nwritten\n1\n");
        assert!(!site.sandbox().join("etc/hooked").exists());
        site.write("config/hooks.d/20.sh", "#!/bin/sh\nexit 3\n");
        let output = site.shell(&[], "box", "echo ran");
        assert_code(&output, 125);
        assert_eq!(stdout(&output), "");
        assert!(
            stderr(&output).contains("20.sh' failed: exit status: 3"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn namespaces_of_its_own() {
    for_everybody("namespaces_of_its_own", |site| {
        let image = site.image();
        let output = site.shell(&["--net"], &image, "ls /sys/class/net");
        assert_prints(&output, "lo\n");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let script =
            "echo other >/proc/sys/kernel/hostname 2>/dev/null; cat /proc/sys/kernel/hostname";
        assert_code(&site.shell(&["--uts", "--root"], &image, script), 0);
        assert_eq!(
            fs::read_to_string("/proc/sys/kernel/hostname").expect("a name"),
            host
        );
        let output = site.shell(
            &["--ipc"],
            &image,
            "ls /dev/shm; test -c /dev/null && test ! -e /dev/vda && echo few",
        );
        assert_prints(&output, "few\n");
        let output = site.shell(
            &["--pid"],
            &image,
            "echo $$; ls -d /proc/[0-9]* | grep -c .; exit 5",
        );
        assert_code(&output, 5);
        assert_eq!(stdout(&output).lines().next(), Some("2"));
        // The kernel ends all of it with its process 1, however the launcher ends.
        let output = site.shell(&["--pid"], &image, "sleep 1000 & exit 0");
        assert_code(&output, 0);
        let mut running =
            start(&mut site.command("", &["start", "--pid", &image, "sleep", "1000"]));
        std::thread::sleep(std::time::Duration::from_millis(300));
        running.kill().expect("it is there");
        running.wait().expect("it ends");
    });
}

#[test]
fn a_command_in_a_container_that_runs() {
    for_everybody("a_command_in_a_container_that_runs", |site| {
        let script = "echo $$ >/tmp/pid; cat /tmp/pid; exec sleep 1000";
        let mut command = site.command(
            "",
            &[
                "start", "--root", "--rw", "-e", "A=1", "box", "sh", "-c", script,
            ],
        );
        command.stdout(std::process::Stdio::piped());
        let mut running = start(&mut command);
        let mut line = String::new();
        let mut reader = std::io::BufReader::new(running.stdout.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut reader, &mut line).expect("a line");
        let pid = line.trim();
        let output = site.run(
            "",
            &[
                "exec",
                "-e",
                "B=2",
                pid,
                "sh",
                "-c",
                "echo $A $B; id -u; cat /etc/os-release /tmp/pid; exit 4",
            ],
        );
        assert_code(&output, 4);
        assert_eq!(
            stdout(&output),
            format!("1 2\n0\nID=benchrun-test\n{pid}\n"),
            "{}",
            stderr(&output)
        );
        assert_code(&site.run("", &["exec", pid, "nothing"]), 127);
        running.kill().expect("it is there");
        running.wait().expect("it ends");
        let own = std::process::id().to_string();
        let output = site.run("", &["exec", &own, "true"]);
        assert_code(&output, 125);
        assert!(
            stderr(&output).starts_with("bundle: cannot enter the container of process"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn settings_say_it_for_every_start() {
    for_everybody("settings_say_it_for_every_start", |site| {
        site.write("config/benchrun.conf", "BENCHRUN_ROOTFS_WRITABLE yes\n");
        assert_prints(&site.shell(&[], "box", "echo x >/new && cat /new"), "x\n");
        let with = |name: &str, value: &str, script: &str| {
            let mut command = site.command("", &["start", "box", "sh", "-c", script]);
            command.env(name, value);
            finish(command)
        };
        assert_prints(
            &with(
                "BENCHRUN_ROOTFS_WRITABLE",
                "no",
                "touch /new2 || echo refused",
            ),
            "refused\n",
        );
        fs::write(site.site.path("home/own"), "mine\n").expect("a file");
        assert_prints(
            &with("ENROOT_MOUNT_HOME", "y", "cat ~/own; rm ~/own"),
            "mine\n",
        );
        let output = with("BENCHRUN_ROOTFS_WRITABLE", "perhaps", "true");
        assert_code(&output, 125);
        assert!(
            stderr(&output).contains("BENCHRUN_ROOTFS_WRITABLE"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn what_is_not_there() {
    for_everybody("what_is_not_there", |site: &ContainerSite| {
        for (what, part) in [
            ("nothing", "bundle list"),
            ("./nothing", "bundle list"),
            ("/etc/hostname", "cannot start '/etc/hostname'"),
        ] {
            let output = site.run("", &["start", what]);
            assert_code(&output, 125);
            assert!(stderr(&output).contains(part), "{}", stderr(&output));
        }
        assert_code(&site.run("", &["start", "--no-such-option", "box"]), 2);
    });
}

/// The smallest images have a program and nothing else: no shell for a script to start with.
#[test]
fn an_image_without_a_shell_runs_its_entry_point() {
    let name = "an_image_without_a_shell_runs_its_entry_point";
    for_everybody(name, |site| {
        let script = "mkdir layer && cp /bin/busybox layer/echo && tar -C layer -cf layer.tar . && \
            digest=$(sha256sum layer.tar | cut -d' ' -f1) && \
            printf '{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/echo\",\"one\"],\"Cmd\":[\"two\"],\
            \"WorkingDir\":\"/there\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}' $digest >config.json && \
            printf '[{\"Config\":\"config.json\",\"RepoTags\":[\"a:1\"],\"Layers\":[\"layer.tar\"]}]' >manifest.json && \
            tar -cf image.tar config.json manifest.json layer.tar";
        let mut line = std::process::Command::new("sh");
        line.args(["-euc", script])
            .current_dir(site.site.path("data"));
        assert_code(&finish(line), 0);
        let archive = format!(
            "docker-archive:{}",
            site.site.path("data/image.tar").display()
        );
        assert_code(
            &site.run(
                "",
                &[
                    "import",
                    "--arch",
                    "amd64",
                    "--output",
                    "tiny.sqsh",
                    &archive,
                ],
            ),
            0,
        );
        for rung in ["", "4"] {
            assert_prints(&site.run(rung, &["start", "./tiny.sqsh"]), "one two\n");
            assert_prints(
                &site.run(rung, &["start", "./tiny.sqsh", "-n", "x"]),
                "one -n x\n",
            );
        }
    });
}
