//! Whole images, read back.

use std::io::Cursor;

use bundle_image::Compression;
use bundle_squashfs::{BlockReader, FileInode, Image, Inode, InodeKind};

use super::{Options, Summary, make_directory_image, make_image};
use crate::testing::{RawHeader, Tar, layered};
use crate::{Error, Layered, Limits, Origin};

fn options() -> Options {
    Options {
        image: bundle_image::Options {
            compression: Compression::Zstd { level: 1 },
            block_size_bytes: 4096,
            thread_count: 2,
            time_s: 1_700_000_000,
        },
        limits: Limits::default(),
    }
}

fn make(image: &Layered) -> Result<(Vec<u8>, Summary), Error> {
    let mut out = Cursor::new(Vec::new());
    let summary = make_image(image, &mut out, &options(), &())?;
    let mut bytes = out.into_inner();
    bytes.truncate(summary.size_bytes as usize);
    Ok((bytes, summary))
}

fn find(image: &Image<'_>, path: &str) -> Option<Inode> {
    let mut inode = image.inode(image.root()).expect("a root");
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let InodeKind::Directory(directory) = &inode.kind else {
            return None;
        };
        let entry = image
            .lookup(directory, name.as_bytes())
            .expect("a directory")?;
        inode = image.inode(entry.inode).expect("an inode");
    }
    Some(inode)
}

fn contents(image: &Image<'_>, file: &FileInode) -> Vec<u8> {
    let mut reader = BlockReader::new();
    let mut bytes = Vec::new();
    for block in image.blocks(file).expect("blocks").iter() {
        let mut out = vec![0; block.size_bytes as usize];
        reader.read(image, block, &mut out).expect("a block");
        bytes.extend(out);
    }
    if let Some((index, offset)) = file.fragment {
        let block = image.fragment(index).expect("a fragment");
        let mut out = vec![0; block.size_bytes as usize];
        reader
            .read_up_to(image, block, &mut out)
            .expect("a fragment");
        bytes.extend(&out[offset as usize..][..file.tail_size_bytes() as usize]);
    }
    bytes
}

#[track_caller]
fn text(image: &Image<'_>, path: &str) -> String {
    let inode = find(image, path).unwrap_or_else(|| panic!("no {path}"));
    let InodeKind::File(file) = &inode.kind else {
        panic!("{path} is no file: {:?}", inode.kind);
    };
    String::from_utf8(contents(image, file)).expect("text")
}

const CONFIG: &str = r#"{
    "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
    "config": {
        "Env": ["PATH=/usr/bin:/bin", "QUOTED=\"x y\"", "BLANK= a ", "LINES=a\nb'c", "REF=${HOME}", "EMPTY=", "NONE", "1X=a", "A B=c"],
        "Entrypoint": ["/entry point", "it's"],
        "Cmd": ["run", "$HOME", "a\"b"],
        "WorkingDir": "/work/$(dir)",
        "User": "nobody", "StopSignal": "SIGQUIT",
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}},
        "Labels": {"title": "a\n; rm -rf /", "none": null}
    },
    "rootfs": {"type": "layers", "diff_ids": []}
}"#;

#[test]
fn an_image_has_what_its_layers_have_and_enroots_files() {
    let lines: Vec<String> = (0..5000).map(|n| format!("{n}\n")).collect();
    let big = lines.concat();
    let lower = Tar::new()
        .dir("bin")
        .file("bin/big", &big)
        .file("gone", "x")
        .file("old", "old")
        .file("empty", "");
    let mut sparse = RawHeader::new(b'S', b"sparse", 3);
    sparse.set(257, b"ustar  \0").set(483, b"00000040003\0");
    sparse.set(386, b"00000040000\x0000000000003\0");
    let upper = Tar::new()
        .file(".wh.gone", "")
        .file("old", "new")
        .hard_link("bin/same", "bin/big");
    let upper = upper
        .raw(sparse, b"end")
        .symlink("etc", "usr/etc")
        .dir("usr")
        .dir("usr/etc")
        .file("usr/etc/fstab", "/dev/sda1 /");
    let mut image = layered(&[lower.end(), upper.end()], Some(CONFIG));
    image.origin = Origin {
        uri: "docker://a/b:c".into(),
        manifest_digest: Some("sha256:1".into()),
        platform: None,
    };
    let (bytes, summary) = make(&image).expect("an image");
    assert_eq!(bytes.len() as u64, summary.size_bytes);
    let image = Image::open(&bytes).expect("an image");
    assert_eq!(text(&image, "bin/big"), big);
    assert_eq!(text(&image, "old"), "new");
    assert_eq!(text(&image, "empty"), "");
    assert_eq!(text(&image, "sparse"), "\0".repeat(16384) + "end");
    assert!(find(&image, "gone").is_none());
    let inode = |path| find(&image, path).expect("a node");
    assert_eq!(inode("bin/big").number, inode("bin/same").number);
    assert_eq!(inode("bin/big").link_count, 2);
    assert!(matches!(inode("work/$(dir)").kind, InodeKind::Directory(_)));
    // The link that the image has for /etc was followed, within the image.
    assert!(matches!(inode("etc").kind, InodeKind::Symlink(_)));
    assert_eq!(text(&image, "usr/etc/fstab"), "");
    let environment = "PATH=/usr/bin:/bin\nQUOTED=\"\"x y\"\"\nBLANK=\" a \"\nEMPTY=\n";
    assert_eq!(text(&image, "usr/etc/environment"), environment);
    let json: serde_json::Value =
        serde_json::from_str(&text(&image, "usr/etc/benchrun/image.json")).expect("JSON");
    assert_eq!(json["uri"], "docker://a/b:c");
    assert_eq!(json["platform"], "linux/amd64");
    assert_eq!(json["config"]["User"], "nobody");
    assert_eq!(
        json["config"]["ExposedPorts"]["80/tcp"],
        serde_json::json!({})
    );
    assert_eq!(inode("usr/etc/rc").modified_s, 1_700_000_000);
    assert_eq!(text(&image, "usr/etc/rc"), RC);
}

const RC: &str = r#"# enroot-provenance: docker://a/b:c
# none 
# title a ; rm -rf /

[ "${LINES+set}" ] || export LINES='a
b'\''c'
[ "${REF+set}" ] || export REF='${HOME}'
mkdir -p "/work/\$(dir)" 2> /dev/null
cd "/work/\$(dir)" && unset OLDPWD || exit 1

if [ -s /etc/rc.local ]; then
    . /etc/rc.local
fi

if [ $# -gt 0 ]; then
    exec '/entry point' 'it'\''s' "$@"
else
    exec '/entry point' 'it'\''s' 'run' '$HOME' 'a"b'
fi
"#;

#[test]
fn without_a_word_a_shell_is_started() {
    let image = layered(&[], Some("{}"));
    let (bytes, summary) = make(&image).expect("an image");
    // The root, /etc, its four files, /etc/benchrun and its two files.
    assert_eq!((summary.nodes, summary.contents_size_bytes), (9, 0));
    let image = Image::open(&bytes).expect("an image");
    let rc = text(&image, "etc/rc");
    assert!(
        rc.contains("mkdir -p \"/\" 2> /dev/null\ncd \"/\" && unset OLDPWD || exit 1\n"),
        "{rc}"
    );
    assert!(
        rc.contains("exec  \"$@\"\nelse\n    exec  '/bin/sh'\n"),
        "{rc}"
    );
}

#[test]
fn a_root_file_system_keeps_its_own_files() {
    let tar = Tar::new()
        .file("etc/rc", "own")
        .file("etc/fstab", "own")
        .file("x", "y");
    let (bytes, _) = make(&layered(&[tar.end()], None)).expect("an image");
    let image = Image::open(&bytes).expect("an image");
    assert_eq!(text(&image, "etc/rc"), "own");
    assert_eq!(text(&image, "etc/fstab"), "own");
    assert_eq!(text(&image, "etc/environment"), "");
}

#[test]
fn a_directory_is_an_image_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("etc")).expect("a directory");
    std::fs::write(at("etc/rc"), "own").expect("a file");
    std::fs::write(at("a"), "contents").expect("a file");
    std::fs::hard_link(at("a"), at("b")).expect("a link");
    let mut out = Cursor::new(Vec::new());
    let ownership = bundle_image::Ownership::AllRoot;
    let made = make_directory_image(directory.path(), ownership, &mut out, &options(), &());
    let summary = made.expect("an image");
    let mut bytes = out.into_inner();
    bytes.truncate(summary.size_bytes as usize);
    let image = Image::open(&bytes).expect("an image");
    assert_eq!(text(&image, "etc/rc"), "own");
    assert_eq!(text(&image, "b"), "contents");
    let uri = format!("\"uri\": \"dir:{}\"", directory.path().display());
    assert!(text(&image, "etc/benchrun/image.json").contains(&uri));
    assert_eq!(find(&image, "a").expect("a").link_count, 2);
    let none = make_directory_image(
        &at("none"),
        ownership,
        Cursor::new(Vec::new()),
        &options(),
        &(),
    );
    assert!(
        none.expect_err("nothing there")
            .to_string()
            .contains("none")
    );
}

#[test]
fn attributes_that_squashfs_cannot_hold_are_left_out() {
    let records: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.user.a", b"b"),
        ("SCHILY.xattr.system.posix_acl_access", b"x"),
    ];
    let tar = Tar::new().pax(records).file("x", "y");
    let (bytes, summary) = make(&layered(&[tar.end()], None)).expect("an image");
    assert_eq!(summary.xattrs_left_out, 1);
    let image = Image::open(&bytes).expect("an image");
    let xattrs = image
        .xattrs(&find(&image, "x").expect("x"))
        .expect("attributes");
    assert_eq!(xattrs, [(b"user.a".to_vec(), b"b".to_vec())]);
}

#[test]
fn what_has_no_place_is_an_error() {
    #[track_caller]
    fn refuse(tar: Tar, config: &str, expected: &str) {
        let error = make(&layered(&[tar.end()], Some(config))).expect_err("a bad image");
        assert_eq!(error.to_string(), expected);
    }
    refuse(
        Tar::new().file("etc", ""),
        "{}",
        "cannot write '/etc/environment' in the image: lies in 'etc', which is not a directory",
    );
    let config = "cannot read the image's configuration: expected value at line 1 column 1";
    refuse(Tar::new(), "x", config);
}

#[test]
fn a_hundred_thousand_files() {
    let mut tar = Tar::new();
    for index in 0..100_000 {
        tar = tar.file(&format!("{:02}/{index}", index % 100), "x");
    }
    let (bytes, summary) = make(&layered(&[tar.end()], None)).expect("an image");
    assert_eq!(summary.nodes, 100_000 + 100 + 9);
    assert_eq!(summary.contents_size_bytes, 100_000);
    let image = Image::open(&bytes).expect("an image");
    assert_eq!(text(&image, "99/99999"), "x");
}
