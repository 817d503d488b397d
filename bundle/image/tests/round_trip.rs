//! Whatever is written is read back by the project's reader.

mod common;

use bundle_image::{Compression, ContentId, Kind, Metadata, Node, NodeId, Options, Tree};
use common::{
    Contents, OPTIONS, assert_same, empty_tree, expected, file, make, make_in_order, node, noise,
    read,
};
use proptest::prelude::*;

const COMPRESSIONS: [Compression; 6] = [
    Compression::Zstd { level: 3 },
    Compression::Zstd { level: 19 },
    Compression::Gzip { level: 6 },
    Compression::Lz4 { level: 0 },
    Compression::Lz4 { level: 12 },
    Compression::Stored,
];

const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// What a random tree is made of, one after the other.
#[derive(Debug, Clone)]
enum Step {
    /// A node below one of the directories there are.
    Insert(prop::sample::Index, Vec<u8>, Metadata, StepKind),
    /// A name for a node that exists.
    Link(prop::sample::Index, Vec<u8>, prop::sample::Index),
}

#[derive(Debug, Clone)]
enum StepKind {
    Directory,
    File(Vec<u8>),
    Other(Kind),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no file has such a name", |byte| {
        ![0, b'/', b'.'].contains(byte)
    });
    prop_oneof![
        6 => prop::collection::vec(byte.clone(), 1..20),
        1 => prop::collection::vec(byte, 255),
        1 => Just(b"..a".to_vec()),
    ]
}

fn any_metadata() -> impl Strategy<Value = Metadata> {
    let prefix = prop::sample::select(&PREFIXES[..]);
    let xattr = (prefix, name(), prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(prefix, name, value)| ([prefix, &name[..name.len().min(200)]].concat(), value));
    let id = prop_oneof![Just(0), Just(1000), any::<u32>()];
    (
        0..0o10000_u16,
        id.clone(),
        id,
        any::<u32>(),
        prop::collection::btree_map(name(), xattr, 0..3),
        any::<bool>(),
    )
        .prop_map(|(mode, uid, gid, mtime_s, xattrs, with_xattrs)| Metadata {
            mode,
            uid,
            gid,
            mtime_s,
            xattrs: xattrs.into_values().filter(|_| with_xattrs).collect(),
        })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..200),
        // Around the ends of blocks, compressible or not, with holes, with equal ones among them.
        (0..4_usize, 0..3_usize, 0..4_u64).prop_map(|(blocks, more, seed)| {
            let size_bytes = (blocks * 4096 + more).saturating_sub(1);
            noise(size_bytes, seed)
        }),
        (
            0..20_000_usize,
            0..256_usize,
            prop::collection::vec(0..5_usize, 0..3)
        )
            .prop_map(|(size_bytes, modulus, holes)| {
                let mut bytes: Vec<u8> = (0..size_bytes)
                    .map(|index| (index % (modulus + 1)) as u8)
                    .collect();
                for hole in holes {
                    let end = size_bytes.min((hole + 1) * 4096);
                    if let Some(block) = bytes.get_mut(hole * 4096..end) {
                        block.fill(0);
                    }
                }
                bytes
            }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let device = || (0..4096_u32, 0..1_u32 << 20);
    let target = prop::collection::vec(1..=u8::MAX, 1..300);
    let kind = prop_oneof![
        3 => Just(StepKind::Directory),
        6 => bytes().prop_map(StepKind::File),
        1 => target.prop_map(|target| StepKind::Other(Kind::Symlink(target))),
        1 => device().prop_map(|(major, minor)| StepKind::Other(Kind::CharacterDevice { major, minor })),
        1 => device().prop_map(|(major, minor)| StepKind::Other(Kind::BlockDevice { major, minor })),
        1 => Just(StepKind::Other(Kind::Fifo)),
        1 => Just(StepKind::Other(Kind::Socket)),
    ];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => (index(), name(), any_metadata(), kind)
            .prop_map(|(at, name, metadata, kind)| Step::Insert(at, name, metadata, kind)),
        1 => (index(), name(), index()).prop_map(|(at, name, node)| Step::Link(at, name, node)),
    ]
}

fn build(root: Metadata, steps: Vec<Step>) -> (Tree, Contents) {
    let mut tree = Tree::new(root);
    let mut contents = Contents::new();
    let mut directories = vec![tree.root()];
    let mut others: Vec<NodeId> = Vec::new();
    for step in steps {
        match step {
            Step::Insert(at, name, metadata, kind) => {
                let at = *at.get(&directories);
                let mut node = match kind {
                    StepKind::Directory => node(Kind::Directory(std::collections::BTreeMap::new())),
                    StepKind::File(bytes) => file(&mut contents, bytes),
                    StepKind::Other(kind) => node(kind),
                };
                node.metadata = metadata;
                let is_directory = matches!(node.kind, Kind::Directory(_));
                let id = tree.insert(at, &name, node);
                if is_directory {
                    &mut directories
                } else {
                    &mut others
                }
                .push(id);
            }
            Step::Link(at, name, node) if !others.is_empty() => {
                tree.link(*at.get(&directories), &name, *node.get(&others));
            }
            Step::Link(..) => {}
        }
    }
    (tree, contents)
}

/// Each replaced file leaves a fragment block, and in the end there are more of them than files.
#[test]
fn contents_of_replaced_files_are_no_trouble() {
    let mut tree = Tree::new(Metadata::default());
    let mut contents = Contents::new();
    for seed in 0..12 {
        let node = file(&mut contents, noise(4000, seed));
        tree.insert(tree.root(), b"same", node);
    }
    let options = Options {
        block_size_bytes: 4096,
        ..OPTIONS
    };
    let image = make(&tree, &contents, options).unwrap();
    assert_same(&read(&image), &expected(&tree, &contents));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read(root in any_metadata(),
                               steps in prop::collection::vec(step(), 0..60),
                               compression in prop::sample::select(&COMPRESSIONS[..]),
                               block_log in 12..18_u32,
                               shuffle in any::<u64>()) {
        let (tree, contents) = build(root, steps);
        let options = Options { compression, block_size_bytes: 1 << block_log, ..OPTIONS };
        let image = make(&tree, &contents, options).unwrap();
        prop_assert_eq!(image.len() % 4096, 0);
        assert_same(&read(&image), &expected(&tree, &contents));

        let one_thread = Options { thread_count: 1, ..options };
        prop_assert!(make(&tree, &contents, one_thread).unwrap() == image);

        let mut order: Vec<u64> = contents.keys().copied().collect();
        order.sort_by_key(|number| blake(*number ^ shuffle));
        let image = make_in_order(&tree, &contents, &order, options).unwrap();
        assert_same(&read(&image), &expected(&tree, &contents));
    }
}

/// Any permutation will do.
fn blake(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

#[test]
fn one_directory_of_70_000_names_is_found_through_its_index() {
    let mut tree = empty_tree();
    let root = tree.root();
    for index in 0..70_000 {
        tree.insert(
            root,
            format!("name number {index}").as_bytes(),
            node(Kind::Fifo),
        );
    }
    let image = make(&tree, &Contents::new(), OPTIONS).unwrap();
    assert_same(&read(&image), &expected(&tree, &Contents::new()));
}

#[test]
fn a_hundred_thousand_files() {
    let mut tree = empty_tree();
    let mut contents = Contents::new();
    let root = tree.root();
    for directory in 0..1000 {
        let directory = tree.insert(
            root,
            format!("{directory}").as_bytes(),
            Node {
                metadata: Metadata {
                    mode: 0o755,
                    ..common::metadata()
                },
                kind: Kind::Directory(std::collections::BTreeMap::new()),
            },
        );
        for index in 0..100 {
            let bytes = format!("{directory:?} {index}").into_bytes();
            tree.insert(
                directory,
                format!("{index}").as_bytes(),
                file(&mut contents, bytes),
            );
        }
    }
    let options = Options {
        block_size_bytes: 128 << 10,
        ..OPTIONS
    };
    let image = make(&tree, &contents, options).unwrap();
    assert_same(&read(&image), &expected(&tree, &contents));
}

#[test]
fn nesting_takes_no_stack() {
    let mut tree = empty_tree();
    let mut inner = tree.root();
    for _ in 0..100_000 {
        inner = tree.insert(
            inner,
            b"d",
            node(Kind::Directory(std::collections::BTreeMap::new())),
        );
    }
    assert!(make(&tree, &Contents::new(), OPTIONS).is_ok());
    let _ = ContentId(0);
}
