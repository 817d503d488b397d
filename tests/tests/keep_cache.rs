//! `--keep-cache`: an unpacked copy that the next run uses, and never one that is not what was unpacked.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Output;

use tests::process::{start, wait};
use tests::site::{SHELL, Site, Who, assert_code};
use tests::{stderr, stdout};

const SHOW: [&str; 3] = [
    "--keep-cache",
    "-c",
    "echo ran; ls -i \"$BENCHRUN_ROOT\"/usr/bin | grep -c .",
];

fn run(site: &Site) -> Output {
    site.run("4", &SHOW)
}

/// The kept copy's directory.
fn kept(site: &Site) -> PathBuf {
    let entries: Vec<PathBuf> = fs::read_dir(site.path("cache/benchrun"))
        .expect("the cache")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

/// A file of the copy.
fn file_in(site: &Site) -> PathBuf {
    let directory = kept(site).join("root/usr/lib");
    let entry = fs::read_dir(directory).expect("libraries").next();
    entry.expect("a library").expect("an entry").path()
}

#[test]
fn nothing_is_kept_unless_asked_for() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        assert_code(&site.run("4", &SHOW[1..]), 0);
        assert!(!site.path("cache/benchrun").exists());
    }
}

#[test]
fn the_copy_is_the_users_alone_and_used_again() {
    for who in Who::all() {
        let site = Site::new(*who, SHELL);
        let first = run(&site);
        assert_code(&first, 0);
        assert!(stderr(&first).contains("is kept in "), "{}", stderr(&first));
        let metadata = fs::metadata(kept(&site)).expect("the copy");
        assert_eq!(
            (metadata.uid(), metadata.permissions().mode() & 0o777),
            (site.who.id(), 0o700)
        );
        let inode = fs::metadata(file_in(&site)).expect("a file").ino();
        assert_code(&run(&site), 0);
        assert_eq!(fs::metadata(file_in(&site)).expect("a file").ino(), inode);
    }
}

/// A copy that somebody has changed in any way is made again.
#[test]
fn a_changed_copy_is_not_used() {
    let site = Site::new(Who::all()[0], SHELL);
    assert_code(&run(&site), 0);
    let changes: [(&str, &dyn Fn()); 5] = [
        ("a byte", &|| {
            let file = file_in(&site);
            let mut bytes = fs::read(&file).expect("the file");
            bytes[100] ^= 1;
            fs::write(&file, bytes).expect("the file");
        }),
        ("a file more", &|| {
            fs::write(kept(&site).join("root/usr/lib/more"), "x").expect("a file");
        }),
        ("a file less", &|| {
            fs::remove_file(file_in(&site)).expect("it goes");
        }),
        ("no digest", &|| {
            fs::remove_file(kept(&site).join("digest")).expect("it goes");
        }),
        ("open to others", &|| {
            fs::set_permissions(kept(&site), fs::Permissions::from_mode(0o755))
                .expect("permissions");
        }),
    ];
    for (what, change) in changes {
        change();
        let output = run(&site);
        assert_code(&output, 0);
        assert!(stdout(&output).starts_with("ran\n"), "{what}");
        assert!(!kept(&site).join("root/usr/lib/more").exists(), "{what}");
        let mode = fs::metadata(kept(&site))
            .expect("the copy")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{what}");
    }
}

#[test]
fn several_at_once_make_one_copy() {
    let site = Site::new(Who::all()[0], SHELL);
    let runs: Vec<_> = (0..6)
        .map(|_| start(&mut site.command("4", &SHOW)))
        .collect();
    for run in runs {
        assert_code(&wait(run), 0);
    }
    kept(&site);
}
