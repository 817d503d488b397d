//! Each rule of merging, with layers made by hand.

use bundle_image::Metadata;

use crate::testing::{RawHeader, Tar, listing, merge};

#[track_caller]
fn check(layers: &[Tar], expected: &str) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.clone().end()).collect();
    let tree = merge(&layers).expect("layers");
    let lines: Vec<String> = expected
        .lines()
        .map(|it| format!("{}\n", it.trim()))
        .collect();
    assert_eq!(listing(&tree), lines.concat());
}

#[track_caller]
fn refuse(layers: &[Tar], expected: &str) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.clone().end()).collect();
    let error = merge(&layers).expect_err("a bad layer").to_string();
    assert_eq!(error, format!("cannot read the layer 'layer': {expected}"));
}

fn tar() -> Tar {
    Tar::new()
}

#[test]
fn upper_layers_add_and_replace() {
    let lower = tar().dir("d").file("d/a", "1").file("d/b", "2");
    check(
        &[lower.clone(), tar().file("d/a", "3").file("c", "")],
        "c 1.1\nd/\nd/a 1.0\nd/b 0.2",
    );
    check(&[lower.clone(), tar().file("d", "3")], "d 1.0");
    check(&[lower.clone(), tar().symlink("d", "x")], "d -> x");
    check(&[lower.clone(), tar().dir("d/a")], "d/\nd/a/\nd/b 0.2");
    check(&[lower.clone(), tar().dir("d/")], "d/\nd/a 0.1\nd/b 0.2");
    check(&[tar().symlink("l", "d"), tar().dir("l")], "l/");
    check(
        &[tar().file("a", "1").file("a", "2").dir("b").file("b", "")],
        "a 0.1\nb 0.3",
    );
    check(&[tar().file("x/y/z", "")], "x/\nx/y/\nx/y/z 0.0");
}

#[test]
fn directories_keep_what_is_in_them_and_take_new_metadata() {
    let mut header = RawHeader::new(b'5', b"d", 0);
    header.set(100, b"0001700\0").set(108, b"0000012\0");
    let layers = [
        tar().dir("d").file("d/a", "").end(),
        tar().raw(header, b"").end(),
        tar().file("p/q", "").end(),
    ];
    let tree = merge(&layers).expect("layers");
    let d = tree.lookup(tree.root(), b"d").expect("d");
    let expected = Metadata {
        mode: 0o1700,
        uid: 10,
        mtime_s: 100,
        ..Metadata::default()
    };
    assert_eq!(tree.node(d).metadata, expected);
    assert!(tree.lookup(d, b"a").is_some());
    let p = tree.lookup(tree.root(), b"p").expect("p");
    assert_eq!(tree.node(p).metadata.mode, 0o755);
    assert_eq!(tree.node(tree.root()).metadata.mode, 0o755);
}

#[test]
fn the_root_has_an_entry_too() {
    let mut header = RawHeader::new(b'5', b"./", 0);
    header.set(100, b"0000700\0");
    let tree = merge(&[tar().file("a", "").raw(header, b"").end()]).expect("a layer");
    assert_eq!(tree.node(tree.root()).metadata.mode, 0o700);
    assert_eq!(listing(&tree), "a 0.0\n");
    for name in ["/", ".", "..", "a/.."] {
        refuse(
            &[tar().file(name, "x")],
            &format!("its entry '{name}' would take the root directory's place"),
        );
    }
}

#[test]
fn whiteouts_remove_what_is_lower() {
    let lower = tar()
        .dir("d")
        .file("d/a", "1")
        .file("d/b", "2")
        .file("e", "");
    check(
        &[lower.clone(), tar().file("d/.wh.a", "")],
        "d/\nd/b 0.2\ne 0.3",
    );
    check(&[lower.clone(), tar().file(".wh.d", "")], "e 0.3");
    check(
        &[lower.clone(), tar().file(".wh.x", "").file("x/.wh.y", "")],
        "d/\nd/a 0.1\nd/b 0.2\ne 0.3",
    );
    check(
        &[lower.clone(), tar().file("d/.wh..wh..opq", "")],
        "d/\ne 0.3",
    );
    check(&[lower.clone(), tar().file(".wh..wh..opq", "")], "");
    check(
        &[
            lower.clone(),
            tar().file(".wh.d", ""),
            tar().file("d/c", ""),
        ],
        "d/\nd/c 2.0\ne 0.3",
    );
}

#[test]
fn whiteouts_leave_alone_what_their_own_layer_adds() {
    let lower = tar().dir("d").file("d/a", "1").dir("d/s").file("d/s/t", "");
    let new = tar().file("d/a", "3");
    let after = new.clone().file("d/.wh.a", "").file("d/.wh..wh..opq", "");
    check(&[lower.clone(), after], "d/\nd/a 1.0");
    let before = tar().file("d/.wh.a", "").file("d/.wh..wh..opq", "");
    check(&[lower.clone(), before.file("d/a", "3")], "d/\nd/a 1.2");
    let deep = tar().file("d/s/u", "").file(".wh.d", "");
    check(&[lower.clone(), deep], "d/\nd/s/\nd/s/u 1.0");
    let deep = tar().file(".wh.d", "").file("d/s/u", "");
    check(&[lower.clone(), deep], "d/\nd/s/\nd/s/u 1.1");
    // A new name of an old file is this layer's, too.
    let linked = tar()
        .hard_link("n", "d/a")
        .file(".wh.n", "")
        .file(".wh.d", "");
    check(&[lower, linked], "n 0.1");
}

#[test]
fn what_a_whiteout_leaves_of_a_directory_without_an_entry_is_described_by_nobody() {
    let mut header = RawHeader::new(b'5', b"d", 0);
    header.set(100, b"0000700\0");
    let lower = tar().raw(header, b"").end();
    for upper in [
        tar().file("d/a", "").file(".wh.d", ""),
        tar().file(".wh.d", "").file("d/a", ""),
    ] {
        let tree = merge(&[lower.clone(), upper.end()]).expect("layers");
        let d = tree.lookup(tree.root(), b"d").expect("d");
        assert_eq!(tree.node(d).metadata.mode, 0o755);
    }
}

#[test]
fn whiteouts_of_nothing_are_refused() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh..."] {
        let expected = format!("its entry '{name}' is a whiteout of no name");
        refuse(&[tar().dir("d"), tar().file(name, "")], &expected);
    }
    // Whatever comes as a whiteout is one.
    let lower = tar().file("a", "").file("b", "");
    check(&[lower.clone(), tar().hard_link(".wh.a", "b")], "b 0.1");
    check(
        &[lower.clone(), tar().hard_link(".wh.a", "nothing")],
        "b 0.1",
    );
    check(
        &[lower.clone(), tar().dir(".wh.a").symlink(".wh.b", "x")],
        "",
    );
}

#[test]
fn what_aufs_left_is_ignored() {
    let layer = tar()
        .dir(".wh..wh.plnk")
        .file(".wh..wh.plnk/1.2", "x")
        .hard_link("a", ".wh..wh.plnk/1.2")
        .file(".wh..wh.aufs", "")
        .dir(".wh..wh.orph")
        .file(".wh..wh.orph/x", "");
    check(&[layer], "a 0.1");
}

#[test]
fn links_on_the_way_lead_within_the_image() {
    let lower = tar()
        .dir("usr/lib")
        .symlink("lib", "usr/lib")
        .symlink("abs", "/usr");
    check(
        &[lower.clone(), tar().file("lib/x", "").file("abs/y", "")],
        "abs -> /usr\nlib -> usr/lib\nusr/\nusr/lib/\nusr/lib/x 1.0\nusr/y 1.1",
    );
    let out = tar()
        .symlink("out", "../../../etc")
        .symlink("deep", "usr/../../../usr");
    check(
        &[lower.clone(), out.file("out/passwd", "").file("deep/z", "")],
        "abs -> /usr\ndeep -> usr/../../../usr\netc/\netc/passwd 1.2\nlib -> usr/lib
         out -> ../../../etc\nusr/\nusr/lib/\nusr/z 1.3",
    );
    // A whiteout beyond a link hides what is there.
    check(
        &[
            lower.clone(),
            tar().file("lib/x", ""),
            tar().file("lib/.wh.x", ""),
        ],
        "abs -> /usr\nlib -> usr/lib\nusr/\nusr/lib/",
    );
    refuse(
        &[tar().symlink("a", "b").symlink("b", "a").file("a/x", "")],
        "its entry 'a/x' lies behind more than 40 symbolic links",
    );
    refuse(
        &[tar().file("f", "").file("f/x", "")],
        "its entry 'f/x' lies in 'f', which is not a directory",
    );
}

#[test]
fn names_do_not_leave_the_root() {
    check(
        &[tar()
            .file("../../a", "")
            .file("/b", "")
            .file("x/../../c", "")
            .file("././d", "")],
        "a 0.0\nb 0.1\nc 0.2\nd 0.3",
    );
}

#[test]
fn hard_links_keep_identity() {
    check(&[tar().file("a", "").hard_link("b", "a")], "a 0.0\nb 0.0");
    check(
        &[tar().file("a", ""), tar().hard_link("b", "/../a")],
        "a 0.0\nb 0.0",
    );
    check(&[tar().file("a", "").hard_link("a", "./a")], "a 0.0");
    check(
        &[tar().symlink("s", "/none").hard_link("b", "s")],
        "b -> /none\ns -> /none",
    );
    check(
        &[
            tar().file("d/a", "").symlink("l", "d"),
            tar().hard_link("b", "l/a"),
            tar().file("d/a", ""),
        ],
        "b 0.0\nd/\nd/a 2.0\nl -> d",
    );
    let target = |target: &str| [tar().dir("d").hard_link("b", target)];
    refuse(
        &target("x"),
        "its entry 'b' is a link to 'x', which is missing",
    );
    refuse(
        &target("d/x/y"),
        "its entry 'b' is a link to 'd/x/y', which is missing",
    );
    refuse(
        &target("../../etc/passwd"),
        "its entry 'b' is a link to '../../etc/passwd', which is missing",
    );
    refuse(
        &target("d"),
        "its entry 'b' is a link to 'd', which is a directory",
    );
    refuse(
        &target("/"),
        "its entry 'b' is a link to the root directory",
    );
    let below = tar().file("a", "");
    refuse(
        &[below, tar().file(".wh.a", "").hard_link("b", "a")],
        "its entry 'b' is a link to 'a', which is missing",
    );
}

#[test]
fn devices_are_kept() {
    let device = |type_flag, name: &str, major: &[u8]| {
        let mut header = RawHeader::new(type_flag, name.as_bytes(), 0);
        header.set(329, major).set(337, b"0000003\0");
        header
    };
    let layer = tar()
        .raw(device(b'3', "null", b"0000001\0"), b"")
        .raw(device(b'4', "disk", b"0000010\0"), b"")
        .raw(device(b'6', "pipe", b"0000000\0"), b"")
        .link(b'3', "overlay-whiteout", "");
    check(
        &[tar().file("overlay-whiteout", ""), layer],
        "disk b8,3\nnull c1,3\noverlay-whiteout c0,0\npipe |",
    );
}

#[test]
fn names_have_limits() {
    let long = "n".repeat(255);
    check(
        &[tar().pax(&[("path", long.as_bytes())]).file("x", "")],
        &format!("{long} 0.0"),
    );
    let whiteout = format!(".wh.{long}");
    let lower = tar().pax(&[("path", long.as_bytes())]).file("x", "");
    check(
        &[
            lower,
            tar().pax(&[("path", whiteout.as_bytes())]).file("x", ""),
        ],
        "",
    );
    let longer = "n".repeat(256);
    let shown = format!("{}…", "n".repeat(200));
    refuse(
        &[tar().pax(&[("path", longer.as_bytes())]).file("x", "")],
        &format!("its entry '{shown}' has a name longer than 255 bytes"),
    );
    let path = "d/".repeat(2048) + "f";
    refuse(
        &[tar().pax(&[("path", path.as_bytes())]).file("x", "")],
        &format!(
            "its entry '{}…' has a path longer than 4096 bytes",
            "d/".repeat(100)
        ),
    );
    // Nor do links make paths that are longer.
    let name = "d".repeat(200) + "/";
    let deep = name.repeat(15);
    let layer = tar().pax(&[("path", deep.as_bytes())]).dir("x");
    let layer = layer.pax(&[("linkpath", deep.as_bytes())]).symlink("l", "");
    refuse(
        &[layer
            .pax(&[("path", format!("l/{deep}").as_bytes())])
            .dir("x")],
        &format!(
            "its entry 'l/{}…' leads to a path longer than 4096 bytes",
            "d".repeat(198)
        ),
    );
    check(
        &[tar().dir(&"d/".repeat(40))],
        &(1..=40)
            .map(|it| "d/".repeat(it) + "\n")
            .collect::<String>(),
    );
    let deep = "d/".repeat(129);
    refuse(
        &[tar()
            .pax(&[("path", format!("{deep}f").as_bytes())])
            .file("x", "")],
        &format!(
            "its entry '{}…' lies in more than 128 directories",
            "d/".repeat(100)
        ),
    );
    check(
        &[tar().raw(RawHeader::new(b'0', b"\xff\xfe\n", 0), b"")],
        "\\xff\\xfe\\n 0.0",
    );
    refuse(
        &[tar().symlink("a", "")],
        "its entry 'a' is a symbolic link to nothing",
    );
}

#[test]
fn directories_without_entries_are_counted() {
    let mut layer = tar();
    for index in 0..100 {
        layer = layer.file(&format!("{index}{}/f", "/d".repeat(40)), "");
    }
    let merged = merge(&[layer.clone().end()]).expect("4,100 directories");
    assert!(merged.lookup(merged.root(), b"99").is_some());
    for index in 100..200 {
        layer = layer.file(&format!("{index}{}/f", "/d".repeat(40)), "");
    }
    let error = merge(&[layer.end()]).expect_err("too many").to_string();
    assert!(
        error.ends_with("lies in more directories than are allowed"),
        "{error}"
    );
}
