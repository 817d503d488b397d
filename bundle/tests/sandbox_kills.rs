//! Whoever kills a command at any moment leaves a sandbox as it was or as it was to be, and what else is left is swept by the
//! next command. Two at once do not mix.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use common::sandboxes::{Site, snapshot};

/// So many files keep a command busy long enough to be met in the middle.
const FILE_COUNT: usize = 1000;

/// An image whose files all say the same.
fn image(site: &Site, content: &str) -> PathBuf {
    let tree = site.path(content);
    for index in 0..FILE_COUNT {
        let directory = tree.join(format!("{}", index / 100));
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join(format!("{index}")),
            format!("{content} {index}"),
        )
        .unwrap();
    }
    site.image(&tree, &format!("{content}.sqsh"), &[])
}

/// What all files of a sandbox say; all are there, and they agree.
#[track_caller]
fn content_of(root: &Path) -> Option<String> {
    if fs::symlink_metadata(root).is_err() {
        return None;
    }
    let said = |index: usize| {
        let path = root.join(format!("{}/{index}", index / 100));
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (content, number) = text.split_once(' ').expect("two words");
        assert_eq!(number, index.to_string());
        content.to_owned()
    };
    let first = said(0);
    assert!((1..FILE_COUNT).all(|index| said(index) == first));
    Some(first)
}

fn spawn(site: &Site, arguments: &[&str]) -> Child {
    let mut command = site.command(arguments);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a command as soon as `moment` has come, and tells whether it had not ended before.
fn kill_at(mut child: Child, moment: impl Fn() -> bool) -> bool {
    while !moment() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// How many of the files there are in what is being made, or left to be removed.
fn drafted(site: &Site) -> usize {
    let drafts = site.path("data/.benchrun/drafts");
    let count = |draft: &String| {
        (0..FILE_COUNT)
            .step_by(100)
            .filter(|index| {
                drafts
                    .join(draft)
                    .join(format!("root/{}/{index}", index / 100))
                    .exists()
            })
            .count()
    };
    site.drafts().iter().map(count).max().unwrap_or_default()
}

#[test]
fn a_killed_create_leaves_the_old_or_the_new() {
    let site = Site::new();
    image(&site, "old");
    image(&site, "new");
    let mut met = 0;
    for step in 0..8 {
        // First there is nothing, and then something to be replaced.
        let old = (step >= 4).then(|| "old".to_owned());
        if old.is_some() {
            site.succeed(&["create", "-f", "-n", "s", "old.sqsh"]);
        } else if site.root("s").exists() {
            site.succeed(&["remove", "-f", "s"]);
        }
        let create = spawn(&site, &["create", "-f", "-n", "s", "new.sqsh"]);
        let wanted = [0, 1, 5, 9][step % 4];
        let is_met = kill_at(create, || {
            !site.drafts().is_empty() && drafted(&site) >= wanted
        });
        met += usize::from(is_met);
        let found = content_of(&site.root("s"));
        assert!(found == old || found.as_deref() == Some("new"), "{found:?}");
    }
    assert!(met > 0, "no command was met in the middle");
    site.succeed(&["create", "-f", "-n", "s", "new.sqsh"]);
    assert!(site.drafts().is_empty(), "{:?}", site.drafts());
    assert_eq!(content_of(&site.root("s")).as_deref(), Some("new"));
}

#[test]
fn a_killed_remove_leaves_all_or_nothing() {
    let site = Site::new();
    image(&site, "old");
    let mut met = 0;
    for wanted in [10, 9, 5, 1] {
        if !site.root("s").exists() {
            site.succeed(&["create", "-n", "s", "old.sqsh"]);
        }
        let remove = spawn(&site, &["remove", "-f", "s"]);
        let is_met = kill_at(remove, || {
            !site.root("s").exists() && drafted(&site) <= wanted
        });
        met += usize::from(is_met);
        assert!(content_of(&site.root("s")).is_none_or(|it| it == "old"));
    }
    assert!(met > 0, "no command was met in the middle");
    site.succeed(&["create", "-f", "-n", "s", "old.sqsh"]);
    assert!(site.drafts().is_empty(), "{:?}", site.drafts());
}

#[test]
fn two_at_once_do_not_mix() {
    let site = Site::new();
    image(&site, "one");
    image(&site, "two");
    for _ in 0..2 {
        let both =
            ["one.sqsh", "two.sqsh"].map(|image| spawn(&site, &["create", "-f", "-n", "s", image]));
        for mut child in both {
            assert!(child.wait().unwrap().success());
        }
        content_of(&site.root("s")).expect("a sandbox");
        site.succeed(&["remove", "-f", "s"]);
        let both =
            ["one.sqsh", "two.sqsh"].map(|image| spawn(&site, &["create", "-n", "s", image]));
        let done = both.map(|mut child| child.wait().unwrap().success());
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        let expected = if done[0] { "one" } else { "two" };
        assert_eq!(content_of(&site.root("s")).as_deref(), Some(expected));
    }
    assert!(site.drafts().is_empty());
}

/// A live command's draft is none to be swept, whatever others do meanwhile.
#[test]
fn the_living_are_not_swept() {
    let site = Site::new();
    image(&site, "one");
    site.image(&site.path("one/0"), "small.sqsh", &[]);
    let mut slow = spawn(&site, &["create", "-n", "slow", "one.sqsh"]);
    while slow.try_wait().unwrap().is_none() {
        site.succeed(&["create", "-f", "-n", "quick", "small.sqsh"]);
    }
    assert!(slow.wait().unwrap().success());
    assert_eq!(content_of(&site.root("slow")).as_deref(), Some("one"));
    assert_eq!(snapshot(&site.root("quick")).len(), 101);
}
