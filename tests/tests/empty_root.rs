//! A root directory that holds nothing but the bundle: the file alone must be enough.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tests::bench::seed_lines;
use tests::leftovers::assert_nothing_left;
use tests::process::finish;
use tests::site::{Bundle, Site, Who, assert_code};
use tests::{stderr, stdout};

/// What is in the root directory beside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// `/proc` and `/dev`.
    ProcAndDev,
    /// `/dev/null`.
    Null,
    /// Nothing.
    Nothing,
}

/// Makes the root directory: the file, and a directory that belongs to the user.
fn make_root(site: &Site, beside: Beside) -> PathBuf {
    let root = site.path("root");
    fs::create_dir(&root).expect("a directory");
    tests::site::copy(&site.bundle, &root.join("bench.run"));
    site.make_directory("root/work");
    match beside {
        Beside::ProcAndDev => {
            fs::create_dir(root.join("proc")).expect("a directory");
            fs::create_dir(root.join("dev")).expect("a directory");
        }
        Beside::Null => {
            fs::create_dir(root.join("dev")).expect("a directory");
            fs::write(root.join("dev/null"), "").expect("a file");
        }
        Beside::Nothing => {}
    }
    root
}

/// Runs a quick measurement in it.
fn run(site: &Site, beside: Beside, root: &Path, rung: &str) -> Output {
    let mounts = match beside {
        Beside::ProcAndDev => "mount --bind /proc proc; mount --rbind /dev dev;",
        Beside::Null => "mount --bind /dev/null dev/null;",
        Beside::Nothing => "",
    };
    let script = format!("{mounts} exec chroot \"$@\"");
    let user = format!("--userspec={0}:{0}", site.who.id());
    let words = [
        "--mount",
        "sh",
        "-euc",
        &script,
        "sh",
        &user,
        "--groups=",
        ".",
        "/bench.run",
        "--size",
        "test",
        "--output",
        "/work",
    ];
    let mut command = std::process::Command::new("unshare");
    command.args(words).current_dir(root);
    site.set_environment(&mut command, rung);
    command
        .env_remove("XDG_CACHE_HOME")
        .env("HOME", "/")
        .env("TMPDIR", "/work");
    finish(command)
}

fn check(test: &str, beside: Beside) {
    if !nix::unistd::geteuid().is_root() {
        return tests::skip(test, "chroot needs root");
    }
    for (who, rung) in [(Who::Root, ""), (Who::Root, "4"), (Who::User, "")] {
        let site = Site::new(who, Bundle::Bench);
        let root = make_root(&site, beside);
        let output = run(&site, beside, &root, rung);
        assert_code(&output, 0);
        assert_eq!(seed_lines(&stdout(&output)).len(), 3, "{}", stderr(&output));
        let mut left: Vec<_> = fs::read_dir(root.join("work"))
            .expect("the directory")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        left.retain(|path| {
            !path
                .extension()
                .is_some_and(|end| end == "json" || end == "svg" || end == "png")
        });
        assert_eq!(left, Vec::<PathBuf>::new(), "left in the user's directory");
        let record = tests::bench::only_record(&root.join("work"));
        let bundle = record.software.bundle.expect("the record's bundle");
        // A root with /proc has a place to mount on; whether /dev/fuse is for everybody is the host's affair.
        let possible: &[&str] = match (beside, rung, who) {
            (Beside::ProcAndDev, "", Who::Root) => &["1"],
            (Beside::ProcAndDev, "", Who::User) => &["1", "2", "4"],
            _ => &["4"],
        };
        let rung = bundle.rung.as_deref().unwrap_or_default();
        assert!(possible.contains(&rung), "{rung} {}", stderr(&output));
        let mut names: Vec<_> = fs::read_dir(&root)
            .expect("the root directory")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.retain(|name| {
            !["bench.run", "work", "proc", "dev"]
                .iter()
                .any(|own| name == own)
        });
        assert_eq!(
            names,
            Vec::<std::ffi::OsString>::new(),
            "left in the root directory"
        );
        assert_nothing_left(&site);
    }
}

#[test]
fn the_file_proc_and_dev() {
    check("the_file_proc_and_dev", Beside::ProcAndDev);
}

#[test]
fn the_file_and_dev_null() {
    check("the_file_and_dev_null", Beside::Null);
}

#[test]
fn the_file_alone() {
    check("the_file_alone", Beside::Nothing);
}
