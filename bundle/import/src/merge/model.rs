//! Random layers, merged here and by a model that knows nothing but paths.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::testing::{Tar, listing, merge};

/// What one entry of a layer does.
#[derive(Debug, Clone)]
enum Act {
    File(String),
    Directory(String),
    Symlink(String),
    HardLink(String, String),
    Whiteout(String),
    Opaque(String),
}

/// What stands under a path: the model's node. Files are known by the entry that brought them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    File(usize, usize),
    Directory,
    Symlink,
}

/// Paths as keys: what a layer adds is laid over what its whiteouts leave of the lower layers.
type Model = BTreeMap<String, Thing>;

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(index, _)| &path[..index])
}

fn remove_within(model: &mut Model, path: &str) {
    let prefix = format!("{path}/");
    model.retain(|it, _| !it.starts_with(&prefix));
}

/// Lays a layer over a model, or tells that it cannot be laid.
fn apply(lower: &Model, layer: usize, acts: &[Act]) -> Option<Model> {
    let mut model = lower.clone();
    let mut upper = BTreeSet::new();
    for (entry, act) in acts.iter().enumerate() {
        match act {
            Act::Whiteout(path) | Act::Opaque(path) => {
                // Where a parent is a file, the whiteout has no place to be in.
                let mut above: Vec<&str> = parents(path).collect();
                if matches!(act, Act::Opaque(_)) {
                    above.push(path);
                }
                for parent in above {
                    match model.get(parent) {
                        Some(Thing::File(..) | Thing::Symlink) => return None,
                        Some(Thing::Directory) => {}
                        None => break,
                    }
                }
                let prefix = format!("{path}/");
                let is_whiteout = matches!(act, Act::Whiteout(_));
                model.retain(|it, _| {
                    let is_hidden = it.starts_with(&prefix) || (is_whiteout && it == path);
                    !is_hidden || upper.contains(it)
                });
                continue;
            }
            _ => {}
        }
        let (Act::File(path) | Act::Directory(path) | Act::Symlink(path) | Act::HardLink(path, _)) =
            act
        else {
            unreachable!("whiteouts have been dealt with");
        };
        for parent in parents(path) {
            match model.get(parent) {
                Some(Thing::Directory) => {}
                Some(_) => return None,
                None => {
                    model.insert(parent.to_owned(), Thing::Directory);
                }
            }
            upper.insert(parent.to_owned());
        }
        let thing = match act {
            Act::File(_) => Thing::File(layer, entry),
            Act::Directory(_) => Thing::Directory,
            Act::HardLink(_, target) => match model.get(target) {
                Some(Thing::Directory) | None => return None,
                Some(other) => other.clone(),
            },
            _ => Thing::Symlink,
        };
        if thing != Thing::Directory {
            remove_within(&mut model, path);
        }
        model.insert(path.clone(), thing);
        upper.insert(path.clone());
    }
    Some(model)
}

fn archive(acts: &[Act]) -> Vec<u8> {
    let mut tar = Tar::new();
    for act in acts {
        tar = match act {
            Act::File(path) => tar.file(path, "x"),
            Act::Directory(path) => tar.dir(path),
            Act::Symlink(path) => tar.symlink(path, "file"),
            Act::HardLink(path, target) => tar.hard_link(path, target),
            Act::Opaque(path) => tar.file(&format!("{path}/.wh..wh..opq"), ""),
            Act::Whiteout(path) => {
                let (directory, name) = path.rsplit_once('/').map_or(("", path.as_str()), |it| it);
                tar.file(&format!("{directory}/.wh.{name}"), "")
            }
        };
    }
    tar.end()
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&["a", "b", "c"][..]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => path().prop_map(Act::File),
        4 => path().prop_map(Act::Directory),
        1 => path().prop_map(Act::Symlink),
        2 => (path(), path()).prop_map(|(path, target)| Act::HardLink(path, target)),
        3 => path().prop_map(Act::Whiteout),
        2 => path().prop_map(Act::Opaque),
    ]
}

fn lines(model: &Model) -> String {
    let mut lines: Vec<(Vec<u8>, String)> = Vec::new();
    for (path, thing) in model {
        let line = match thing {
            Thing::File(layer, entry) => format!("{path} {layer}.{entry}\n"),
            Thing::Directory => format!("{path}/\n"),
            Thing::Symlink => format!("{path} -> file\n"),
        };
        // A directory's contents follow it at once.
        lines.push((path.replace('/', "\0").into_bytes(), line));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn merging_is_what_the_model_says(layers in prop::collection::vec(prop::collection::vec(act(), 0..8), 1..4)) {
        // A layer that cannot be laid is shortened until it can.
        let mut model = Model::new();
        let mut archives = Vec::new();
        for (index, acts) in layers.iter().enumerate() {
            let mut good: Vec<Act> = Vec::new();
            let mut next = model.clone();
            for act in acts {
                good.push(act.clone());
                match apply(&model, index, &good) {
                    Some(applied) => next = applied,
                    None => {
                        let tried = [&archives[..], &[archive(&good)]].concat();
                        prop_assert!(is_through_link(&next, act) || merge(&tried).is_err(), "{good:?}");
                        good.pop();
                    }
                }
            }
            archives.push(archive(&good));
            model = next;
        }
        let tree = merge(&archives).expect("good layers");
        prop_assert_eq!(listing(&tree), lines(&model));
    }
}

/// Whether an act's path leads through a symbolic link, which the model knows nothing of.
fn is_through_link(model: &Model, act: &Act) -> bool {
    let paths = match act {
        Act::File(path) | Act::Directory(path) | Act::Symlink(path) | Act::Whiteout(path) => {
            vec![path.clone()]
        }
        Act::Opaque(path) => vec![format!("{path}/x")],
        Act::HardLink(path, target) => vec![path.clone(), target.clone()],
    };
    let is_link = |path: &str| model.get(path) == Some(&Thing::Symlink);
    paths.iter().any(|path| parents(path).any(is_link))
}
