//! Gathering: which files go into the image, and where in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bundle_format::{Loader, Payload};
use lddtree::{DependencyAnalyzer, DependencyTree, Library};

/// Where the program goes.
const PROGRAM_DIR: &str = "usr/bin";
/// Where all its libraries go: one directory, so that the loader looks once for each.
const LIBRARY_DIR: &str = "usr/lib";

/// What will stand in the image, by path.
pub type Tree = BTreeMap<String, Content>;

/// One entry of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory that was included as such; those that lead to files need no entry.
    Directory,
    /// A regular file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// May it be executed?
        executable: bool,
    },
    /// A symbolic link and its target.
    Symlink(String),
}

/// A file or directory that is packed besides the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// Where it is on this host.
    pub source: PathBuf,
    /// Where it goes in the image: relative, without `.` and `..`.
    pub destination: String,
}

/// The program with its loader and libraries, those that it loads when it runs, and what was asked for besides.
pub(crate) fn gather(
    executable: &Path,
    libraries: &[PathBuf],
    includes: &[Include],
) -> Result<(Tree, Payload)> {
    let mut tree = Tree::new();
    let payload = add_program(&mut tree, executable)?;
    for library in libraries {
        add_library(&mut tree, library, &payload)?;
    }
    for include in includes {
        add_path(&mut tree, &include.source, &include.destination)?;
    }
    check_nesting(&tree)?;
    Ok((tree, payload))
}

fn add_program(tree: &mut Tree, executable: &Path) -> Result<Payload> {
    let Some(name) = executable.file_name().and_then(|name| name.to_str()) else {
        bail!(
            "cannot pack '{}': its name is not UTF-8 (rename it)",
            executable.display()
        );
    };
    let program = format!("{PROGRAM_DIR}/{name}");
    add_file(tree, executable, &program, true)?;

    let found = libraries_of(executable)?;
    let Some(interpreter) = &found.interpreter else {
        if let Some(library) = found.needed.first() {
            bail!(
                "cannot pack '{}': it needs {library} but names no loader (is it a library?)",
                executable.display()
            );
        }
        return Ok(Payload::Program {
            executable: program,
            loader: None,
        });
    };
    let loader = add_loader(tree, interpreter)?;
    add_needed(tree, executable, &found, &loader)?;
    Ok(Payload::Program {
        executable: program,
        loader: Some(loader),
    })
}

/// Adds what a program or library needs, but for what is there already: a loader, too, takes one library of a name.
fn add_needed(tree: &mut Tree, of: &Path, found: &DependencyTree, loader: &Loader) -> Result<()> {
    let loader_name = loader.path.rsplit('/').next().unwrap_or_default();
    // The order of a hash map would make bundles differ from one packing to the next.
    let libraries: BTreeMap<_, _> = found
        .libraries
        .iter()
        .filter(|(name, _)| *name != loader_name)
        .collect();
    for (name, library) in libraries {
        let destination = format!("{LIBRARY_DIR}/{name}");
        if !tree.contains_key(&destination) {
            let source = found_at(name, library, of, found)?;
            add_file(tree, source, &destination, false)?;
        }
    }
    Ok(())
}

/// A library that the program loads when it runs, where its loader looks for it.
fn add_library(tree: &mut Tree, library: &Path, payload: &Payload) -> Result<()> {
    let cannot_add = || format!("cannot add the library '{}'", library.display());
    let Payload::Program {
        loader: Some(loader),
        ..
    } = payload
    else {
        bail!(
            "{}: the program has no loader, so it loads none",
            cannot_add()
        );
    };
    let Some(name) = library.file_name().and_then(|name| name.to_str()) else {
        bail!("{}: its name is not UTF-8 (rename it)", cannot_add());
    };
    add_file(tree, library, &format!("{LIBRARY_DIR}/{name}"), false)?;
    let found = libraries_of(library)?;
    add_needed(tree, library, &found, loader)
}

/// What the program needs, found without running it, the way the dynamic loader would.
fn libraries_of(executable: &Path) -> Result<DependencyTree> {
    let analyze = |analyzer: DependencyAnalyzer| {
        analyzer
            .analyze(executable)
            .with_context(|| format!("cannot find the libraries of '{}'", executable.display()))
    };
    let found = analyze(DependencyAnalyzer::default())?;
    if found.rpath.is_empty() || found.libraries.values().all(Library::found) {
        return Ok(found);
    }
    // The program's own DT_RPATH holds for its libraries' libraries too.
    let inherited = found.rpath.iter().map(PathBuf::from).collect();
    analyze(DependencyAnalyzer::default().library_paths(inherited))
}

fn found_at<'a>(
    name: &str,
    library: &'a Library,
    executable: &Path,
    found: &DependencyTree,
) -> Result<&'a Path> {
    let is_needed_by = |needed: &[String]| needed.iter().any(|other| other == name);
    let needed_by = if is_needed_by(&found.needed) {
        executable.display().to_string()
    } else {
        let other = found
            .libraries
            .values()
            .find(|other| is_needed_by(&other.needed));
        other.map_or_else(
            || executable.display().to_string(),
            |other| other.name.clone(),
        )
    };
    if name.contains('/') {
        bail!(
            "cannot pack '{name}': {needed_by} needs it by its path, which other hosts do not have (link it by name)"
        );
    }
    match &library.realpath {
        Some(path) => Ok(path),
        None => bail!(
            "cannot find the library '{name}', which {needed_by} needs (install it, or set LD_LIBRARY_PATH)"
        ),
    }
}

fn add_loader(tree: &mut Tree, interpreter: &str) -> Result<Loader> {
    let path = interpreter.trim_start_matches('/').to_owned();
    let bytes = add_file(tree, Path::new(interpreter), &path, true)?;
    let knows = |option: &[u8]| bytes.windows(option.len()).any(|window| window == option);
    Ok(Loader {
        argv0: knows(b"--argv0"),
        inhibit_cache: knows(b"--inhibit-cache"),
        path,
        library_dirs: vec![LIBRARY_DIR.to_owned()],
    })
}

fn add_path(tree: &mut Tree, source: &Path, destination: &str) -> Result<()> {
    // The named path itself may be a link to what is meant; links inside a directory stay links.
    let metadata =
        fs::metadata(source).with_context(|| format!("cannot include '{}'", source.display()))?;
    if metadata.is_dir() {
        return add_directory(tree, source, destination);
    }
    add_file(
        tree,
        source,
        destination,
        metadata.permissions().mode() & 0o111 != 0,
    )
    .map(drop)
}

fn add_directory(tree: &mut Tree, source: &Path, destination: &str) -> Result<()> {
    let cannot_include = || format!("cannot include '{}'", source.display());
    insert(tree, destination, Content::Directory, source)?;
    for entry in fs::read_dir(source).with_context(cannot_include)? {
        let entry = entry.with_context(cannot_include)?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            bail!(
                "cannot include '{}': its name is not UTF-8 (rename it)",
                path.display()
            );
        };
        let destination = format!("{destination}/{name}");
        let kind = entry.file_type().with_context(cannot_include)?;
        if kind.is_symlink() {
            let target = fs::read_link(&path).with_context(cannot_include)?;
            let Ok(target) = target.into_os_string().into_string() else {
                bail!(
                    "cannot include '{}': its target is not UTF-8",
                    path.display()
                );
            };
            insert(tree, &destination, Content::Symlink(target), &path)?;
        } else if kind.is_dir() || kind.is_file() {
            add_path(tree, &path, &destination)?;
        } else {
            bail!(
                "cannot include '{}': it is neither a file nor a directory nor a link",
                path.display()
            );
        }
    }
    Ok(())
}

/// Adds a file and lends its bytes back.
fn add_file<'a>(
    tree: &'a mut Tree,
    source: &Path,
    destination: &str,
    executable: bool,
) -> Result<&'a [u8]> {
    let bytes = fs::read(source).with_context(|| format!("cannot read '{}'", source.display()))?;
    match insert(
        tree,
        destination,
        Content::File { bytes, executable },
        source,
    )? {
        Content::File { bytes, .. } => Ok(bytes),
        _ => Ok(&[]),
    }
}

fn insert<'a>(
    tree: &'a mut Tree,
    destination: &str,
    content: Content,
    source: &Path,
) -> Result<&'a Content> {
    let entry = tree.entry(destination.to_owned());
    if let std::collections::btree_map::Entry::Occupied(taken) = &entry
        && !(content == Content::Directory && *taken.get() == Content::Directory)
    {
        bail!(
            "cannot include '{}' as '{destination}': something else is there already",
            source.display()
        );
    }
    Ok(entry.or_insert(content))
}

/// A file cannot also be the directory of another one.
fn check_nesting(tree: &Tree) -> Result<()> {
    for path in tree.keys() {
        for (at, _) in path.match_indices('/') {
            if tree
                .get(&path[..at])
                .is_some_and(|content| *content != Content::Directory)
            {
                bail!(
                    "cannot include '{path}': '{}' is not a directory",
                    &path[..at]
                );
            }
        }
    }
    Ok(())
}
