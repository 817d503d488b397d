//! The ways to a Frobenius norm, at the sizes that matter: why `kernels::norm` is as it is.
//!
//! `cargo bench -p kernels --bench norm`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::{Element, Matrix, Team, norm, random};
use ndarray_linalg::Norm;

fn ways<T: Element + ndarray_linalg::Lapack>(criterion: &mut Criterion) {
    let team = Team::new(1, None).expect("this thread");
    let mut group = criterion.benchmark_group(format!("norm {}", T::DTYPE));
    for n in [100, 1000, 5000] {
        let mut matrix = Matrix::<T>::zeros(n).expect("memory");
        random::fill_uniform(&mut matrix, 1, 0, &team);
        group.throughput(Throughput::Bytes((n * n * size_of::<T>()) as u64));
        group.bench_function(BenchmarkId::new("kernels::norm", n), |bencher| {
            bencher.iter(|| norm::frobenius(&matrix, &team));
        });
        group.bench_function(BenchmarkId::new("compensated", n), |bencher| {
            bencher.iter(|| norm::frobenius_compensated(&matrix, &team));
        });
        group.bench_function(BenchmarkId::new("ndarray-linalg norm_l2", n), |bencher| {
            bencher.iter(|| matrix.view().norm_l2());
        });
        group.bench_function(BenchmarkId::new("ndarray dot (BLAS)", n), |bencher| {
            let flat = matrix
                .view()
                .into_shape_with_order(n * n)
                .expect("contiguous");
            bencher.iter(|| flat.dot(&flat));
        });
    }
}

fn norms(criterion: &mut Criterion) {
    ways::<f64>(criterion);
    ways::<f32>(criterion);
}

criterion_group!(benches, norms);
criterion_main!(benches);
