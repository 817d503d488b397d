//! A tree with all that a file system has.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use bundle_squashfs::{Error, Image};

use super::{Kind, Node, Tree, contents, mksquashfs, tree_in_image, tree_on_disk};

pub(crate) const BLOCK_SIZES_BYTES: [usize; 3] = [4 << 10, 128 << 10, 1 << 20];
const MANY: usize = 5000;

/// Devices, pipes and sockets, which mksquashfs can make up, so that no test needs a privilege to make them.
const PSEUDO_FILES: [(&str, &str); 4] = [
    ("null", "c 666 1 2 1 3"),
    ("disk", "b 660 0 6 259 70000"),
    ("pipe", "i 600 3 4 f"),
    ("socket", "i 755 5 6 s"),
];

static ROOT: LazyLock<TempDir> = LazyLock::new(make_tree);
static EXPECTED: LazyLock<Tree> = LazyLock::new(|| with_pseudo_files(tree_on_disk(ROOT.path())));

/// The tree, as an image of it should be read.
pub(crate) fn expected() -> &'static Tree {
    &EXPECTED
}

/// The tree packed with these options. None, said loudly, where mksquashfs is not installed.
pub(crate) fn pack(options: &[&str]) -> Option<Vec<u8>> {
    // Reading the tree sets its files' access times. If they change while mksquashfs runs, it takes the names of one file for
    // those of several.
    expected();
    let pseudo = PSEUDO_FILES.map(|(name, definition)| format!("{name} {definition}"));
    let pseudo = pseudo.iter().flat_map(|definition| ["-p", definition]);
    let options: Vec<_> = options.iter().copied().chain(pseudo).collect();
    mksquashfs(ROOT.path(), &options)
}

/// The tree in an image of it. The files that mksquashfs made up have the time of packing, which is not compared.
pub(crate) fn read(image: &Image<'_>) -> Result<Tree, Error> {
    let mut tree = tree_in_image(image)?;
    for (name, _) in PSEUDO_FILES {
        if let Some(node) = tree.get_mut(Path::new(name)) {
            node.modified_s = 0;
        }
    }
    Ok(tree)
}

fn make_tree() -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let write = |path: &Path, bytes: &[u8]| fs::write(root.join(path), bytes).unwrap();
    for directory in ["sizes", "many", "xattrs", "empty", "deep"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    write("empty-file".as_ref(), b"");
    for (index, block) in BLOCK_SIZES_BYTES.into_iter().enumerate() {
        for size_bytes in [block - 1, block, block + 1, 2 * block + 77] {
            let path = PathBuf::from(format!("sizes/{size_bytes}"));
            // What repeats is packed sooner, and no two blocks are the same.
            let mut bytes = contents(70_001, index as u32 + 7).repeat(size_bytes / 70_001 + 1);
            bytes.truncate(size_bytes);
            write(&path, &bytes);
        }
    }
    // Words and code, as real files have them; the code is for xz's filter.
    let words = include_bytes!("sample.rs").repeat(20);
    write("words".as_ref(), &words);
    let code = fs::read(std::env::current_exe().unwrap()).unwrap();
    write("code".as_ref(), &code[..code.len().min(500_000)]);
    write("twice".as_ref(), &words);

    for index in 0..MANY {
        let path = PathBuf::from(format!(
            "many/entry {index:04} of a directory that needs an index"
        ));
        write(&path, &contents(index % 97, index as u32));
        // As many owners as do not fit in one metadata block, if that is allowed.
        let _ = chown(root.join(path), Some(index as u32), Some(index as u32 * 7));
    }
    let mut directory = root.join("deep");
    for depth in 0..40 {
        directory.push(format!("{depth}"));
    }
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("bottom"), b"found").unwrap();

    symlink("words", root.join("link")).unwrap();
    symlink("/nowhere/".repeat(300), root.join("long link")).unwrap();
    symlink(OsStr::from_bytes(b"\xff\xfe"), root.join("link to no text")).unwrap();
    fs::hard_link(root.join("words"), root.join("deep/the same words")).unwrap();
    fs::hard_link(root.join("words"), root.join("words again")).unwrap();
    fs::hard_link(root.join("empty-file"), root.join("empty file again")).unwrap();
    fs::hard_link(root.join("link"), root.join("link again")).unwrap();
    write(Path::new(&"n".repeat(255)), b"longest name");
    write(Path::new(&OsString::from_vec(vec![0xff; 255])), b"no text");
    write(
        Path::new(OsStr::from_bytes(b"new\nline \x01\xc3(")),
        b"no text either",
    );

    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    sparse.write_all_at(b"an island", 3 << 20).unwrap();
    let hole = File::create(root.join("all hole")).unwrap();
    hole.set_len((1 << 20) + 5).unwrap();

    let permissions = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(root.join("code"), permissions(0o6755)).unwrap();
    fs::set_permissions(root.join("empty"), permissions(0o1777)).unwrap();
    fs::set_permissions(root.join("words"), permissions(0o400)).unwrap();
    let old = File::open(root.join("words")).unwrap();
    old.set_modified(UNIX_EPOCH + Duration::from_hours(24))
        .unwrap();
    make_xattrs(root);
    scratch
}

/// More sets than fit in one metadata block, with values of all sizes, some of them in many sets.
fn make_xattrs(root: &Path) {
    let set = |path: &Path, name: &str, value: &[u8]| {
        xattr::set(path, name, value)
            .unwrap_or_else(|error| panic!("{} on {}: {error}", name, path.display()));
    };
    let shared = contents(1500, 3);
    for index in 0..700 {
        let path = root.join(format!("xattrs/{index}"));
        fs::write(&path, b"").unwrap();
        set(&path, "user.shared", &shared);
        set(&path, "user.own", index.to_string().as_bytes());
    }
    set(&root.join("xattrs"), "user.of.a.directory", b"");
    set(&root.join("many"), "user.large", &contents(2000, 4));
    set(
        &root.join("sparse"),
        &format!("user.{}", "x".repeat(250)),
        b"\0\xff",
    );
    set(root, "user.of.the.root", b"/");
}

fn with_pseudo_files(mut tree: Tree) -> Tree {
    let names = PSEUDO_FILES.map(|(name, _)| name);
    let kinds = [
        (Kind::CharDevice(0x103), 0o666, (1, 2)),
        // Minor numbers have their upper bits above the major number.
        (Kind::BlockDevice(0x1111_0370), 0o660, (0, 6)),
        (Kind::Fifo, 0o600, (3, 4)),
        (Kind::Socket, 0o755, (5, 6)),
    ];
    for (name, (kind, mode, owner)) in names.into_iter().zip(kinds) {
        let node = Node {
            kind,
            mode,
            owner,
            // The time of packing, which the caller does not know.
            modified_s: 0,
            same_as: name.into(),
            link_count: 1,
            xattrs: BTreeMap::new(),
        };
        tree.insert(name.into(), node);
    }
    tree
}
