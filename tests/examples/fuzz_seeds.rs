//! Makes the seeds of the fuzz corpus: small images of every codec and shape, bundles around them, and requests about one.
//!
//!     cargo run -p tests --example fuzz_seeds
//!
//! The seeds come beside what is in `fuzz/corpus` already; `cargo fuzz cmin` then drops those that add nothing. Wants
//! mksquashfs and python3, and root for the device node in the images.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::Command;

use bundle_format::{
    Digest, FORMAT_VERSION, HashTree, ImageInfo, LauncherInfo, Loader, Manifest, Parts, Payload,
    assemble,
};
use bundle_squashfs::Image;

/// Options of mksquashfs. Without compression of the tables, a change of a byte is a change of a field.
const IMAGES: [(&str, &str); 14] = [
    ("gzip", "-comp gzip -b 4096"),
    ("lz4", "-comp lz4 -b 4096"),
    ("lz4hc", "-comp lz4 -Xhc -b 4096"),
    ("xz", "-comp xz -b 4096"),
    ("lzo", "-comp lzo -b 4096"),
    ("zstd", "-comp zstd -b 4096"),
    ("zstd-1m", "-comp zstd -b 1M"),
    (
        "no-fragments",
        "-comp zstd -b 4096 -no-fragments -no-xattrs",
    ),
    (
        "tails",
        "-comp zstd -b 4096 -always-use-fragments -no-exports",
    ),
    ("plain", "-comp zstd -b 4096 -noI -noId -noD -noF -noX"),
    ("plain-gzip", "-comp gzip -b 4096 -noI -noId -noD -noF -noX"),
    (
        "plain-no-fragments",
        "-comp zstd -b 4096 -noI -noId -noD -noX -no-fragments",
    ),
    (
        "plain-tails",
        "-comp xz -b 4096 -noI -noId -noF -noX -always-use-fragments",
    ),
    (
        "plain-bare",
        "-comp zstd -b 4096 -noI -noId -no-xattrs -no-exports",
    ),
];

/// Options of tar, and what compresses the archive.
const LAYERS: [(&str, &str, &[&str]); 9] = [
    (
        "v7",
        "--format=v7 --exclude=null --exclude=fifo --exclude=sparse",
        &["cat"],
    ),
    ("ustar", "--format=ustar --exclude=sparse", &["cat"]),
    ("gnu", "--format=gnu --sparse", &["cat"]),
    (
        "posix",
        "--format=posix --xattrs --xattrs-include=* --exclude=sparse",
        &["cat"],
    ),
    (
        "sparse-0.0",
        "--format=posix --sparse --sparse-version=0.0 --exclude=d",
        &["cat"],
    ),
    (
        "sparse-0.1",
        "--format=posix --sparse --sparse-version=0.1 --exclude=d",
        &["cat"],
    ),
    (
        "sparse-1.0",
        "--format=posix --sparse --sparse-version=1.0 --exclude=d",
        &["cat"],
    ),
    ("gzip", "--format=gnu", &["gzip", "-9n"]),
    ("zstd", "--format=gnu", &["zstd", "-q"]),
];

const CONFIGURATION: &[u8] = br#"{"architecture":"amd64","os":"linux","config":{"User":"a","Env":["A=b","C=d\ne"],
"Entrypoint":["/bin/sh","-c"],"Cmd":["it's"],"WorkingDir":"/w/$x","Labels":{"a":"b"},"Volumes":{"/v":{}}},
"rootfs":{"type":"layers","diff_ids":[]}}"#;

fn main() {
    let fuzz = tests::repository().join("fuzz");
    let scratch = tests::scratch();
    let small = scratch.path().join("small");
    make_tree(&small);
    let wide = scratch.path().join("wide");
    make_wide_tree(&wide);
    let image = |tree: &Path, options: &str| squash(tree, &scratch.path().join("image"), options);

    for (name, options) in IMAGES {
        save(&fuzz, "image", name, &image(&small, options));
    }
    save(
        &fuzz,
        "image",
        "wide",
        &image(&wide, "-comp zstd -noI -noId"),
    );
    save(&fuzz, "image", "wide-gzip", &image(&wide, "-comp gzip"));

    let layer = scratch.path().join("layer");
    make_tree(&layer);
    fs::remove_file(layer.join("hole")).expect("a file");
    make_sparse_file(&layer.join("sparse"));
    for (name, options, compressor) in LAYERS {
        let bytes = archive(&layer, options, compressor);
        save(&fuzz, "layer", name, &bytes);
    }
    save(&fuzz, "layer", "whiteouts", &whiteouts(scratch.path()));
    save(&fuzz, "layer", "saved", &saved(scratch.path()));
    save(&fuzz, "layer", "configuration", CONFIGURATION);

    let sample = image(&small, "-comp zstd -b 4096");
    fs::write(fuzz.join("sample.sqsh"), &sample).expect("a file");
    let opened = Image::open(&sample).expect("a sound image");
    save(
        &fuzz,
        "requests",
        "thorough",
        &tests::hostile::thorough_requests(&opened),
    );

    let program = Payload::Program {
        executable: "bin/program".into(),
        loader: Some(Loader {
            path: "lib/ld.so".into(),
            library_dirs: vec!["lib".into(), "usr/lib".into()],
            argv0: true,
            inhibit_cache: false,
        }),
    };
    let command = vec!["/bin/sh".into(), "-c".into(), "echo".into()];
    let payloads = [("program", program), ("image", Payload::Image { command })];
    for (name, payload) in payloads {
        save(&fuzz, "bundle", name, &bundle(&sample, payload, b""));
    }
    let golden = tests::repository().join("bundle/format/tests/golden");
    for name in ["v2-signed.run", "signer.pub"] {
        let bytes = fs::read(golden.join(name)).expect("a golden file");
        save(&fuzz, "bundle", name, &bytes);
    }
    let wide = image(&wide, "-comp zstd -b 4096 -noI -noId -noD -noF");
    let alone = Payload::Image { command: vec![] };
    save(
        &fuzz,
        "bundle",
        "two-chunks",
        &bundle(&wide, alone, b"signature\n"),
    );
}

/// A file of every kind, of every shape of contents, and with every kind of attribute.
fn make_tree(tree: &Path) {
    let lines: Vec<String> = (0..600).map(|line| format!("line {line}")).collect();
    let text = lines.join("\n");
    for directory in ["", "d", "d/empty"] {
        fs::create_dir(tree.join(directory)).expect("a directory");
    }
    let files: [(&str, &[u8]); 6] = [
        ("d/none", b""),
        ("d/tail", b"a tail"),
        ("d/block", &text.as_bytes()[..4096]),
        ("d/blocks", &text.as_bytes()[..5000]),
        ("f", b"another tail"),
        ("hole", &[0; 9000]),
    ];
    for (name, contents) in files {
        fs::write(tree.join(name), contents).expect("a file");
    }
    fs::hard_link(tree.join("f"), tree.join("d/again")).expect("a link");
    symlink("../f", tree.join("d/link")).expect("a link");
    run(Command::new("mkfifo").arg(tree.join("fifo")));
    run(Command::new("mknod")
        .arg(tree.join("null"))
        .args(["c", "1", "3"]));
    for (name, value) in [("user.name", "value"), ("user.other", &text[..200])] {
        for file in ["f", "d"] {
            let program = "import os, sys; os.setxattr(*map(os.fsencode, sys.argv[1:]))";
            let mut command = Command::new("python3");
            command
                .args(["-c", program])
                .arg(tree.join(file))
                .args([name, value]);
            run(&mut command);
        }
    }
}

/// A directory of so many names that its listing has an index.
fn make_wide_tree(tree: &Path) {
    fs::create_dir(tree).expect("a directory");
    for number in 0..400 {
        fs::write(
            tree.join(format!("a file with a long name {number:04}")),
            b"",
        )
        .expect("a file");
    }
}

fn squash(tree: &Path, image: &Path, options: &str) -> Vec<u8> {
    let mut command = Command::new("mksquashfs");
    command.arg(tree).arg(image);
    command.args([
        "-noappend",
        "-quiet",
        "-no-progress",
        "-all-time",
        "0",
        "-mkfs-time",
        "0",
        "-nopad",
    ]);
    run(command.args(options.split(' ')));
    fs::read(image).expect("the image")
}

/// Two pieces and three holes.
fn make_sparse_file(path: &Path) {
    let file = fs::File::create(path).expect("a file");
    for offset in [8192, 20_480] {
        file.write_all_at(b"island", offset).expect("space");
    }
    file.set_len(40_000).expect("a file");
}

fn archive(tree: &Path, options: &str, compressor: &[&str]) -> Vec<u8> {
    let script = format!(
        "tar -C '{}' --sort=name --mtime=@1 --exclude=block* -b 1 -cf - {options} . | {}",
        tree.display(),
        compressor.join(" ")
    );
    let output = Command::new("sh").args(["-c", &script]).output();
    output.expect("tar runs").stdout
}

/// What an upper layer has besides.
fn whiteouts(scratch: &Path) -> Vec<u8> {
    let tree = scratch.join("whiteouts");
    fs::create_dir_all(tree.join("d/e")).expect("a directory");
    for name in [".wh.f", "d/.wh..wh..opq", "d/e/.wh.x", ".wh..wh.plnk", "x"] {
        fs::write(tree.join(name), b"").expect("a file");
    }
    symlink("../../d", tree.join("up")).expect("a link");
    fs::hard_link(tree.join("x"), tree.join("d/y")).expect("a link");
    archive(&tree, "--format=gnu", &["cat"])
}

/// What `docker save` writes, of an image without layers.
fn saved(scratch: &Path) -> Vec<u8> {
    let tree = scratch.join("saved");
    fs::create_dir(&tree).expect("a directory");
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:b"],"Layers":[]}]"#;
    fs::write(tree.join("manifest.json"), manifest).expect("a file");
    fs::write(tree.join("c.json"), CONFIGURATION).expect("a file");
    archive(&tree, "--format=ustar", &["cat"])
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?}");
}

/// A bundle around an image, with a launcher that is none.
fn bundle(image: &[u8], payload: Payload, signature: &[u8]) -> Vec<u8> {
    let launcher = [7; 64];
    let tree = HashTree::of(image);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: "seed".into(),
        created_s: 1,
        packer: "bundle 0.1.0".into(),
        launcher: LauncherInfo {
            size_bytes: launcher.len() as u64,
            blake3: Digest::of(&launcher),
        },
        image: ImageInfo {
            size_bytes: image.len() as u64,
            tree_blake3: tree.root(),
            codec: "zstd".into(),
            block_size_bytes: 4096,
        },
        payload,
        environment: [("NAME".to_owned(), "value".to_owned())].into(),
    };
    let parts = Parts {
        launcher: &launcher,
        image: &mut &image[..],
        tree: &mut tree.as_bytes(),
        manifest: &manifest,
        signature,
    };
    let mut bytes = Vec::new();
    assemble(parts, &mut bytes).expect("a bundle");
    bytes
}

fn save(fuzz: &Path, target: &str, name: &str, bytes: &[u8]) {
    let directory = fuzz.join("corpus").join(target);
    fs::create_dir_all(&directory).expect("a directory");
    let mut file = fs::File::create(directory.join(name)).expect("a file");
    file.write_all(bytes).expect("it is written");
    println!("{target}/{name}: {} bytes", bytes.len());
}
