//! The options of a bundle itself: Enroot's for bundles of images, and the few that a bundle of a program has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tests::leftovers::assert_nothing_left;
use tests::process::{finish, pid_of, start, wait};
use tests::site::{Bundle, SHELL, Site, Who, assert_code, everywhere};
use tests::{image, stderr, stdout};

/// Asserts that a run has succeeded and printed this.
#[track_caller]
fn assert_prints(output: &std::process::Output, expected: &str) {
    assert_code(output, 0);
    assert_eq!(stdout(output), expected, "{}", stderr(output));
}

#[test]
fn environment_mounts_root_and_rw_on_every_rung() {
    let name = "environment_mounts_root_and_rw_on_every_rung";
    everywhere(name, Bundle::Image, |site, rung| {
        let line = ["-e", "A=1", "--env=B=2", "sh", "-c", "echo $A $B"];
        assert_prints(&site.run(rung, &line), "1 2\n");
        if rung == "4" {
            return;
        }
        let line = ["-r", "-w", "sh", "-c", "id -u; echo x >/new; cat /new"];
        assert_prints(&site.run(rung, &line), "0\nx\n");
        assert_prints(
            &site.run(
                rung,
                &["sh", "-c", "touch /new 2>/dev/null || echo refused"],
            ),
            "refused\n",
        );
        let line = [
            "-m",
            "tmpfs:/mounted:x-create=dir,size=64k",
            "grep",
            "-c",
            " /mounted tmpfs",
            "/proc/mounts",
        ];
        assert_prints(&site.run(rung, &line), "1\n");
        fs::write(site.path("work/rc"), "echo script \"$@\"\n").expect("a file");
        assert_prints(&site.run(rung, &["--rc", "rc", "--", "-x"]), "script -x\n");
    });
}

/// The first word that is none of ours begins the command.
#[test]
fn options_end_with_the_first_other_word() {
    everywhere(
        "options_end_with_the_first_other_word",
        Bundle::Image,
        |site, rung| {
            assert_prints(
                &site.run(rung, &["echo", "-e", "--rw", "--keep"]),
                "--rw --keep\n",
            );
            let output = site.run(rung, &["--env"]);
            assert_code(&output, 125);
            assert_eq!(
                stderr(&output),
                "bundle: cannot use --env: it needs KEY=VALUE or KEY\n"
            );
        },
    );
}

/// Their users' options are the program's.
#[test]
fn a_program_keeps_its_options() {
    everywhere("a_program_keeps_its_options", SHELL, |site, rung| {
        for option in ["-e", "-x", "-v"] {
            let output = site.run(rung, &[option, "-c", "echo $-"]);
            assert_code(&output, 0);
            assert!(
                stdout(&output).contains(&option[1..]),
                "{option}: {}",
                stdout(&output)
            );
        }
        assert_prints(&site.run(rung, &["--env", "A=1", "-c", "echo $A"]), "1\n");
        let output = site.run(rung, &["--rw"]);
        assert_code(&output, 2);
        // Both are to be quiet, so the program is told too; a shell does not know the word.
        let output = site.run(rung, &["--quiet", "-c", "true"]);
        assert_code(&output, 2);
        assert!(
            stderr(&output).contains("Illegal option"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn quiet_is_for_both() {
    everywhere("quiet_is_for_both", Bundle::Bench, |site, rung| {
        let output = site.run(rung, &["--quiet", "--size", "test"]);
        assert_code(&output, 0);
        // Not even that the host stays visible.
        assert_eq!(stderr(&output), "");
        fs::remove_dir_all(site.path("work/bench-results")).expect("it goes");
    });
}

#[test]
fn keep_and_extract_leave_the_files() {
    for who in Who::all() {
        let site = Site::new(*who, Bundle::Image);
        let kept = site.path("work/kept");
        let output = site.run(
            "",
            &[
                "--keep",
                "--target",
                "kept",
                "-w",
                "sh",
                "-c",
                "echo x >/new; cat /new",
            ],
        );
        if who.can_climb("2") {
            assert_prints(&output, "x\n");
            assert_eq!(
                fs::read_to_string(kept.join("new")).expect("the file"),
                "x\n"
            );
        }
        assert_eq!(
            fs::read_to_string(kept.join("etc/os-release")).expect("the file"),
            "ID=benchrun-test\n"
        );
        // What is there is neither replaced nor started.
        for option in ["--keep", "--extract"] {
            let output = site.run("", &[option, "--target", "kept", "sh", "-c", "echo ran"]);
            assert_code(&output, 125);
            assert_eq!(stdout(&output), "");
            assert!(
                stderr(&output).contains("File exists"),
                "{}",
                stderr(&output)
            );
        }
        // Without a target it is the bundle's name, in the working directory.
        assert_prints(&site.run("", &["-x"]), "");
        assert!(site.path("work/image/bin/busybox").exists());
        assert_nothing_left(&site);
    }
}

#[test]
fn the_target_that_was_packed() {
    for who in Who::all() {
        let site = Site::new(*who, Bundle::Image);
        let mut command = std::process::Command::new(tests::site::bundle_program());
        command.args([
            "pack",
            "--force",
            "--target",
            "${HOME}/deep/kept",
            "--desc",
            "a box",
        ]);
        command
            .arg(site.path("image.sqsh"))
            .arg("--output")
            .arg(&site.bundle);
        assert_code(&finish(command), 0);
        assert_prints(&site.run("", &["--extract"]), "");
        assert!(site.path("home/deep/kept/bin/busybox").exists());
        assert!(stdout(&site.run("", &["--info"])).contains("\"description\": \"a box\""));
        fs::remove_dir_all(site.path("home/deep")).expect("it goes");
        assert_nothing_left(&site);
    }
}

/// The story: a user thinks better of it, the disk is full, a scheduler loses patience.
#[test]
fn unpacking_that_is_interrupted_leaves_nothing() {
    for who in Who::all() {
        let site = Site::new(*who, Bundle::Image);
        let file = site.path("image.sqsh");
        fs::remove_file(&file).expect("it goes");
        image::make(&site.path("image-root"), &file, |root| {
            for index in 0..3000 {
                fs::write(
                    root.join(format!("var/tmp/{index}")),
                    vec![index as u8; 5000],
                )
                .expect("a file");
            }
        });
        image::pack(&file, &site.bundle, &[]);
        let entries = || {
            fs::read_dir(site.path("work"))
                .expect("a directory")
                .count()
        };
        let mut interrupted_count = 0;
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            for delay_ms in [5, 20, 40] {
                let child = start(&mut site.command("", &["--extract", "--target", "new"]));
                std::thread::sleep(Duration::from_millis(delay_ms));
                let _ = nix::sys::signal::kill(
                    pid_of(&child),
                    nix::sys::signal::Signal::try_from(signal).expect("a signal"),
                );
                let output = wait(child);
                if output.status.success() {
                    fs::remove_dir_all(site.path("work/new")).expect("it goes");
                } else {
                    interrupted_count += 1;
                    assert_eq!(
                        entries(),
                        0,
                        "{:?}",
                        fs::read_dir(site.path("work"))
                            .expect("a directory")
                            .collect::<Vec<_>>()
                    );
                }
            }
        }
        assert!(interrupted_count > 0, "no signal came in time");
        if nix::unistd::geteuid().is_root() {
            let script = "mount -t tmpfs -o size=4m,mode=777 full \"$SITE/work\"";
            let output = finish(site.mounted(
                &format!("{script}; trap 'ls -A \"$SITE/work\"' EXIT"),
                "",
                &["--extract", "--target", "new"],
            ));
            assert_code(&output, 125);
            assert!(
                stderr(&output).contains("No space left on device"),
                "{}",
                stderr(&output)
            );
        }
        assert_nothing_left(&site);
    }
}

#[test]
fn a_target_that_cannot_be_written() {
    for who in Who::all() {
        let site = Site::new(*who, Bundle::Image);
        let place = site.path("closed");
        fs::create_dir(&place).expect("a directory");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o555)).expect("permissions");
        let target = place.join("new");
        let target = target.to_str().expect("a path");
        let output = site.run("", &["--extract", "--target", target]);
        if *who == Who::User {
            assert_code(&output, 125);
            assert!(
                stderr(&output).contains("Permission denied"),
                "{}",
                stderr(&output)
            );
        }
        let output = site.run("", &["--extract", "--target", "/proc/none/new"]);
        assert_code(&output, 125);
        assert_nothing_left(&site);
    }
}

#[test]
fn help_and_info() {
    everywhere("help_and_info", Bundle::Image, |site, rung| {
        let help = stdout(&site.run(rung, &["--bundle-help"]));
        for option in [
            "--keep",
            "--root",
            "--rw",
            "--mount",
            "--rc",
            "--conf",
            "--extract",
            "--target",
            "--quiet",
        ] {
            assert!(help.contains(option), "{option} is not in {help}");
        }
        assert_eq!(
            stdout(&site.run(rung, &["-i"])),
            stdout(&site.run(rung, &["--info"]))
        );
    });
}
