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

criterion_group!(benches, fill);
criterion_main!(benches);
