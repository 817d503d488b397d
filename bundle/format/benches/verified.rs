//! What checking costs: reads of an image in the page cache, plain and verified (`cargo bench -p bundle-format`).

use std::fs::File;
use std::hint::black_box;
use std::io::Write;

use bundle_format::{
    Bundle, ContainerInfo, Digest, FORMAT_VERSION, HashTree, ImageInfo, LauncherInfo, Manifest,
    Parts, Payload, ReadAt, assemble,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const IMAGE_SIZE_BYTES: usize = 64 << 20;
const LAUNCHER: &[u8] = &[0; 4096];

/// A bundle of an image that does not matter, in a file that is gone at the end.
fn bundle() -> (File, u64) {
    let image: Vec<u8> = (0..IMAGE_SIZE_BYTES)
        .map(|place| (place >> 7) as u8)
        .collect();
    let tree = HashTree::of(&image);
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        name: "x".into(),
        created_s: 0,
        packer: "x".into(),
        launcher: LauncherInfo {
            size_bytes: LAUNCHER.len() as u64,
            blake3: Digest::of(LAUNCHER),
        },
        image: ImageInfo {
            size_bytes: image.len() as u64,
            tree_blake3: tree.root(),
            codec: "zstd".into(),
            block_size_bytes: 131_072,
        },
        payload: Payload::Image {
            command: vec![],
            container: ContainerInfo::default(),
        },
        environment: [].into(),
    };
    let mut file = tempfile::tempfile().expect("a file");
    let parts = Parts {
        launcher: LAUNCHER,
        image: &mut &image[..],
        tree: &mut tree.as_bytes(),
        manifest: &manifest,
        signature: &[],
    };
    assemble(parts, &mut file).expect("a bundle");
    file.flush().expect("a file");
    let size_bytes = file.metadata().expect("a file").len();
    (file, size_bytes)
}

fn reads(criterion: &mut Criterion) {
    let (file, file_size_bytes) = bundle();
    criterion.bench_function("open", |bencher| {
        bencher.iter(|| Bundle::open(&file, file_size_bytes).map(|bundle| bundle.digest()));
    });
    let bundle = Bundle::open(&file, file_size_bytes).expect("a bundle");
    let image = bundle.image();
    let start = bundle.trailer().layout.image().start;
    for size_bytes in [4 << 10, 40 << 10, 128 << 10, 1 << 20] {
        let mut group = criterion.benchmark_group(format!("read {} KiB", size_bytes >> 10));
        group.throughput(Throughput::Bytes(size_bytes as u64));
        let mut out = vec![0; size_bytes];
        let mut place = 0;
        // Anywhere, and never at the start of a chunk.
        let mut next = || {
            place = (place + 29_999_999) % (IMAGE_SIZE_BYTES - size_bytes) as u64;
            place
        };
        group.bench_function("plain", |bencher| {
            bencher.iter(|| file.read_exact_at(start + next(), black_box(&mut out)));
        });
        group.bench_function("verified", |bencher| {
            bencher.iter(|| image.read_at(next(), black_box(&mut out)));
        });
    }
    let mut group = criterion.benchmark_group("all");
    group.throughput(Throughput::Bytes(IMAGE_SIZE_BYTES as u64));
    group.sample_size(10);
    for thread_count in [1, 2] {
        group.bench_function(format!("verify, {thread_count} threads"), |bencher| {
            bencher.iter(|| bundle.image().verify_all(thread_count));
        });
        group.bench_function(format!("build, {thread_count} threads"), |bencher| {
            let size_bytes = IMAGE_SIZE_BYTES as u64;
            bencher.iter(|| HashTree::build(&file, start, size_bytes, thread_count, &|_| ()));
        });
    }
}

criterion_group!(benches, reads);
criterion_main!(benches);
