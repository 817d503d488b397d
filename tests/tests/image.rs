//! Bundles of a whole root file system: the payload sees the image as its root, writes to memory, and nothing of the host's is
//! there but what it needs. On rung 4, where the host stays visible, the program itself is the image's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::site::{Bundle, Site, assert_code, everywhere};
use tests::{image, stderr, stdout};

/// Packs another image for a site.
fn repack(site: &Site, change: impl Fn(&Path), command: &[&str]) {
    let file = site.path("image.sqsh");
    let _ = fs::remove_file(&file);
    image::make(&site.path("image-root"), &file, change);
    image::pack(&file, &site.bundle, command);
}

#[test]
fn the_root_is_the_images() {
    everywhere("the_root_is_the_images", Bundle::Image, |site, rung| {
        let output = site.run(rung, &["cat", "/etc/os-release"]);
        if rung == "4" {
            let output = site.run(rung, &["sh", "-c", "cat \"$BENCHRUN_ROOT/etc/os-release\""]);
            assert_code(&output, 0);
            return assert_eq!(stdout(&output), "ID=benchrun-test\n");
        }
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "ID=benchrun-test\n");
        // The user's home is there, and empty; the host's files beside it are not.
        let beside = site.path("bundle");
        let output = site.run(rung, &["test", "-e", &beside.to_string_lossy()]);
        assert_code(&output, 1);
        // The host's time zone may have brought /usr along.
        let output = site.run(rung, &["sh", "-c", "ls / | grep -v '^usr$'"]);
        assert_eq!(
            stdout(&output),
            "bin\ndev\netc\nproc\nroot\nrun\nsys\ntmp\nvar\n"
        );
    });
}

#[test]
fn the_system_is_there() {
    everywhere("the_system_is_there", Bundle::Image, |site, rung| {
        let script = "test -c /dev/null && test -e /proc/self/status && test -d /sys/kernel && echo here; id -u";
        let output = site.run(rung, &["sh", "-c", script]);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), format!("here\n{}\n", site.who.id()));
    });
}

/// Whatever is written lands in memory, over files of the image too, and the next run finds nothing of it.
#[test]
fn what_is_written_is_gone_afterwards() {
    let name = "what_is_written_is_gone_afterwards";
    everywhere(name, Bundle::Image, |site, rung| {
        if rung == "4" {
            return;
        }
        let script = "cat /etc/os-release /new 2>/dev/null; echo changed >/etc/os-release; echo made >/new; mkdir /dir; \
                      rm /bin/mv; cat /etc/os-release /new; test ! -e /bin/mv";
        for _ in 0..2 {
            let output = site.run(rung, &["--rw", "sh", "-c", script]);
            assert_code(&output, 0);
            assert_eq!(
                stdout(&output),
                "ID=benchrun-test\nchanged\nmade\n",
                "{}",
                stderr(&output)
            );
        }
    });
}

#[test]
fn without_words_the_images_command_runs() {
    let name = "without_words_the_images_command_runs";
    everywhere(name, Bundle::Image, |site, rung| {
        repack(site, |_| (), &["echo", "two words", "-n"]);
        let output = site.run::<&str>(rung, &[]);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "two words -n\n");
        let output = site.run(rung, &["echo", "other"]);
        assert_eq!(stdout(&output), "other\n");
    });
}

/// Enroot's rule: the words are the arguments of the image's `/etc/rc`.
#[test]
fn an_rc_gets_the_words() {
    everywhere("an_rc_gets_the_words", Bundle::Image, |site, rung| {
        let rc = "echo \"rc $#\"; exec \"$@\"\n";
        repack(
            site,
            |root| fs::write(root.join("etc/rc"), rc).expect("a file"),
            &[],
        );
        let output = site.run(rung, &["echo", "a", "b"]);
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "rc 3\na b\n");
    });
}

#[test]
fn a_command_that_is_not_there() {
    let name = "a_command_that_is_not_there";
    everywhere(name, Bundle::Image, |site, rung| {
        for word in ["nothing", "/bin/nothing", "/etc/os-release/x"] {
            let output = site.run(rung, &[word]);
            assert_code(&output, 127);
            let message = stderr(&output);
            let last = message.lines().last().unwrap_or_default();
            assert!(
                last.starts_with(&format!("bundle: cannot find '{word}'")),
                "{message}"
            );
        }
        let output = site.run(rung, &["/etc/os-release"]);
        assert_code(&output, 126);
    });
}

/// An image whose directories for the host's file systems are links that lead elsewhere (CVE-2025-31133 and its like): what is
/// mounted there lands inside of the image or nowhere.
#[test]
fn links_in_the_image_lead_nowhere_else() {
    let name = "links_in_the_image_lead_nowhere_else";
    everywhere(name, Bundle::Image, |site, rung| {
        let target = site.make_directory("work/target");
        fs::write(target.join("file"), "the host's").expect("a file");
        let outside = target.to_string_lossy().into_owned();
        repack(
            site,
            |root| {
                for name in ["proc", "dev", "sys"] {
                    fs::remove_dir(root.join(name)).expect("it goes");
                    symlink(&outside, root.join(name)).expect("a link");
                }
                fs::remove_file(root.join("etc/resolv.conf")).expect("it goes");
                symlink(format!("{outside}/file"), root.join("etc/resolv.conf")).expect("a link");
                symlink("../../../../../../etc", root.join("up")).expect("a link");
            },
            &[],
        );
        let output = site.run(rung, &["ls", "/bin/sh"]);
        if rung != "4" {
            assert_code(&output, 0);
        }
        assert_eq!(
            fs::read_to_string(target.join("file")).expect("the file"),
            "the host's"
        );
        assert_nothing_left(site);
    });
}

/// A payload in a root of its own has no descriptor that leads out of it.
#[test]
fn no_descriptor_leads_out() {
    everywhere("no_descriptor_leads_out", Bundle::Image, |site, rung| {
        if rung == "4" {
            return;
        }
        let script = "exec 7</; exec 99</etc/passwd; exec \"$@\"";
        let show = "for fd in 0 1 2 7 99; do test -e /proc/$$/fd/$fd && echo $fd; done; exit 0";
        let words = [
            "-c",
            script,
            "sh",
            "../bundle/payload.run",
            "sh",
            "-c",
            show,
        ];
        let output = finish(site.wrapped(&[], rung, "bash".as_ref(), &words));
        assert_code(&output, 0);
        assert_eq!(stdout(&output), "0\n1\n2\n");
    });
}
