//! How long it takes to set up a matrix.
//!
//! `cargo bench -p kernels --bench random`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::{Matrix, Team, random};

fn fill(criterion: &mut Criterion) {
    let team = Team::new(1, None).expect("this thread");
    let mut group = criterion.benchmark_group("fill_uniform");
    for n in [100, 5000] {
        group.throughput(Throughput::Elements((n * n) as u64));
        let mut matrix = Matrix::<f64>::zeros(n).expect("memory");
        group.bench_function(BenchmarkId::new("f64", n), |bencher| {
            bencher.iter(|| random::fill_uniform(&mut matrix, 1, 0, &team));
        });
        let mut matrix = Matrix::<f32>::zeros(n).expect("memory");
        group.bench_function(BenchmarkId::new("f32", n), |bencher| {
            bencher.iter(|| random::fill_uniform(&mut matrix, 1, 0, &team));
        });
    }
}

/// Both matrices of `small` by all processors: what is set up before each of its samples. The first time includes that the
/// kernel hands out the memory.
fn small(criterion: &mut Criterion) {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let team = Team::new(cpus, None).expect("threads");
    let mut group = criterion.benchmark_group(format!("both matrices of small, {cpus} threads"));
    group.sample_size(10);
    let fill_both = |matrices: &mut [Matrix<f64>; 2]| {
        for (stream, matrix) in matrices.iter_mut().enumerate() {
            random::fill_uniform(matrix, 1, stream as u64, &team);
        }
    };
    let fresh = || [0, 1].map(|_| Matrix::<f64>::zeros(10_000).expect("memory"));
    let mut matrices = fresh();
    group.bench_function("again", |bencher| bencher.iter(|| fill_both(&mut matrices)));
    drop(matrices);
    group.bench_function("the first time", |bencher| {
        bencher.iter_batched_ref(fresh, fill_both, criterion::BatchSize::PerIteration);
    });
}

criterion_group!(benches, fill, small);
criterion_main!(benches);
