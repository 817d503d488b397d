//! The product by a direct call of CBLAS against ndarray's `general_mat_mul` over the same library: why `kernels::ffi`
//! calls directly.
//!
//! `cargo bench -p kernels --bench gemm_call`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kernels::{Element, Matrix, Team, openblas, random};
use ndarray::{Array2, linalg::general_mat_mul};

fn calls<T: Element>(criterion: &mut Criterion) {
    let team = Team::new(1, None).expect("this thread");
    let one: T = num(1.0);
    let zero: T = num(0.0);
    let mut group = criterion.benchmark_group(format!("gemm {}", T::DTYPE));
    for n in [10, 100, 1000] {
        let mut matrices = [0, 1].map(|_| Matrix::<T>::zeros(n).expect("memory"));
        for (stream, matrix) in matrices.iter_mut().enumerate() {
            random::fill_uniform(matrix, 1, stream as u64, &team);
        }
        let [a, b] = matrices;
        let mut c = Matrix::<T>::zeros(n).expect("memory");
        group.bench_function(BenchmarkId::new("cblas", n), |bencher| {
            bencher.iter(|| T::gemm(&a.view(), &b.view(), &mut c.view_mut()));
        });
        let mut c = Array2::<T>::from_elem((n, n), zero);
        group.bench_function(BenchmarkId::new("general_mat_mul", n), |bencher| {
            bencher.iter(|| general_mat_mul(one, &a.view(), &b.view(), zero, &mut c));
        });
        group.bench_function(BenchmarkId::new("dot, fresh result", n), |bencher| {
            bencher.iter(|| a.view().dot(&b.view()));
        });
    }
}

/// 0 or 1 in either type.
fn num<T: Element>(value: f64) -> T {
    if value == 0.0 { T::zero() } else { T::one() }
}

fn gemm(criterion: &mut Criterion) {
    openblas::set_threads(1).expect("one thread is always possible");
    calls::<f64>(criterion);
    calls::<f32>(criterion);
}

criterion_group!(benches, gemm);
criterion_main!(benches);
