//! What measuring adds around the timed region: two readings of the wall clock inside, two of the CPU clock outside.
//!
//! `cargo bench -p harness --bench overhead`

use criterion::{Criterion, criterion_group, criterion_main};
use harness::clock;

fn overhead(criterion: &mut Criterion) {
    criterion.bench_function("clock::time around nothing", |bencher| {
        bencher.iter(|| clock::time(|| ()));
    });
    criterion.bench_function("two readings of the wall clock", |bencher| {
        bencher.iter(|| std::time::Instant::now().elapsed());
    });
}

criterion_group!(benches, overhead);
criterion_main!(benches);
