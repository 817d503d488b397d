//! Makes the seeds of the fuzz corpus: small images of every codec and shape, bundles around them, and requests about one.
//!
//!     cargo run -p tests --example fuzz_seeds
//!
//! The seeds come beside what is in `fuzz/corpus` already; `cargo fuzz cmin` then drops those that add nothing. Wants
//! mksquashfs and python3, and root for the device node in the images.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use bundle_format::{
    ContainerInfo, Digest, FORMAT_VERSION, HashTree, ImageInfo, LauncherInfo, Loader, Manifest,
    Parts, Payload, assemble,
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
    let payloads = [
        ("program", program),
        (
            "image",
            Payload::Image {
                command,
                container: ContainerInfo::default(),
            },
        ),
    ];
    for (name, payload) in payloads {
        save(&fuzz, "bundle", name, &bundle(&sample, payload, b""));
    }
    let golden = tests::repository().join("bundle/format/tests/golden");
    for name in ["v2-signed.run", "signer.pub"] {
        let bytes = fs::read(golden.join(name)).expect("a golden file");
        save(&fuzz, "bundle", name, &bytes);
    }
    let wide = image(&wide, "-comp zstd -b 4096 -noI -noId -noD -noF");
    let alone = Payload::Image {
        command: vec![],
        container: ContainerInfo::default(),
    };
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
